//! What a tenant costs, against what one would do without: `make bench`.
//!
//! # Layout
//! - `figures`: percentiles, ratios and what was promised of them.
//! - `attaching`: a new process that attaches, against one that knows the endpoints.
//! - `clones`: bare clones of PostgreSQL's template.
//! - `containers`: a container for each test, and migrations for each database.

mod attaching;
mod clones;
mod containers;
mod figures;

use std::error::Error;
use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use suho_stack::engines;
use suho_stack::engines::tenancy::{Migrations, TenantName};
use suho_stack::stack::tenants::Stage;
use suho_stack::stack::{SharedStack, Tenants};
use tokio::time::sleep;

use figures::{Target, Times, Wanted, median, milliseconds, ratio};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const POSTGRESQL: &str = "suho-postgresql";
const ROUNDS: usize = 20;
const STREAM: usize = 200;
const TOGETHER: usize = 32;
/// One after the other, since a machine is never quiet.
const STREAMS: usize = 5;
const SUITES: usize = 3;
const TESTS: u32 = 200;
/// As many as cargo runs at once on a machine of two cores.
const THREADS: usize = 2;

#[tokio::main]
async fn main() -> Outcome<()> {
    if attaching::play_role().await? {
        return Ok(());
    }
    let targets = Bench::begin().await.run().await?;
    println!("\n{:<88}{:>9}{:>9}", "TARGET", "RATIO", "WANTED");
    for target in &targets {
        println!("{target}");
    }
    let met = targets.iter().filter(|target| target.is_met()).count();
    println!("{met} of {} met, on a machine that may have been busy", targets.len());
    Ok(())
}

struct Bench {
    stack: SharedStack,
}

impl Bench {
    async fn begin() -> Self {
        let start = Instant::now();
        let stack = suho_testkit::stack().await;
        println!(
            "{} {:?} in {}",
            stack.name(),
            stack.origin(),
            milliseconds(start.elapsed())
        );
        Self { stack }
    }

