//! The administrator's session, in which databases are cloned and dropped.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use super::super::super::tenancy::TenantName;
use super::super::super::{Endpoint, EngineError};
use super::super::client::{Account, Login, PORT};
use super::names::{MEMORY, quoted};

/// Nobody's database: a session in it keeps no one from cloning another.
const MAINTENANCE: &str = "postgres";
/// For a place among the server's connections.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(100);

/// The tablespace that every server has.
const DISK: &str = "pg_default";
/// As many databases go into memory, of 10 MB each with the deployment's schema: half of it is left to what tests write.
const IN_MEMORY: i64 = 100;

/// The memory that a server was lent for the databases of tenants.
enum Memory {
    Free,
    Full,
}

/// A session of the administrator.
pub(super) struct Cluster<'a> {
    pub endpoint: &'a Endpoint,
    session: Client,
}

/// Sessions of the administrator that are used again: to begin one costs the server as much as half a clone.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    idle: Mutex<Vec<Idle>>,
}

/// A session that nobody uses.
#[derive(Debug)]
struct Idle {
    session: Client,
    /// Where it leads to.
    address: String,
    /// What drives it: in another runtime it would wait for ever.
    runtime: runtime::Id,
}

impl Sessions {
    /// An idle session, or a new one.
    pub(super) async fn cluster<'a>(&self, endpoint: &'a Endpoint) -> Result<Cluster<'a>, EngineError> {
        match self.idle(endpoint)? {
            Some(session) => Ok(Cluster { endpoint, session }),
            None => Cluster::of(endpoint).await,
        }
    }

    fn idle(&self, endpoint: &Endpoint) -> Result<Option<Client>, EngineError> {
        let (address, runtime) = (endpoint.address(PORT)?, Handle::current().id());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| !idle.session.is_closed());
        let fitting = idle
            .iter()
            .position(|idle| idle.address == address && idle.runtime == runtime);
        Ok(fitting.map(|fitting| idle.swap_remove(fitting).session))
    }

    /// Takes back a session whose work is done, without the names that it holds. One that failed or was cut off is not
    /// given back: it ends, and lets go of them by that.
    pub(super) async fn take_back(&self, cluster: Cluster<'_>) -> Result<(), EngineError> {
        cluster
            .run("let go of a name", "SELECT pg_advisory_unlock_all()")
            .await?;
        let idle = Idle {
            address: cluster.endpoint.address(PORT)?,
            session: cluster.session,
            runtime: Handle::current().id(),
        };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
        Ok(())
    }
}

impl<'a> Cluster<'a> {
    /// In the database that is nobody's.
    pub(super) async fn of(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        Self::within(endpoint, MAINTENANCE).await
    }

