//! Leaves nothing behind, whatever happens.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use super::{StackError, forget_tenants, state::lock_claims};
use crate::runtime::Docker;

/// How often a removal is tried; with the pause below some ten seconds.
const SWEEPS: usize = 40;
/// Between two sweeps.
const PAUSE: Duration = Duration::from_millis(250);
/// How many sweeps in a row find nothing where everything is gone.
const EMPTY_SWEEPS: usize = 2;
/// The same after a request that was cut off: within a second the engine has made what it was asked for.
const EMPTY_SWEEPS_AFTER_A_CUT: usize = 5;

/// Removes a stack when dropped, unless it was disarmed.
///
/// It works on a thread and a runtime of its own, so that it may be dropped on any thread: within a runtime, after one, while
/// a test panics.
#[derive(Debug)]
pub(super) struct Guard {
    docker: Docker,
    stack: String,
    armed: bool,
    unanswered: AtomicUsize,
}

impl Guard {
    /// Takes the name `stack` by creating its network: of several processes that ask at the same moment, one gets it.
    ///
    /// Whoever has the guard may remove what carries the name, so nobody may have it beside him.
    pub(super) async fn claim(docker: Docker, stack: String, network: &str) -> Result<Self, StackError> {
        let claiming = lock_claims().await?;
        if docker.list_stacks().await?.contains(&stack) {
            return Err(StackError::Exists(stack));
        }
        let guard = Self {
            docker,
            stack,
            armed: true,
            unanswered: AtomicUsize::new(0),
        };
        guard.watch(guard.docker.create_network(network, &guard.stack)).await?;
        drop(claiming);
        Ok(guard)
    }

    /// Runs a request that makes something. One that is cut off stays unanswered: what it makes may appear later.
    pub(super) async fn watch<T>(&self, request: impl Future<Output = T>) -> T {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
        let answer = request.await;
        self.unanswered.fetch_sub(1, Ordering::Relaxed);
        answer
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
        let enough = match *self.unanswered.get_mut() {
            0 => EMPTY_SWEEPS,
            _ => EMPTY_SWEEPS_AFTER_A_CUT,
        };
        let (docker, stack) = (self.docker.clone(), self.stack.clone());
        let sweeper = thread::spawn(
            move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(sweep_until_gone(&docker, &stack, enough)),
                Err(error) => tracing::error!(%error, stack, "cannot remove the stack"),
            },
        );
        if sweeper.join().is_err() {
            tracing::error!(stack = self.stack, "the removal of the stack panicked");
        }
        forget_tenants(&self.stack);
    }
}

/// What a request makes that was cut off may still appear, so gone means found empty `enough` times in a row.
async fn sweep_until_gone(docker: &Docker, stack: &str, enough: usize) {
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
        if empty == enough {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::error!(stack, "the stack could not be removed; `suho down {stack}` tries again");
}
