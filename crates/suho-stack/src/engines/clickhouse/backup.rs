//! Every table as its statement and its rows in the format Native, read out of a copy that nothing merges or writes.
//!
//! The copy shares the parts of the table, so it is made in no time and takes no space.

use async_trait::async_trait;
use clickhouse::Client;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::super::backup::{
    self as keeping, Account, Backup, Instance, Packing, Pieces, Shelf, Tally, Vault, compare, file_name,
};
use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client;

/// What the databases of copies are called.
const COPIES: &str = "suho_backup_";
/// What databases are called until they are whole.
const STAGING: &str = "suho_restore_";
/// The tables, each with what is kept of it.
const TABLES: &str = "tables.json";
/// The hash of a row.
const HASH: &str = "cityHash64(*)";
/// The same of all that it is written as: slower, and for every type.
const HASH_AS_WRITTEN: &str = "cityHash64(formatRowNoNewline('RowBinary', *))";
/// What no hash function takes, or takes for nothing.
const UNHASHED: [&str; 5] = ["AggregateFunction(", "Nullable(", "JSON", "Dynamic", "Variant("];

/// Copies by parts, and rows in Native.
#[derive(Debug)]
pub(super) struct Tables;

/// A table as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Table {
    database: String,
    name: String,
    engine: String,
    #[serde(rename = "create_table_query")]
    statement: String,
}

impl Table {
    /// True for a table whose rows are its own.
    fn has_rows(&self) -> bool {
        self.engine.ends_with("MergeTree") || self.engine.ends_with("Log") || self.engine == "Memory"
    }

    fn is_merged(&self) -> bool {
        self.engine.ends_with("MergeTree")
    }

    fn path(&self) -> String {
        format!("{}.{}", quoted(&self.database), quoted(&self.name))
    }

    fn file(&self, extension: &str) -> String {
        format!("{}/{}.{extension}", file_name(&self.database), file_name(&self.name))
    }

    fn words(&self) -> String {
        format!("rows of {}.{}", self.database, self.name)
    }

    fn hash(&self) -> &'static str {
        // The state of a simple aggregate is its value.
        let statement = self.statement.replace("SimpleAggregateFunction(", "");
        if UNHASHED.iter().any(|kind| statement.contains(kind)) {
            HASH_AS_WRITTEN
        } else {
            HASH
        }
    }

    /// The statement for the same table in another database.
    fn statement_in(&self, database: &str) -> Option<String> {
        let names = |text: &str| [text.to_owned(), quoted(text)];
        names(&self.database)
            .iter()
            .flat_map(|database| names(&self.name).map(|name| format!("CREATE TABLE {database}.{name}")))
            .find_map(|head| self.statement.strip_prefix(&head))
            .map(|rest| format!("CREATE TABLE {database}.{}{rest}", quoted(&self.name)))
    }
}

/// The service user's session.
struct Session<'a> {
    endpoint: &'a Endpoint,
    client: Client,
}

#[async_trait]
impl Backup for Tables {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let session = Session::new(instance.endpoint)?;
        session.remove_databases(COPIES).await?;
        let tables = session.tables().await?;
        let list = serde_json::to_vec_pretty(&tables).map_err(instance.endpoint.failed("write the list of tables"))?;
        keeping::write(vault, TABLES, list).await?;
        let copies = Scratch::new().name.replace("probe_", COPIES);
        session
            .run("make a database for copies", &format!("CREATE DATABASE {copies}"))
            .await?;
        let outcome = session.keep(vault, &tables, &copies).await;
        session.remove_databases(COPIES).await?;
        outcome
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        let session = Session::new(instance.endpoint)?;
        let mut occupied = Vec::new();
        for table in session.tables().await? {
            // What the initialisation writes itself.
            if table.has_rows() && table.database != "infra" {
                let rows = session.count(&table.path(), &table).await?;
                if rows.count > 0 {
                    occupied.push(format!("{} {}", rows.count, rows.what));
                }
            }
        }
        Ok(occupied)
    }

    /// Into databases of their own beside what is there, which goes once they are counted and equal.
    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let endpoint = instance.endpoint;
        let session = Session::new(endpoint)?;
        session.remove_databases(STAGING).await?;
        let tables = keeping::read(store, TABLES).await?;
        let tables: Vec<Table> = serde_json::from_slice(&tables).map_err(endpoint.failed("read the list of tables"))?;
        let mut databases: Vec<String> = tables.iter().map(|table| table.database.clone()).collect();
        databases.sort();
        databases.dedup();
        let staging = Scratch::new().name.replace("probe_", STAGING);
        let staged = |database: &str| format!("{staging}_{}", file_name(database).replace(['%', '.', '-'], "_"));
        let mut tallies = Vec::new();
        for database in &databases {
            let statement = format!("CREATE DATABASE {}", quoted(&staged(database)));
            session.run("make a database for what is restored", &statement).await?;
            for table in tables
                .iter()
                .filter(|table| table.database == *database && table.has_rows())
            {
                tallies.push(session.load(store, table, &quoted(&staged(database))).await?);
            }
        }
        compare(endpoint, &account.tallies, &tallies)?;
        for database in &databases {
            session.exchange(database, &staged(database)).await?;
        }
        session.rebuild(&tables).await?;
        Ok(tallies)
    }
}

