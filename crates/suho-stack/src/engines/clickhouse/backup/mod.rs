//! Every table by `BACKUP`, of a copy that nothing merges or writes, and that is counted.
//!
//! The copy shares the parts of the table, so it is made in no time.
//!
//! # Layout
//! - here: what a backup consists of, and the order in which it is made and put back.
//! - `table`: a table as the server describes it.
//! - `session`: statements and questions.
//! - `archive`: what `BACKUP` writes and `RESTORE` reads.

mod archive;
mod session;
mod table;

use async_trait::async_trait;
use futures::TryFutureExt;

use super::super::EngineError;
use super::super::backup::{self as keeping, Account, Backup, Instance, Shelf, Tally, Vault, compare, file_name};
use super::super::scratch;

use archive::Archive;
use session::Session;
use table::{Table, quoted};

/// What the databases of copies are called.
const COPIES: &str = "suho_backup_";
/// What databases are called until they are whole.
const STAGING: &str = "suho_restore_";
/// The tables, each with the statement that makes it.
const TABLES: &str = "tables.json";

/// `BACKUP` and `RESTORE`.
#[derive(Debug)]
pub(super) struct Tables;

#[async_trait]
impl Backup for Tables {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let session = Session::new(instance.endpoint)?;
        session.remove_databases(COPIES).await?;
        let tables = session.tables().await?;
        let list = serde_json::to_vec_pretty(&tables).map_err(instance.endpoint.failed("write the list of tables"))?;
        keeping::write(vault, TABLES, list).await?;
        let copies = scratch::name(COPIES);
        session
            .run("make a database for copies", &format!("CREATE DATABASE {copies}"))
            .await?;
        let outcome = keep(instance, &session, vault, &tables, &copies).await;
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
        let mut databases: Vec<&str> = tables.iter().map(|table| &*table.database).collect();
        databases.dedup();
        let name = scratch::name(STAGING);
        let staged = |database: &str| format!("{name}_{}", file_name(database).replace(['%', '.', '-'], "_"));
        for database in &databases {
            let statement = format!("CREATE DATABASE {}", quoted(&staged(database)));
            session.run("make a database for what is restored", &statement).await?;
        }
        let filled: Vec<(&Table, String)> = tables
            .iter()
            .filter(|table| table.has_rows() && !table.is_inside_a_view())
            .map(|table| (table, staged(&table.database)))
            .collect();
        let tallies = fill(instance, &session, store, &filled, &name).await?;
        compare(endpoint, &account.tallies, &tallies)?;
        for (table, database) in filled.iter().filter(|(table, _)| table.is_merged()) {
            let start = format!("SYSTEM START MERGES {}", table.path_in(database));
            session.run("have merges begin again", &start).await?;
        }
        for database in databases {
            session.exchange(database, &staged(database)).await?;
        }
        session.rebuild(&tables).await?;
        Ok(tallies)
    }
}

/// Copies every table first, so that all are of nearly one moment; the copies are counted while they are written.
async fn keep(
    instance: &Instance<'_>,
    session: &Session<'_>,
    vault: &dyn Vault,
    tables: &[Table],
    copies: &str,
) -> Result<Account, EngineError> {
    let mut account = Account::default();
    let (inner, own): (Vec<&Table>, Vec<&Table>) = tables
        .iter()
        .filter(|table| table.has_rows())
        .partition(|table| table.is_inside_a_view());
    for table in inner {
        account.notes.push(format!(
            "{} is the inside of a materialised view without a table of its own, and is not in the backup",
            table.words()
        ));
    }
    if own.is_empty() {
        return Ok(account);
    }
    let mut pairs = Vec::new();
    for (place, table) in own.iter().enumerate() {
        let copy = format!("{copies}.t{place}");
        session.copy(table, &copy).await?;
        pairs.push((copy, table.path()));
    }
    let counting = async {
        for (table, (copy, _)) in own.iter().zip(&pairs) {
            account.tallies.push(session.count(copy, table).await?);
        }
        Ok(())
    };
    let writing = async {
        let archive = Archive::new(instance, session, copies).await?;
        let carrying = archive.write(&pairs).and_then(|()| archive.carry_out(vault)).await;
        archive.clear().await?;
        carrying
    };
    tokio::try_join!(counting, writing)?;
    Ok(account)
}

/// Makes the tables, each in its new database, fills them, and counts them before anything is merged.
async fn fill(
    instance: &Instance<'_>,
    session: &Session<'_>,
    store: &dyn Shelf,
    tables: &[(&Table, String)],
    name: &str,
) -> Result<Vec<Tally>, EngineError> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    for (table, database) in tables {
        session.make_in(database, table).await?;
    }
    let archive = Archive::new(instance, session, name).await?;
    let wanted: Vec<_> = tables
        .iter()
        .map(|(table, database)| (table.path(), table.path_in(database)))
        .collect();
    let filling = archive.carry_in(store).and_then(|()| archive.read(&wanted)).await;
    archive.clear().await?;
    filling?;
    let mut tallies = Vec::new();
    for (table, database) in tables {
        tallies.push(session.count(&table.path_in(database), table).await?);
    }
    Ok(tallies)
}
