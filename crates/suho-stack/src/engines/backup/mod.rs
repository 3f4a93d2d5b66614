//! How an engine is backed up and restored, each by its own consistent means.
//!
//! # Layout
//! - here: what an engine's room is given, and what it owes.
//! - `names`: names of things as names of files.
//! - `tally`: counts and checksums, and whether they are equal.
//! - `versions`: which versions go together.
//!
//! What a backup consists of in one engine is told in that engine's own folder.

mod names;
mod tally;
mod versions;

use std::{fmt, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream::BoxStream};
use tokio::io::{AsyncWrite, AsyncWriteExt};

pub use names::file_name;
pub use tally::{Tally, compare, settled};
pub use versions::{Origin, older};

use super::{Endpoint, EngineError, Restart};

/// The bytes of a file or of a tool, as they come.
pub type Pieces = BoxStream<'static, Result<Bytes, EngineError>>;

/// Backs up and restores one engine.
#[async_trait]
pub trait Backup: fmt::Debug + Send + Sync {
    /// Writes all that the engine holds into `vault`, as of one moment for each thing that it calls consistent.
    ///
    /// May be dropped at any point; what it leaves in the engine then is removed by the next one.
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError>;

    /// What a restore would take the place of, in words; nothing where the engine is as a fresh deployment has it.
    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError>;

    /// Why a backup of `stored` cannot be restored into `live`; `None` where it can.
    fn objection(&self, stored: &Origin, live: &Origin) -> Option<String> {
        older(&stored.version, &live.version)
    }

    /// Puts what `shelf` holds in the place of what the engine has, and returns what the engine counts of it then.
    ///
    /// Where the engine allows it, what was there before goes only once what is new equals `account`.
    async fn restore(
        &self,
        instance: &Instance<'_>,
        shelf: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError>;

    /// A backup by the engine's own files, where it has a way to copy them while it runs.
    fn physical(&self) -> Option<&'static dyn Physical> {
        None
    }

    /// Remembers a backup that is complete, where those who watch the deployment look for it; an engine where nobody looks
    /// has nothing to remember.
    async fn remember(&self, _endpoint: &Endpoint, _taken: &Taken) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Copies the files of one engine while it runs.
#[async_trait]
pub trait Physical: fmt::Debug + Send + Sync {
    /// Writes the engine's files into `vault`, as they were at one moment.
    async fn copy(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError>;

    /// How they are put back, which has to be done by hand: the engine must not run meanwhile.
    fn by_hand(&self) -> &'static str;
}

/// A backup that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// When it was begun.
    pub at: DateTime<Utc>,
    /// The compose services that are in it.
    pub services: Vec<String>,
}

/// An engine of a running stack, with what a backup needs beside its endpoint.
#[derive(Clone, Copy)]
pub struct Instance<'a> {
    /// Where it serves.
    pub endpoint: &'a Endpoint,
    /// Its own tools.
    pub tools: &'a dyn Tools,
    /// How it is started anew: some read their data at a start alone.
    pub restart: &'a dyn Restart,
}

impl fmt::Debug for Instance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("endpoint", self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What a room tells of the backup that it has written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// What a restore has to bring back, as the engine counts it.
    pub tallies: Vec<Tally>,
    /// What is not in it, and why.
    pub notes: Vec<String>,
}

/// Starts an engine's own tools where the engine runs.
#[async_trait]
pub trait Tools: Send + Sync {
    /// Starts `command`; it ends with its caller.
    async fn start(&self, command: &[&str], reads: Reads) -> Result<Tool, EngineError>;

    /// What is in the file `path` where the engine runs.
    async fn file(&self, path: &str) -> Result<Pieces, EngineError>;

    /// Runs `command` to its end, and returns what it has written.
    async fn ask(&self, command: &[&str]) -> Result<String, EngineError> {
        self.start(command, Reads::Nothing).await?.text().await
    }
}

/// What a tool reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Nothing.
    Nothing,
    /// What it is fed.
    Input,
}

/// A tool that runs.
pub struct Tool {
    /// What it reads.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// What it writes.
    pub output: Pieces,
    /// Resolves once its output has ended: an error where it says that it failed.
    pub end: BoxFuture<'static, Result<(), EngineError>>,
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").finish_non_exhaustive()
    }
}

impl Tool {
    /// Everything that it writes, until it ends.
    pub async fn text(mut self) -> Result<String, EngineError> {
        let mut output = Vec::new();
        while let Some(piece) = self.output.try_next().await? {
            output.extend_from_slice(&piece);
        }
        self.end.await?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// Everything that it writes goes into `file`.
    pub async fn into_file(mut self, mut file: Box<dyn NewFile>) -> Result<(), EngineError> {
        while let Some(piece) = self.output.try_next().await? {
            file.write(piece).await?;
        }
        self.end.await?;
        file.finish().await
    }

    /// Gives it `pieces` to read, and waits until it ends.
    pub async fn fed(self, mut pieces: Pieces) -> Result<(), EngineError> {
        let Self {
            mut input,
            mut output,
            end,
        } = self;
        let feeding = async {
            while let Some(piece) = pieces.try_next().await? {
                // One that ends early says why by its exit.
                if input.write_all(&piece).await.is_err() {
                    return Ok(());
                }
            }
            drop(input.shutdown().await);
            Ok(())
        };
        let listening = async {
            while let Some(words) = output.next().await {
                words?;
            }
            Ok(())
        };
        tokio::try_join!(feeding, listening)?;
        end.await
    }
}

/// Takes the files of a backup.
#[async_trait]
pub trait Vault: Send + Sync {
    /// A new file, by a name of letters, digits, `.`, `_`, `-`, and `/` between folders.
    async fn create(&self, name: &str, packing: Packing) -> Result<Box<dyn NewFile>, EngineError>;
}

/// A file of a backup while it is written; one that is dropped before it is finished fails the backup.
#[async_trait]
pub trait NewFile: Send {
    /// Adds to it.
    async fn write(&mut self, piece: Bytes) -> Result<(), EngineError>;

    /// Ends it.
    async fn finish(self: Box<Self>) -> Result<(), EngineError>;
}

/// Whether a file is worth compressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// By zstd.
    Compressed,
    /// The engine has compressed it already.
    AsIs,
}

/// Holds the files of a backup.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// Their names, as they were created.
    fn names(&self) -> Vec<String>;

    /// What is in one of them.
    async fn open(&self, name: &str) -> Result<Pieces, EngineError>;
}

/// The whole of a small file of `shelf`.
pub async fn read(shelf: &dyn Shelf, name: &str) -> Result<Vec<u8>, EngineError> {
    let mut pieces = shelf.open(name).await?;
    let mut content = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        content.extend_from_slice(&piece);
    }
    Ok(content)
}

/// All of `pieces` goes into `file`.
pub async fn fill(mut file: Box<dyn NewFile>, mut pieces: Pieces) -> Result<(), EngineError> {
    while let Some(piece) = pieces.try_next().await? {
        file.write(piece).await?;
    }
    file.finish().await
}

/// Writes a small file into `vault`.
pub async fn write(vault: &dyn Vault, name: &str, content: impl Into<Bytes>) -> Result<(), EngineError> {
    let mut file = vault.create(name, Packing::Compressed).await?;
    file.write(content.into()).await?;
    file.finish().await
}
