//! Pool and records over an engine that lives in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::time::sleep;

use super::{record::Account, *};
use crate::engines::{
    EngineError, Place,
    tenancy::{Migrations, Room, Tenancy, TenantName, WayIn},
};

const NONE: &str = "e3b0c44298fc";

/// An engine of rooms that are names in a set.
#[derive(Debug, Default)]
struct Town {
    places: usize,
    pace: Duration,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    rooms: BTreeSet<TenantName>,
    made: usize,
    removed: Vec<TenantName>,
    snapshots: usize,
    failing: bool,
    panicking: bool,
}

impl Town {
    fn new(places: usize, pace: Duration) -> Arc<Self> {
        Arc::new(Self {
            places,
            pace,
            books: Mutex::default(),
        })
    }

    fn quick() -> Arc<Self> {
        Self::new(usize::MAX, Duration::from_millis(1))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    fn refusal(action: &str) -> EngineError {
        EngineError::NotOffered {
            service: "suho-town".to_owned(),
            action: action.to_owned(),
            reason: "the town is closed".to_owned(),
        }
    }
}

#[async_trait]
impl Tenancy for Town {
    async fn make(
        &self,
        _endpoint: &Endpoint,
        tenant: &TenantName,
        _migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        loop {
            sleep(self.pace).await;
            let mut books = self.books();
            if books.failing {
                return Err(Self::refusal("make a room"));
            }
            let panics = books.panicking;
            if panics {
                drop(books);
                panic!("a migration of the user's");
            }
            if books.rooms.len() < self.places {
                books.rooms.insert(tenant.clone());
                books.made += 1;
                return Ok(Room::new(tenant.clone()).with("street", "main"));
            }
        }
    }

    async fn remove(&self, _endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        sleep(self.pace).await;
        let mut books = self.books();
        books.rooms.remove(tenant);
        books.removed.push(tenant.clone());
        Ok(())
    }

    async fn snapshot(&self, _endpoint: &Endpoint, _room: &Room, _label: &str) -> Result<(), EngineError> {
        let mut books = self.books();
        if books.failing {
            return Err(Self::refusal("keep a snapshot"));
        }
        books.snapshots += 1;
        Ok(())
    }

    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        self.snapshot(endpoint, room, label).await
    }

    fn way_in(&self, _endpoint: &Endpoint, _room: &Room) -> Result<WayIn, EngineError> {
        Err(Self::refusal("open the door"))
    }
}

fn endpoint(name: &str) -> Endpoint {
    Endpoint {
        service: format!("suho-{name}"),
        place: Place::Host,
        host: "127.0.0.1".to_owned(),
        ports: BTreeMap::new(),
        environment: BTreeMap::new(),
    }
}

/// The tenants of a stack of towns, as a process of its own would see it.
fn process_with(state: &TempDir, stock: usize, towns: &[(&str, &Arc<Town>)]) -> Tenants {
    let lodgings = towns
        .iter()
        .map(|(name, town)| Lodging::new(state.path(), name, endpoint(name), Arc::<Town>::clone(town)))
        .collect();
    let without = BTreeSet::from(["castle".to_owned()]);
    let absent = BTreeMap::from([("village".to_owned(), "its image cannot be had".to_owned())]);
    Tenants::lodging_in("test", stock, lodgings, without, absent)
}

fn process(state: &TempDir, stock: usize, town: &Arc<Town>) -> Tenants {
    process_with(state, stock, &[("town", town)])
}

/// How many records are at each of `stages`.
fn count(tenants: &Tenants, stages: &[Stage]) -> usize {
    let names = tenants.lodging("town").unwrap().register.names().unwrap();
    names.iter().filter(|name| stages.contains(&name.stage)).count()
}

const EVERY_STAGE: [Stage; 5] = [Stage::Making, Stage::Ready, Stage::Taken, Stage::Used, Stage::Kept];

/// Waits without a runtime.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await })
        .unwrap()
}

#[tokio::test]
async fn a_tenant_gets_one_room_however_often_and_at_once_it_asks() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let tenants = process(&state, 0, &town);
    let tenant = tenants.tenant().await.unwrap();

    let (first, second) = tokio::try_join!(tenant.room("town"), tenant.room("suho-town")).unwrap();

    assert_eq!(first, second);
    assert_eq!(first.get("street"), "main");
    assert_eq!(town.books().made, 1);
    assert_eq!(count(&tenants, &[Stage::Taken]), 1);
}

