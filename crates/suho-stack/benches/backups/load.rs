//! Somebody who writes to every engine while backups are taken, at a pace that leaves the machine free.

use std::time::Duration;

use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use suho_stack::stack::Stack;
use tokio::time::{MissedTickBehavior, interval};

use crate::Outcome;
use crate::clients::{self, MOVING};
use crate::seeds::{noise, object, post};

/// Between two writes to an engine.
const PACE: Duration = Duration::from_millis(100);
/// How many rows, messages, records or keys each is.
const WRITES: usize = 20;

/// Writes for ever, beside what was there before: a stream, a topic, a class, a table, a logical database of its own.
pub async fn write(stack: &Stack) -> Outcome<()> {
    let postgresql = clients::postgresql(stack).await?;
    let clickhouse = clients::clickhouse(stack)?;
    let mut valkey = clients::valkey(stack, 1).await?;
    let nats = clients::stream(stack, MOVING).await?;
    let kafka: FutureProducer = clients::kafka(stack)?.create()?;
    let mut paces = interval(PACE);
    paces.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_usize.. {
        paces.tick().await;
        let rows = format!("INSERT INTO scratch.{MOVING} SELECT i, md5(i::text) FROM generate_series(1, {WRITES}) i");
        postgresql.batch_execute(&rows).await?;
        let rows = format!("INSERT INTO scratch.{MOVING} SELECT number, number FROM numbers({WRITES})");
        clickhouse.query_raw(&rows).execute().await?;
        for number in 0..WRITES {
            let key = format!("{MOVING}:{round}:{number}");
            redis::cmd("SET").arg(&key).arg(noise()).exec_async(&mut valkey).await?;
            nats.publish(format!("{MOVING}.{number}"), noise().into())
                .await?
                .await?;
            let value = noise();
            let record = FutureRecord::to(MOVING).key(&key).payload(&value);
            let sent = kafka.send_result(record).map_err(|(error, _)| error)?;
            sent.await?.map_err(|(error, _)| error)?;
        }
        post(
            stack,
            "/v1/batch/objects",
            &json!({"objects": [object("Moving", round)]}),
        )
        .await?;
    }
    Ok(())
}