impl<'a> Session<'a> {
    fn new(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        let settings = [
            // The limits of the platform's statements are not those of a backup.
            ("max_execution_time", "0"),
            ("max_table_size_to_drop", "0"),
            ("max_partition_size_to_drop", "0"),
            // A row that is restored is a row, also where a merge would fold it into another.
            ("optimize_on_insert", "0"),
            ("insert_deduplicate", "0"),
            ("async_insert", "0"),
        ];
        let client = settings
            .iter()
            .fold(client::connect(endpoint)?, |client, (name, value)| {
                client.with_setting(*name, *value)
            });
        Ok(Self { endpoint, client })
    }

    async fn run(&self, action: &str, statement: &str) -> Result<(), EngineError> {
        client::run(self.endpoint, &self.client, action, statement).await
    }

    /// Every table of the platform's, in the order of their names.
    async fn tables(&self) -> Result<Vec<Table>, EngineError> {
        const ACTION: &str = "list the tables";
        let question = format!(
            "SELECT database, name, engine, create_table_query FROM system.tables \
             WHERE database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') AND NOT is_temporary \
             AND NOT startsWith(database, '{COPIES}') AND NOT startsWith(database, '{STAGING}') \
             ORDER BY database, name"
        );
        let rows = client::documents(self.endpoint, &self.client, ACTION, &question).await?;
        rows.into_iter()
            .map(|row| serde_json::from_value(row).map_err(self.endpoint.failed(ACTION)))
            .collect()
    }

    /// Copies every table first, so that all are of nearly one moment, and writes them one by one.
    async fn keep(&self, vault: &dyn Vault, tables: &[Table], copies: &str) -> Result<Account, EngineError> {
        let mut account = Account::default();
        let (kept, inner): (Vec<_>, Vec<_>) = tables.iter().partition(|table| !table.name.starts_with(".inner"));
        for table in inner {
            account.notes.push(format!(
                "{} is the inside of a materialised view without a table of its own, and is not in the backup",
                table.words()
            ));
        }
        let copy = |place: usize| format!("{copies}.t{place}");
        for (place, table) in kept.iter().enumerate().filter(|(_, table)| table.is_merged()) {
            self.copy(table, &copy(place)).await?;
        }
        for (place, table) in kept.iter().enumerate() {
            keeping::write(vault, &table.file("sql"), format!("{};\n", table.statement)).await?;
            if table.has_rows() {
                let source = if table.is_merged() { copy(place) } else { table.path() };
                let (tally, ()) = tokio::try_join!(self.count(&source, table), self.write(vault, table, &source))?;
                account.tallies.push(tally);
            }
        }
        Ok(account)
    }

    async fn copy(&self, table: &Table, copy: &str) -> Result<(), EngineError> {
        let action = format!("copy {}", table.path());
        for statement in [
            format!("CREATE TABLE {copy} AS {}", table.path()),
            format!("SYSTEM STOP MERGES {copy}"),
            format!("ALTER TABLE {copy} ATTACH PARTITION ALL FROM {}", table.path()),
        ] {
            self.run(&action, &statement).await?;
        }
        Ok(())
    }

    async fn write(&self, vault: &dyn Vault, table: &Table, source: &str) -> Result<(), EngineError> {
        let action = format!("read {}", table.path());
        let mut file = vault.create(&table.file("native"), Packing::Compressed).await?;
        let rows = self
            .client
            .query(&format!("SELECT * FROM {source}"))
            .fetch_bytes("Native");
        let mut rows = rows.map_err(self.endpoint.failed(&action))?;
        while let Some(piece) = rows.next().await.map_err(self.endpoint.failed(&action))? {
            file.write(piece).await?;
        }
        file.finish().await
    }

