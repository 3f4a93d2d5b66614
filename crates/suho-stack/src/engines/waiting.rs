//! What an engine said last while it was not ready.

use tokio::sync::watch;

/// Hands the latest refusal of an engine that is not ready to whoever waits for it.
#[derive(Debug, Clone)]
pub struct Waiting {
    last: watch::Sender<String>,
}

impl Waiting {
    /// Nothing has been asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            last: watch::Sender::new(String::from("not asked yet")),
        }
    }

    /// The engine refused, or could not be asked, because of `reason`.
    pub fn because(&self, reason: impl Into<String>) {
        self.last.send_replace(reason.into());
    }

    /// The last reason.
    #[must_use]
    pub fn reason(&self) -> String {
        self.last.borrow().clone()
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self::new()
    }
}
