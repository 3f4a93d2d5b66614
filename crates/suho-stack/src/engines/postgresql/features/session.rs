//! One session that is asked in SQL and answers in words, and the scratch table that a check works on.

use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState};

use super::super::super::asking::prove_and_remove;
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError, Evidence};
use super::super::client::{self, Account};
use super::ticks::{Tick, inserts};

/// Rows as the server writes them: every digit of a number counts, and `NULL` is spelt out.
pub(super) type Rows = Vec<Vec<String>>;

/// A session of one account.
pub(super) struct Session<'a> {
    endpoint: &'a Endpoint,
    client: Client,
}

impl<'a> Session<'a> {
    /// As the services of the platform.
    pub(super) async fn open(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        Self::open_as(endpoint, Account::Service).await
    }

    pub(super) async fn open_as(endpoint: &'a Endpoint, account: Account) -> Result<Self, EngineError> {
        let client = client::connect_as(endpoint, account).await?;
        Ok(Self { endpoint, client })
    }

    /// Runs statements whose rows nobody asks for.
    pub(super) async fn run(&self, action: &str, statements: &str) -> Result<(), EngineError> {
        let running = self.client.batch_execute(statements);
        running.await.map_err(self.endpoint.failed(action))
    }

    /// The rows of a query.
    pub(super) async fn rows(&self, action: &str, query: &str) -> Result<Rows, EngineError> {
        let messages = self.client.simple_query(query).await;
        let messages = messages.map_err(self.endpoint.failed(action))?;
        Ok(messages.iter().filter_map(texts).collect())
    }

    /// The first value of the first row.
    pub(super) async fn value(&self, action: &str, query: &str) -> Result<String, EngineError> {
        let first = self.rows(action, query).await?.into_iter().flatten().next();
        first.ok_or_else(|| self.endpoint.unexpected(action, "a row", "none"))
    }

    /// How many rows a statement has written.
    pub(super) async fn written(&self, action: &str, statement: &str) -> Result<u64, EngineError> {
        let written = self.client.execute(statement, &[]);
        written.await.map_err(self.endpoint.failed(action))
    }

    /// The code with which the server refuses `statement`, as in `42501`; none where it runs it.
    pub(super) async fn refusal(&self, action: &str, statement: &str) -> Result<Option<String>, EngineError> {
        match self.client.batch_execute(statement).await {
            Ok(()) => Ok(None),
            Err(error) => match error.code() {
                Some(code) => Ok(Some(code.code().to_owned())),
                None => Err(self.endpoint.failed(action)(error)),
            },
        }
    }

    /// Runs `work` in a transaction that is rolled back, whatever comes of it: nothing of it was ever there.
    pub(super) async fn undone<T>(&self, work: impl Future<Output = Result<T, EngineError>>) -> Result<T, EngineError> {
        self.run("begin a transaction", "BEGIN").await?;
        let done = work.await;
        self.run("roll back a transaction", "ROLLBACK").await?;
        done
    }

    /// True after the server has ended it.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Holds `found` against what was computed here, row by row; the first that is another is told.
    pub(super) fn expect(&self, action: &str, expected: &Rows, found: &Rows) -> Result<(), EngineError> {
        if expected == found {
            return Ok(());
        }
        let index = expected
            .iter()
            .zip(found)
            .take_while(|(one, other)| one == other)
            .count();
        Err(self
            .endpoint
            .unexpected(action, told(expected, index), told(found, index)))
    }

    /// Why this server cannot have several sessions, timers and workers; `None` for one that can.
    ///
    /// A server of processes shows each session at least its own.
    pub(super) async fn single_process(&self) -> Result<Option<String>, EngineError> {
        let own = "SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let processes = self.value("count the server's processes", own).await?;
        let reason = "the server is a single process, as pg_stat_activity shows: no other session, no timer, no worker";
        Ok((processes == "0").then(|| reason.to_owned()))
    }
}

