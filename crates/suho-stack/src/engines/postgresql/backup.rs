//! Every database by `pg_dump`, in one snapshot with what is counted of it; the roles without their passwords.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Config, NoTls, config::SslMode, error::SqlState};

use super::super::backup::{
    self as keeping, Account, Backup, Instance, Origin, Packing, Physical, Reads, Shelf, Taken, Tally, Vault, compare,
    file_name,
};
use super::super::scratch;
use super::super::{Endpoint, EngineError};
use super::base_backup::BaseBackup;
use super::client::{Account as Login, PORT};
use super::remembering;

/// The platform's roles as SQL, for `psql`.
const ROLES: &str = "roles.sql";
/// The databases.
const DATABASES: &str = "databases.json";
/// What the statements about a database call it: a variable of `psql`.
const THIS: &str = r#":"database""#;
/// The administrator's password as the container has it, for the tools.
const WITH_PASSWORD: [&str; 4] = ["sh", "-c", r#"PGPASSWORD=$POSTGRES_PASSWORD exec "$@""#, "sh"];
/// By the tool itself, so that less comes out of the container than it reads.
const COMPRESSED: &str = "--compress=zstd:3";
const LOGIN: [&str; 4] = ["-h", "127.0.0.1", "-U", "suho_admin"];

/// Plain and partitioned tables with their rows; of a hypertable the whole, and no chunk by itself.
const TABLES: &str = "
    SELECT format('%I.%I', n.nspname, c.relname),
           EXISTS (SELECT FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                     AND NOT EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
                                     WHERE m.amname = 'hash' AND o.opcdefault
                                       AND (o.opcintype = a.atttypid
                                            OR a.atttypid = 'varchar'::regtype)))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND (n.nspname NOT LIKE '\\_timescaledb\\_%'
           OR EXISTS (SELECT FROM timescaledb_information.continuous_aggregates g
                      WHERE (g.materialization_hypertable_schema, g.materialization_hypertable_name)
                          = (n.nspname, c.relname)))
      AND n.nspname NOT LIKE 'toolkit\\_%'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')
    ORDER BY 1";

