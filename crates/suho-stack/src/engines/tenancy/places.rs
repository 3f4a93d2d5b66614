//! The places that an engine was started with - accounts, users - and who has which.
//!
//! The arbiter between processes is a log that the engine itself keeps: it puts what all of them say into one order, and whoever
//! reads it comes to the same end. There is no lock that a killed process could leave behind, and a tenant's name is enough to
//! undo what it had begun.
//!
//! A place's password is as old as the stack, among the variables that the engine was started with: NATS reads another only from
//! its file, and an engine's folder never sees the container that the file is in. So the place that was left last is the last to be
//! given again, when the programs of its tenant are gone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::TenantName;
use crate::deployment::{Assignment, Position, Service, Variables};
use crate::engines::{Endpoint, EngineError, login::Login};

/// How many an engine is started with: more than two cores run tests at once, and few enough to list.
pub const PLACES: usize = 64;

/// Between two looks at the log while all places are taken.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two words about the wait.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// How long a tenant waits for a place.
pub(in super::super) const PATIENCE: Duration = Duration::from_secs(60);
/// From how many entries on the log is shortened.
const LONG: usize = 256;

/// An entry behind its number.
pub(in super::super) type Numbered = (u64, Vec<u8>);

/// A log that the engine keeps in one order for all.
#[async_trait]
pub(in super::super) trait Log: Send {
    /// Adds an entry; it is in every later [`Log::read`] of any process.
    async fn append(&mut self, entry: Vec<u8>) -> Result<(), EngineError>;

    /// All entries that are not forgotten, in their order, each with its number.
    async fn read(&mut self) -> Result<Vec<Numbered>, EngineError>;

    /// Forgets the entries with smaller numbers.
    async fn forget(&mut self, before: u64) -> Result<(), EngineError>;
}

/// What is said in the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Entry {
    /// A tenant wants a place.
    Comes(TenantName),
    /// It wants none any more.
    Leaves(TenantName),
    /// What all entries before the number `next` come to.
    Stands { next: u64, places: Places },
}

/// Who has which place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Places {
    /// The one that has been free for longest first: what a tenant's processes still hold is gone when it is taken again.
    free: VecDeque<usize>,
    taken: BTreeMap<TenantName, usize>,
    waiting: VecDeque<TenantName>,
}

impl Places {
    fn all_free(count: usize) -> Self {
        Self {
            free: (1..=count).collect(),
            taken: BTreeMap::new(),
            waiting: VecDeque::new(),
        }
    }

    fn comes(&mut self, tenant: TenantName) {
        if self.taken.contains_key(&tenant) || self.waiting.contains(&tenant) {
            return;
        }
        match self.free.pop_front() {
            Some(place) => drop(self.taken.insert(tenant, place)),
            None => self.waiting.push_back(tenant),
        }
    }

    fn leaves(&mut self, tenant: &TenantName) {
        self.waiting.retain(|waiting| waiting != tenant);
        let Some(place) = self.taken.remove(tenant) else {
            return;
        };
        match self.waiting.pop_front() {
            Some(next) => drop(self.taken.insert(next, place)),
            None => self.free.push_back(place),
        }
    }
}

/// The log of an engine with `count` places.
pub(in super::super) struct Register<L> {
    log: L,
    service: String,
    count: usize,
}

impl<L: Log> Register<L> {
    pub(in super::super) fn new(log: L, endpoint: &Endpoint, count: usize) -> Self {
        Self {
            log,
            service: endpoint.service.clone(),
            count,
        }
    }

    /// A place for `tenant`, the same one each time it asks. Waits for one that others leave, in the order of those who came.
    pub(in super::super) async fn take(&mut self, tenant: &TenantName) -> Result<usize, EngineError> {
        self.say(&Entry::Comes(tenant.clone())).await?;
        let start = Instant::now();
        let mut next_word = Duration::ZERO;
        loop {
            if let Some(place) = self.places().await?.taken.get(tenant) {
                return Ok(*place);
            }
            let waited = start.elapsed();
            if waited >= PATIENCE {
                self.say(&Entry::Leaves(tenant.clone())).await?;
                return Err(self.all_taken(tenant));
            }
            if waited >= next_word {
                tracing::info!(
                    service = self.service,
                    %tenant,
                    ?waited,
                    "all {} places for tenants are taken, waiting for one",
                    self.count
                );
                next_word += TELL_EVERY;
            }
            sleep(PAUSE).await;
        }
    }

    /// The place that `tenant` has.
    #[cfg(any(feature = "nats", test))]
    pub(in super::super) async fn place_of(&mut self, tenant: &TenantName) -> Result<Option<usize>, EngineError> {
        Ok(self.places().await?.taken.get(tenant).copied())
    }

