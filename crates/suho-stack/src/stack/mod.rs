//! A running stack: started in parallel along its dependencies, watched, found again, removed.
//!
//! # Layout
//! - [`builder`]: what a stack shall be.
//! - [`restart`]: a service started anew, on whichever ports Docker gives it then.
//! - `attach`: a stack that runs already, found again.
//! - [`images`]: upstream or air-gap, decided per service and said out loud.
//! - [`ports`]: the platform's own ports, or free ones.
//! - `start`: the start of one service: after its dependencies, until its engine serves.
//! - `guard`: leaves nothing behind, whatever happens.
//! - [`timeline`]: when each phase of the start began and ended; the critical path.
//! - [`state`]: what another process needs to find a stack again.
//! - [`tenants`]: rooms on a running stack, a tenant each.
//! - [`progress`]: what there is to tell while one waits.
//! - [`shared`]: the warm stack, one for every process that asks for the same.

pub mod builder;
pub mod images;
pub mod ports;
pub mod progress;
pub mod restart;
pub mod shared;
pub mod state;
pub mod tenants;
pub mod timeline;

mod attach;
mod error;
mod guard;
mod start;

use std::{collections::BTreeMap, sync::OnceLock};

pub use builder::StackBuilder;
pub(crate) use builder::engine;
pub use error::{LastWords, StackError};
pub(crate) use images::Chosen;
pub use images::ImageSource;
pub use ports::Ports;
pub use progress::Progress;
pub use restart::Restarter;
pub use shared::{Linger, Origin, SharedStack, Usage};
pub use state::{Absent, Member, StackState};
pub use tenants::{Lodger, Tenant, TenantBuilder, TenantError, Tenants};
pub use timeline::{Phase, Timeline};

use crate::{
    engines::{Endpoint, Restart},
    runtime::{Docker, sweep::Swept},
};
use guard::Guard;

/// A running stack that is removed, to the last volume, when this value is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), suho_stack::stack::StackError> {
/// use suho_stack::stack::Stack;
///
/// let stack = Stack::builder().engines(["nats"]).start().await?;
/// let nats = stack.endpoint("suho-nats-server");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stack {
    state: StackState,
    timeline: Timeline,
    dependencies: BTreeMap<String, Vec<String>>,
    docker: Docker,
    tenants: OnceLock<Tenants>,
    guard: Guard,
}

impl Stack {
    /// Describes a stack that does not run yet.
    #[must_use]
    pub fn builder() -> StackBuilder {
        StackBuilder::new()
    }

    /// What runs, and where.
    #[must_use]
    pub fn state(&self) -> &StackState {
        &self.state
    }

    /// Where a service is reached from this machine; `None` where it is absent or was not asked for.
    #[must_use]
    pub fn endpoint(&self, service: &str) -> Option<&Endpoint> {
        self.state.member(service).map(|member| &member.endpoint)
    }

    /// Every endpoint, by service.
    #[must_use]
    pub fn endpoints(&self) -> BTreeMap<String, Endpoint> {
        self.state.endpoints()
    }

    /// Those who have rooms of their own on it.
    pub fn tenants(&self) -> &Tenants {
        self.tenants.get_or_init(|| {
            let absent = self.state.reasons_of_absence();
            Tenants::of(&self.state.name, self.endpoints(), absent)
        })
    }

    /// Describes a tenant; awaiting the description gives the [`Tenant`].
    pub fn tenant(&self) -> TenantBuilder {
        self.tenants().tenant()
    }

    /// When each phase of the start began and ended.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The phases that the start waited for.
    #[must_use]
    pub fn critical_path(&self) -> Vec<Phase> {
        self.timeline.critical_path(|service| {
            self.dependencies
                .get(service)
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect()
        })
    }

    /// Takes note of where its services are reached since `restarter` restarted them: Docker may have chosen other ports.
    pub async fn follow(&mut self, restarter: &Restarter) {
        self.tenants.take();
        for member in &mut self.state.members {
            if let Some(endpoint) = restarter.endpoint(&member.service).await {
                member.endpoint = endpoint;
            }
        }
    }

    /// Removes the stack and says what was removed; unlike a drop it reports what went wrong.
    pub async fn stop(self) -> Result<Swept, StackError> {
        let swept = self.docker.sweep(&self.state.name).await?;
        self.guard.disarm();
        forget_tenants(&self.state.name);
        Ok(swept)
    }

    /// Leaves the stack running for other processes, which find it by its state file.
    pub fn leave_running(self) -> Result<StackState, StackError> {
        self.state.save()?;
        self.guard.disarm();
        Ok(self.state)
    }
}

/// Where the records stay they are of no use, and do no harm: a stack that is started anew has others.
fn forget_tenants(stack: &str) {
    if let Err(error) = Tenants::forget(stack) {
        tracing::warn!(%error, stack, "the records of tenants stay");
    }
}