/// Statements that make a new database what this one is beside its content.
const PROPERTIES: &str = r#"
    SELECT format('ALTER DATABASE :"database" OWNER TO %I', pg_get_userbyid(datdba))
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'REVOKE ALL ON DATABASE :"database" FROM PUBLIC'
    FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL
    UNION ALL
    SELECT format('GRANT %s ON DATABASE :"database" TO %s%s', privilege_type,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                  CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM pg_database, aclexplode(datacl) WHERE datname = current_database()
    UNION ALL
    SELECT format('ALTER %s SET %s = %s',
                  CASE setrole WHEN 0 THEN 'DATABASE :"database"'
                               ELSE format('ROLE %I IN DATABASE :"database"', pg_get_userbyid(setrole)) END,
                  split_part(setting, '=', 1),
                  CASE split_part(setting, '=', 1)
                      WHEN 'search_path' THEN substr(setting, strpos(setting, '=') + 1)
                      ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)
    FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(setconfig) AS setting
    WHERE d.datname = current_database() AND setting NOT LIKE 'timescaledb.restoring=%'"#;

/// `pg_dump` and `pg_restore`, in the engine's own container.
#[derive(Debug)]
pub(super) struct Dumps;

#[async_trait]
impl Backup for Dumps {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let endpoint = instance.endpoint;
        let roles = instance
            .tools
            .ask(&tool("pg_dumpall", &["--roles-only", "--no-role-passwords"]))
            .await?;
        keeping::write(vault, ROLES, roles).await?;
        let names = databases(endpoint).await?;
        let list = kept(endpoint, &names).await?;
        let list = serde_json::to_vec_pretty(&list).map_err(endpoint.failed("write the list of databases"))?;
        keeping::write(vault, DATABASES, list).await?;
        let mut account = Account {
            notes: vec!["the roles are in it without their passwords, which a new role has to be given".to_owned()],
            ..Account::default()
        };
        for name in &names {
            account.tallies.extend(dump(instance, vault, name).await?);
        }
        Ok(account)
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        const ACTION: &str = "look for rows";
        let endpoint = instance.endpoint;
        let mut occupied = Vec::new();
        for database in databases(endpoint).await? {
            let session = connect(endpoint, &database).await?;
            for (table, _) in tables(endpoint, &session).await? {
                // What the initialisation writes itself.
                if table.starts_with("infra.") {
                    continue;
                }
                let question = format!("SELECT EXISTS (SELECT FROM {table})");
                let row = session
                    .query_one(&question, &[])
                    .await
                    .map_err(endpoint.failed(ACTION))?;
                if row.try_get(0).map_err(endpoint.failed(ACTION))? {
                    occupied.push(format!("rows in {table} of {database}"));
                }
            }
        }
        Ok(occupied)
    }

    fn objection(&self, stored: &Origin, live: &Origin) -> Option<String> {
        let parts = |origin: &Origin| {
            let (server, extension) = origin.version.split_once(", ").unwrap_or((&origin.version, ""));
            let major = server.split('.').next().and_then(|number| number.parse::<u32>().ok());
            (major, extension.to_owned())
        };
        let ((stored_major, stored_extension), (live_major, live_extension)) = (parts(stored), parts(live));
        if stored_extension != live_extension {
            return Some(format!(
                "the backup holds the catalog of {stored_extension}, which {live_extension} does not take: restore it where \
                 the same version runs, then update that"
            ));
        }
        (live_major < stored_major).then(|| {
            format!(
                "the backup was made by PostgreSQL {}, and {} runs here: an older one does not read it",
                stored.version, live.version
            )
        })
    }

    /// Into databases of their own beside what is there, which goes once they are counted and equal.
    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let endpoint = instance.endpoint;
        let admin = connect(endpoint, MAINTENANCE).await?;
        remove_databases(endpoint, &admin, STAGING).await?;
        remove_databases(endpoint, &admin, REPLACED).await?;
        make_roles(endpoint, &admin, &text(store, ROLES).await?).await?;
        let mut tallies = Vec::new();
        let mut staged = Vec::new();
        let databases: Vec<Database> = serde_json::from_slice(&keeping::read(store, DATABASES).await?)
            .map_err(endpoint.failed("read the list of databases"))?;
        for database in databases {
            let staging = scratch::name(STAGING);
            load(instance, store, &admin, &database, &staging).await?;
            tallies.extend(counted(endpoint, &staging, &database.name).await?);
            staged.push((database.name, staging));
        }
        compare(endpoint, &account.tallies, &tallies)?;
        exchange(endpoint, &admin, &staged).await?;
        Ok(tallies)
    }

    fn physical(&self) -> Option<&'static dyn Physical> {
        Some(&BaseBackup)
    }

    async fn remember(&self, endpoint: &Endpoint, taken: &Taken) -> Result<(), EngineError> {
        remembering::remember(endpoint, &connect(endpoint, MAINTENANCE).await?, taken).await
    }
}

/// Where the administrator logs in while other databases are made and renamed.
pub(super) const MAINTENANCE: &str = "postgres";
/// What databases are called until they are whole.
const STAGING: &str = "suho_restore_";
/// What databases are called that have just been replaced.
const REPLACED: &str = "suho_replaced_";
/// How often the names are exchanged anew because somebody came between.
const ATTEMPTS: u32 = 20;

/// A database in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Database {
    name: String,
    /// It has the extension, which has to be told of a restore.
    timescaledb: bool,
}

async fn kept(endpoint: &Endpoint, names: &[String]) -> Result<Vec<Database>, EngineError> {
    let mut databases = Vec::new();
    for name in names {
        databases.push(Database {
            name: name.clone(),
            timescaledb: has_timescaledb(endpoint, &connect(endpoint, name).await?).await?,
        });
    }
    Ok(databases)
}

async fn text(store: &dyn Shelf, name: &str) -> Result<String, EngineError> {
    Ok(String::from_utf8_lossy(&keeping::read(store, name).await?).into_owned())
}

