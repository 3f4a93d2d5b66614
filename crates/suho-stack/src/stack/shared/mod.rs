//! The warm stack: one for every process of a user that asks for the same, started once, removed when nobody has needed it for
//! a while.
//!
//! # Layout
//! - here: attached to, started, or waited for.
//! - `plan`: which stack is meant, known before anything is started.
//! - `attach`: a stack that runs already, asked whether it serves.
//! - `journal`: what who starts a stack tells those who wait for it.
//! - `keeper`: looks after the reaper as long as the stack is used.
//! - `lease`: held by every user as long as it lives.
//! - `linger`: how long a stack stays after its last user has gone.
//! - `reaper`: the process that removes it then; its program is in the crate's folder `reaper`.
//! - `sweep`: what is left of starts that were cut off.
//! - `usage`: who uses a stack, and how long it stays.
//! - `paths`, `lock`: the files of a stack, and kernel locks on them.
//!
//! # Who may do what
//! Every user holds the lease together with the others; the kernel gives it back when a process ends, however that comes. Who
//! starts the stack holds `start` alone, and the lease as well. The reaper removes the stack only while it holds both alone, so
//! that it never races a start, and removes the files last, with the locks in its hands: who waited for one of them sees that
//! its file is gone, and begins anew. One that is killed while the stack is used is followed by another, which any user starts.

mod attach;
mod journal;
mod keeper;
mod lease;
mod linger;
mod lock;
mod paths;
mod plan;
mod reaper;
mod sweep;
mod usage;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::sleep;

use self::{
    attach::Found,
    journal::{Entry, Follower, Journal},
    lease::Lease,
    lock::Lock,
    paths::Paths,
    plan::Plan,
};
use super::{
    Progress, Stack, StackBuilder, StackError, StackState, TenantBuilder, Tenants, start::Tell, state::failed,
};
use crate::{causes::in_full, deployment::Variables, engines::Endpoint, runtime::Docker};

pub use linger::{BadLinger, Linger};
pub use sweep::remove;
pub use usage::Usage;

/// Between two looks at a start of another process.
const PAUSE: Duration = Duration::from_millis(25);

/// The directory of the deployment, where the builder has no files of its own.
const DIRECTORY: &str = "SUHO_COMPOSE_DIR";

/// How a process came to its warm stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It started the stack.
    Started,
    /// The stack ran already, or another process started it, and it serves.
    Attached,
    /// Every engine is named by the environment; nothing was started.
    Foreign,
}

/// The warm stack, held as long as a clone of this value lives; then it lingers for the next process.
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
    /// None where nothing is ours.
    _lease: Option<Arc<Lease>>,
}

impl Stack {
    /// The warm stack of all engines with default options: attached to, or started once.
    ///
    /// What happens meanwhile is told by `tracing`. See [`StackBuilder::shared`].
    pub async fn shared() -> Result<SharedStack, StackError> {
        Self::builder().shared().await
    }
}

impl StackBuilder {
    /// Attaches to the warm stack that is what this builder describes, or starts it, once for every process that asks.
    ///
    /// Its name is that of the builder, `shared` by default, with the beginning of a fingerprint over its files, images, engines
    /// and options: a changed byte is another stack. An engine that the environment names (`DATABASE_URL` …) is not started.
    /// Variables that begin with `SUHO_` count as given to the builder, and so does the directory `SUHO_COMPOSE_DIR`.
    pub async fn shared(self) -> Result<SharedStack, StackError> {
        let builder = self.completed_by_environment()?;
        let plan = Plan::of(&builder)?;
        let foreign = plan.foreign.clone();
        let (found, asked) = tokio::join!(builder.warm(&plan), attach::ask_foreign(&foreign));
        asked?;
        let (state, origin, lease) = found?;
        let lease = lease.map(Arc::new);
        if let Some(lease) = &lease {
            let paths = plan.paths()?;
            keeper::look_after_the_reaper(&paths, lease).map_err(failed("watch", &paths.reaper()))?;
        }
        let inner = Inner {
            state,
            foreign,
            origin,
            tenants: OnceLock::new(),
            _lease: lease,
        };
        Ok(SharedStack { inner: Arc::new(inner) })
    }

    fn completed_by_environment(mut self) -> Result<Self, StackError> {
        self.variables = Variables::from_process_environment().overridden_by(self.variables);
        let directory = std::env::var_os(DIRECTORY).filter(|directory| !directory.is_empty());
        match directory.filter(|_| self.files.embedded_hash().is_some()) {
            Some(directory) => self.directory(directory),
            None => Ok(self),
        }
    }

