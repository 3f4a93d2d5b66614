//! Leaves nothing behind, whatever happens.

use std::{thread, time::Duration};

use crate::runtime::Docker;

/// How often a removal is tried; with the pause below some ten seconds.
const SWEEPS: usize = 40;
/// Between two sweeps, which is also how long a cancelled launch may take to appear.
const PAUSE: Duration = Duration::from_millis(250);

/// Removes a stack when dropped, unless it was disarmed.
///
/// It works on a thread and a runtime of its own, so that it may be dropped on any thread: within a runtime, after one, while
/// a test panics.
#[derive(Debug)]
pub(super) struct Guard {
    docker: Docker,
    stack: String,
    armed: bool,
}

impl Guard {
    pub(super) fn new(docker: Docker, stack: String) -> Self {
        Self {
            docker,
            stack,
            armed: true,
        }
    }

    pub(super) fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (docker, stack) = (self.docker.clone(), self.stack.clone());
        let sweeper = thread::spawn(
            move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(sweep_until_gone(&docker, &stack)),
                Err(error) => tracing::error!(%error, stack, "cannot remove the stack"),
            },
        );
        if sweeper.join().is_err() {
            tracing::error!(stack = self.stack, "the removal of the stack panicked");
        }
    }
}

/// A launch that was cancelled half-way may still appear, so gone means found empty twice.
async fn sweep_until_gone(docker: &Docker, stack: &str) {
    let mut empty = 0;
    for _ in 0..SWEEPS {
        match docker.sweep(stack).await {
            Ok(swept) if swept.is_empty() => empty += 1,
            Ok(swept) => {
                tracing::debug!(?swept, stack, "removed");
                empty = 0;
            }
            Err(error) => tracing::debug!(%error, stack, "not removed yet"),
        }
        if empty == 2 {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::error!(stack, "the stack could not be removed; `suho down {stack}` tries again");
}