pub(super) fn tool<'a>(program: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    [&WITH_PASSWORD[..], &[program], &LOGIN, arguments].concat()
}

/// A session of the administrator without the limits of time that the platform's statements have.
pub(super) async fn connect(endpoint: &Endpoint, database: &str) -> Result<Client, EngineError> {
    const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                           SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1; SET search_path = ''";
    let action = || format!("log in to the database {database} as {}", Login::Administrator.role());
    let mut config = Config::new();
    config
        .host(&endpoint.host)
        .port(endpoint.port(PORT)?)
        .user(Login::Administrator.role())
        .password(endpoint.credential(Login::Administrator.password())?)
        .dbname(database)
        .application_name("suho-backup")
        .ssl_mode(SslMode::Disable);
    // The state of a login is kilobytes, which every future around it would carry.
    let (client, connection) = Box::pin(config.connect(NoTls))
        .await
        .map_err(endpoint.failed(action()))?;
    // Ends by itself when the client is dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a session of PostgreSQL ended");
        }
    });
    client.batch_execute(SESSION).await.map_err(endpoint.failed(action()))?;
    Ok(client)
}

/// Every database that holds something of the platform's.
async fn databases(endpoint: &Endpoint) -> Result<Vec<String>, EngineError> {
    let question = format!(
        "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> '{MAINTENANCE}' \
         AND NOT starts_with(datname, '{STAGING}') AND NOT starts_with(datname, '{REPLACED}') ORDER BY 1"
    );
    let session = connect(endpoint, MAINTENANCE).await?;
    strings(endpoint, &session, "list the databases", &question).await
}

async fn strings(
    endpoint: &Endpoint,
    session: &Client,
    action: &str,
    question: &str,
) -> Result<Vec<String>, EngineError> {
    let rows = session.query(question, &[]).await.map_err(endpoint.failed(action))?;
    rows.iter()
        .map(|row| row.try_get(0).map_err(endpoint.failed(action)))
        .collect()
}

async fn run(endpoint: &Endpoint, session: &Client, action: &str, statement: &str) -> Result<(), EngineError> {
    session.batch_execute(statement).await.map_err(endpoint.failed(action))
}

/// Dumps one database, and counts it in the same snapshot at the same time.
async fn dump(instance: &Instance<'_>, vault: &dyn Vault, database: &str) -> Result<Vec<Tally>, EngineError> {
    const ACTION: &str = "take a snapshot";
    let endpoint = instance.endpoint;
    let session = connect(endpoint, database).await?;
    run(
        endpoint,
        &session,
        ACTION,
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    )
    .await?;
    let snapshot = strings(endpoint, &session, ACTION, "SELECT pg_export_snapshot()")
        .await?
        .concat();
    let properties = strings(endpoint, &session, "read what the database is", PROPERTIES).await?;
    let statements = format!("{};\n", properties.join(";\n"));
    let name = file_name(database);
    keeping::write(vault, &format!("{name}.properties.sql"), statements).await?;

    let dumping = async {
        let snapshot = format!("--snapshot={snapshot}");
        let arguments = ["--format=custom", COMPRESSED, &snapshot, "--dbname", database];
        let dump = instance
            .tools
            .start(&tool("pg_dump", &arguments), Reads::Nothing)
            .await?;
        dump.into_file(vault.create(&format!("{name}.dump"), Packing::AsIs).await?)
            .await
    };
    let ((), tallies) = tokio::try_join!(dumping, count(endpoint, &session, database))?;
    Ok(tallies)
}

async fn counted(endpoint: &Endpoint, database: &str, called: &str) -> Result<Vec<Tally>, EngineError> {
    count(endpoint, &connect(endpoint, database).await?, called).await
}