    /// `tenant` has no place any more, and waits for none.
    pub(in super::super) async fn leave(&mut self, tenant: &TenantName) -> Result<(), EngineError> {
        self.say(&Entry::Leaves(tenant.clone())).await?;
        self.shorten().await
    }

    /// Sums up a long log in one entry. Whoever reads goes by the sum that covers most, so any number may do this at once.
    async fn shorten(&mut self) -> Result<(), EngineError> {
        let entries = self.log.read().await?;
        let Some((last, _)) = entries.last().filter(|_| entries.len() >= LONG) else {
            return Ok(());
        };
        let next = last + 1;
        let places = self.sum_of(&entries)?;
        self.say(&Entry::Stands { next, places }).await?;
        self.log.forget(next).await
    }

    async fn places(&mut self) -> Result<Places, EngineError> {
        let entries = self.log.read().await?;
        self.sum_of(&entries)
    }

    fn sum_of(&self, entries: &[Numbered]) -> Result<Places, EngineError> {
        let read = |(number, entry): &Numbered| Ok((*number, serde_json::from_slice(entry)?));
        let entries: Vec<(u64, Entry)> = entries
            .iter()
            .map(read)
            .collect::<Result<_, serde_json::Error>>()
            .map_err(|error| self.failed("read who has which place", error.into()))?;
        let sums = entries.iter().filter_map(|(_, entry)| match entry {
            Entry::Stands { next, places } => Some((*next, places.clone())),
            _ => None,
        });
        let (next, mut places) = sums
            .max_by_key(|(next, _)| *next)
            .unwrap_or_else(|| (0, Places::all_free(self.count)));
        for (_, entry) in entries.into_iter().filter(|(number, _)| *number >= next) {
            match entry {
                Entry::Comes(tenant) => places.comes(tenant),
                Entry::Leaves(tenant) => places.leaves(&tenant),
                Entry::Stands { .. } => {}
            }
        }
        Ok(places)
    }

    async fn say(&mut self, entry: &Entry) -> Result<(), EngineError> {
        let entry =
            serde_json::to_vec(entry).map_err(|error| self.failed("write who has which place", error.into()))?;
        self.log.append(entry).await
    }

    fn all_taken(&self, tenant: &TenantName) -> EngineError {
        let reason = format!(
            "all {} are taken, and none was left within {PATIENCE:?}; run fewer tests at once, or drop tenants that were kept",
            self.count
        );
        self.failed(&format!("find a place for the tenant {tenant}"), reason.into())
    }

    fn failed(&self, action: &str, source: Box<dyn std::error::Error + Send + Sync>) -> EngineError {
        EngineError::Failed {
            service: self.service.clone(),
            action: action.to_owned(),
            source,
        }
    }
}

/// Gives `service` a random password for each place, under the name that `variable` makes of the place's number.
pub(in super::super) fn set_passwords(service: &mut Service, variable: impl Fn(usize) -> String) {
    let names: Vec<_> = (1..=PLACES).map(variable).collect();
    let mut passwords = Variables::default();
    passwords.generate_missing(&names);
    let file = service.described_in.first().cloned().unwrap_or_default();
    for (name, password) in passwords.iter() {
        if service.environment.contains_key(name) {
            continue;
        }
        service.environment.insert(name.to_owned(), password.clone());
        let assignment = Assignment {
            at: Position::line(&file, 1),
            is_secret: true,
        };
        service.environment_at.insert(name.to_owned(), assignment);
    }
}

/// The user who has the place `place`.
pub(in super::super) fn user(place: usize) -> String {
    format!("tenant_{place:02}")
}

/// As whom the tenant in `place` enters, with the password under the name that `variable` makes of the place's number.
pub(in super::super) fn login(
    endpoint: &Endpoint,
    place: usize,
    variable: impl Fn(usize) -> String,
) -> Result<Login, EngineError> {
    let password = endpoint.environment.get(&variable(place)).cloned();
    let password = password.ok_or_else(|| {
        let action = format!("find the password of the tenant's place {place}");
        endpoint.failed(action)("it is not among the variables that the engine was started with")
    })?;
    Ok(Login {
        user: user(place),
        password,
    })
}

