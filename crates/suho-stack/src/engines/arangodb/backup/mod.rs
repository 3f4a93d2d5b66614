//! Each database in the files of `arangodump`, by the interface that `arangodump` and `arangorestore` use.
//!
//! # Layout
//! - here: the names of the files, and what the rest of the house asks for.
//! - [`database`]: requests to one database, and what it counts.
//! - [`dumping`]: a database into files.
//! - [`restoring`]: a database out of files.
//! - `tests`: against recorded answers.
//!
//! A database is a folder: `dump.json` tells its name, `<view>.view.json` is a view,
//! `<collection>_<md5>.structure.json` a collection with its indexes, and `<collection>_<md5>.data.json` has a line of
//! JSON per document. Graphs and analyzers are documents of collections whose names begin with `_`.

mod database;
mod dumping;
mod restoring;
#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    reason = "a test server that cannot be started is a failed test"
)]
mod tests;

use async_trait::async_trait;
use database::Database;

use super::super::EngineError;
use super::super::backup::{Account, Backup, Instance, Shelf, Tally, Vault, compare, settled};
use super::client;

/// Tells which database a folder holds.
const ABOUT: &str = "dump.json";
const VIEW: &str = ".view.json";
const STRUCTURE: &str = ".structure.json";
const DATA: &str = ".data.json";
/// Where the server keeps the analyzers that users define.
const ANALYZERS: &str = "_analyzers";
/// The server's own collections in which users define something; the others hold users, services and statistics.
const DEFINITIONS: [&str; 3] = [ANALYZERS, "_aqlfunctions", "_graphs"];

/// `/_api/replication`.
#[derive(Debug)]
pub(super) struct Dumps;

#[async_trait]
impl Backup for Dumps {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let caller = client::connect(instance.endpoint)?;
        let mut account = Account::default();
        for database in Database::all(&caller).await? {
            let before = database.count().await?;
            dumping::dump(&database, vault).await?;
            // The server sums up what there is now, not what there was when the dump began.
            let (tallies, notes) = settled(&before, database.count().await?);
            account.tallies.extend(tallies);
            account.notes.extend(notes);
        }
        Ok(account)
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        let caller = client::connect(instance.endpoint)?;
        let mut occupied = Vec::new();
        for database in Database::all(&caller).await? {
            if !database.is_system() {
                occupied.push(format!("the database {}", database.name));
                continue;
            }
            let collections = database.collections().await?.into_iter();
            let own = collections.filter(|collection| !DEFINITIONS.contains(&collection.as_str()));
            occupied.extend(own.map(|collection| format!("the collection {collection} of {}", database.name)));
        }
        Ok(occupied)
    }

    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let caller = client::connect(instance.endpoint)?;
        let mut tallies = Vec::new();
        for about in store.names().iter().filter(|name| name.ends_with(ABOUT)) {
            let folder = about.trim_end_matches(ABOUT);
            tallies.extend(restoring::restore(&caller, store, folder).await?);
        }
        compare(instance.endpoint, &account.tallies, &tallies)?;
        Ok(tallies)
    }
}

/// Whether the collection `name` belongs into a backup.
fn is_kept(name: &str) -> bool {
    !name.starts_with('_') || DEFINITIONS.contains(&name)
}