/// The rows of every table with a sum of their hashes, and the chunks and jobs of `TimescaleDB`.
async fn count(endpoint: &Endpoint, session: &Client, database: &str) -> Result<Vec<Tally>, EngineError> {
    const CATALOG: &str = "SELECT 'chunks of ' || hypertable_schema || '.' || hypertable_name, count(*)
        FROM timescaledb_information.chunks GROUP BY 1
        UNION ALL SELECT 'hypertables', count(*) FROM timescaledb_information.hypertables
        UNION ALL SELECT 'jobs', count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000";
    const ACTION: &str = "count what TimescaleDB knows";
    let mut tallies = Vec::new();
    for (table, as_text) in tables(endpoint, session).await? {
        let action = format!("count the rows of {table}");
        let hash = if as_text {
            "hashtextextended(t::text, 0)"
        } else {
            "hash_record_extended(t, 0)"
        };
        let question = format!("SELECT count(*), coalesce(sum({hash}), 0)::text FROM {table} AS t");
        let row = session
            .query_one(&question, &[])
            .await
            .map_err(endpoint.failed(&action))?;
        let count: i64 = row.try_get(0).map_err(endpoint.failed(&action))?;
        let checksum: String = row.try_get(1).map_err(endpoint.failed(&action))?;
        tallies.push(Tally::sum(
            format!("rows of {table} in {database}"),
            count.unsigned_abs(),
            checksum,
        ));
    }
    if has_timescaledb(endpoint, session).await? {
        for row in session.query(CATALOG, &[]).await.map_err(endpoint.failed(ACTION))? {
            let what: String = row.try_get(0).map_err(endpoint.failed(ACTION))?;
            let count: i64 = row.try_get(1).map_err(endpoint.failed(ACTION))?;
            tallies.push(Tally::count(format!("{what} in {database}"), count.unsigned_abs()));
        }
    }
    Ok(tallies)
}

/// Each table, and whether some type of its columns has no hash of its own.
async fn tables(endpoint: &Endpoint, session: &Client) -> Result<Vec<(String, bool)>, EngineError> {
    const ACTION: &str = "list the tables";
    let mut question = TABLES.to_owned();
    if !has_timescaledb(endpoint, session).await? {
        question = question.replace("timescaledb_information.continuous_aggregates g", NO_AGGREGATES);
    }
    let rows = session.query(&question, &[]).await.map_err(endpoint.failed(ACTION))?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()
        .map_err(endpoint.failed(ACTION))
}

/// In the place of `TimescaleDB`'s view, where a database lacks the extension.
const NO_AGGREGATES: &str =
    "(SELECT ''::name AS materialization_hypertable_schema, ''::name AS materialization_hypertable_name) g";

async fn has_timescaledb(endpoint: &Endpoint, session: &Client) -> Result<bool, EngineError> {
    const QUESTION: &str = "SELECT extname::text FROM pg_extension WHERE extname = 'timescaledb'";
    let found = strings(endpoint, session, "look for the extension", QUESTION).await?;
    Ok(!found.is_empty())
}

/// Makes the roles that are missing, and gives all of them their attributes and memberships.
async fn make_roles(endpoint: &Endpoint, admin: &Client, statements: &str) -> Result<(), EngineError> {
    const ACTION: &str = "make the roles";
    let known: BTreeSet<String> = strings(endpoint, admin, ACTION, "SELECT quote_ident(rolname) FROM pg_roles")
        .await?
        .into_iter()
        .collect();
    let wanted = |line: &&str| match line.strip_prefix("CREATE ROLE ") {
        Some(role) => !known.contains(role.trim_end_matches(';')),
        None => line.starts_with("ALTER ROLE ") || line.starts_with("GRANT "),
    };
    for line in statements.lines().filter(wanted) {
        run(endpoint, admin, ACTION, line).await?;
    }
    Ok(())
}

