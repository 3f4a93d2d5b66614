//! Looks after the reaper as long as the stack is used: one that is killed is followed by another.

use std::{io, sync::Arc, thread, time::Duration};

use super::{lease::Lease, paths::Paths, reaper};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks until the lease or the stack is gone, on a thread of its own: the stack outlives the runtime that has asked for it.
pub(super) fn look_after_the_reaper(paths: &Paths, lease: &Arc<Lease>) -> io::Result<()> {
    let (paths, lease) = (paths.clone(), Arc::downgrade(lease));
    let look = move || loop {
        thread::sleep(LOOK_EVERY);
        let Some(lease) = lease.upgrade() else { return };
        match is_looked_after(&paths, &lease) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::debug!(%error, "failed to look after the reaper of the stack {}", paths.stack()),
        }
    };
    thread::Builder::new()
        .name("suho-keeper".to_owned())
        .spawn(look)
        .map(drop)
}

/// False where the stack was removed by hand, which needs no reaper any more.
fn is_looked_after(paths: &Paths, lease: &Lease) -> io::Result<bool> {
    if !lease.is_of(paths)? {
        return Ok(false);
    }
    if reaper::is_wanting(paths)? {
        tracing::info!(
            "the reaper of the stack {} is gone, another one takes over",
            paths.stack()
        );
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(reaper::ensure(paths, lease))?;
    }
    Ok(true)
}
