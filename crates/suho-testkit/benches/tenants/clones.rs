//! PostgreSQL without us: bare clones of the template, by each strategy.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use suho_stack::engines::Endpoint;
use tokio_postgres::{Client, NoTls};

use crate::Outcome;
use crate::figures::Times;

/// The sealed database with the deployment's schema, from which tenants are cloned too.
const TEMPLATE: &str = "suho_template";
/// The last is in the memory that the stack lends to its tenants.
const STRATEGIES: [&str; 3] = ["wal_log", "file_copy", "file_copy TABLESPACE suho_tenants"];
const ROUNDS: usize = 20;

/// One after the other, by each strategy; the times of the best.
pub async fn measure(endpoint: &Endpoint) -> Outcome<Times> {
    let administrator = connect(endpoint).await?;
    let mut all = Vec::new();
    for strategy in STRATEGIES {
        let mut times = Times::default();
        for round in 0..ROUNDS {
            let name = format!("bare_{round}");
            times
                .of(administrator.batch_execute(&creating(&name, strategy)))
                .await?;
            administrator.batch_execute(&dropping(&name)).await?;
        }
        println!("  {strategy:<32}{times}");
        all.push(times);
    }
    all.sort_by_key(Times::p50);
    Ok(all.swap_remove(0))
}

/// A stream of clones that come and go, by the strategy that is through with it soonest, which is not always the one that
/// makes a single clone soonest.
pub struct Stream<'a> {
    endpoint: &'a Endpoint,
    strategy: &'static str,
    count: usize,
    together: usize,
}

impl<'a> Stream<'a> {
    /// Of `count` clones, `together` at a time.
    pub async fn best(endpoint: &'a Endpoint, count: usize, together: usize) -> Outcome<Self> {
        let mut timed = Vec::new();
        for strategy in STRATEGIES {
            let stream = Self {
                endpoint,
                strategy,
                count,
                together,
            };
            let time = stream.run().await?;
            println!("  clones by {strategy:<40}{time:>6.1?}");
            timed.push((time, stream));
        }
        let best = timed.into_iter().min_by_key(|(time, _)| *time);
        Ok(best.ok_or("there are strategies")?.1)
    }

    /// How long it takes until so many have come and gone.
    pub async fn run(&self) -> Outcome<Duration> {
        let administrators = try_join_all((0..self.together).map(|_| connect(self.endpoint))).await?;
        let start = Instant::now();
        let lanes = administrators
            .iter()
            .enumerate()
            .map(|(lane, administrator)| async move {
                for round in (lane..self.count).step_by(self.together) {
                    let name = format!("stream_{round}");
                    administrator.batch_execute(&creating(&name, self.strategy)).await?;
                    administrator.batch_execute(&dropping(&name)).await?;
                }
                Outcome::Ok(())
            });
        try_join_all(lanes).await?;
        Ok(start.elapsed())
    }
}

async fn connect(endpoint: &Endpoint) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::Config::new()
        .host(&endpoint.host)
        .port(endpoint.port(5432)?)
        .user("suho_admin")
        .password(endpoint.credential("POSTGRES_PASSWORD")?)
        .dbname("postgres")
        .connect(NoTls)
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

fn creating(name: &str, strategy: &str) -> String {
    format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY {strategy}")
}

fn dropping(name: &str) -> String {
    format!("DROP DATABASE {name} WITH (FORCE)")
}
