//! What starts have left that were cut off: found by their leases, removed by their labels.

use std::time::Duration;

use tokio::time::sleep;

use super::{Linger, lease, lock::Lock, paths::Paths, reaper};
use crate::{
    runtime::{Docker, sweep::Swept},
    stack::{
        StackError,
        state::{self, failed},
    },
};

/// Between two sweeps.
const PAUSE: Duration = Duration::from_millis(250);
/// How often a removal is tried.
const SWEEPS: usize = 60;
/// How many sweeps in a row find nothing after a request that was cut off: within a second the engine has made what it was
/// asked for.
const EMPTY_SWEEPS_AFTER_A_CUT: usize = 5;

/// Removes what is left of the other warm stacks of this user that nobody uses and no reaper watches.
///
/// A start does not fail for what another has left.
pub(super) async fn leftovers(docker: &Docker, own: &str) -> Result<(), StackError> {
    let stacks = Paths::stacks().map_err(failed("list", &state::directory()))?;
    for stack in stacks.iter().filter(|stack| *stack != own) {
        match leftover(docker, stack).await {
            Ok(swept) if swept.is_empty() => {}
            Ok(swept) => tracing::info!(?swept, "removed what was left of the stack {stack}"),
            Err(error) => tracing::warn!(%error, "failed to remove what is left of the stack {stack}"),
        }
    }
    Ok(())
}

async fn leftover(docker: &Docker, stack: &str) -> Result<Swept, StackError> {
    let nothing = Ok(Swept::default());
    let paths = Paths::of(stack).map_err(failed("make", &state::directory()))?;
    let is_kept = lease::wished(&paths) == Some(Linger::Forever) && paths.state().exists();
    if is_kept {
        return nothing;
    }
    // Held until its files are gone, so that nobody starts it meanwhile. The lease first: a process that holds it may be
    // looking whether there is a reaper, and must not take this for one.
    let Some(_lease) = Lock::alone(&paths.lease()).map_err(failed("lock", &paths.lease()))? else {
        return nothing;
    };
    let Some(_reaper) = Lock::alone(&paths.reaper()).map_err(failed("lock", &paths.reaper()))? else {
        return nothing;
    };
    let swept = until_gone(docker, stack, 1).await?;
    paths.remove().map_err(failed("remove", &paths.lease()))?;
    Ok(swept)
}

/// Removes what is left of this stack, of which the last start was cut off, or which is broken.
pub(super) async fn remains(docker: &Docker, stack: &str, was_cut: bool) -> Result<(), StackError> {
    let enough = if was_cut { EMPTY_SWEEPS_AFTER_A_CUT } else { 1 };
    until_gone(docker, stack, enough).await?;
    Ok(())
}

/// Removes a stack, warm or not, whoever uses it: its containers, its network, its volumes, its files. Its reaper ends.
pub async fn remove(docker: &Docker, stack: &str) -> Result<Swept, StackError> {
    let swept = until_gone(docker, stack, 1).await?;
    let paths = Paths::of(stack).map_err(failed("make", &state::directory()))?;
    reaper::retire(&paths)
        .and_then(|()| paths.remove())
        .map_err(failed("remove", &paths.lease()))?;
    Ok(swept)
}

/// Gone means found empty `enough` times in a row.
async fn until_gone(docker: &Docker, stack: &str, enough: usize) -> Result<Swept, StackError> {
    let mut all = Swept::default();
    let mut empty = 0;
    for _ in 0..SWEEPS {
        let swept = docker.sweep(stack).await?;
        all += swept;
        empty = if swept.is_empty() { empty + 1 } else { 0 };
        if empty == enough {
            return Ok(all);
        }
        sleep(PAUSE).await;
    }
    Err(StackError::Exists(stack.to_owned()))
}
