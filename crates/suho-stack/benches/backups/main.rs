//! What a backup costs, beside each engine's own tool: `make bench-backup`.
//!
//! # Layout
//! - `clients`: the engines' clients, as a service has them.
//! - `seeds`: a gigabyte in six engines.
//! - `load`: somebody who writes meanwhile.
//! - `tools`: each engine's own tool.
//! - `figures`: medians and the table.

mod clients;
mod figures;
mod load;
mod seeds;
mod tools;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use suho_stack::backup::manifest::EnginePart;
use suho_stack::backup::{self, Kept, Progress, Request, Restore, Target};
use suho_stack::stack::Stack;

use figures::{HEAD, Row, megabytes, seconds};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ENGINES: [&str; 6] = ["postgresql", "clickhouse", "dragonflydb", "weaviate", "nats", "kafka"];
/// Backups and tools take turns, so that what disturbs one disturbs the other.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> Outcome<()> {
    let place = tempfile::tempdir()?;
    let stack = started("a").await?;
    Box::pin(seeds::everything(&stack)).await?;
    let (whole, mut rows) = tokio::select! {
        measured = measure(&stack, place.path()) => measured?,
        written = load::write(&stack) => return Err(format!("the load ended: {written:?}").into()),
    };
    stack.stop().await?;
    restore(&whole, &mut rows).await?;
    println!("\n{HEAD}");
    for row in &rows {
        println!("{row}");
    }
    let together = rows.iter().map(|row| row.bytes).sum();
    println!("{:<12}{:>9.1}", "together", megabytes(together));
    let met = rows.iter().filter(|row| row.is_met()).count();
    println!(
        "{met} of {} met, medians of {ROUNDS}, on a machine that may have been busy, while somebody wrote to every engine",
        rows.len()
    );
    Ok(())
}

async fn started(which: &str) -> Outcome<Stack> {
    let name = format!("bench-backup-{which}-{}", std::process::id());
    let stack = Stack::builder().name(name).engines(ENGINES).start().await?;
    println!("{} serves", stack.state().name);
    Ok(stack)
}

/// Backs the whole up, then each engine by itself in turns with its own tool.
async fn measure(stack: &Stack, place: &Path) -> Outcome<(Kept, Vec<Row>)> {
    let target = Target::of(stack.state()).await?;
    let begun = Instant::now();
    let whole = backup::take(&target, &Request::new(place), &tell).await?;
    println!(
        "backed up as a whole: {:.0} MB on disk in {}",
        megabytes(whole.manifest.size()),
        seconds(begun.elapsed())
    );
    let mut rows = Vec::new();
    for part in &whole.manifest.engines {
        let engine = suho_stack::engines::by_service(&part.service).ok_or("it is an engine")?;
        let mut row = Row {
            engine: engine.name().to_owned(),
            bytes: held(stack, part).await?,
            ..Row::default()
        };
        for _ in 0..ROUNDS {
            let request = Request {
                services: vec![part.service.clone()],
                ..Request::new(place.join("alone"))
            };
            let alone = backup::take(&target, &request, &|_| ()).await?;
            let [part] = &alone.manifest.engines[..] else {
                return Err("one engine was asked for".into());
            };
            row.ours.add(Duration::from_millis(part.milliseconds));
            let taken = tools::measure(stack, engine.name(), place).await?;
            row.bare.add(taken.bare);
            row.carried.add(taken.carried);
            std::fs::remove_dir_all(alone.path)?;
        }
        println!("{row}");
        rows.push(row);
    }
    Ok((whole, rows))
}

/// What an engine holds: before it is compressed, where it or its tool does that; else what the backup reads.
async fn held(stack: &Stack, part: &EnginePart) -> Outcome<u64> {
    match part.service.as_str() {
        "suho-postgresql" => {
            let size = "SELECT pg_database_size('suho')";
            let size: i64 = clients::postgresql(stack).await?.query_one(size, &[]).await?.get(0);
            Ok(size.unsigned_abs())
        }
        "suho-clickhouse" => {
            let size = "SELECT sum(data_uncompressed_bytes) FROM system.parts \
                        WHERE active AND database IN ('market', 'scratch')";
            Ok(clients::clickhouse(stack)?.query(size).fetch_one().await?)
        }
        _ => Ok(part.content_size()),
    }
}

/// Restores the backup that was taken under load into another stack; that fails where what is counted then is not equal.
async fn restore(whole: &Kept, rows: &mut [Row]) -> Outcome<()> {
    let stack = started("b").await?;
    let target = Target::of(stack.state()).await?;
    let times = Mutex::new(BTreeMap::new());
    let note = |progress| {
        if let Progress::Done { service, elapsed, .. } = progress {
            let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
            times.insert(service, elapsed);
        }
    };
    backup::restore(&target, &Restore::of(&whole.path), &note).await?;
    let times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (part, row) in whole.manifest.engines.iter().zip(rows) {
        row.restored = times.get(&part.service).copied().unwrap_or_default();
        println!("{}: restored, and equal by {} counts", row.engine, part.tallies.len());
    }
    stack.stop().await?;
    Ok(())
}

fn tell(progress: Progress) {
    match progress {
        Progress::Done { service, elapsed, .. } => println!("{service}: backed up in {}", seconds(elapsed)),
        Progress::Note { service, words } => println!("{service}: {words}"),
        Progress::NotOffered { service, reason } => println!("{service}: not in the backup: {reason}"),
        _ => {}
    }
}
