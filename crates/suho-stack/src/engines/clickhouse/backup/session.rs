//! The service user's session while a backup or a restore goes on.

use clickhouse::Client;

use super::super::super::backup::Tally;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::table::{Table, quoted};
use super::{COPIES, STAGING};

/// The service user's session.
pub(super) struct Session<'a> {
    endpoint: &'a Endpoint,
    client: Client,
}

impl<'a> Session<'a> {
    pub(super) fn new(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        let settings = [
            // The limits of the platform's statements are not those of a backup.
            ("max_execution_time", "0"),
            ("max_table_size_to_drop", "0"),
            ("max_partition_size_to_drop", "0"),
            // One statement names every table.
            ("max_query_size", "100000000"),
        ];
        let client = settings
            .iter()
            .fold(client::connect(endpoint)?, |client, (name, value)| {
                client.with_setting(*name, *value)
            });
        Ok(Self { endpoint, client })
    }

    pub(super) async fn run(&self, action: &str, statement: &str) -> Result<(), EngineError> {
        client::run(self.endpoint, &self.client, action, statement).await
    }

    /// The only column of what `question` gives.
    pub(super) async fn strings(&self, action: &str, question: &str) -> Result<Vec<String>, EngineError> {
        let rows = self.client.query(question).fetch_all::<String>().await;
        rows.map_err(self.endpoint.failed(action))
    }

    /// Every table of the platform's, in the order of their names.
    pub(super) async fn tables(&self) -> Result<Vec<Table>, EngineError> {
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

    /// Makes `copy` of a table: of the same parts where it has parts, and else of its rows.
    pub(super) async fn copy(&self, table: &Table, copy: &str) -> Result<(), EngineError> {
        let (action, source) = (format!("copy {}", table.path()), table.path());
        self.run(&action, &format!("CREATE TABLE {copy} AS {source}")).await?;
        if table.is_merged() {
            self.run(&action, &format!("SYSTEM STOP MERGES {copy}")).await?;
            let attach = format!("ALTER TABLE {copy} ATTACH PARTITION ALL FROM {source}");
            return self.run(&action, &attach).await;
        }
        self.run(&action, &format!("INSERT INTO {copy} SELECT * FROM {source}"))
            .await
    }

    /// Makes an empty table in `database`, in which nothing is merged.
    pub(super) async fn make_in(&self, database: &str, table: &Table) -> Result<(), EngineError> {
        let action = format!("make {} again", table.path());
        let unreadable = || self.endpoint.failed(action.as_str())(format!("it is made by `{}`", table.statement));
        self.run(&action, &table.statement_in(database).ok_or_else(unreadable)?)
            .await?;
        if table.is_merged() {
            let stop = format!("SYSTEM STOP MERGES {}", table.path_in(database));
            self.run(&action, &stop).await?;
        }
        Ok(())
    }

    pub(super) async fn count(&self, source: &str, table: &Table) -> Result<Tally, EngineError> {
        let words = table.words();
        let question = format!(
            "SELECT count(), toString(sum(toUInt128({}))) FROM {source}",
            table.hash()
        );
        let counted = self.client.query(&question).fetch_one::<(u64, String)>().await;
        let (count, checksum) = counted.map_err(self.endpoint.failed(format!("count the {words}")))?;
        Ok(Tally::sum(words, count, checksum))
    }

    /// Removes a database, and gives its name to the one that was made beside it.
    pub(super) async fn exchange(&self, database: &str, staged: &str) -> Result<(), EngineError> {
        let action = format!("put the restored database in the place of {database}");
        let name = quoted(database);
        self.run(&action, &format!("DROP DATABASE IF EXISTS {name} SYNC"))
            .await?;
        self.run(&action, &format!("RENAME DATABASE {} TO {name}", quoted(staged)))
            .await
    }

    /// Makes the views and whatever else has no rows, in whichever order they need each other.
    pub(super) async fn rebuild(&self, tables: &[Table]) -> Result<(), EngineError> {
        let mut waiting: Vec<&Table> = tables
            .iter()
            .filter(|table| !table.has_rows() && !table.is_inside_a_view())
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
    pub(super) async fn remove_databases(&self, prefix: &str) -> Result<(), EngineError> {
        const ACTION: &str = "remove a database of a backup";
        let question = format!("SELECT name FROM system.databases WHERE startsWith(name, '{prefix}')");
        for name in self.strings(ACTION, &question).await? {
            self.run(ACTION, &format!("DROP DATABASE IF EXISTS {} SYNC", quoted(&name)))
                .await?;
        }
        Ok(())
    }
}
