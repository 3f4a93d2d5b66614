//! PostgreSQL without us: bare clones of the template, by either strategy.

use std::time::{Duration, Instant};

use suho_stack::engines::Endpoint;
use tokio_postgres::{Client, NoTls};

use crate::Outcome;
use crate::figures::Times;

/// The sealed database with the deployment's schema, from which tenants are cloned too.
const TEMPLATE: &str = "suho_template";
const STRATEGIES: [&str; 2] = ["wal_log", "file_copy"];
const ROUNDS: usize = 20;

/// Bare clones by the better strategy.
pub struct Clones {
    pub strategy: &'static str,
    pub times: Times,
}

/// One after the other, by both strategies.
pub async fn measure(endpoint: &Endpoint) -> Outcome<Clones> {
    let administrator = connect(endpoint).await?;
    let mut both = Vec::new();
    for strategy in STRATEGIES {
        let mut times = Times::default();
        for round in 0..ROUNDS {
            let name = format!("bare_{round}");
            times
                .of(administrator.batch_execute(&creating(&name, strategy)))
                .await?;
            administrator.batch_execute(&dropping(&name)).await?;
        }
        println!("  clone by {strategy:<23}{times}");
        both.push(Clones { strategy, times });
    }
    both.sort_by_key(|clones| clones.times.p50());
    Ok(both.swap_remove(0))
}

/// How long `count` clones take, `together` at a time, each dropped when it is made, as a steady stream has to.
pub async fn stream(endpoint: &Endpoint, strategy: &str, count: usize, together: usize) -> Outcome<Duration> {
    let administrators = futures::future::try_join_all((0..together).map(|_| connect(endpoint))).await?;
    let start = Instant::now();
    let lanes = administrators
        .iter()
        .enumerate()
        .map(|(lane, administrator)| async move {
            for round in (lane..count).step_by(together) {
                let name = format!("stream_{round}");
                administrator.batch_execute(&creating(&name, strategy)).await?;
                administrator.batch_execute(&dropping(&name)).await?;
            }
            Outcome::Ok(())
        });
    futures::future::try_join_all(lanes).await?;
    Ok(start.elapsed())
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
