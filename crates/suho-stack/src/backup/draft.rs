//! A backup that is being written: a hidden directory, which a rename makes a backup once all of it is on the disk.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{BackupError, Manifest};

/// What the hidden directories of drafts begin with.
const DRAFT: &str = ".draft-";

/// The directory of backups, as long as one process changes it. The kernel gives the lock back where that is killed.
#[derive(Debug)]
pub(super) struct Place {
    directory: PathBuf,
    _lock: File,
}

impl Place {
    /// Makes the directory where there is none, and removes the drafts that others have left.
    pub(super) fn claim(directory: &Path) -> Result<Self, BackupError> {
        let claim = || -> io::Result<Option<File>> {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let lock = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(directory.join(".lock"))?;
            match lock.try_lock() {
                Ok(()) => Ok(Some(lock)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(error)) => Err(error),
            }
        };
        let lock = claim().map_err(BackupError::disk("prepare", directory))?;
        let place = Self {
            directory: directory.to_owned(),
            _lock: lock.ok_or_else(|| BackupError::Busy(directory.to_owned()))?,
        };
        place.sweep().map_err(BackupError::disk("clear", directory))?;
        Ok(place)
    }

    fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(DRAFT) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes a backup; one that is interrupted in between leaves a draft and no half backup.
    pub(super) fn remove(&self, backup: &Path) -> Result<(), BackupError> {
        let name = backup.file_name().unwrap_or_default().to_string_lossy();
        let hidden = self.directory.join(format!("{DRAFT}{name}"));
        let removed = fs::rename(backup, &hidden).and_then(|()| fs::remove_dir_all(&hidden));
        removed.map_err(BackupError::disk("remove", backup))
    }
}

/// The directory that becomes the backup.
#[derive(Debug)]
pub(super) struct Draft {
    place: Place,
    name: String,
    path: PathBuf,
}

impl Draft {
    /// An empty one, for a backup called `name`, or that with a number where one is called so already.
    pub(super) fn begin(place: Place, name: &str) -> Result<Self, BackupError> {
        let free = |name: &String| !place.directory.join(name).exists();
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let name = [name.to_owned()]
            .into_iter()
            .chain(numbered)
            .find(free)
            .unwrap_or_default();
        let path = place.directory.join(format!("{DRAFT}{name}"));
        new_directory(&path).map_err(BackupError::disk("create", &path))?;
        Ok(Self { place, name, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the manifest, has all of it on the disk, and gives it its name.
    pub(super) fn complete(self, manifest: &Manifest) -> Result<PathBuf, BackupError> {
        manifest.write(&self.path)?;
        let whole = self.place.directory.join(&self.name);
        let publish = || {
            for folder in fs::read_dir(&self.path)? {
                let folder = folder?.path();
                if folder.is_dir() {
                    File::open(folder)?.sync_all()?;
                }
            }
            File::open(&self.path)?.sync_all()?;
            fs::rename(&self.path, &whole)?;
            File::open(&self.place.directory)?.sync_all()
        };
        publish().map_err(BackupError::disk("complete", &whole))?;
        Ok(whole)
    }
}

impl Drop for Draft {
    /// One that has become a backup is not here any more.
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "a draft of a backup is left behind");
            }
            _ => {}
        }
    }
}

/// A new file, for its owner alone.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A directory for its owner alone, with those above it.
pub(super) fn new_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(directory: &Path) -> Place {
        Place::claim(directory)
            .ok()
            .unwrap_or_else(|| unreachable!("nobody else is here"))
    }

    #[test]
    fn one_process_writes_at_a_time() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let place = claimed(directory.path());

        assert!(matches!(Place::claim(directory.path()), Err(BackupError::Busy(_))));
        drop(place);
        assert!(Place::claim(directory.path()).is_ok());
        Ok(())
    }

    #[test]
    fn a_draft_goes_with_its_value_and_with_the_next_claim() -> Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let draft = Draft::begin(claimed(directory.path()), "monday")?;
        let path = draft.path().to_owned();
        fs::write(path.join("orders"), "half")?;

        // What a process that was killed leaves.
        let killed = directory.path().join(".draft-sunday");
        fs::create_dir(&killed)?;
        drop(draft);
        assert!(!path.exists() && killed.exists());
        drop(claimed(directory.path()));
        assert!(!killed.exists());
        Ok(())
    }
}