    async fn warm(mut self, plan: &Plan) -> Result<(StackState, Origin, Option<Lease>), StackError> {
        if plan.wanted.is_empty() {
            return Ok((plan.nothing(), Origin::Foreign, None));
        }
        let paths = plan.paths()?;
        if !paths.state().exists() {
            // Before anything is written: without an engine there is nothing to wait for.
            Docker::connect().await?;
        }
        let lease = Lease::take(&paths, plan.linger, &self.tell).await?;
        self.engines.clone_from(&plan.wanted);
        loop {
            let found = attach::look_for(&paths).await?;
            if let Found::Serving(state) = found {
                reaper::ensure(&paths, &lease)
                    .await
                    .map_err(failed("lock", &paths.reaper()))?;
                tracing::debug!("attached to the stack {}", plan.name);
                return Ok((*state, Origin::Attached, Some(lease)));
            }
            let path = paths.start();
            let Some(start) = Lock::alone(&path).map_err(failed("lock", &path))? else {
                wait_for_another(&paths, &self.tell).await?;
                continue;
            };
            let (state, origin) = self.started_once(plan, &paths, &lease, found).await?;
            drop(start);
            return Ok((state, origin, Some(lease)));
        }
    }

    /// With the lock on the start in hand: what another process has started meanwhile, or a new start.
    async fn started_once(
        self,
        plan: &Plan,
        paths: &Paths,
        lease: &Lease,
        found: Found,
    ) -> Result<(StackState, Origin), StackError> {
        let broken = match seen_again(paths, found).await? {
            Found::Serving(state) => return Ok((*state, Origin::Attached)),
            Found::Broken { reason, .. } => Some(reason),
            Found::Nothing => None,
        };
        let path = paths.progress();
        let was_cut = matches!(journal::last(&path), Some(Entry::Begun { .. } | Entry::Told(_)));
        let journal = Journal::begin(&path).map_err(failed("write", &path))?;
        let started = self.start_warm(plan, paths, lease, &journal, broken, was_cut).await;
        match &started {
            Ok(_) => journal.note(&Entry::Ended),
            Err(error) => journal.note(&Entry::Failed(in_full(error))),
        }
        Ok((started?, Origin::Started))
    }

    async fn start_warm(
        mut self,
        plan: &Plan,
        paths: &Paths,
        lease: &Lease,
        journal: &Journal,
        broken: Option<String>,
        was_cut: bool,
    ) -> Result<StackState, StackError> {
        self.tell = journal.telling(self.tell);
        let stack = || plan.name.clone();
        if let Some(reason) = broken {
            (self.tell)(Progress::Broken { stack: stack(), reason });
        }
        StackState::forget(&plan.name)?;
        let docker = Docker::connect().await?;
        sweep::leftovers(&docker, &plan.name).await?;
        // Before anything is made: from here on, whoever is killed, somebody cleans up.
        reaper::ensure(paths, lease)
            .await
            .map_err(failed("lock", &paths.reaper()))?;
        sweep::remains(&docker, &plan.name, was_cut).await?;
        if let Some((before, changes)) = plan.follow_the_last()? {
            (self.tell)(Progress::Changed {
                stack: stack(),
                before,
                changes,
            });
        }
        let mut stack = self.lending_to_tenants().start_as(docker, stack()).await?;
        stack.state.fingerprint = plan.fingerprint.clone();
        let state = stack.leave_running()?;
        // It may have been killed in all that time.
        reaper::ensure(paths, lease)
            .await
            .map_err(failed("lock", &paths.reaper()))?;
        Ok(state)
    }
}

/// What was found before the lock on the start was had, unless another process has started the stack meanwhile.
async fn seen_again(paths: &Paths, found: Found) -> Result<Found, StackError> {
    match (found, std::fs::read(paths.state())) {
        (Found::Broken { reason, file }, Ok(now)) if file == now => Ok(Found::Broken { reason, file }),
        _ => attach::look_for(paths).await,
    }
}

/// Waits as long as another process starts the stack, and tells what that process tells; its failure is one here, too.
async fn wait_for_another(paths: &Paths, tell: &Tell) -> Result<(), StackError> {
    let path = paths.start();
    let mut follower = Follower::of(&paths.progress());
    let (mut starter, mut failure) = (0, None);
    loop {
        let free = Lock::together(&path).map_err(failed("lock", &path))?;
        for entry in follower.news() {
            match entry {
                Entry::Begun { process } => {
                    (starter, failure) = (process, None);
                    tell(Progress::Elsewhere {
                        stack: paths.stack().to_owned(),
                        process,
                    });
                }
                Entry::Told(progress) => tell(progress),
                Entry::Failed(words) => failure = Some(words),
                Entry::Ended => {}
            }
        }
        if free.is_some() {
            return match failure {
                Some(words) => Err(StackError::FailedElsewhere {
                    process: starter,
                    words,
                }),
                // It is ready, or who started it was killed.
                None => Ok(()),
            };
        }
        sleep(PAUSE).await;
    }
}

impl Plan {
    /// The state of a stack that has nothing of its own.
    fn nothing(&self) -> StackState {
        StackState {
            name: self.name.clone(),
            network: String::new(),
            fingerprint: self.fingerprint.clone(),
            members: Vec::new(),
            absent: Vec::new(),
            phases: Vec::new(),
        }
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
        let absent = self
            .inner
            .state
            .absent
            .iter()
            .find(|absent| absent.service == service)?;
        Some(absent.reason.clone())
    }

    /// The tenants of this stack, which all processes know.
    #[must_use]
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