#[test]
fn a_tenant_is_dropped_without_a_runtime_and_without_waiting() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::new(usize::MAX, Duration::from_millis(100));
    let tenants = process(&state, 0, &town);
    let tenant = block_on(async {
        let tenant = tenants.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
        tenant
    });

    let start = Instant::now();
    drop(tenant);
    let taken = start.elapsed();

    assert!(taken < Duration::from_millis(50), "{taken:?}");
    eventually("the room is removed and forgotten", || {
        town.books().removed.len() == 1 && count(&tenants, &EVERY_STAGE) == 0
    });
}

#[test]
fn what_the_last_user_leaves_is_removed_also_when_all_handles_are_gone() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::new(usize::MAX, Duration::from_millis(30));
    let tenants = process(&state, 0, &town);
    block_on(async {
        let tenant = tenants.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
    });
    drop(tenants);

    eventually("the room is removed", || town.books().removed.len() == 1);
}

#[test]
fn what_a_process_has_made_ahead_is_handed_to_another() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let first = process(&state, 3, &town);
    let guest = block_on(async {
        let tenant = first.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
        tenant
    });
    eventually("three rooms wait", || count(&first, &[Stage::Ready]) == 3);

    let second = process(&state, 0, &town);
    block_on(async {
        for _ in 0..3 {
            let tenant = second.tenant().await.unwrap();
            tenant.room("town").await.unwrap();
            tenant.keep();
        }
    });

    assert_eq!(town.books().made, 4);
    drop(guest);
}

#[test]
fn the_stock_is_filled_up_again_and_no_further() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let (first, second) = (process(&state, 3, &town), process(&state, 3, &town));
    for tenants in [&first, &second, &first, &second] {
        block_on(async {
            let tenant = tenants.tenant().await.unwrap();
            tenant.room("town").await.unwrap();
        });
    }

    eventually("three rooms wait, and none is used", || {
        count(&first, &[Stage::Ready]) >= 3 && count(&first, &[Stage::Used, Stage::Taken, Stage::Making]) == 0
    });
    // Two processes may begin the last one at the same moment.
    assert!(count(&first, &[Stage::Ready]) <= 4);
}

/// A process that is killed leaves its files, and the kernel takes back its locks: so does dropping them here.
#[test]
fn what_killed_processes_leave_is_removed_by_the_next_one_and_what_waits_or_is_kept_stays() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let tenants = process(&state, 0, &town);
    let lodging = tenants.lodging("town").unwrap();
    let mut left = Vec::new();
    for stage in EVERY_STAGE {
        let mut held = lodging.register.begin("0123456789ab", &lodging.endpoint).unwrap();
        held.advance(stage).unwrap();
        left.push((stage, held));
    }
    // One more that is at work at this moment.
    let living = lodging.register.begin("0123456789ab", &lodging.endpoint).unwrap();
    let names: Vec<_> = left
        .iter()
        .map(|(stage, held)| (*stage, held.name().room.clone()))
        .collect();
    drop(left);

    block_on(async {
        let tenant = tenants.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
        tenant.release().await.unwrap();
    });

    eventually("three are removed, and the one that was released", || {
        town.books().removed.len() == 4
    });
    let removed = town.books().removed.clone();
    for (stage, name) in names {
        let nobodys = matches!(stage, Stage::Making | Stage::Taken | Stage::Used);
        assert_eq!(removed.contains(&name), nobodys, "{stage:?}");
    }
    assert!(!removed.contains(&living.name().room));
    eventually("ready, kept and living are left", || count(&tenants, &EVERY_STAGE) == 3);
}

/// As processes that end before their pool has removed anything would leave it.
#[test]
fn where_much_lies_about_whoever_takes_a_room_removes_one() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let tenants = process(&state, 0, &town);
    let lodging = tenants.lodging("town").unwrap();
    for _ in 0..200 {
        let mut held = lodging.register.begin("0123456789ab", &lodging.endpoint).unwrap();
        held.advance(Stage::Used).unwrap();
    }
    let mut ready = lodging.register.begin(NONE, &lodging.endpoint).unwrap();
    let room = Room::new(ready.name().room.clone());
    lodging.register.finish(&mut ready, room).unwrap();
    drop(ready);

    block_on(async {
        let tenant = tenants.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
        assert!(!town.books().removed.is_empty());
    });
}

#[test]
fn no_room_is_ever_in_two_hands() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let in_hands = Mutex::new(BTreeSet::new());

    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let tenants = process(&state, 4, &town);
                block_on(async {
                    for _ in 0..40 {
                        let tenant = tenants.tenant().await.unwrap();
                        let room = tenant.room("town").await.unwrap();
                        assert!(
                            in_hands.lock().unwrap().insert(room.tenant.clone()),
                            "handed over twice"
                        );
                        assert!(town.books().rooms.contains(&room.tenant), "handed over after its end");
                        sleep(Duration::from_millis(1)).await;
                        assert!(town.books().rooms.contains(&room.tenant), "removed while in use");
                    }
                });
            });
        }
    });

    assert_eq!(in_hands.lock().unwrap().len(), 8 * 40);
}

