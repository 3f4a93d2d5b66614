//! What the engines of a stack hold, kept in directories of their own, and put back.
//!
//! A backup is a directory: a folder of files per engine, a [`manifest`], and the hashes of all of them in `SHA256SUMS`. It
//! appears whole, by one rename, or not at all.
//!
//! # Layout
//! - [`target`]: the stack that is backed up, or restored into: ours, or one of `docker compose up`.
//! - [`taking`]: a backup, from the first file to its name.
//! - [`restoring`]: everything checked first, then put back, then counted.
//! - [`listing`]: the backups of a directory, and whether they are what they were.
//! - [`retention`]: which of them may go.
//! - [`manifest`]: what a backup says of itself.
//! - [`progress`]: what there is to tell while one waits.
//! - `draft`: a backup that is being written.
//! - `means`: which engines are backed up, and how.
//! - `packing`: files written and read by way of zstd and age, hashed as they are.

pub mod listing;
pub mod manifest;
pub mod progress;
pub mod restoring;
pub mod retention;
pub mod taking;
pub mod target;

mod draft;
mod error;
mod means;
mod packing;

pub use error::BackupError;
pub use listing::{Kept, list};
pub use manifest::Manifest;
pub use progress::Progress;
pub use restoring::{Restore, restore};
pub use retention::{Retention, prune};
pub use taking::{Request, take};
pub use target::Target;

use std::path::Path;

use crate::stack::Stack;

impl Stack {
    /// Writes a backup of every engine into a new directory below `place`.
    ///
    /// ```no_run
    /// # async fn example(stack: suho_stack::stack::Stack) -> Result<(), suho_stack::backup::BackupError> {
    /// let backup = stack.backup(std::path::Path::new("backups")).await?;
    /// println!("{} in {}", backup.name(), backup.path.display());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn backup(&self, place: &Path) -> Result<Kept, BackupError> {
        let target = Target::of(self.state()).await?;
        take(&target, &Request::new(place), &|progress| tracing::debug!(?progress)).await
    }

    /// Puts what the directory `backup` holds in the place of what the engines hold.
    pub async fn restore(&mut self, backup: &Path) -> Result<(), BackupError> {
        let target = Target::of(self.state()).await?;
        let request = Restore {
            replace: true,
            ..Restore::of(backup)
        };
        let outcome = restore(&target, &request, &|progress| tracing::debug!(?progress)).await;
        self.follow(target.restarter()).await;
        outcome
    }
}
