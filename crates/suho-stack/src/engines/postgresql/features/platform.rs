//! What the init scripts have made: tables that refuse what is wrong, candles, standing policies.
//!
//! On a deployed stack these hold the platform's own rows: every check here rolls back what it writes.

use super::super::super::scratch::Scratch;
use super::super::super::{EngineError, Evidence, Subject};
use super::super::client::Account;
use super::session::{Rows, Session};
use super::sessions::refuses;
use super::ticks::{DAY, HOUR, MINUTE, Tick, candles, inserts, read, series};

/// 1 January 2200: no trade of the platform is as new, so no refresh has been there.
const FAR_AHEAD: i64 = 7_258_118_400;

/// What the tables of reference data, orders and executions refuse for one instrument, account and order `name`.
///
/// Each with the code of the refusal: a broken CHECK, a second row of one key, a key that is nowhere.
fn violations(name: &str) -> [(&'static str, String, &'static str); 9] {
    let order = format!("(SELECT order_id FROM trading.orders WHERE client_order_id = '{name}')");
    [
        (
            "refuse an instrument of no asset class",
            instrument(name, "tulip"),
            "23514",
        ),
        ("refuse an instrument twice", instrument(name, "equity"), "23505"),
        (
            "refuse a limit order without a limit",
            placed(name, "other", "NULL"),
            "23514",
        ),
        ("refuse an order that is sent twice", placed(name, name, "10"), "23505"),
        (
            "refuse an order of no account",
            "INSERT INTO trading.orders (account_id, instrument_id, client_order_id, side, kind, quantity)
             VALUES (-1, -1, 'none', 'buy', 'market', 1)"
                .to_owned(),
            "23503",
        ),
        (
            "refuse to fill more than was ordered",
            format!("UPDATE trading.orders SET filled_quantity = 6 WHERE order_id = {order}"),
            "23514",
        ),
        (
            "refuse an execution that is reported twice",
            execution(&order, name),
            "23505",
        ),
        ("refuse an execution of no order", execution("-1", name), "23503"),
        (
            "refuse a tick without a price",
            "INSERT INTO market.ticks VALUES ('2200-01-01Z', -1, 1, 0, 1, 'buy')".to_owned(),
            "23514",
        ),
    ]
}

fn instrument(name: &str, class: &str) -> String {
    format!(
        "INSERT INTO reference.instruments (venue, symbol, asset_class, currency, tick_size, lot_size)
         VALUES ('{name}', '{name}', '{class}', 'EUR', 0.01, 1)"
    )
}

/// A limit order for five, by the account and the instrument `name`.
fn placed(name: &str, client_order: &str, limit: &str) -> String {
    format!(
        "INSERT INTO trading.orders (account_id, instrument_id, client_order_id, side, kind, quantity, limit_price)
         SELECT account_id, instrument_id, '{client_order}', 'buy', 'limit', 5, {limit}
         FROM trading.accounts JOIN reference.instruments ON venue = name WHERE name = '{name}'"
    )
}

fn execution(order: &str, name: &str) -> String {
    format!(
        "INSERT INTO trading.executions (order_id, venue_execution_id, price, quantity, fee_currency, executed_at)
         VALUES ({order}, '{name}', 10, 1, 'EUR', now())"
    )
}

/// An order and its execution are taken, and what contradicts them or any rule of the tables is refused.
pub async fn constraints(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let session = Session::open(subject.endpoint).await?;
    let Scratch { name, .. } = Scratch::new();
    let violations = violations(&name);
    let refused = async {
        let order = format!("(SELECT order_id FROM trading.orders WHERE client_order_id = '{name}')");
        let account = format!("INSERT INTO trading.accounts (name, base_currency) VALUES ('{name}', 'EUR')");
        let taken = [
            instrument(&name, "equity"),
            account,
            placed(&name, &name, "10"),
            execution(&order, &name),
        ];
        session.run("take an order and its execution", &taken.join(";")).await?;
        for (action, statement, code) in &violations {
            session.run("mark a point to return to", "SAVEPOINT taken").await?;
            refuses(subject, &session, action, statement, code).await?;
            session.run("return to that point", "ROLLBACK TO taken").await?;
        }
        Ok(())
    };
    session.undone(refused).await?;
    Evidence::proved(format!(
        "an order and its execution taken, {} contradictions refused",
        violations.len()
    ))
}

/// The initialisation has left one marker, of the version that this library knows.
pub async fn init_done(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let session = Session::open_as(subject.endpoint, Account::Reader).await?;
    let reading = "read the marker of the initialisation";
    let query = "SELECT schema_version, done_at <= now() FROM infra.init_done";
    let expected = vec![vec!["1".to_owned(), "t".to_owned()]];
    session.expect(reading, &expected, &session.rows(reading, query).await?)?;
    Evidence::proved("one row, of version 1")
}