#[test]
fn a_full_engine_serves_all_who_wait_also_those_who_want_another_kind() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::new(4, Duration::from_millis(1));
    let tenants = process(&state, 4, &town);
    let orders = Migrations::new().script("1.sql", "orders");
    block_on(async {
        let tenant = tenants.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
    });
    eventually("the stock takes every place", || count(&tenants, &[Stage::Ready]) == 4);

    thread::scope(|scope| {
        for number in 0..24 {
            let (tenants, orders) = (&tenants, &orders);
            scope.spawn(move || {
                block_on(async {
                    let builder = tenants.tenant();
                    let builder = if number % 2 == 0 {
                        builder.migrations("town", orders.clone())
                    } else {
                        builder
                    };
                    let tenant = builder.await.unwrap();
                    tenant.room("town").await.unwrap();
                    sleep(Duration::from_millis(20)).await;
                });
            });
        }
    });
}

#[test]
fn a_ready_room_makes_way_in_a_full_engine() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::new(2, Duration::from_millis(1));
    let tenants = process(&state, 2, &town);
    block_on(async {
        let tenant = tenants.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
    });
    eventually("the stock takes every place", || count(&tenants, &[Stage::Ready]) == 2);

    block_on(async {
        let orders = Migrations::new().script("1.sql", "orders");
        let tenant = tenants.tenant().migrations("town", orders).await.unwrap();
        tenant.room("town").await.unwrap();
    });
}

#[test]
fn a_room_that_is_not_waited_for_any_more_goes_to_the_next() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::new(usize::MAX, Duration::from_millis(50));
    let tenants = process(&state, 0, &town);
    block_on(async {
        let impatient = tenants.tenant().await.unwrap();
        let asking = tokio::time::timeout(Duration::from_millis(10), impatient.room("town"));
        assert!(asking.await.is_err());
        drop(impatient);
    });
    eventually("it is ready", || count(&tenants, &[Stage::Ready]) == 1);

    block_on(async {
        let tenant = tenants.tenant().await.unwrap();
        tenant.room("town").await.unwrap();
    });
    assert_eq!(town.books().made, 1);
}

#[test]
fn a_failed_making_is_told_to_each_who_asked_and_what_is_half_made_is_removed() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let tenants = process(&state, 2, &town);
    let ask = || {
        block_on(async {
            let tenant = tenants.tenant().await.unwrap();
            tenant.room("town").await
        })
    };

    town.books().failing = true;
    let failed = ask().unwrap_err().to_string();
    town.books().failing = false;
    town.books().panicking = true;
    let panicked = ask().unwrap_err().to_string();
    town.books().panicking = false;

    assert_eq!(failed, "failed to make a room on suho-town: the town is closed");
    assert_eq!(panicked, "making a room in town panicked: a migration of the user's");
    eventually("both are removed", || town.books().removed.len() >= 2);
    ask().unwrap();
}

#[test]
fn the_tenant_of_a_panic_is_kept_and_so_is_one_that_asks_for_it() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let tenants = process(&state, 0, &town);

    let outcome = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            let tenant = tenants.tenant().label("of a panic").await.unwrap();
            tenant.room("town").await.unwrap();
            panic!("a test fails");
        });
    }));
    block_on(async {
        let tenant = tenants.tenant().label("of a wish").await.unwrap();
        tenant.room("town").await.unwrap();
        tenant.keep();
        tenant.release().await.unwrap();
    });

    assert!(outcome.is_err());
    let lodging = tenants.lodging("town").unwrap();
    let labels: BTreeSet<_> = lodging
        .register
        .names()
        .unwrap()
        .iter()
        .filter(|name| name.stage == Stage::Kept)
        .map(|name| {
            lodging
                .register
                .hold(name)
                .unwrap()
                .unwrap()
                .read()
                .unwrap()
                .label
                .unwrap()
        })
        .collect();
    assert_eq!(
        labels,
        BTreeSet::from(["of a panic".to_owned(), "of a wish".to_owned()])
    );
    assert_eq!(town.books().removed.len(), 0);
}

