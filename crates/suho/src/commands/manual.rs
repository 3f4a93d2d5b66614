//! `suho manual`: the manual pages, written from the same source as the help.

use std::path::Path;

use anyhow::Context as _;

use crate::{Outcome, arguments};

pub fn run(directory: &Path) -> anyhow::Result<Outcome> {
    arguments::write_manual(directory)
        .with_context(|| format!("failed to write the manual pages into {}", directory.display()))?;
    Ok(Outcome::Fine)
}
