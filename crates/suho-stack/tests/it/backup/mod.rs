//! Backups taken and restored against real engines.
//!
//! # Layout
//! - [`whole`]: every engine into another stack, equal by counts and checksums.
//! - [`damaged`]: a backup that is not what it was, or not for here, touches nothing.
//! - [`cut_off`]: a backup that is cut off, or has no room, is none.
//! - [`remembered`]: when each engine was last backed up, where the monitoring looks.
//! - `seeds`: something in every engine.

mod cut_off;
mod damaged;
mod remembered;
mod seeds;
mod whole;

use std::path::{Path, PathBuf};

use suho_stack::{
    backup::{BackupError, Kept, Progress, Request, Restore, Target, restore, take},
    stack::{ImageSource, Stack},
};

use crate::unique;

async fn started(engines: &[&str]) -> Stack {
    Stack::builder()
        .name(unique("kept"))
        .engines(engines.iter().copied())
        .images(ImageSource::Airgap)
        .start()
        .await
        .unwrap()
}

async fn taken(stack: &Stack, place: &Path) -> Kept {
    let target = Target::of(stack.state()).await.unwrap();
    take(&target, &Request::new(place), &quiet).await.unwrap()
}

async fn restored(stack: &Stack, request: &Restore) -> Result<(), BackupError> {
    restore(&Target::of(stack.state()).await.unwrap(), request, &quiet).await
}

fn quiet(_: Progress) {}

/// What is in the directory of backups, hidden or not, but for the lock.
fn entries(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| !path.ends_with(".lock")).collect()
}
