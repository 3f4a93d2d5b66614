//! The whole cluster by `pg_basebackup`, with the write-ahead log that makes its files one moment.

use async_trait::async_trait;
use tokio_postgres::Client;

use super::super::backup::{Account, Instance, Packing, Physical, Reads, Vault};
use super::super::scratch;
use super::super::{Endpoint, EngineError};
use super::backup::{MAINTENANCE, connect, tool};

/// A tar of the data directory, with `pg_wal` and the manifest of `pg_verifybackup` in it.
const BASE: &str = "base.tar";
/// To the standard output, which takes the log at the end and not beside: see [`keep_log`].
const ARGUMENTS: [&str; 4] = ["--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast"];

/// `pg_basebackup`, in the engine's own container.
#[derive(Debug)]
pub(super) struct BaseBackup;

#[async_trait]
impl Physical for BaseBackup {
    async fn copy(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let endpoint = instance.endpoint;
        let session = connect(endpoint, MAINTENANCE).await?;
        keep_log(endpoint, &session).await?;
        let copying = instance
            .tools
            .start(&tool("pg_basebackup", &ARGUMENTS), Reads::Nothing)
            .await?;
        copying
            .into_file(vault.create(BASE, Packing::Compressed).await?)
            .await?;
        // Not before: the slot goes with its session.
        drop(session);
        Ok(Account {
            notes: vec![
                "it is a base backup: rows are not counted, pg_verifybackup holds its files against their checksums"
                    .to_owned(),
            ],
            ..Account::default()
        })
    }

    fn by_hand(&self) -> &'static str {
        "its base backup is unpacked by hand into the empty data directory of a server that is stopped, with tar; the README \
         has the commands"
    }
}

/// Has the server keep all of its log until `session` ends, by a slot: one that writes much removes it otherwise before
/// `pg_basebackup` comes to fetch it.
async fn keep_log(endpoint: &Endpoint, session: &Client) -> Result<(), EngineError> {
    let slot = scratch::name("suho_backup_");
    let statement = format!("SELECT pg_create_physical_replication_slot('{slot}', true, true)");
    session
        .batch_execute(&statement)
        .await
        .map_err(endpoint.failed("have the write-ahead log kept"))
}
