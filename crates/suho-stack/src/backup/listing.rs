//! The backups of a directory, and whether they are what they were.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    BackupError, Manifest,
    manifest::{MANIFEST, StoredFile},
    packing::hash,
};

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its directory.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Every backup in `directory`, the oldest first; what looks like one and is none is an error among them.
///
/// A directory that does not exist holds none.
pub fn list(directory: &Path) -> Result<Vec<Result<Kept, BackupError>>, BackupError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(BackupError::disk("list", directory))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(BackupError::disk("list", directory))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && entry.path().join(MANIFEST).exists() {
            paths.push(entry.path());
        }
    }
    // The names begin with the time.
    paths.sort();
    Ok(paths.iter().map(|path| Kept::read(path)).collect())
}

impl Kept {
    /// Reads what the backup in the directory `path` says of itself.
    pub fn read(path: &Path) -> Result<Self, BackupError> {
        let path = path.canonicalize().map_err(BackupError::disk("find", path))?;
        let manifest = Manifest::read(&path)?;
        Ok(Self { path, manifest })
    }

    /// The backup that is called `name` in `directory`, or that is the directory `name`.
    pub fn find(name: &Path, directory: &Path) -> Result<PathBuf, BackupError> {
        [directory.join(name), name.to_owned()]
            .into_iter()
            .find(|path| path.is_dir())
            .ok_or_else(|| BackupError::Absent {
                name: name.display().to_string(),
                directory: directory.to_owned(),
            })
    }

    /// The name of its directory.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Its files.
    pub(super) fn files(&self) -> impl Iterator<Item = &StoredFile> {
        self.manifest.engines.iter().flat_map(|part| &part.files)
    }

    /// Reads every file to its last byte, and holds size and hash against the manifest.
    pub async fn verify(&self) -> Result<(), BackupError> {
        let files: Vec<StoredFile> = self.files().cloned().collect();
        let directory = self.path.clone();
        let reasons = tokio::task::spawn_blocking(move || {
            files
                .iter()
                .filter_map(|file| damage(&directory, file))
                .collect::<Vec<_>>()
        });
        match reasons.await.map_err(io::Error::other) {
            Ok(reasons) if reasons.is_empty() => Ok(()),
            Ok(reasons) => Err(BackupError::Damaged {
                path: self.path.clone(),
                reasons,
            }),
            Err(error) => Err(BackupError::disk("read", &self.path)(error)),
        }
    }
}

/// What is wrong with `file`.
fn damage(directory: &Path, file: &StoredFile) -> Option<String> {
    match hash(&directory.join(&file.path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!("{} is missing", file.path)),
        Err(error) => Some(format!("{}: {error}", file.path)),
        Ok((size, _)) if size != file.size => Some(format!("{} has {size} bytes of {}", file.path, file.size)),
        Ok((_, sha256)) if sha256 != file.sha256 => Some(format!("{} has another hash", file.path)),
        Ok(_) => None,
    }
}
