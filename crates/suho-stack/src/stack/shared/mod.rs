//! The warm stack: one for every process of a user that asks for the same, started once, removed when nobody has needed it for
//! a while.
//!
//! # Layout
//! - `linger`: how long a stack stays after its last user has gone.

mod linger;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

pub use linger::{BadLinger, Linger};

use super::{Stack, StackBuilder, StackError, StackState, TenantBuilder, Tenants};
use crate::engines::Endpoint;

/// How a process came to its warm stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It started the stack.
    Started,
    /// The stack ran already, and served.
    Attached,
    /// Every engine is named by the environment; nothing was started.
    Foreign,
}

/// The warm stack, as long as a clone of this value lives; then it lingers for the next process.
///
/// ```no_run
/// # async fn example() -> Result<(), suho_stack::stack::StackError> {
/// use suho_stack::stack::Stack;
///
/// let stack = Stack::builder().engines(["nats"]).shared().await?;
/// let nats = stack.endpoint("suho-nats-server");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedStack {
    inner: Arc<Inner>,
}

struct Inner {
    state: StackState,
    foreign: BTreeMap<String, Endpoint>,
    origin: Origin,
    tenants: OnceLock<Tenants>,
}

impl Stack {
    /// The warm stack of all engines with default options: attached to, or started once.
    pub async fn shared() -> Result<SharedStack, StackError> {
        Self::builder().shared().await
    }
}

impl StackBuilder {
    /// Attaches to the warm stack that is what this builder describes, or starts it once for every process that asks.
    pub async fn shared(self) -> Result<SharedStack, StackError> {
        let stack = self.start().await?;
        let inner = Inner {
            state: stack.leave_running()?,
            foreign: BTreeMap::new(),
            origin: Origin::Started,
            tenants: OnceLock::new(),
        };
        Ok(SharedStack { inner: Arc::new(inner) })
    }
}

impl SharedStack {
    /// What runs, and where; without the engines that the environment names.
    #[must_use]
    pub fn state(&self) -> &StackState {
        &self.inner.state
    }

    /// The name by which commands call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.state.name
    }

    /// How this process came to it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.inner.origin
    }

    /// Where a service is reached from this machine, be it ours or named by the environment; `None` where it is absent or was
    /// not asked for.
    #[must_use]
    pub fn endpoint(&self, service: &str) -> Option<&Endpoint> {
        let own = || self.inner.state.member(service).map(|member| &member.endpoint);
        self.inner.foreign.get(service).or_else(own)
    }

    /// Every endpoint, by service; also those that the environment names.
    #[must_use]
    pub fn endpoints(&self) -> BTreeMap<String, Endpoint> {
        let mut endpoints = self.inner.state.endpoints();
        endpoints.extend(self.inner.foreign.clone());
        endpoints
    }

    /// Why a service is absent; `None` where it is not, or was not asked for.
    #[must_use]
    pub fn absence(&self, service: &str) -> Option<String> {
        let absent = self.inner.state.absent.iter();
        absent
            .filter(|absent| absent.service == service)
            .map(|absent| absent.reason.clone())
            .next()
    }

    /// The tenants of this stack, which all processes know.
    pub fn tenants(&self) -> &Tenants {
        self.inner.tenants.get_or_init(|| {
            let absent = self.inner.state.reasons_of_absence();
            Tenants::of(self.name(), self.endpoints(), absent)
        })
    }

    /// Describes a tenant; awaiting the description gives the [`Tenant`](super::Tenant).
    pub fn tenant(&self) -> TenantBuilder {
        self.tenants().tenant()
    }
}

impl fmt::Debug for SharedStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStack")
            .field("name", &self.name())
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}
