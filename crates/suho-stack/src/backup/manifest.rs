//! What a backup says of itself.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BackupError, packing::hexadecimal};
use crate::{
    deployment::Fingerprint,
    engines::backup::{Origin, Tally},
};

/// The version of this format.
const FORMAT: u32 = 2;
/// The manifest's own name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The hashes of all files, as `sha256sum --check` reads them.
pub(super) const SUMS: &str = "SHA256SUMS";

/// Everything about a backup but its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format: 2.
    pub format: u32,
    /// The version of this library that wrote it.
    pub written_by: String,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// What its owner calls it.
    pub label: Option<String>,
    /// The stack.
    pub stack: String,
    /// What the stack was started from.
    pub fingerprint: Fingerprint,
    /// Who can open its files; everybody where it is empty. This file and the hashes can be read by everybody.
    pub encrypted_to: Vec<String>,
    /// The engines that are in it.
    pub engines: Vec<EnginePart>,
    /// The services that are not, and why.
    pub left_out: BTreeMap<String, String>,
}

/// One engine in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnginePart {
    /// The compose service.
    pub service: String,
    /// Version, edition, stand-in.
    #[serde(flatten)]
    pub origin: Origin,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// Its files.
    pub files: Vec<StoredFile>,
    /// What a restore brings back, as it is counted.
    pub tallies: Vec<Tally>,
    /// What is not in it.
    pub notes: Vec<String>,
    /// How it is put back, where that has to be done by hand: it consists of the engine's own files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<String>,
}

/// One file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// The engine's own name for it.
    pub name: String,
    /// Where it is, from the backup's directory.
    pub path: String,
    /// Its bytes on disk.
    pub size: u64,
    /// Its bytes before packing.
    pub content_size: u64,
    /// SHA-256 of what is on disk.
    pub sha256: String,
    /// By zstd.
    pub compressed: bool,
}

impl EnginePart {
    /// Bytes before packing.
    #[must_use]
    pub fn content_size(&self) -> u64 {
        self.files.iter().map(|file| file.content_size).sum()
    }
}

impl Manifest {
    /// Bytes on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.engines
            .iter()
            .flat_map(|part| &part.files)
            .map(|file| file.size)
            .sum()
    }

    /// The part of `service`.
    #[must_use]
    pub fn part(&self, service: &str) -> Option<&EnginePart> {
        self.engines.iter().find(|part| part.service == service)
    }

    /// The format that is written now.
    pub(super) fn format() -> u32 {
        FORMAT
    }

    /// Writes manifest and hashes into `directory`, to the disk itself.
    pub(super) fn write(&self, directory: &Path) -> Result<(), BackupError> {
        let path = directory.join(MANIFEST);
        let content = serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::other)
            .map_err(BackupError::disk("write", &path))?;
        let sums = self.sums(&content);
        write_synced(&path, &content)?;
        write_synced(&directory.join(SUMS), sums.as_bytes())
    }

    /// The hashes of all files, the manifest's own at the end.
    fn sums(&self, content: &[u8]) -> String {
        let files = self.engines.iter().flat_map(|part| &part.files);
        let mut sums = String::new();
        for (hash, path) in files
            .map(|file| (file.sha256.clone(), file.path.as_str()))
            .chain([(hexadecimal(&Sha256::digest(content)), MANIFEST)])
        {
            // Writing to a String cannot fail.
            let _ = writeln!(sums, "{hash}  {path}");
        }
        sums
    }

    /// Reads the manifest of `directory`, held against its own hash.
    pub fn read(directory: &Path) -> Result<Self, BackupError> {
        let damaged = |reason: String| BackupError::Damaged {
            path: directory.to_owned(),
            reasons: vec![reason],
        };
        let read = |name: &str| fs::read(directory.join(name)).map_err(|error| damaged(format!("{name}: {error}")));
        let content = read(MANIFEST)?;
        let sums = String::from_utf8_lossy(&read(SUMS)?).into_owned();
        let expected = format!("{}  {MANIFEST}", hexadecimal(&Sha256::digest(&content)));
        if sums.lines().next_back() != Some(expected.as_str()) {
            return Err(damaged(format!("{MANIFEST} is not what {SUMS} says")));
        }
        let format: Format =
            serde_json::from_slice(&content).map_err(|error| damaged(format!("{MANIFEST}: {error}")))?;
        if format.format != FORMAT {
            return Err(damaged(format!(
                "its format is {}, and this program knows {FORMAT}: restore it with the program that wrote it ({})",
                format.format, format.written_by
            )));
        }
        let manifest: Self =
            serde_json::from_slice(&content).map_err(|error| damaged(format!("{MANIFEST}: {error}")))?;
        if manifest.sums(&content) != sums {
            return Err(damaged(format!("{SUMS} is not what {MANIFEST} says")));
        }
        Ok(manifest)
    }
}

#[derive(Deserialize)]
struct Format {
    format: u32,
    #[serde(default)]
    written_by: String,
}

fn write_synced(path: &Path, content: &[u8]) -> Result<(), BackupError> {
    use std::io::Write as _;
    let write = || {
        let mut file = super::draft::new_file(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(BackupError::disk("write", path))
}