/// A feed that is replayed adds no tick twice, and ticks lie in chunks of a day.
pub async fn replay(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let session = Session::open(subject.endpoint).await?;
    let ticks = feed();
    let statement = format!("{} ON CONFLICT DO NOTHING", inserts("market.ticks", &ticks).join(";"));
    let replayed = async {
        for (action, expected) in [("take a feed of ticks", ticks.len()), ("take no tick of a replay", 0)] {
            let written = session.written(action, &statement).await?;
            subject
                .endpoint
                .expect(action, &expected.to_string(), &written.to_string())?;
        }
        let reading = "read the chunks of two days of ticks";
        let query = format!(
            "SELECT extract(epoch FROM min(ts))::bigint / {DAY} * {DAY}, count(*)
             FROM market.ticks WHERE instrument_id IN ({}) GROUP BY tableoid ORDER BY 1",
            instruments(&ticks)
        );
        let of_day = |day: i64| ticks.iter().filter(|tick| tick.at / DAY * DAY == day).count();
        let days = [FAR_AHEAD, FAR_AHEAD + DAY].map(|day| vec![day.to_string(), of_day(day).to_string()]);
        session.expect(reading, &days.to_vec(), &session.rows(reading, &query).await?)
    };
    session.undone(replayed).await?;
    Evidence::proved(format!(
        "{} ticks in 2 chunks of a day, none of them twice",
        ticks.len()
    ))
}

/// The candles of a minute and of an hour are those computed here.
pub async fn platform_candles(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let session = Session::open(subject.endpoint).await?;
    let ticks = feed();
    let compared = async {
        let insert = inserts("market.ticks", &ticks).join(";");
        session.run("insert ticks", &insert).await?;
        let mut count = 0;
        for (view, width) in [("market.candles_1m", MINUTE), ("market.candles_1h", HOUR)] {
            let reading = format!("read {view}");
            let source = format!(
                "(SELECT * FROM {view} WHERE instrument_id IN ({}))",
                instruments(&ticks)
            );
            let expected = candles(&ticks, width);
            session.expect(&reading, &expected, &session.rows(&reading, &read(&source)).await?)?;
            count += expected.len();
        }
        Ok(count)
    };
    let count = session.undone(compared).await?;
    Evidence::proved(format!(
        "{} ticks make {count} candles of a minute or an hour, equal to the last digit",
        ticks.len()
    ))
}

/// Trades around a midnight, several in each minute, of instruments that the platform does not have.
fn feed() -> Vec<Tick> {
    let unknown = -(rand::random::<i32>() & 0x3fff_ffff) - 1_000;
    let ticks = series(FAR_AHEAD + DAY - HOUR / 2, 7, 500).into_iter();
    ticks
        .map(|tick| Tick {
            instrument: unknown + tick.instrument,
            ..tick
        })
        .collect()
}

fn instruments(ticks: &[Tick]) -> String {
    let mut ids: Vec<String> = ticks.iter().map(|tick| tick.instrument.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.join(", ")
}

/// Every standing policy of the platform: what it is for, what it does, and the age from which on.
const POLICIES: [[&str; 3]; 6] = [
    ["candles_1h", "policy_refresh_continuous_aggregate", "3 days"],
    ["candles_1m", "policy_compression", "30 days"],
    ["candles_1m", "policy_refresh_continuous_aggregate", "2 days"],
    ["candles_1m", "policy_retention", "2 years"],
    ["ticks", "policy_compression", "3 days"],
    ["ticks", "policy_retention", "90 days"],
];

/// Candles are continuous aggregates in real time, and the policies stand that keep them and the ticks.
pub async fn standing_policies(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let session = Session::open(subject.endpoint).await?;
    let asking = "ask for the licence of TimescaleDB";
    let licence = session.value(asking, "SHOW timescaledb.license").await?;
    if licence != "timescale" {
        return Evidence::not_offered(format!("timescaledb.license is {licence}"));
    }
    let reading = "read the continuous aggregates of the platform";
    let query = "SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates
                 WHERE view_schema = 'market' ORDER BY 1";
    let expected = [["candles_1h", "f"], ["candles_1m", "f"]];
    session.expect(reading, &rows(&expected), &session.rows(reading, query).await?)?;

    let reading = "read the standing policies";
    let query = "SELECT hypertable_name, proc_name,
                        coalesce(config ->> 'compress_after', config ->> 'drop_after', config ->> 'start_offset')
                 FROM timescaledb_information.jobs WHERE hypertable_schema = 'market' AND scheduled ORDER BY 1, 2";
    session.expect(reading, &rows(&POLICIES), &session.rows(reading, query).await?)?;
    Evidence::proved(format!(
        "2 continuous aggregates in real time, {} policies",
        POLICIES.len()
    ))
}

fn rows<const N: usize>(rows: &[[&str; N]]) -> Rows {
    rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
}

/// Nothing is told to the makers of the extension: the setting says so, and no job is scheduled that would.
pub async fn telemetry(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let session = Session::open(subject.endpoint).await?;
    let looking = "look for a job that tells the makers of the extension";
    let query = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_telemetry' AND scheduled";
    session.expect(looking, &Rows::new(), &session.rows(looking, query).await?)?;

    let asking = "ask for the level of telemetry";
    let query = "SELECT setting FROM pg_settings WHERE name = 'timescaledb.telemetry_level'";
    let levels = session.rows(asking, query).await?.concat();
    match levels.first() {
        None => Evidence::not_offered("no telemetry in this build: neither its setting nor its job exists"),
        Some(level) if level == "off" => Evidence::proved("the level is off, and no job is scheduled"),
        Some(level) => Err(subject.endpoint.unexpected(asking, "off", level)),
    }
}
