//! The record of a room: a file that is locked by whoever has the room.

use std::{
    fmt, fs,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::engines::tenancy::{Room, TenantName};

/// What a room is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The engine is making it.
    Making,
    /// It waits for a tenant.
    Ready,
    /// A tenant has it.
    Taken,
    /// Its tenant is gone; it shall be removed.
    Used,
    /// Its tenant is gone; somebody shall look at it.
    Kept,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Making, Self::Ready, Self::Taken, Self::Used, Self::Kept];

    /// As files and tables have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Making => "making",
            Self::Ready => "ready",
            Self::Taken => "taken",
            Self::Used => "used",
            Self::Kept => "kept",
        }
    }
}

/// The name of a record's file: `t3f2a….0123456789ab.ready`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordName {
    pub(super) room: TenantName,
    /// The hash of the migrations that the room begins with.
    pub(super) migrations: String,
    pub(super) stage: Stage,
}

impl RecordName {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (room, migrations, stage) = (parts.next()?, parts.next()?, parts.next()?);
        let stage = Stage::ALL.into_iter().find(|known| known.as_str() == stage)?;
        parts.next().is_none().then_some(())?;
        Some(Self {
            room: TenantName::parse(room)?,
            migrations: migrations.to_owned(),
            stage,
        })
    }

    fn at(&self, stage: Stage) -> Self {
        Self { stage, ..self.clone() }
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.room, self.migrations, self.stage.as_str())
    }
}

/// What a record tells: its lines, of which a later one adds to those before it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    /// Who wrote the last line.
    pub(super) pid: u32,
    /// When, in seconds since 1970.
    pub(super) at: u64,
    /// Since it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<Room>,
    /// Since a tenant has it; the tenant's name is not the room's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<TenantName>,
    /// What the tenant is for: the name of a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
}

impl Account {
    /// A line of this process, now.
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            pid: process::id(),
            at: since.as_secs(),
            ..Self::default()
        }
    }

    /// Reads all lines. One that is cut off was never finished by its writer, and counts for nothing.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.fold(Self::default(), |before, line: Self| Self {
            pid: line.pid,
            at: line.at,
            room: line.room.or(before.room),
            tenant: line.tenant.or(before.tenant),
            label: line.label.or(before.label),
        })
    }
}

/// A record that this process has locked. The kernel gives the lock back when the file is closed, also where the process is
/// killed; what becomes of the room then is told by the record's stage.
#[derive(Debug)]
pub(super) struct Held {
    directory: PathBuf,
    name: RecordName,
    file: fs::File,
}

impl Held {
    /// Writes the record of a room that is about to be made; `None` where a sweeper was quicker than the lock.
    pub(super) fn create(directory: &Path, room: TenantName, migrations: &str) -> io::Result<Option<Self>> {
        let name = RecordName {
            room,
            migrations: migrations.to_owned(),
            stage: Stage::Making,
        };
        let file = fs::OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(directory.join(name.to_string()))?;
        let Some(mut held) = Self::lock(directory, name, file)? else {
            return Ok(None);
        };
        held.write(&Account::now())?;
        Ok(Some(held))
    }

    /// Locks the record `name`; `None` where somebody else has it, or where it is at another stage by now.
    pub(super) fn take(directory: &Path, name: &RecordName) -> io::Result<Option<Self>> {
        let path = directory.join(name.to_string());
        match fs::OpenOptions::new().read(true).append(true).open(path) {
            Ok(file) => Self::lock(directory, name.clone(), file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// True while somebody has the record `name`.
    pub(super) fn is_locked(directory: &Path, name: &RecordName) -> bool {
        let opened = fs::File::open(directory.join(name.to_string()));
        opened.is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    fn lock(directory: &Path, name: RecordName, file: fs::File) -> io::Result<Option<Self>> {
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        let held = Self {
            directory: directory.to_owned(),
            name,
            file,
        };
        // Whoever had the lock before may have renamed or removed what was opened here.
        Ok(held.is_in_place()?.then_some(held))
    }

    fn is_in_place(&self) -> io::Result<bool> {
        let own = self.file.metadata()?;
        match fs::metadata(self.path()) {
            Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn name(&self) -> &RecordName {
        &self.name
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(self.name.to_string())
    }

    /// Adds a line.
    pub(super) fn write(&mut self, line: &Account) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        // In one piece, after a break: the writer before may have been killed within a line.
        self.file.write_all(format!("\n{text}").as_bytes())
    }

    pub(super) fn read(&mut self) -> io::Result<Account> {
        let mut text = String::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_string(&mut text)?;
        Ok(Account::read(&text))
    }

    /// Goes on to `stage`.
    pub(super) fn advance(&mut self, stage: Stage) -> io::Result<()> {
        let next = self.name.at(stage);
        fs::rename(self.path(), self.directory.join(next.to_string()))?;
        self.name = next;
        Ok(())
    }

    /// The room is no more, and neither is its record; one that is gone already is no error.
    pub(super) fn delete(self) -> io::Result<()> {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_went_on_between_opening_and_locking_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let create = || {
            Held::create(directory.path(), TenantName::random(), "0123456789ab")
                .unwrap()
                .unwrap()
        };
        let open = |held: &Held| (held.name().clone(), fs::File::open(held.path()).unwrap());
        let (mut renamed, removed, left) = (create(), create(), create());
        let [to_renamed, to_removed, to_left] = [open(&renamed), open(&removed), open(&left)];

        renamed.advance(Stage::Ready).unwrap();
        drop((renamed, left));
        removed.delete().unwrap();

        let lock = |(name, file)| Held::lock(directory.path(), name, file).unwrap();
        assert!(lock(to_renamed).is_none());
        assert!(lock(to_removed).is_none());
        assert!(lock(to_left).is_some());
    }
}
