//! One feed of ticks through four engines.

use std::collections::BTreeMap;

use crate::engines::{
    Endpoint, EngineError, Evidence, clickhouse,
    feed::{self, Candle, Tick},
    kafka, nats, postgresql,
};

/// As many as make a dozen candles of some fifty trades each.
const TICKS: usize = 600;

/// One feed of ticks → `JetStream` → Kafka → `ClickHouse`, and → `JetStream` → `TimescaleDB`, gives the same candles to the last
/// digit: those that are computed here.
///
/// `on_the_way` is what becomes of the ticks between `JetStream` and Kafka: nothing, in a platform that works.
pub async fn one_feed(
    engines: &BTreeMap<String, Endpoint>,
    on_the_way: impl Fn(Vec<Tick>) -> Vec<Tick>,
) -> Result<Evidence, EngineError> {
    let [Some(stream), Some(topic), Some(columns), Some(hypertable)] = [
        engines.get("suho-nats-server"),
        engines.get("suho-kafka"),
        engines.get("suho-clickhouse"),
        engines.get("suho-postgresql"),
    ] else {
        let reason = "it needs NATS, Kafka, ClickHouse and PostgreSQL, and not all of them run here";
        return Ok(Evidence::NotAskable(reason.to_owned()));
    };
    let name = format!("feed_{:016x}", rand::random::<u64>());
    let ticks = feed::ticks(TICKS);
    let relayed = nats::relay::relay(stream, &name, &ticks).await?;
    stream.expect("relay every tick in its order", &ticks, &relayed)?;

    let published = on_the_way(relayed.clone());
    let folding = async {
        let publication = kafka::publication::publish(topic, &name, &published).await?;
        // Both to their ends, as each removes its tables there.
        let (from_clickhouse, from_timescaledb) = tokio::join!(
            clickhouse::candles::candles(columns, &name, &publication, published.len()),
            postgresql::candles::candles(hypertable, &name, &relayed),
        );
        Ok((from_clickhouse?, from_timescaledb?))
    };
    let folded = Box::pin(folding).await;
    let withdrawn = kafka::publication::withdraw(topic, &name).await;
    let (from_clickhouse, from_timescaledb) = folded?;
    withdrawn?;
    let expected = feed::candles(&ticks);
    same(hypertable, &expected, &from_timescaledb)?;
    same(columns, &expected, &from_clickhouse)?;
    Ok(Evidence::Proved(format!(
        "{} candles of {TICKS} ticks, the same in ClickHouse and TimescaleDB",
        expected.len()
    )))
}

/// Names the first candle that is another one.
fn same(engine: &Endpoint, expected: &[Candle], found: &[Candle]) -> Result<(), EngineError> {
    engine.expect("count the candles", &expected.len(), &found.len())?;
    expected
        .iter()
        .zip(found)
        .try_for_each(|(expected, found)| engine.expect("fold ticks into a candle", expected, found))
}
