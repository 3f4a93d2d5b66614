//! Candles of ticks that were inserted into a hypertable.

use tokio_postgres::Row;

use super::super::asking::prove_and_remove;
use super::super::feed::{Candle, Decimal, Tick};
use super::super::{Endpoint, EngineError};
use super::client;
use super::round_trip::drop_table;

/// Inserts `ticks` into the hypertable `scratch.name`, which exists only for that, and returns what it makes of them.
pub(crate) async fn candles(endpoint: &Endpoint, name: &str, ticks: &[Tick]) -> Result<Vec<Candle>, EngineError> {
    let table = format!("scratch.{name}");
    let folding = async {
        let session = client::connect(endpoint).await?;
        session
            .batch_execute(&format!(
                "CREATE TABLE {table} (
                     ts         timestamptz   NOT NULL,
                     instrument integer       NOT NULL,
                     sequence   bigint        NOT NULL,
                     price      numeric(20,4) NOT NULL,
                     quantity   numeric(20,4) NOT NULL
                 );
                 SELECT create_hypertable('{table}', by_range('ts', INTERVAL '1 day'))"
            ))
            .await
            .map_err(endpoint.failed(format!("create the hypertable {table}")))?;
        let column = |text: fn(&Tick) -> String| ticks.iter().map(text).collect::<Vec<_>>();
        session
            .execute(
                &format!(
                    "INSERT INTO {table} (ts, instrument, sequence, price, quantity)
                     SELECT timestamptz 'epoch' + at::bigint * INTERVAL '1 millisecond',
                            instrument::integer, sequence::bigint, price::numeric, quantity::numeric
                     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                         AS tick (at, instrument, sequence, price, quantity)"
                ),
                &[
                    &column(|tick| tick.at.to_string()),
                    &column(|tick| tick.instrument.to_string()),
                    &column(|tick| tick.sequence.to_string()),
                    &column(|tick| tick.price.to_string()),
                    &column(|tick| tick.quantity.to_string()),
                ],
            )
            .await
            .map_err(endpoint.failed(format!("insert ticks into {table}")))?;
        let selecting = format!("select candles from {table}");
        let rows = session
            .query(
                &format!(
                    "SELECT instrument,
                            extract(epoch FROM time_bucket(INTERVAL '1 minute', ts))::bigint,
                            first(price, sequence)::text, max(price)::text, min(price)::text,
                            last(price, sequence)::text, sum(quantity)::text
                     FROM {table} GROUP BY 1, 2 ORDER BY 1, 2"
                ),
                &[],
            )
            .await
            .map_err(endpoint.failed(&selecting))?;
        rows.iter()
            .map(|row| candle(row).ok_or_else(|| endpoint.unexpected(&selecting, "exact decimals", format!("{row:?}"))))
            .collect()
    };
    prove_and_remove(endpoint, Box::pin(folding), drop_table(endpoint, &table)).await
}

fn candle(row: &Row) -> Option<Candle> {
    let decimal = |column: usize| Decimal::read(row.try_get(column).ok()?);
    Some(Candle {
        instrument: row.try_get(0).ok()?,
        minute: row.try_get(1).ok()?,
        open: decimal(2)?,
        high: decimal(3)?,
        low: decimal(4)?,
        close: decimal(5)?,
        volume: decimal(6)?,
    })
}
