//! Kernel locks on files that come and go: a lock counts only as long as its file is the one of its name.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// A lock that the kernel gives back with its file, also where the process is killed.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks `path` for this process alone; `None` where somebody has it.
    pub fn alone(path: &Path) -> io::Result<Option<Self>> {
        Self::with(path, File::try_lock)
    }

    /// Locks `path` together with others who do the same; `None` where somebody has it alone.
    pub fn together(path: &Path) -> io::Result<Option<Self>> {
        Self::with(path, File::try_lock_shared)
    }

    /// True where a process has `path` alone.
    pub fn is_held_alone(path: &Path) -> io::Result<bool> {
        is_held(path, File::try_lock_shared)
    }

    /// True where any process has `path`.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        is_held(path, File::try_lock)
    }

    /// True where its file still is the one at `path`.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        is_at(&self.0, path)
    }

    pub fn file(&self) -> &File {
        &self.0
    }

    fn with(path: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> io::Result<Option<Self>> {
        loop {
            // For appending, so that several writers do not overwrite each other.
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o600)
                .open(path)?;
            match lock(&file) {
                // Somebody has removed the file between the two calls: its lock means nothing any more.
                Ok(()) if !is_at(&file, path)? => {}
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

fn is_held(path: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    match lock(&file) {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        there => there?,
    };
    let own = file.metadata()?;
    Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn one_has_it_alone_or_many_have_it_together() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert!(!Lock::is_held(&path).unwrap() && !path.exists());

        let alone = Lock::alone(&path).unwrap();
        assert!(alone.is_some() && Lock::together(&path).unwrap().is_none());
        assert!(Lock::is_held_alone(&path).unwrap());
        drop(alone);

        let together = (Lock::together(&path).unwrap(), Lock::together(&path).unwrap());
        assert!(together.0.is_some() && together.1.is_some());
        assert!(Lock::alone(&path).unwrap().is_none());
        assert!(Lock::is_held(&path).unwrap() && !Lock::is_held_alone(&path).unwrap());
    }

    /// Each holder removes the file, as the reaper does: the lock of the removed file must not count beside that of the new.
    #[test]
    fn two_never_hold_it_at_once_although_the_file_is_removed_and_made_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let taken = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let Some(lock) = Lock::alone(&path).unwrap() else {
                            continue;
                        };
                        assert!(!taken.swap(true, Ordering::SeqCst), "two hold it");
                        taken.store(false, Ordering::SeqCst);
                        fs::remove_file(&path).unwrap();
                        drop(lock);
                    }
                });
            }
        });
    }
}
