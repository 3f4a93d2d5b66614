//! How often a request is repeated, and after how long.

use std::time::Duration;

use tokio::time::sleep;

use super::{RegistryError, Tell, Transfer};
use crate::causes::in_full;

/// A request is made this often in all.
const ATTEMPTS: u32 = 5;
/// Before the second attempt; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// Lets the same be tried again, a few times.
#[derive(Debug)]
pub(super) struct Patience {
    used: u32,
}

impl Patience {
    pub fn new() -> Self {
        Self { used: 1 }
    }

    /// Waits where trying again may help, and gives `error` back where it does not.
    pub async fn after(&mut self, error: RegistryError, tell: Tell<'_>) -> Result<(), RegistryError> {
        if self.used == ATTEMPTS || !error.is_transient() {
            return Err(error);
        }
        tell(Transfer::Again {
            reason: in_brief(&error),
        });
        sleep(PAUSE * 2_u32.pow(self.used - 1)).await;
        self.used += 1;
        Ok(())
    }
}

/// What happened, without what is only worth saying when it is the end.
fn in_brief(error: &RegistryError) -> String {
    match error {
        RegistryError::Unreachable { source, .. } => in_full(source),
        RegistryError::Broken { registry, reason, .. } => format!("the connection to {registry} broke: {reason}"),
        RegistryError::Status { status, body, .. } => format!("{status}: {body}"),
        other => in_full(other),
    }
}
