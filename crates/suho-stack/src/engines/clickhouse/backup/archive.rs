//! What `BACKUP` writes and `RESTORE` reads, on the server's own disk for backups and carried to and from it.

use super::super::super::backup::{self as keeping, Instance, Packing, Reads, Shelf, Vault};
use super::super::super::{Endpoint, EngineError};
use super::session::Session;

/// The server's disk for backups, which `clickhouse-config.xml` allows.
const DISK: &str = "backups";
/// The archive in a backup.
const CONTENT: &str = "tables.tar";
/// The parts are compressed already, each column by its codec.
const PACKING: Packing = Packing::AsIs;
const TAKE: [&str; 3] = ["sh", "-c", r#"exec cat >"$0""#];
/// What one that was cut off has left.
const CLEAR: [&str; 3] = ["sh", "-c", r#"cd "$0" && rm -rf suho_backup_* suho_restore_*"#];

/// An archive by a name of its own.
pub(super) struct Archive<'a> {
    instance: &'a Instance<'a>,
    session: &'a Session<'a>,
    directory: String,
    name: String,
}

impl<'a> Archive<'a> {
    /// The one that is called `name`; those that were cut off are removed.
    pub(super) async fn new(
        instance: &'a Instance<'a>,
        session: &'a Session<'a>,
        name: &str,
    ) -> Result<Self, EngineError> {
        let archive = Self {
            instance,
            session,
            directory: directory(instance.endpoint, session).await?,
            name: format!("{name}.tar"),
        };
        archive.clear().await?;
        Ok(archive)
    }

    /// Has the server write `tables`, each as another.
    pub(super) async fn write(&self, tables: &[(String, String)]) -> Result<(), EngineError> {
        let statement = format!("BACKUP {} TO {}", list(tables), self.place());
        self.session.run("back up the tables", &statement).await
    }

    pub(super) async fn carry_out(&self, vault: &dyn Vault) -> Result<(), EngineError> {
        let content = self.instance.tools.file(&self.path()).await?;
        keeping::fill(vault.create(CONTENT, PACKING).await?, content).await
    }

    pub(super) async fn carry_in(&self, store: &dyn Shelf) -> Result<(), EngineError> {
        let path = self.path();
        let command = [&TAKE[..], &[&path]].concat();
        let taking = self.instance.tools.start(&command, Reads::Input).await?;
        taking.fed(store.open(CONTENT).await?).await
    }

    /// Has the server fill `tables`, each with the rows of another in the archive.
    pub(super) async fn read(&self, tables: &[(String, String)]) -> Result<(), EngineError> {
        // The same table, and not by the same words: it is in another database.
        let statement = format!(
            "RESTORE {} FROM {} SETTINGS allow_different_table_def = 1",
            list(tables),
            self.place()
        );
        self.session.run("restore the tables", &statement).await
    }

    pub(super) async fn clear(&self) -> Result<(), EngineError> {
        let command = [&CLEAR[..], &[&self.directory]].concat();
        self.instance.tools.ask(&command).await.map(drop)
    }

    fn path(&self) -> String {
        format!("{}/{}", self.directory.trim_end_matches('/'), self.name)
    }

    fn place(&self) -> String {
        format!("Disk('{DISK}', '{}')", self.name)
    }
}

/// Where the disk is in the container.
async fn directory(endpoint: &Endpoint, session: &Session<'_>) -> Result<String, EngineError> {
    const ACTION: &str = "find the disk for backups";
    let question = format!("SELECT path FROM system.disks WHERE name = '{DISK}'");
    let found = session.strings(ACTION, &question).await?.into_iter().next();
    found.ok_or_else(|| endpoint.unexpected(ACTION, format!("`{DISK}` among the server's disks"), "none"))
}

/// `TABLE a AS b, TABLE c AS d`.
fn list(tables: &[(String, String)]) -> String {
    let tables: Vec<_> = tables
        .iter()
        .map(|(from, to)| format!("TABLE {from} AS {to}"))
        .collect();
    tables.join(", ")
}
