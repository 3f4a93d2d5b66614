//! The table function `postgresql`, which reads the stack's TimescaleDB.

use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::super::super::asking::prove_and_remove;
use super::super::super::postgresql::Postgresql;
use super::super::super::{Endpoint, Engine, EngineError, Evidence, Subject};
use super::{Address, Database};

const STORE: &str = "suho-postgresql";
/// Where the service user may make tables.
const SCHEMA: &str = "scratch";
const ROWS: i64 = 250;

/// Rows of a table of TimescaleDB are read and summed up by ClickHouse, and copied into a table of its own.
///
/// `address` is where the function looks for the store.
pub async fn postgresql_function(subject: &Subject<'_>, address: Address<'_>) -> Result<Evidence, EngineError> {
    let Some(store) = subject.neighbour(STORE) else {
        return Ok(Evidence::NotAskable(format!("{STORE} does not run here")));
    };
    let database = Database::of(subject)?;
    let session = connect(store).await?;
    let removal = async {
        database.remove().await?;
        let drop = format!("DROP TABLE IF EXISTS {SCHEMA}.{}", database.name);
        session.batch_execute(&drop).await.map_err(store.failed("drop a table"))
    };
    prove_and_remove(subject.endpoint, read(&database, store, &session, address), removal).await
}

async fn read(
    database: &Database<'_>,
    store: &Endpoint,
    session: &Client,
    address: Address<'_>,
) -> Result<Evidence, EngineError> {
    let name = &database.name;
    database.create().await?;
    session
        .batch_execute(&format!(
            "CREATE TABLE {SCHEMA}.{name} (id bigint PRIMARY KEY, symbol text NOT NULL, price numeric(18, 8) NOT NULL);
            INSERT INTO {SCHEMA}.{name} SELECT n, 'S' || n % 3, n / 4.0 FROM generate_series(1, {ROWS}) AS n"
        ))
        .await
        .map_err(store.failed("write rows to read"))?;
    let source = function(store, name, address)?;
    let copy = format!(
        "CREATE TABLE {name}.orders ENGINE = MergeTree ORDER BY id AS
        SELECT toInt64(id) AS id, symbol, toInt64(price * 4) AS quarters FROM {source}"
    );
    database.run("read the stack's TimescaleDB", &copy).await?;

    let query = format!("SELECT id, symbol, quarters FROM {name}.orders ORDER BY id");
    let found: Vec<(i64, String, i64)> = database.rows("read what was copied", &query).await?;
    let expected: Vec<(i64, String, i64)> = (1..=ROWS).map(|n| (n, format!("S{}", n % 3), n)).collect();
    database.expect_rows("read the stack's TimescaleDB row by row", &expected, &found)?;
    Evidence::proved(format!("{ROWS} rows of TimescaleDB are read to the last digit"))
}

/// `postgresql('suho-postgresql:5432', …)`, as the network knows the store.
fn function(store: &Endpoint, table: &str, address: Address<'_>) -> Result<String, EngineError> {
    let config = config(&store.as_on_network())?;
    let of_the_stack = match (config.get_hosts(), config.get_ports()) {
        ([Host::Tcp(host)], [port]) => format!("{host}:{port}"),
        _ => return Err(store.unexpected("tell its address", "a host and a port", "something else")),
    };
    let password = config.get_password().map(String::from_utf8_lossy).unwrap_or_default();
    Ok(format!(
        "postgresql('{}', '{}', '{table}', '{}', '{password}', '{SCHEMA}')",
        address.or(of_the_stack),
        config.get_dbname().unwrap_or_default(),
        config.get_user().unwrap_or_default(),
    ))
}

/// As the platform's programs are told to log in.
fn config(store: &Endpoint) -> Result<Config, EngineError> {
    let action = "read the address of the store";
    let url = Postgresql.variables(store)?.into_iter().next();
    let (_, url) = url.ok_or_else(|| store.unexpected(action, "a URL", "none"))?;
    url.parse().map_err(store.failed(action))
}

async fn connect(store: &Endpoint) -> Result<Client, EngineError> {
    let connecting = config(store)?.connect(NoTls).await;
    let (client, connection) = connecting.map_err(store.failed("log in to the store"))?;
    // Ends by itself when the client is dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a session of PostgreSQL ended");
        }
    });
    Ok(client)
}