    async fn count(&self, source: &str, table: &Table) -> Result<Tally, EngineError> {
        let words = table.words();
        let question = format!(
            "SELECT count(), toString(sum(toUInt128({}))) FROM {source}",
            table.hash()
        );
        let counted = self.client.query(&question).fetch_one::<(u64, String)>().await;
        let (count, checksum) = counted.map_err(self.endpoint.failed(format!("count the {words}")))?;
        Ok(Tally::sum(words, count, checksum))
    }

    /// Makes a table in `database`, fills it, and counts it before anything is merged.
    async fn load(&self, store: &dyn Shelf, table: &Table, database: &str) -> Result<Tally, EngineError> {
        let action = format!("restore {}", table.path());
        let statement = table.statement_in(database);
        let unreadable = || self.endpoint.failed(action.as_str())(format!("it is made by `{}`", table.statement));
        self.run(&action, &statement.ok_or_else(unreadable)?).await?;
        let path = format!("{database}.{}", quoted(&table.name));
        if table.is_merged() {
            self.run(&action, &format!("SYSTEM STOP MERGES {path}")).await?;
        }
        self.insert(&path, &action, store.open(&table.file("native")).await?)
            .await?;
        let tally = self.count(&path, table).await?;
        if table.is_merged() {
            self.run(&action, &format!("SYSTEM START MERGES {path}")).await?;
        }
        Ok(tally)
    }

    async fn insert(&self, path: &str, action: &str, mut pieces: Pieces) -> Result<(), EngineError> {
        // An empty table has not even a block.
        let Some(first) = pieces.try_next().await? else {
            return Ok(());
        };
        let mut rows = self
            .client
            .insert_formatted_with(format!("INSERT INTO {path} FORMAT Native"));
        rows.send(first).await.map_err(self.endpoint.failed(action))?;
        while let Some(piece) = pieces.try_next().await? {
            rows.send(piece).await.map_err(self.endpoint.failed(action))?;
        }
        rows.end().await.map_err(self.endpoint.failed(action))
    }

    /// Removes a database, and gives its name to the one that was made beside it.
    async fn exchange(&self, database: &str, staged: &str) -> Result<(), EngineError> {
        let action = format!("put the restored database in the place of {database}");
        let name = quoted(database);
        self.run(&action, &format!("DROP DATABASE IF EXISTS {name} SYNC"))
            .await?;
        self.run(&action, &format!("RENAME DATABASE {} TO {name}", quoted(staged)))
            .await
    }

    /// Makes the views and whatever else has no rows, in whichever order they need each other.
    async fn rebuild(&self, tables: &[Table]) -> Result<(), EngineError> {
        let mut waiting: Vec<&Table> = tables
            .iter()
            .filter(|table| !table.has_rows() && !table.name.starts_with(".inner"))
            .collect();
        while !waiting.is_empty() {
            let mut refused = Vec::new();
            let mut last = Ok(());
            for table in &waiting {
                let made = self.run(&format!("make {}", table.path()), &table.statement).await;
                if made.is_err() {
                    refused.push(*table);
                    last = made;
                }
            }
            if refused.len() == waiting.len() {
                return last;
            }
            waiting = refused;
        }
        Ok(())
    }

    /// Databases that a backup or a restore has left.
    async fn remove_databases(&self, prefix: &str) -> Result<(), EngineError> {
        const ACTION: &str = "remove a database of a backup";
        let question = format!("SELECT name FROM system.databases WHERE startsWith(name, '{prefix}')");
        let names = self.client.query(&question).fetch_all::<String>().await;
        for name in names.map_err(self.endpoint.failed(ACTION))? {
            self.run(ACTION, &format!("DROP DATABASE IF EXISTS {} SYNC", quoted(&name)))
                .await?;
        }
        Ok(())
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("CREATE TABLE market.ticks (`a` UInt8) ENGINE = MergeTree", true)]
    #[case("CREATE TABLE market.`ticks` (`a` UInt8) ENGINE = MergeTree", true)]
    #[case("CREATE VIEW market.ticks AS SELECT 1", false)]
    fn a_table_is_made_in_another_database(#[case] statement: &str, #[case] possible: bool) {
        let table = Table {
            database: "market".into(),
            name: "ticks".into(),
            engine: "MergeTree".into(),
            statement: statement.into(),
        };

        let expected = "CREATE TABLE beside.`ticks` (`a` UInt8) ENGINE = MergeTree".to_owned();
        assert_eq!(table.statement_in("beside"), possible.then_some(expected));
    }
}
