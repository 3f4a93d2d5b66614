//! The columnstore: the same answers out of a fraction of the space.

use super::super::super::{EngineError, Evidence, Subject};
use super::hypertables::BY_DAY;
use super::session::{Ground, Rows, Session};
use super::ticks::{DAY, Tick, cents, series};

/// 1 March 2024.
const BEGIN: i64 = 1_709_251_200;
/// Chunks of the scratch table.
const DAYS: i64 = 3;
/// Trades of each day.
const TRADES: i64 = 2_000;

/// An instrument's trades lie together, the newest first.
pub const BY_INSTRUMENT: &str = "timescaledb.enable_columnstore, timescaledb.segmentby = 'instrument_id',
     timescaledb.orderby = 'ts DESC, sequence DESC'";

/// Turned into columns, the chunks say the same, take less space, are laid out as asked, and take in a late row.
pub async fn columnstore(subject: &Subject<'_>, layout: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let mut ticks: Vec<Tick> = (0..DAYS)
                .flat_map(|day| series(BEGIN + day * DAY, 40, TRADES))
                .collect();
            let session = ground.hypertable(BY_DAY).await?;
            ground.insert(&session, &ticks).await?;
            says_the_same(&session, &ground, &ticks, "read the rows").await?;

            turn_into_columns(&session, &ground, layout).await?;
            says_the_same(&session, &ground, &ticks, "read the columns").await?;
            is_laid_out(&session, &ground).await?;
            let saved = is_smaller(subject, &session, &ground).await?;

            let late = Tick {
                sequence: TRADES,
                ..ticks[0]
            };
            ticks.push(late);
            ground.insert(&session, &[late]).await?;
            says_the_same(&session, &ground, &ticks, "read the columns and a late trade").await?;
            Evidence::proved(format!(
                "{DAYS} chunks of {TRADES} trades in {saved} % less space, by instrument; a late trade was taken in"
            ))
        })
        .await
}

async fn turn_into_columns(session: &Session<'_>, ground: &Ground<'_>, layout: &str) -> Result<(), EngineError> {
    let table = ground.table();
    session
        .run("set up the columnstore", &format!("ALTER TABLE {table} SET ({layout})"))
        .await?;
    let converting = "convert a chunk to the columnstore";
    let chunks = session
        .rows(converting, &format!("SELECT show_chunks('{table}')"))
        .await?;
    for chunk in chunks.iter().flatten() {
        session
            .run(converting, &format!("CALL convert_to_columnstore('{chunk}')"))
            .await?;
    }
    let expected: Rows = vec![vec!["t".to_owned()]; chunks.len()];
    let is_columnar = format!(
        "SELECT is_compressed FROM timescaledb_information.chunks WHERE {}",
        ground.is_table()
    );
    session.expect(converting, &expected, &session.rows(converting, &is_columnar).await?)
}

/// Holds count, turnover and a checksum of every instrument against those computed here.
async fn says_the_same(
    session: &Session<'_>,
    ground: &Ground<'_>,
    ticks: &[Tick],
    action: &str,
) -> Result<(), EngineError> {
    let query = format!(
        "SELECT instrument_id, count(*), trim_scale(sum(price * quantity)),
                trim_scale(sum(price * (extract(epoch FROM ts)::bigint % 1009 + 31 * sequence)))
         FROM {} GROUP BY 1 ORDER BY 1",
        ground.table()
    );
    session.expect(action, &sums(ticks), &session.rows(action, &query).await?)
}

fn sums(ticks: &[Tick]) -> Rows {
    [1, 2, 3]
        .map(|instrument| {
            let own = || ticks.iter().filter(move |tick| tick.instrument == instrument);
            let turnover = own().map(|tick| tick.price * tick.quantity).sum();
            let checksum = own()
                .map(|tick| tick.price * (tick.at % 1_009 + 31 * tick.sequence))
                .sum();
            vec![
                instrument.to_string(),
                own().count().to_string(),
                cents(turnover),
                cents(checksum),
            ]
        })
        .to_vec()
}

async fn is_laid_out(session: &Session<'_>, ground: &Ground<'_>) -> Result<(), EngineError> {
    let action = "read how the columnstore is laid out";
    let query = format!(
        "SELECT segmentby, replace(orderby, ', ', ',') FROM timescaledb_information.hypertable_columnstore_settings
         WHERE hypertable = '{}'::regclass",
        ground.table()
    );
    let expected = vec![vec!["instrument_id".to_owned(), "ts DESC,sequence DESC".to_owned()]];
    session.expect(action, &expected, &session.rows(action, &query).await?)
}

/// By how many percent the chunks have shrunk.
async fn is_smaller(subject: &Subject<'_>, session: &Session<'_>, ground: &Ground<'_>) -> Result<i64, EngineError> {
    let action = "measure the columnstore";
    let query = format!(
        "SELECT 100 - 100 * after_compression_total_bytes / before_compression_total_bytes
         FROM hypertable_columnstore_stats('{}')",
        ground.table()
    );
    let saved = session.value(action, &query).await?;
    match saved.parse() {
        Ok(percent) if percent > 0 => Ok(percent),
        _ => Err(subject
            .endpoint
            .unexpected(action, "less space than before", format!("{saved} % saved"))),
    }
}
