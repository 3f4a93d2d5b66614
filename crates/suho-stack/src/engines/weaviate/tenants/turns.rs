//! One key after the other, whoever asks on this machine.
//!
//! To make a key, and to see it for the first time, the server hashes it, which takes 64 MiB of its memory and a tenth of a
//! second of its processors. Side by side that is no sooner done, and thirty at once are more than the server's memory.

use std::fs::File;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

/// Those of this process; nobody closes the semaphore.
static HERE: Semaphore = Semaphore::const_new(1);

/// Nobody else's as long as it is held.
pub(super) struct Turn {
    _here: Option<SemaphorePermit<'static>>,
    _elsewhere: Option<File>,
}

impl Turn {
    /// Waits for it.
    pub(super) async fn come() -> Self {
        let here = HERE.acquire().await.ok();
        let waiting = spawn_blocking(|| {
            // The directory itself, so that no file is left behind; its lock ends with whoever holds it.
            let directory = File::open(std::env::temp_dir())?;
            directory.lock().map(|()| directory)
        });
        // Who cannot wait for other processes goes on without them.
        let elsewhere = waiting.await.ok().and_then(Result::ok);
        Self {
            _here: here,
            _elsewhere: elsewhere,
        }
    }
}