#[tokio::test]
async fn rooms_with_other_migrations_are_other_rooms() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let tenants = process(&state, 0, &town);
    let lodging = tenants.lodging("town").unwrap();
    let orders = Migrations::new().script("1.sql", "orders");

    let plain = tenants.tenant().await.unwrap();
    plain.room("town").await.unwrap();
    let other = tenants.tenant().migrations("suho-town", orders.clone()).await.unwrap();
    other.room("town").await.unwrap();

    let hashes: BTreeSet<_> = lodging
        .register
        .names()
        .unwrap()
        .into_iter()
        .map(|name| name.migrations)
        .collect();
    assert_eq!(hashes, BTreeSet::from([NONE.to_owned(), orders.hash()]));
}

#[tokio::test]
async fn what_is_not_to_be_had_is_told_in_words() {
    let state = tempfile::tempdir().unwrap();
    let tenants = process(&state, 0, &Town::quick());
    let tenant = tenants.tenant().await.unwrap();
    let told = async |engine: &str| tenant.room(engine).await.unwrap_err().to_string();

    assert_eq!(
        told("village").await,
        "village is absent from the stack test: its image cannot be had"
    );
    assert!(told("suho-castle").await.starts_with("suho-castle lodges no tenants"));
    assert_eq!(
        told("moon").await,
        "there is no engine `moon` in the stack test; its engines are town"
    );
    let misspelt = tenants.tenant().migrations("twon", Migrations::new()).await;
    assert!(matches!(misspelt, Err(TenantError::UnknownEngine { .. })));
}

#[tokio::test]
async fn a_snapshot_is_taken_where_it_can_be_and_the_others_are_named_if_they_are_used() {
    let state = tempfile::tempdir().unwrap();
    let (open, closed) = (Town::quick(), Town::quick());
    let tenants = process_with(&state, 0, &[("open", &open), ("closed", &closed)]);
    let tenant = tenants.tenant().await.unwrap();
    tenant.room("open").await.unwrap();
    closed.books().failing = true;

    tenant.snapshot("before").await.unwrap();
    closed.books().failing = false;
    tenant.room("closed").await.unwrap();
    closed.books().failing = true;
    let error = tenant.restore("before").await.unwrap_err();

    assert_eq!(open.books().snapshots, 2);
    assert_eq!(
        error.to_string(),
        "the return to \"before\" was not done everywhere: closed: failed to keep a snapshot on suho-town: the town is closed"
    );
}

#[test]
fn a_line_that_was_cut_off_counts_for_nothing() {
    let name = TenantName::random();
    let whole = Account {
        room: Some(Room::new(name.clone())),
        ..Account::now()
    };
    let text = format!(
        "\n{}\n\n{{\"pid\":7,\"at\":1,\"tenant\":\"t01\n{{\"pid\":8,\"at\":2,\"label\":\"orders\"}}\n",
        serde_json::to_string(&whole).unwrap()
    );

    let account = Account::read(&text);

    assert_eq!(account.room, Some(Room::new(name)));
    assert_eq!(
        (account.pid, account.label.as_deref(), account.tenant),
        (8, Some("orders"), None)
    );
}

#[test]
fn every_engine_is_known_by_both_of_its_names() {
    for engine in engines::all() {
        assert_eq!(short(engine.service()), engine.name());
        assert_eq!(short(engine.name()), engine.name());
    }
}

#[test]
fn foreign_engines_are_called_by_where_they_are() {
    let here = BTreeMap::from([("suho-town".to_owned(), endpoint("town"))]);
    let mut there = here.clone();
    there.get_mut("suho-town").unwrap().host = "db.example".to_owned();

    assert!(foreign_name(&here).starts_with(FOREIGN));
    assert_eq!(foreign_name(&here), foreign_name(&here.clone()));
    assert_ne!(foreign_name(&here), foreign_name(&there));
}

#[tokio::test]
async fn records_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().unwrap();
    let tenants = process(&state, 0, &Town::quick());
    let tenant = tenants.tenant().await.unwrap();
    tenant.room("town").await.unwrap();

    let directory = fs::read_dir(state.path()).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;

    assert_eq!(mode(&directory), 0o700);
    for file in fs::read_dir(&directory).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_ready_room_is_handed_over_within_two_milliseconds() {
    let state = tempfile::tempdir().unwrap();
    let town = Town::quick();
    let tenants = process(&state, 64, &town);
    tenants.tenant().await.unwrap().room("town").await.unwrap();
    while count(&tenants, &[Stage::Ready]) < 64 {
        sleep(Duration::from_millis(5)).await;
    }

    let mut taken = Vec::new();
    for _ in 0..33 {
        let tenant = tenants.tenant().await.unwrap();
        let start = Instant::now();
        tenant.room("town").await.unwrap();
        taken.push(start.elapsed());
    }
    taken.sort();

    assert!(taken[16] < Duration::from_millis(2), "p50 {:?} of {taken:?}", taken[16]);
}
