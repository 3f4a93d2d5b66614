//! What ends by itself: statements, waits for a lock, forgotten transactions; and what each role starts with.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::super::super::{EngineError, Evidence, Subject};
use super::super::client::Account;
use super::session::{Ground, Session};

/// Long beside a scheduler's whims, short beside a check.
pub const SOON: &str = "100ms";
/// What a server is given to do what it owes soon.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// What the init scripts give the roles, as the server spells it.
const ROLE_SETTINGS: &[(Account, &str, &str)] = &[
    (Account::Service, "statement_timeout", "30s"),
    (Account::Service, "lock_timeout", "5s"),
    (Account::Service, "idle_in_transaction_session_timeout", "30s"),
    (Account::Reader, "statement_timeout", "1min"),
    (Account::Reader, "default_transaction_read_only", "on"),
];

/// Each session of a role starts with the role's own limits.
pub async fn role_settings(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    for account in [Account::Service, Account::Reader] {
        let session = Session::open_as(endpoint, account).await?;
        if let Some(reason) = session.single_process().await? {
            return Evidence::not_offered(reason);
        }
        for (_, setting, expected) in ROLE_SETTINGS.iter().filter(|(of, ..)| *of == account) {
            let asking = format!("ask for {setting} as {}", account.role());
            let found = session.value(&asking, &format!("SHOW {setting}")).await?;
            endpoint.expect(&asking, *expected, found.as_str())?;
        }
    }
    Evidence::proved(format!(
        "{} settings of the service and the reader",
        ROLE_SETTINGS.len()
    ))
}

/// A statement that takes longer than its limit is cancelled.
pub async fn statement_timeout(subject: &Subject<'_>, limit: &str) -> Result<Evidence, EngineError> {
    let session = Session::open(subject.endpoint).await?;
    if let Some(reason) = session.single_process().await? {
        return Evidence::not_offered(reason);
    }
    session
        .run("limit a statement", &format!("SET statement_timeout = '{limit}'"))
        .await?;
    refuses(
        subject,
        &session,
        "cancel a statement of two seconds",
        "SELECT pg_sleep(2)",
        "57014",
    )
    .await?;
    Evidence::proved(format!("a statement of two seconds was cancelled after {limit}"))
}

/// Whoever waits for a lock gives up after the limit.
pub async fn lock_timeout(subject: &Subject<'_>, limit: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let holder = Session::open(subject.endpoint).await?;
            if let Some(reason) = holder.single_process().await? {
                return Evidence::not_offered(reason);
            }
            let table = ground.table();
            holder.run("make a table", &format!("CREATE TABLE {table} ()")).await?;
            holder.run("hold a lock", &format!("BEGIN; LOCK TABLE {table}")).await?;

            let waiter = Session::open(subject.endpoint).await?;
            let limits = format!("SET lock_timeout = '{limit}'; SET statement_timeout = '2s'");
            waiter.run("limit the wait for a lock", &limits).await?;
            let waiting = format!("SELECT FROM {table}");
            refuses(subject, &waiter, "give up waiting for a lock", &waiting, "55P03").await?;
            Evidence::proved(format!("a session gave up after {limit} what another held"))
        })
        .await
}

/// A session that forgets its transaction is ended after the limit.
pub async fn idle_transaction(subject: &Subject<'_>, limit: &str) -> Result<Evidence, EngineError> {
    let session = Session::open(subject.endpoint).await?;
    if let Some(reason) = session.single_process().await? {
        return Evidence::not_offered(reason);
    }
    let forgetting = format!("SET idle_in_transaction_session_timeout = '{limit}'; BEGIN");
    session.run("forget a transaction", &forgetting).await?;
    let ended = timeout(PATIENCE, async {
        while !session.is_closed() {
            sleep(PAUSE).await;
        }
    });
    match ended.await {
        Ok(()) => Evidence::proved(format!("a forgotten transaction was ended after {limit}")),
        Err(_) => Err(subject.endpoint.unexpected(
            "end a forgotten transaction",
            format!("an end after {limit}"),
            format!("an open session after {PATIENCE:?}"),
        )),
    }
}

/// Holds the code of the refusal of `statement` against `code`.
pub(super) async fn refuses(
    subject: &Subject<'_>,
    session: &Session<'_>,
    action: &str,
    statement: &str,
    code: &str,
) -> Result<(), EngineError> {
    let refusal = session.refusal(action, statement).await?;
    let found = refusal.as_deref().unwrap_or("no refusal");
    if found == code {
        return Ok(());
    }
    Err(subject.endpoint.unexpected(action, format!("the error {code}"), found))
}
