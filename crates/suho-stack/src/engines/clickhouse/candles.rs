//! Candles of ticks that the server takes by itself out of a topic of Kafka.

use std::time::Duration;

use clickhouse::{Client, Row};
use serde::Deserialize;
use tokio::time::sleep;

use super::super::asking::prove_and_remove;
use super::super::feed::{Candle, Decimal};
use super::super::kafka::publication::Publication;
use super::super::{Endpoint, EngineError};
use super::client;

/// Between two looks at what has arrived.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, Row, Deserialize)]
struct Folded {
    instrument: i32,
    minute: i64,
    open: String,
    high: String,
    low: String,
    close: String,
    volume: String,
}

/// Reads the `count` ticks of `publication` through tables called `scratch.name…`, which exist only for that.
pub(crate) async fn candles(
    endpoint: &Endpoint,
    name: &str,
    publication: &Publication<'_>,
    count: usize,
) -> Result<Vec<Candle>, EngineError> {
    let client = client::connect(endpoint)?;
    let folding = async {
        for (what, statement) in scene(name, publication) {
            run(endpoint, &client, &format!("create the {what} of {name}"), &statement).await?;
        }
        arrival(endpoint, &client, name, count).await?;
        fold(endpoint, &client, name).await
    };
    // The queue first, while its topic is still there.
    let removal = async {
        for table in [format!("{name}_view"), format!("{name}_queue"), name.to_owned()] {
            let statement = format!("DROP TABLE IF EXISTS scratch.{table} SYNC");
            run(endpoint, &client, &format!("drop scratch.{table}"), &statement).await?;
        }
        Ok(())
    };
    prove_and_remove(endpoint, Box::pin(folding), removal).await
}

/// The queue delivers at least once: a tick that comes again replaces itself.
fn scene(name: &str, publication: &Publication<'_>) -> [(&'static str, String); 3] {
    let columns = "instrument Int32, sequence Int64, at Int64, price Decimal64(4), quantity Decimal64(4)";
    let Publication {
        topic,
        broker,
        user,
        password,
        protocol,
        mechanism,
    } = publication;
    [
        (
            "table",
            format!(
                "CREATE TABLE scratch.{name} ({columns}) ENGINE = ReplacingMergeTree ORDER BY (instrument, sequence)"
            ),
        ),
        (
            "queue",
            format!(
                "CREATE TABLE scratch.{name}_queue ({columns}) ENGINE = Kafka SETTINGS
                 kafka_broker_list = '{broker}', kafka_topic_list = '{topic}', kafka_group_name = '{topic}',
                 kafka_format = 'JSONEachRow', kafka_flush_interval_ms = 250, kafka_poll_timeout_ms = 100,
                 kafka_security_protocol = '{protocol}', kafka_sasl_mechanism = '{mechanism}',
                 kafka_sasl_username = '{user}', kafka_sasl_password = '{password}'"
            ),
        ),
        (
            "view",
            format!(
                "CREATE MATERIALIZED VIEW scratch.{name}_view TO scratch.{name} AS SELECT * FROM scratch.{name}_queue"
            ),
        ),
    ]
}

/// Waits until all of `count` ticks are there.
async fn arrival(endpoint: &Endpoint, client: &Client, name: &str, count: usize) -> Result<(), EngineError> {
    let counting = format!("count the ticks of scratch.{name}");
    let counted = format!("SELECT count() FROM scratch.{name} FINAL");
    loop {
        let arrived: u64 = client
            .query(&counted)
            .fetch_one()
            .await
            .map_err(endpoint.failed(&counting))?;
        if usize::try_from(arrived).is_ok_and(|arrived| arrived >= count) {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

async fn fold(endpoint: &Endpoint, client: &Client, name: &str) -> Result<Vec<Candle>, EngineError> {
    let selecting = format!("select candles from scratch.{name}");
    let rows: Vec<Folded> = client
        .query(&format!(
            "SELECT instrument,
                    toInt64(toUnixTimestamp(toStartOfMinute(fromUnixTimestamp64Milli(at, 'UTC')))) AS minute,
                    toString(argMin(price, sequence)) AS open, toString(max(price)) AS high,
                    toString(min(price)) AS low, toString(argMax(price, sequence)) AS close,
                    toString(sum(quantity)) AS volume
             FROM scratch.{name} FINAL GROUP BY instrument, minute ORDER BY instrument, minute"
        ))
        .fetch_all()
        .await
        .map_err(endpoint.failed(&selecting))?;
    rows.iter()
        .map(|row| {
            row.candle()
                .ok_or_else(|| endpoint.unexpected(&selecting, "exact decimals", format!("{row:?}")))
        })
        .collect()
}

impl Folded {
    fn candle(&self) -> Option<Candle> {
        Some(Candle {
            instrument: self.instrument,
            minute: self.minute,
            open: Decimal::read(&self.open)?,
            high: Decimal::read(&self.high)?,
            low: Decimal::read(&self.low)?,
            close: Decimal::read(&self.close)?,
            volume: Decimal::read(&self.volume)?,
        })
    }
}

async fn run(endpoint: &Endpoint, client: &Client, action: &str, statement: &str) -> Result<(), EngineError> {
    let executed = client.query(statement).execute().await;
    executed.map_err(endpoint.failed(action))
}