fn texts(message: &SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else {
        return None;
    };
    Some(
        (0..row.len())
            .map(|column| row.get(column).unwrap_or("NULL").to_owned())
            .collect(),
    )
}

fn told(rows: &Rows, index: usize) -> String {
    let count = rows.len();
    match rows.get(index) {
        Some(row) => format!("({}) as row {} of {count}", row.join(", "), index + 1),
        None if count == 1 => "1 row".to_owned(),
        None => format!("{count} rows"),
    }
}

/// A scratch table and the aggregate that may be built upon it.
pub(super) struct Ground<'a> {
    endpoint: &'a Endpoint,
    name: String,
}

impl<'a> Ground<'a> {
    pub(super) fn new(endpoint: &'a Endpoint) -> Self {
        let Scratch { name, .. } = Scratch::new();
        Self { endpoint, name }
    }

    pub(super) fn table(&self) -> String {
        format!("scratch.{}", self.name)
    }

    pub(super) fn view(&self) -> String {
        format!("scratch.{}", self.candles())
    }

    fn candles(&self) -> String {
        format!("{}_candles", self.name)
    }

    /// Picks the table's rows out of a view of `timescaledb_information`.
    pub(super) fn is_table(&self) -> String {
        of_hypertable(&self.name)
    }

    /// Picks the aggregate's rows out of a view of `timescaledb_information`.
    pub(super) fn is_view(&self) -> String {
        of_hypertable(&self.candles())
    }

    /// A session with the table made: a hypertable of the columns of `market.ticks`, by `dimension`.
    pub(super) async fn hypertable(&self, dimension: &str) -> Result<Session<'a>, EngineError> {
        let session = Session::open(self.endpoint).await?;
        let table = self.table();
        let columns = "ts timestamptz NOT NULL, instrument_id integer NOT NULL, sequence bigint NOT NULL,
                       price numeric(20,10) NOT NULL, quantity numeric(20,8) NOT NULL";
        let action = format!("make the hypertable {table}");
        session
            .run(&action, &format!("CREATE TABLE {table} ({columns})"))
            .await?;
        session
            .run(&action, &format!("SELECT create_hypertable('{table}', {dimension})"))
            .await?;
        Ok(session)
    }

    pub(super) async fn insert(&self, session: &Session<'_>, ticks: &[Tick]) -> Result<(), EngineError> {
        for insert in inserts(&self.table(), ticks) {
            session.run("insert trades", &insert).await?;
        }
        Ok(())
    }

    /// Runs `proof`, and drops the table with all that hangs on it.
    ///
    /// Where the very call was refused because of the licence, the edition has no such feature.
    pub(super) async fn prove(
        &self,
        proof: impl Future<Output = Result<Evidence, EngineError>>,
    ) -> Result<Evidence, EngineError> {
        let proved = prove_and_remove(self.endpoint, proof, self.drop_table()).await;
        let lacking = proved.as_ref().err().and_then(licence_refusal);
        lacking.map_or(proved, Evidence::not_offered)
    }

    async fn drop_table(&self) -> Result<(), EngineError> {
        let table = self.table();
        let session = Session::open(self.endpoint).await?;
        session
            .run(
                &format!("drop {table}"),
                &format!("DROP TABLE IF EXISTS {table} CASCADE"),
            )
            .await
    }
}

fn of_hypertable(name: &str) -> String {
    format!("hypertable_schema = 'scratch' AND hypertable_name = '{name}'")
}

/// The server's words, where it refused what it was asked because of the licence it runs under.
fn licence_refusal(error: &EngineError) -> Option<String> {
    let EngineError::Failed { source, .. } = error else {
        return None;
    };
    let words = source.downcast_ref::<tokio_postgres::Error>()?.as_db_error()?;
    let is_refusal = *words.code() == SqlState::FEATURE_NOT_SUPPORTED && words.message().contains("license");
    is_refusal.then(|| format!("TimescaleDB says: {}", words.message()))
}