    /// In `database`.
    pub(super) async fn within(endpoint: &'a Endpoint, database: &str) -> Result<Self, EngineError> {
        let login = administrator(endpoint, database)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match login.try_in(endpoint).await? {
                Ok(session) => return Ok(Self { endpoint, session }),
                Err(error) => error,
            };
            if error.code() != Some(&SqlState::TOO_MANY_CONNECTIONS) || Instant::now() > deadline {
                return Err(endpoint.failed(format!("log in as {} to {database}", login.role))(
                    error,
                ));
            }
            tracing::info!("PostgreSQL has no connection left: waiting until somebody leaves");
            sleep(PAUSE).await;
        }
    }

    /// Runs `statements`; the error is the server's own.
    pub(super) async fn try_run(&self, statements: &str) -> Result<(), Error> {
        self.session.batch_execute(statements).await
    }

    /// Runs `statements`; `action` is for the error.
    pub(super) async fn run(&self, action: &str, statements: &str) -> Result<(), EngineError> {
        self.try_run(statements).await.map_err(self.endpoint.failed(action))
    }

    /// Waits until nobody else holds `name`, and holds it until this session ends.
    ///
    /// The server ends the session of a process that was killed, but only after the statement that it is at: whoever gets
    /// hold of the name then sees all that was done under it.
    pub(super) async fn hold(&self, name: &str) -> Result<(), EngineError> {
        let held = self
            .session
            .execute_typed(
                "SELECT pg_advisory_lock(hashtextextended('suho-stack ' || $1, 0))",
                &text(&name),
            )
            .await;
        held.map(drop).map_err(self.endpoint.failed(format!("wait for {name}")))
    }

    /// Whether there is a database `name`.
    pub(super) async fn has(&self, name: &str) -> Result<bool, EngineError> {
        let found = self.names("SELECT datname::text FROM pg_database WHERE datname = $1", name);
        Ok(!found.await?.is_empty())
    }

    /// The tenant's database, its snapshots, and what was to become one of them.
    pub(super) async fn databases_of(&self, tenant: &TenantName) -> Result<Vec<String>, EngineError> {
        let query = "SELECT datname::text FROM pg_database WHERE datname = $1 OR starts_with(datname::text, $1 || '_')";
        self.names(query, tenant.as_str()).await
    }

    /// Who is in `database`: `suho (psql)`; the workers of extensions too.
    pub(super) async fn sessions_in(&self, database: &str) -> Result<Vec<String>, EngineError> {
        let query = "SELECT format('%s (%s)', coalesce(usename, backend_type), application_name)
            FROM pg_stat_activity WHERE datname = $1";
        self.names(query, database).await
    }

    /// The background workers in `database`.
    pub(super) async fn workers_in(&self, database: &str) -> Result<Vec<String>, EngineError> {
        let query = "SELECT backend_type FROM pg_stat_activity WHERE datname = $1 AND backend_type LIKE 'TimescaleDB%'";
        self.names(query, database).await
    }

    async fn names(&self, query: &str, about: &str) -> Result<Vec<String>, EngineError> {
        let rows = self.session.query_typed(query, &text(&about)).await;
        rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect())
            .map_err(self.endpoint.failed(format!("look for {about}")))
    }

    /// Clones `source`, in which nobody may be, as the sealed database `name`, which is in memory where the server was lent some
    /// and has some left.
    pub(super) async fn clone_for_tenant(&self, source: &str, name: &str) -> Result<(), EngineError> {
        let cloned = match self.memory().await? {
            None => self.try_clone_sealed(source, name).await,
            Some(Memory::Full) => self.try_clone_into(DISK, source, name).await,
            Some(Memory::Free) => match self.try_clone_into(MEMORY, source, name).await {
                // It was taken by what tests have written; or it went with a container that was started again.
                Err(error) if matches!(error.code(), Some(&SqlState::DISK_FULL | &SqlState::UNDEFINED_FILE)) => {
                    tracing::debug!(%error, "no memory for the database {name}, which goes to the disk");
                    self.try_clone_into(DISK, source, name).await
                }
                cloned => cloned,
            },
        };
        cloned.map_err(self.endpoint.failed(format!("clone the database {source} as {name}")))
    }

    /// None where there is none, or not for the session's user.
    async fn memory(&self) -> Result<Option<Memory>, EngineError> {
        let query = "SELECT (SELECT count(*) FROM pg_database WHERE dattablespace = place.oid)
            FROM pg_tablespace AS place WHERE spcname = $1 AND has_tablespace_privilege(oid, 'CREATE')";
        let found = self.session.query_typed_opt(query, &text(&MEMORY)).await;
        let count = found.and_then(|row| row.map(|row| row.try_get::<_, i64>(0)).transpose());
        let count = count.map_err(self.endpoint.failed("look for memory for databases"))?;
        Ok(count.map(|count| if count < IN_MEMORY { Memory::Free } else { Memory::Full }))
    }

    /// Clones `source`, in which nobody may be, as the sealed database `name`.
    pub(super) async fn clone_sealed(&self, source: &str, name: &str) -> Result<(), EngineError> {
        let action = format!("clone the database {source} as {name}");
        self.try_clone_sealed(source, name)
            .await
            .map_err(self.endpoint.failed(action))
    }

    /// As [`Cluster::clone_sealed`]; the error is the server's own.
    ///
    /// Copying files forces two checkpoints on everybody, which cost nothing where the server syncs nothing: 20 ms instead of 25
    /// for the schema of the deployment, and on a busy machine half. Elsewhere it goes through the log: 23 ms instead of 48.
    pub(super) async fn try_clone_sealed(&self, source: &str, name: &str) -> Result<(), Error> {
        let synced: bool = self
            .session
            .query_one("SELECT current_setting('fsync')::bool", &[])
            .await?
            .try_get(0)?;
        let strategy = if synced { "wal_log" } else { "file_copy" };
        self.try_run(&cloning(source, name, strategy)).await
    }

    /// The same into `tablespace` of a server that was lent, and syncs nothing.
    async fn try_clone_into(&self, tablespace: &str, source: &str, name: &str) -> Result<(), Error> {
        let how = format!("file_copy TABLESPACE {tablespace}");
        self.try_run(&cloning(source, name, &how)).await
    }

    /// Closes `database`, and ends the sessions in it.
    pub(super) async fn seal(&self, database: &str) -> Result<(), EngineError> {
        let name = quoted(database);
        let action = format!("seal the database {database}");
        let statement = format!("ALTER DATABASE {name} IS_TEMPLATE true ALLOW_CONNECTIONS false");
        self.run(&action, &statement).await?;
        // Waits for each to be gone, up to five seconds.
        let ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
        let ended = self.session.execute_typed(ended, &text(&database)).await;
        ended.map(drop).map_err(self.endpoint.failed(action))
    }

    /// Gives the sealed `database` another name.
    pub(super) async fn rename(&self, database: &str, name: &str) -> Result<(), EngineError> {
        let statement = format!("ALTER DATABASE {} RENAME TO {}", quoted(database), quoted(name));
        self.run(&format!("rename the database {database} to {name}"), &statement)
            .await
    }

    /// Drops `database`, whoever is in it; one that is not there is no error.
    pub(super) async fn drop_database(&self, database: &str) -> Result<(), EngineError> {
        if self.has(database).await? {
            self.drop_existing(database).await?;
        }
        Ok(())
    }

    /// Drops `database`, which is there, whoever is in it.
    pub(super) async fn drop_existing(&self, database: &str) -> Result<(), EngineError> {
        let name = quoted(database);
        let action = format!("drop the database {database}");
        // Nobody comes in while the others are thrown out, and a template cannot be dropped.
        let closed = format!("ALTER DATABASE {name} IS_TEMPLATE false ALLOW_CONNECTIONS false");
        self.run(&action, &closed).await?;
        self.run(&action, &format!("DROP DATABASE {name} WITH (FORCE)")).await
    }
}

/// The parameter of a statement which is not prepared first: that would be another journey to the server for each.
fn text<'a>(value: &'a &str) -> [(&'a (dyn ToSql + Sync), Type); 1] {
    [(value, Type::TEXT)]
}

fn cloning(source: &str, name: &str, strategy: &str) -> String {
    format!(
        "CREATE DATABASE {} TEMPLATE {} STRATEGY {strategy} IS_TEMPLATE true ALLOW_CONNECTIONS false",
        quoted(name),
        quoted(source)
    )
}

/// The administrator on his way to `database`.
pub(super) fn administrator<'a>(endpoint: &'a Endpoint, database: &'a str) -> Result<Login<'a>, EngineError> {
    Ok(Login {
        role: Account::Administrator.role_at(endpoint),
        password: endpoint.credential(Account::Administrator.password())?,
        database,
    })
}
