//! PostgreSQL without us: bare clones of the template, by either strategy.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use suho_stack::engines::Endpoint;
use tokio_postgres::{Client, NoTls};

use crate::Outcome;
use crate::figures::Times;

/// The sealed database with the deployment's schema, from which tenants are cloned too.
const TEMPLATE: &str = "suho_template";
const STRATEGIES: [&str; 2] = ["wal_log", "file_copy"];
const ROUNDS: usize = 20;

/// One after the other, by both strategies; the times of the better.
pub async fn measure(endpoint: &Endpoint) -> Outcome<Times> {
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
        both.push(times);
    }
    both.sort_by_key(Times::p50);
    Ok(both.swap_remove(0))
}

/// A crowd of clones.
pub struct Crowd {
    /// Until the last of them was made.
    pub made: Duration,
    /// Until the last of them was dropped again.
    pub gone: Duration,
}

/// A crowd by the strategy that makes it sooner, which is not always the one that makes a single clone sooner.
pub async fn best_crowd(endpoint: &Endpoint, count: usize, together: usize) -> Outcome<Crowd> {
    let mut both = Vec::new();
    for strategy in STRATEGIES {
        let crowd = crowd(endpoint, strategy, count, together).await?;
        println!(
            "  clones by {strategy:<12} made after {:.1?}, dropped after {:.1?}",
            crowd.made, crowd.gone
        );
        both.push(crowd);
    }
    both.sort_by_key(|crowd| crowd.made);
    Ok(both.swap_remove(0))
}

/// `count` clones, `together` at a time, first made and then dropped.
async fn crowd(endpoint: &Endpoint, strategy: &str, count: usize, together: usize) -> Outcome<Crowd> {
    let administrators = try_join_all((0..together).map(|_| connect(endpoint))).await?;
    let start = Instant::now();
    for_each(&administrators, count, |name| creating(name, strategy)).await?;
    let made = start.elapsed();
    for_each(&administrators, count, dropping).await?;
    Ok(Crowd {
        made,
        gone: start.elapsed(),
    })
}

/// Runs a statement for each of `count` names, as many at a time as there are sessions.
async fn for_each(sessions: &[Client], count: usize, statement: impl Fn(&str) -> String) -> Outcome<()> {
    let lanes = sessions.iter().enumerate().map(|(lane, session)| {
        let statement = &statement;
        async move {
            for round in (lane..count).step_by(sessions.len()) {
                session.batch_execute(&statement(&format!("crowd_{round}"))).await?;
            }
            Outcome::Ok(())
        }
    });
    try_join_all(lanes).await?;
    Ok(())
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
