use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream};
use suho_stack::{
    engines::{
        self, Endpoint, Engine, SettingVerdict,
        tenancy::{Migrations, Room, TenantName},
    },
    proof::{Inquiry, Scope, Verdict},
    stack::{ImageSource, Stack},
};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A lent stack of one engine that the tests of a file share while any of them runs.
pub struct Lent {
    service: &'static str,
    stack: Mutex<Weak<Stack>>,
    /// Who takes all places at once disturbs the others.
    places: RwLock<()>,
}

/// The engine as one test has it.
pub struct Engaged {
    pub stack: Arc<Stack>,
    pub engine: &'static dyn Engine,
    pub endpoint: Endpoint,
}

impl Lent {
    pub const fn new(service: &'static str) -> Self {
        Self {
            service,
            stack: Mutex::const_new(Weak::new()),
            places: RwLock::const_new(()),
        }
    }

    /// For a test that takes a few places.
    pub async fn few(&self) -> (Engaged, RwLockReadGuard<'_, ()>) {
        // The stack first, which then outlives the tests that are waited for.
        let engaged = self.engage().await;
        (engaged, self.places.read().await)
    }

    /// For a test that takes as many places as it likes.
    pub async fn all(&self) -> (Engaged, RwLockWriteGuard<'_, ()>) {
        let engaged = self.engage().await;
        (engaged, self.places.write().await)
    }

    async fn engage(&self) -> Engaged {
        let engine = engines::by_service(self.service).unwrap();
        let mut shared = self.stack.lock().await;
        let stack = match shared.upgrade() {
            Some(stack) => stack,
            None => Arc::new(start(engine).await),
        };
        *shared = Arc::downgrade(&stack);
        Engaged {
            endpoint: stack.endpoint(self.service).unwrap().clone(),
            stack,
            engine,
        }
    }
}

/// Made ready for tenants, as a shared stack is.
async fn start(engine: &'static dyn Engine) -> Stack {
    let builder = Stack::builder().name(super::super::unique("msg-lent"));
    let builder = builder.engines([engine.service()]).images(ImageSource::Airgap);
    builder.lending_to_tenants().start().await.unwrap()
}

impl Engaged {
    pub async fn make(&self, tenant: &TenantName) -> Room {
        let tenancy = self.engine.tenancy().unwrap();
        tenancy.make(&self.endpoint, tenant, &Migrations::new()).await.unwrap()
    }

    pub async fn new_room(&self) -> Room {
        self.make(&TenantName::random()).await
    }

    pub async fn remove(&self, tenant: &TenantName) {
        let tenancy = self.engine.tenancy().unwrap();
        tenancy.remove(&self.endpoint, tenant).await.unwrap();
    }

    pub async fn remove_all(&self, tenants: &[TenantName]) {
        for tenants in tenants.chunks(16) {
            join_all(tenants.iter().map(|tenant| self.remove(tenant))).await;
        }
    }

    /// Every setting of the lent files is in effect, and the engine keeps its promises.
    pub async fn assert_proved(&self, features: &[&str]) {
        let mut inquiry = Inquiry::of(self.stack.state());
        inquiry.only = vec![self.engine.service().to_owned()];
        inquiry.scope = Scope::Settings;
        let report = inquiry.run(|_| ()).await;
        assert!(report.settings.len() > 64, "{}", report.settings.len());
        let wrong: Vec<_> = report
            .settings
            .iter()
            .filter(|row| row.verdict != SettingVerdict::InEffect)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");

        inquiry.scope = Scope::Connectivity;
        let report = inquiry.run(|_| ()).await;
        let failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed { .. });
        assert!(
            report.rows.iter().all(|row| !failed(&row.verdict)),
            "{:#?}",
            report.rows
        );
        let neighbours = self.stack.endpoints();
        for feature in self
            .engine
            .features()
            .iter()
            .filter(|feature| features.contains(&feature.name))
        {
            let subject = engines::Subject {
                endpoint: &self.endpoint,
                neighbours: &neighbours,
                restart: None,
            };
            (feature.check)(&subject).await.unwrap();
        }
    }

    /// Makes 8 rooms at once, cuts off 64 makers, takes all 64 places, has one more wait, and leaves them all.
    pub async fn assert_places(&self) {
        const PLACES: usize = 64;
        let eight = join_all((0..8).map(|_| self.new_room())).await;
        let mut users: Vec<_> = eight.iter().map(|room| room.get("user")).collect();
        users.sort_unstable();
        users.dedup();
        assert_eq!(users.len(), 8, "{users:?}");
        let eight: Vec<_> = eight.iter().map(|room| room.tenant.clone()).collect();
        self.remove_all(&eight).await;

        let tenancy = self.engine.tenancy().unwrap();
        let tenants: Vec<_> = (0..PLACES).map(|_| TenantName::random()).collect();
        let mut cut_off = 0;
        for (index, tenant) in tenants.iter().enumerate() {
            let limit = Duration::from_millis(index as u64 / 4);
            let migrations = Migrations::new();
            let making = tenancy.make(&self.endpoint, tenant, &migrations);
            cut_off += usize::from(tokio::time::timeout(limit, making).await.is_err());
        }
        assert!(cut_off > 8, "{cut_off} makers were cut off");
        self.remove_all(&tenants).await;

        let tenants: Vec<_> = (0..PLACES).map(|_| TenantName::random()).collect();
        let start = Instant::now();
        for tenants in tenants.chunks(16) {
            join_all(tenants.iter().map(|tenant| self.make(tenant))).await;
        }
        let took = start.elapsed();
        println!("{PLACES} rooms made, 16 at a time: {took:?}");
        let late = TenantName::random();
        let mut making = Box::pin(self.make(&late));
        let waiting = tokio::time::timeout(Duration::from_secs(1), &mut making).await;
        assert!(waiting.is_err(), "there is a place too many");
        let (room, ()) = tokio::join!(making, self.remove(&tenants[17]));
        assert_eq!(room.tenant, late);
        let start = Instant::now();
        self.remove_all(&tenants).await;
        println!("{PLACES} rooms removed, 16 at a time: {:?}", start.elapsed());
        self.remove(&late).await;
        self.remove(&late).await;
    }

    /// A thousand come and go, 32 at a time; how long it took to make each.
    pub async fn assert_a_thousand(&self) {
        let start = Instant::now();
        let coming_and_going = stream::iter(0..1000).map(|_| async {
            let (tenant, start) = (TenantName::random(), Instant::now());
            self.make(&tenant).await;
            let (made, start) = (start.elapsed(), Instant::now());
            self.remove(&tenant).await;
            (made, start.elapsed())
        });
        let times: Vec<_> = coming_and_going.buffer_unordered(32).collect().await;
        let (mut made, mut removed): (Vec<_>, Vec<_>) = times.into_iter().unzip();
        println!("1000 tenants of {}: {:?}", self.engine.name(), start.elapsed());
        for (what, times) in [("made", &mut made), ("removed", &mut removed)] {
            times.sort_unstable();
            let (p50, p95, p99) = (times[500], times[950], times[990]);
            println!("{what}, 32 at a time: p50 {p50:?}, p95 {p95:?}, p99 {p99:?}");
        }
        let mut alone = Vec::new();
        for _ in 0..50 {
            let (tenant, start) = (TenantName::random(), Instant::now());
            self.make(&tenant).await;
            let (made, start) = (start.elapsed(), Instant::now());
            self.remove(&tenant).await;
            alone.push((made, start.elapsed()));
        }
        alone.sort_unstable();
        println!("one at a time, p50 made and its removal: {:?}", alone[25]);
    }
}