/// How many places an engine was started with.
pub(in super::super) fn count(endpoint: &Endpoint, variable: impl Fn(usize) -> String) -> usize {
    (1..=usize::from(u16::MAX))
        .take_while(|place| endpoint.environment.contains_key(&variable(*place)))
        .count()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures::future::join_all;
    use proptest::prelude::*;

    use super::*;
    use crate::engines::Place;

    /// A log in memory, which any number of registers share.
    #[derive(Debug, Clone, Default)]
    struct Shared(Arc<Mutex<(u64, Vec<Numbered>)>>);

    #[async_trait]
    impl Log for Shared {
        async fn append(&mut self, entry: Vec<u8>) -> Result<(), EngineError> {
            tokio::task::yield_now().await;
            let mut log = self.0.lock().unwrap();
            let number = log.0;
            log.0 += 1;
            log.1.push((number, entry));
            Ok(())
        }

        async fn read(&mut self) -> Result<Vec<Numbered>, EngineError> {
            tokio::task::yield_now().await;
            Ok(self.0.lock().unwrap().1.clone())
        }

        async fn forget(&mut self, before: u64) -> Result<(), EngineError> {
            tokio::task::yield_now().await;
            self.0.lock().unwrap().1.retain(|(number, _)| *number >= before);
            Ok(())
        }
    }

    fn register(log: &Shared, count: usize) -> Register<Shared> {
        let endpoint = Endpoint {
            service: "suho-test".to_owned(),
            place: Place::Host,
            host: String::new(),
            ports: BTreeMap::new(),
            environment: BTreeMap::new(),
        };
        Register::new(log.clone(), &endpoint, count)
    }

    #[tokio::test]
    async fn those_who_come_at_once_have_different_places() {
        let log = Shared::default();

        let taken =
            join_all((0..8).map(|_| async { register(&log, 8).take(&TenantName::random()).await.unwrap() })).await;

        let mut different = taken.clone();
        different.sort_unstable();
        assert_eq!(different, [1, 2, 3, 4, 5, 6, 7, 8], "{taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_waits_for_the_first_that_is_left() {
        let log = Shared::default();
        let (first, second) = (TenantName::random(), TenantName::random());
        let place = register(&log, 1).take(&first).await.unwrap();

        let (waited, left) = tokio::join!(async { register(&log, 1).take(&second).await }, async {
            sleep(Duration::from_secs(20)).await;
            register(&log, 1).leave(&first).await
        });

        left.unwrap();
        assert_eq!(waited.unwrap(), place);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_in_vain_is_told_so_and_takes_no_place_later() {
        let log = Shared::default();
        let first = TenantName::random();
        register(&log, 1).take(&first).await.unwrap();
        let late = TenantName::random();

        let error = register(&log, 1).take(&late).await.unwrap_err().in_full();
        register(&log, 1).leave(&first).await.unwrap();

        assert!(error.contains("all 1 are taken"), "{error}");
        assert_eq!(register(&log, 1).place_of(&late).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_place_that_was_just_left_is_the_last_to_be_taken_again() {
        let log = Shared::default();
        let mut register = register(&log, 3);
        let first = TenantName::random();
        register.take(&first).await.unwrap();
        register.leave(&first).await.unwrap();

        let next = register.take(&TenantName::random()).await.unwrap();

        assert_eq!(next, 2);
    }

    proptest! {
        /// Whoever sums up and forgets, and whenever: a log that was shortened and one that never was come to the same end.
        #[test]
        fn a_shortened_log_comes_to_the_same(steps in proptest::collection::vec((0..6_usize, 0..4_u8), 0..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let tenants: Vec<_> = (0..6).map(|_| TenantName::random()).collect();
                let (whole, shortened) = (Shared::default(), Shared::default());
                let (mut plain, mut register) = (register(&whole, 3), register(&shortened, 3));
                // Sums that were made earlier, and are only said now.
                let mut late = Vec::new();
                for (tenant, step) in steps {
                    let tenant = tenants[tenant].clone();
                    let entry = match step {
                        0 => Entry::Comes(tenant),
                        1 => Entry::Leaves(tenant),
                        _ => {
                            let entries = register.log.read().await.unwrap();
                            let Some((last, _)) = entries.last() else { continue };
                            let sum = Entry::Stands { next: last + 1, places: register.sum_of(&entries).unwrap() };
                            if step == 2 {
                                late.push(sum);
                            } else {
                                register.say(&sum).await.unwrap();
                                register.log.forget(last + 1).await.unwrap();
                                for sum in late.drain(..) {
                                    register.say(&sum).await.unwrap();
                                }
                            }
                            continue;
                        }
                    };
                    plain.say(&entry).await.unwrap();
                    register.say(&entry).await.unwrap();
                }
                prop_assert_eq!(plain.places().await.unwrap(), register.places().await.unwrap());
                Ok(())
            })?;
        }
    }
}
