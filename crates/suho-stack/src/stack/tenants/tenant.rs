use std::{
    collections::BTreeMap,
    env, fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use futures::future::join_all;
use tokio::sync::OnceCell;

use super::lodging::{Kind, Lodging};
use super::record::{Held, Stage};
use super::{TenantError, Tenants};
use crate::engines::{
    EngineError,
    tenancy::{Migrations, Room, TenantName, WayIn},
};

/// Keeps every tenant, also of tests that pass.
const KEEP: &str = "SUHO_KEEP";

/// A user of the stack with a room of its own in every engine that it asks for.
///
/// Dropping it takes no time and needs no runtime: its rooms are marked as used, and removed in the background or by the next
/// process. While a test panics they are kept instead, and the way in to each is printed.
///
/// ```no_run
/// # async fn example(tenants: suho_stack::stack::Tenants) -> Result<(), suho_stack::stack::TenantError> {
/// let tenant = tenants.tenant().await?;
/// let room = tenant.room("postgresql").await?;
/// println!("a database of its own: {}", room.get("database"));
/// tenant.release().await?;
/// # Ok(())
/// # }
/// ```
pub struct Tenant {
    tenants: Tenants,
    name: TenantName,
    label: String,
    places: BTreeMap<String, Place>,
    kept: AtomicBool,
}

/// An engine in which the tenant may have a room.
pub(super) struct Place {
    pub(super) kind: Arc<Kind>,
    occupied: OnceCell<Occupied>,
}

/// The room, and the lock that says that it is ours.
struct Occupied {
    room: Room,
    record: Held,
}

impl Tenant {
    pub(super) fn new(
        tenants: Tenants,
        mut wanted: BTreeMap<String, Migrations>,
        label: String,
    ) -> Result<Self, TenantError> {
        for engine in wanted.keys() {
            tenants.lodging(engine)?;
        }
        let mut places = BTreeMap::new();
        for (engine, lodging) in tenants.lodgings() {
            let service = &lodging.endpoint.service;
            let migrations = wanted.remove(engine).or_else(|| wanted.remove(service));
            let place = Place {
                kind: Arc::new(Kind::new(Arc::clone(lodging), migrations.unwrap_or_default())),
                occupied: OnceCell::new(),
            };
            places.insert(engine.clone(), place);
        }
        Ok(Self {
            tenants,
            name: TenantName::random(),
            label,
            places,
            kept: AtomicBool::new(false),
        })
    }

    /// By which `suho tenants` knows it. Its rooms have names of their own: most were made before it.
    #[must_use]
    pub fn name(&self) -> &TenantName {
        &self.name
    }

    /// What it is for: the name of a test.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its room in `engine`, which it gets by asking for the first time; the same one ever after.
    pub async fn room(&self, engine: &str) -> Result<Room, TenantError> {
        let place = self.place(engine)?;
        let occupied = place.occupied.get_or_try_init(|| self.move_in(place)).await?;
        Ok(occupied.room.clone())
    }

    /// How programs and people get into its room in `engine`.
    pub async fn way_in(&self, engine: &str) -> Result<WayIn, TenantError> {
        let room = self.room(engine).await?;
        let lodging = &self.place(engine)?.kind.lodging;
        Ok(lodging.tenancy.way_in(&lodging.endpoint, &room)?)
    }

    /// Keeps what is in all of its rooms now under `label`, in place of what was kept under it before.
    ///
    /// An engine that cannot is named by the error; one that the tenant does not use matters to nobody.
    pub async fn snapshot(&self, label: &str) -> Result<(), TenantError> {
        let rooms = self.occupied().map(|(place, occupied)| async move {
            let lodging = &place.kind.lodging;
            let kept = lodging.tenancy.snapshot(&lodging.endpoint, &occupied.room, label);
            (lodging, kept.await)
        });
        everywhere(format!("the snapshot {label:?}"), join_all(rooms).await)
    }

    /// Makes all of its rooms what they were at the snapshot `label`, which stays.
    pub async fn restore(&self, label: &str) -> Result<(), TenantError> {
        let rooms = self.occupied().map(|(place, occupied)| async move {
            let lodging = &place.kind.lodging;
            let restored = lodging.tenancy.restore(&lodging.endpoint, &occupied.room, label);
            (lodging, restored.await)
        });
        everywhere(format!("the return to {label:?}"), join_all(rooms).await)
    }

    /// Lets its rooms stay when it is dropped, and prints the way in to them then; `suho tenants drop` removes them.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Removes its rooms now and says what went wrong, as a drop cannot. A tenant that is to be kept stays.
    pub async fn release(mut self) -> Result<(), TenantError> {
        if self.is_kept() {
            return Ok(());
        }
        let leaving = std::mem::take(&mut self.places).into_values().filter_map(|place| {
            let occupied = place.occupied.into_inner()?;
            Some(async move {
                let cleaned = place.kind.lodging.clean(occupied.record).await;
                cleaned.map_err(|error| format!("{}: {error}", place.kind.lodging.engine))
            })
        });
        let outcomes = join_all(leaving).await;
        let failures: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() {
            return Ok(());
        }
        Err(TenantError::NotRemoved {
            tenant: self.name.to_string(),
            failures,
        })
    }

    pub(super) fn place(&self, engine: &str) -> Result<&Place, TenantError> {
        let lodging = self.tenants.lodging(engine)?;
        // Every lodging of the stack has its place here, since the tenant was made.
        self.places.get(&lodging.engine).ok_or_else(|| TenantError::NoRooms {
            engine: engine.to_owned(),
        })
    }

    async fn move_in(&self, place: &Place) -> Result<Occupied, TenantError> {
        let mut record = self.tenants.pool().room(&place.kind).await?;
        let room = place
            .kind
            .lodging
            .register
            .occupy(&mut record, &self.name, &self.label)?;
        Ok(Occupied { room, record })
    }

    fn occupied(&self) -> impl Iterator<Item = (&Place, &Occupied)> {
        self.places
            .values()
            .filter_map(|place| place.occupied.get().map(|occupied| (place, occupied)))
    }

    fn is_kept(&self) -> bool {
        let wished = || env::var(KEEP).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        self.kept.load(Ordering::Relaxed) || wished()
    }

    /// For who looks at the failed test: what was kept, and how to get in.
    fn print_ways_in(&self) {
        if self.occupied().next().is_none() {
            return;
        }
        let ways = self.occupied().map(|(place, occupied)| {
            let lodging = &place.kind.lodging;
            let way_in = match lodging.tenancy.way_in(&lodging.endpoint, &occupied.room) {
                Ok(way_in) => way_in.command.expose().to_owned(),
                Err(error) => format!("failed to {}", error.in_full()),
            };
            format!("  {:<12} {way_in}\n", lodging.engine)
        });
        // By the macro: the harness of a test catches what it prints, and shows it with the failure.
        eprintln!(
            "tenant {} ({}) is kept:\n{}  `suho tenants drop {}` removes it",
            self.name,
            self.label,
            ways.collect::<String>(),
            self.name
        );
    }
}

/// Tells which engines refused; those that do not offer it as well as those that failed.
fn everywhere(action: String, outcomes: Vec<(&Arc<Lodging>, Result<(), EngineError>)>) -> Result<(), TenantError> {
    let refusals: Vec<_> = outcomes
        .into_iter()
        .filter_map(|(lodging, outcome)| Some(format!("{}: failed to {}", lodging.engine, outcome.err()?.in_full())))
        .collect();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(TenantError::NotEverywhere { action, refusals })
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let stage = if thread::panicking() || self.is_kept() {
            self.print_ways_in();
            Stage::Kept
        } else {
            Stage::Used
        };
        for place in self.places.values_mut() {
            let Some(mut occupied) = place.occupied.take() else {
                continue;
            };
            if let Err(error) = occupied.record.advance(stage) {
                tracing::debug!(%error, engine = place.kind.lodging.engine, "a record did not follow its tenant");
            }
            // The lock goes first: who is told of the room shall be able to take it.
            drop(occupied);
            if stage == Stage::Used {
                self.tenants.pool().left(&place.kind.lodging);
            }
        }
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rooms: Vec<_> = self
            .occupied()
            .map(|(place, occupied)| format!("{} {}", place.kind.lodging.engine, occupied.room.tenant))
            .collect();
        f.debug_struct("Tenant")
            .field("name", &self.name)
            .field("label", &self.label)
            .field("rooms", &rooms)
            .finish_non_exhaustive()
    }
}
