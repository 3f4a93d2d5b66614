//! A proof as its readers see it.
//!
//! # Layout
//! - here: the pages that a command line asks for.
//! - [`progress`]: what is waited for while the engines are asked.
//! - [`terminal`]: counts per engine, and every row that is not fine.
//! - [`mends`]: what to do about a row that is not fine.
//! - [`html`]: one page for a browser.
//! - [`junit`]: a file for CI.
//! - `example`: a small report, for the tests.

#[cfg(test)]
mod example;
mod html;
mod junit;
mod mends;
mod progress;
mod terminal;

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use suho_stack::{proof::Report, stack::Phase};

use crate::arguments::Reports;

pub use progress::asked;
pub use terminal::print;

/// The files that the report is written to, made before anything is asked: minutes later would be late to say that one cannot
/// be written.
pub struct Pages {
    html: Option<Page>,
    junit: Option<Page>,
}

struct Page {
    path: PathBuf,
    file: File,
}

impl Pages {
    /// Makes the files that `reports` names.
    pub fn create(reports: &Reports) -> anyhow::Result<Self> {
        let create = |path: &Option<PathBuf>| path.as_deref().map(Page::create).transpose();
        Ok(Self {
            html: create(&reports.html)?,
            junit: create(&reports.junit)?,
        })
    }

    /// Writes the report to each of them; `started` are the phases of the stack's start, where they are known.
    pub fn write(self, proof: &Report, started: &[Phase]) -> anyhow::Result<()> {
        if let Some(page) = self.html {
            page.write(&html::page(proof, started)?)?;
        }
        if let Some(page) = self.junit {
            page.write(&junit::xml(proof)?)?;
        }
        Ok(())
    }
}

impl Page {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("failed to write {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    fn write(mut self, content: &str) -> anyhow::Result<()> {
        let written = self
            .file
            .write_all(content.as_bytes())
            .and_then(|()| self.file.sync_all());
        match written {
            // A pipe or a device has nothing to keep safe.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                Err(error).with_context(|| format!("failed to write {}", self.path.display()))
            }
            _ => {
                note!("the report is in {}", self.path.display());
                Ok(())
            }
        }
    }
}