/// Restores the dump of `database` into the new database `staging`.
async fn load(
    instance: &Instance<'_>,
    store: &dyn Shelf,
    admin: &Client,
    database: &Database,
    staging: &str,
) -> Result<(), EngineError> {
    const PREPARE: &str = "CREATE EXTENSION timescaledb SCHEMA public; SELECT public.timescaledb_pre_restore()";
    let endpoint = instance.endpoint;
    let file = file_name(&database.name);
    let action = format!("make a database beside {}", database.name);
    let create = format!("CREATE DATABASE {staging} TEMPLATE template0");
    run(endpoint, admin, &action, &create).await?;
    for statement in text(store, &format!("{file}.properties.sql")).await?.lines() {
        run(endpoint, admin, &action, &statement.replace(THIS, staging)).await?;
    }
    let session = connect(endpoint, staging).await?;
    if database.timescaledb {
        run(endpoint, &session, "prepare TimescaleDB for a restore", PREPARE).await?;
    }
    let restore = tool("pg_restore", &["--exit-on-error", "--dbname", staging]);
    let restore = instance.tools.start(&restore, Reads::Input).await?;
    restore.fed(store.open(&format!("{file}.dump")).await?).await?;
    if database.timescaledb {
        let post = "SELECT public.timescaledb_post_restore()";
        run(endpoint, &session, "let TimescaleDB run again", post).await?;
    }
    run(
        endpoint,
        &session,
        "gather the statistics of what was restored",
        "ANALYZE",
    )
    .await
}

/// Gives each staged database its name, all in one transaction, and removes what had the names.
async fn exchange(endpoint: &Endpoint, admin: &Client, staged: &[(String, String)]) -> Result<(), EngineError> {
    const ACTION: &str = "put the restored databases in the place of those that were there";
    let known = strings(endpoint, admin, ACTION, "SELECT datname::text FROM pg_database").await?;
    let mut statements = Vec::new();
    for (name, staging) in staged {
        if known.contains(name) {
            statements.push(rename(name, &staging.replace(STAGING, REPLACED)));
        }
        statements.push(rename(staging, name));
    }
    let exchange = format!("BEGIN; {}; COMMIT", statements.join("; "));
    let mut attempts = 0;
    loop {
        for (name, staging) in staged {
            end_sessions(endpoint, admin, &[name, staging]).await?;
        }
        let Err(error) = admin.batch_execute(&exchange).await else {
            break;
        };
        run(endpoint, admin, ACTION, "ROLLBACK").await?;
        attempts += 1;
        // Somebody came between: a program that connects again, or a worker.
        if error.code() != Some(&SqlState::OBJECT_IN_USE) || attempts > ATTEMPTS {
            return Err(endpoint.failed(ACTION)(error));
        }
    }
    remove_databases(endpoint, admin, REPLACED).await
}

fn rename(from: &str, to: &str) -> String {
    format!("ALTER DATABASE {} RENAME TO {}", quoted(from), quoted(to))
}

async fn end_sessions(endpoint: &Endpoint, admin: &Client, databases: &[&str]) -> Result<(), EngineError> {
    const QUESTION: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY($1)";
    let ended = admin.query(QUESTION, &[&databases]).await;
    ended
        .map(drop)
        .map_err(endpoint.failed("end the sessions of a database"))
}

/// What a restore that was cut off leaves: databases that are not whole, or that have been replaced.
async fn remove_databases(endpoint: &Endpoint, admin: &Client, prefix: &str) -> Result<(), EngineError> {
    const ACTION: &str = "remove a database of a restore";
    let question = format!("SELECT datname::text FROM pg_database WHERE starts_with(datname, '{prefix}')");
    for database in strings(endpoint, admin, ACTION, &question).await? {
        run(
            endpoint,
            admin,
            ACTION,
            &format!("DROP DATABASE {} WITH (FORCE)", quoted(&database)),
        )
        .await?;
    }
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("17.12, TimescaleDB 2.19.3", "17.13, TimescaleDB 2.19.3", true)]
    #[case("17.12, TimescaleDB 2.19.3", "18.1, TimescaleDB 2.19.3", true)]
    #[case("17.12, TimescaleDB 2.19.3", "16.9, TimescaleDB 2.19.3", false)]
    #[case("17.12, TimescaleDB 2.19.3", "17.12, TimescaleDB 2.29.2", false)]
    fn the_extension_is_the_same_and_the_server_no_older(
        #[case] stored: &str,
        #[case] live: &str,
        #[case] accepted: bool,
    ) {
        let origin = |version: &str| Origin {
            version: version.to_owned(),
            ..Origin::default()
        };

        assert_eq!(Dumps.objection(&origin(stored), &origin(live)).is_none(), accepted);
    }
}
