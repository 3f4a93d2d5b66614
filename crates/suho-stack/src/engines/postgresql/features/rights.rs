//! What the roles of the init scripts may do, tried without touching a row.

use super::super::super::{EngineError, Evidence, Subject};
use super::super::client::Account;
use super::session::Session;
use super::sessions::refuses;

/// What each role may not do, without a row being touched if it may: the action, the statement, the refusal's code.
const FORBIDDEN: &[(Account, &str, &str, &str)] = &[
    (Account::Reader, "keep the reader from writing", TICK, READ_ONLY),
    (
        Account::Reader,
        "keep the reader from writing in a transaction that may",
        AS_WRITER,
        DENIED,
    ),
    (
        Account::Reader,
        "keep the reader from making tables",
        "SET TRANSACTION READ WRITE; CREATE TABLE scratch.probe ()",
        DENIED,
    ),
    (
        Account::Service,
        "keep services from changing ticks",
        "UPDATE market.ticks SET price = price WHERE false",
        DENIED,
    ),
    (
        Account::Service,
        "keep services from deleting executions",
        "DELETE FROM trading.executions WHERE false",
        DENIED,
    ),
    (
        Account::Service,
        "keep services from deleting orders",
        "DELETE FROM trading.orders WHERE false",
        DENIED,
    ),
    (
        Account::Service,
        "keep services from changing the schema",
        "CREATE TABLE market.probe ()",
        DENIED,
    ),
    (
        Account::Service,
        "keep services from passwords",
        "SELECT FROM pg_catalog.pg_authid",
        DENIED,
    ),
];
const TICK: &str = "INSERT INTO market.ticks VALUES ('2200-01-01Z', -1, 1, 1, 1, 'buy')";
const AS_WRITER: &str =
    "SET TRANSACTION READ WRITE; INSERT INTO market.ticks VALUES ('2200-01-01Z', -1, 1, 1, 1, 'buy')";
const READ_ONLY: &str = "25006";
const DENIED: &str = "42501";

/// What each role needs.
const ALLOWED: &[(Account, &str, &str)] = &[
    (
        Account::Reader,
        "read ticks as the reader",
        "SELECT FROM market.ticks LIMIT 1",
    ),
    (
        Account::Reader,
        "read candles as the reader",
        "SELECT FROM market.candles_1h LIMIT 1",
    ),
    (
        Account::Reader,
        "read positions as the reader",
        "SELECT FROM trading.positions LIMIT 1",
    ),
    (Account::Service, "insert a tick as a service", TICK),
    (
        Account::Service,
        "change orders as a service",
        "UPDATE trading.orders SET status = status WHERE false",
    ),
    (
        Account::Service,
        "read positions as a service",
        "SELECT FROM trading.positions LIMIT 1",
    ),
];

/// The monitoring role reads everything and writes nothing; services add and keep the books, and rewrite no history.
pub async fn rights(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    for account in [Account::Reader, Account::Service] {
        let session = Session::open_as(subject.endpoint, account).await?;
        if let Some(reason) = session.single_process().await? {
            return Evidence::not_offered(reason);
        }
        for (_, action, statement) in ALLOWED.iter().filter(|(of, ..)| *of == account) {
            session.undone(session.run(action, statement)).await?;
        }
        for (_, action, statement, code) in FORBIDDEN.iter().filter(|(of, ..)| *of == account) {
            session
                .undone(refuses(subject, &session, action, statement, code))
                .await?;
        }
    }
    Evidence::proved(format!("{} things allowed, {} refused", ALLOWED.len(), FORBIDDEN.len()))
}