    async fn run(&self) -> Outcome<Vec<Target>> {
        println!("\n{:<34}{:>12}{:>12}{:>12}{:>7}", "", "p50", "p95", "p99", "n");
        let (attaching, connecting) = attaching::measure(&self.stack.endpoints()).await?;
        println!("attach from a new process         {attaching}");
        println!("connect and log in, endpoints known{connecting:>1}");
        let postgresql = self.stack.endpoint(POSTGRESQL).ok_or("PostgreSQL is in the stack")?;
        println!("creation of a room");
        let made = self.creation().await?;
        println!("hand-over from the pool");
        let handed_over = self.hand_over(&made).await?;
        println!("PostgreSQL without tenants");
        let bare = clones::measure(postgresql).await?;
        let everywhere = self.everywhere(&made).await?;
        println!("  a tenant of all engines, pool   {everywhere}");
        println!("{STREAM}, {TOGETHER} at a time");
        let bare_stream = clones::Stream::best(postgresql, STREAM, TOGETHER).await?;
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let (theirs, ours) = (bare_stream.run().await?, self.stream().await?);
            println!("  the best of clones {theirs:.1?}, tenants {ours:.1?}");
            streams.push(ratio(theirs, ours));
        }
        let mut suites = Vec::new();
        for _ in 0..SUITES {
            suites.push(self.suite().await?);
        }
        println!("{TESTS} tests with tenants, {THREADS} at a time: {suites:.1?}");
        let suite = median(suites);
        let image = self.stack.state().member(POSTGRESQL).map(|member| member.image.clone());
        let containers = containers::measure(&image.ok_or("PostgreSQL is not foreign")?, THREADS).await?;
        println!("  CREATE DATABASE and migrations  {}", containers.databases);
        println!("  a test with its own container   {}", containers.tests);
        let slow = containers.suite(TESTS);
        println!(
            "{TESTS} tests, {THREADS} at a time: with tenants {suite:.1?}, with containers, by this sample, {slow:.1?}"
        );
        let postgresql = handed_over.ok_or("PostgreSQL lodges tenants")?;
        Ok(vec![
            Target {
                what: "attach ÷ connect and log in",
                ratio: ratio(attaching.p50(), connecting.p50()),
                wanted: Wanted::AtMost(1.5),
            },
            Target {
                what: "hand-over of PostgreSQL ÷ bare CREATE DATABASE … TEMPLATE",
                ratio: ratio(postgresql.p50(), bare.p50()),
                wanted: Wanted::AtMost(0.05),
            },
            Target {
                what: "rate of a stream of tenants ÷ that of bare clones by the best strategy, median",
                ratio: median(streams),
                wanted: Wanted::AtLeast(0.9),
            },
            Target {
                what: "hand-over of all engines ÷ one bare clone",
                ratio: ratio(everywhere.p50(), bare.p50()),
                wanted: Wanted::AtMost(1.0),
            },
            Target {
                what: "a suite with a container per test (a sample of it) ÷ with tenants",
                ratio: ratio(slow, suite),
                wanted: Wanted::AtLeast(50.0),
            },
        ])
    }

    /// What rooms take that nobody made ahead, by engine; the engines that lodge tenants.
    async fn creation(&self) -> Outcome<Vec<&'static str>> {
        let mut made = Vec::new();
        for (service, endpoint) in self.stack.endpoints() {
            let engine = engines::by_service(&service).ok_or("every service has its engine")?;
            let Some(tenancy) = engine.tenancy() else { continue };
            let (mut making, mut removing) = (Times::default(), Times::default());
            // The first one prepares the engine.
            for round in 0..=ROUNDS {
                let name = TenantName::random();
                let mut first = Times::default();
                let times = if round == 0 { &mut first } else { &mut making };
                times.of(tenancy.make(&endpoint, &name, &Migrations::new())).await?;
                removing.of(tenancy.remove(&endpoint, &name)).await?;
            }
            println!("  {:<32}{making}", engine.name());
            println!("  {:<32}{removing}", format!("{} removed", engine.name()));
            made.push(engine.name());
        }
        Ok(made)
    }

    /// What a test waits for a room that is ready, by engine; the times of PostgreSQL.
    async fn hand_over(&self, made: &[&'static str]) -> Outcome<Option<Times>> {
        let mut postgresql = None;
        for engine in made {
            // The pool begins to make rooms when it is first asked for one.
            drop(self.stack.tenant().await?.room(engine).await?);
            let mut times = Times::default();
            for _ in 0..ROUNDS {
                stocked([*engine]).await?;
                let tenant = self.stack.tenant().await?;
                times.of(tenant.room(engine)).await?;
            }
            println!("  {engine:<32}{times}");
            if *engine == "postgresql" {
                postgresql = Some(times);
            }
        }
        Ok(postgresql)
    }

    /// What a test waits that asks for a room in every engine.
    async fn everywhere(&self, made: &[&'static str]) -> Outcome<Times> {
        let mut times = Times::default();
        for _ in 0..ROUNDS {
            stocked(made.iter().copied()).await?;
            let tenant = self.stack.tenant().await?;
            times
                .of(try_join_all(made.iter().map(|engine| tenant.room(engine))))
                .await?;
        }
        Ok(times)
    }

    /// How long it takes until so many tenants have come and gone.
    async fn stream(&self) -> Outcome<Duration> {
        let start = Instant::now();
        let lanes = (0..TOGETHER).map(|lane| async move {
            for _ in (lane..STREAM).step_by(TOGETHER) {
                self.stack.tenant().await?.room("postgresql").await?;
            }
            Outcome::Ok(())
        });
        try_join_all(lanes).await?;
        stocked(["postgresql"]).await?;
        Ok(start.elapsed())
    }

    /// How long a suite of tests takes, each with a database of its own.
    async fn suite(&self) -> Outcome<Duration> {
        let start = Instant::now();
        let threads = (0..THREADS).map(|thread| async move {
            for _ in (thread..TESTS as usize).step_by(THREADS) {
                let tenant = self.stack.tenant().await?;
                let client = tenant.postgresql().await?.connect().await?;
                containers::use_database(&client).await?;
            }
            Outcome::Ok(())
        });
        let outcomes: Vec<Outcome<()>> = join_all(threads).await;
        outcomes.into_iter().collect::<Outcome<Vec<()>>>()?;
        Ok(start.elapsed())
    }
}

/// Until a room of each engine is ready and none that was left remains, as it is where tests do some work.
async fn stocked(engines: impl IntoIterator<Item = &'static str> + Clone) -> Outcome<()> {
    loop {
        let rooms = Tenants::list()?;
        let count = |engine: &str, stage| {
            let of_engine = rooms.iter().filter(|room| room.engine == engine);
            of_engine.filter(|room| room.stage == stage).count()
        };
        let mut engines = engines.clone().into_iter();
        if engines.all(|engine| count(engine, Stage::Ready) > 0 && count(engine, Stage::Used) == 0) {
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
}
