//! The records of one engine of one stack: a directory that all processes of the user share.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::TenantError;
use super::record::{Account, Held, RecordName, Stage};
use crate::engines::{
    Endpoint,
    tenancy::{Room, TenantName},
};

/// Beside the records: where their engine is, for those who have only the directory.
pub(super) const ENDPOINT_FILE: &str = "endpoint.json";

/// The directory.
#[derive(Debug, Clone)]
pub(super) struct Register {
    directory: PathBuf,
}

impl Register {
    /// That of the engine at `endpoint`, below the directory of its stack. An engine that was started anew has others' rooms no
    /// more, so it has another directory: its ports and passwords are others.
    pub(super) fn of(stack: &Path, engine: &str, endpoint: &Endpoint) -> Self {
        let mut digest = format!("{:x}", Sha256::digest(serde_json::to_vec(endpoint).unwrap_or_default()));
        digest.truncate(12);
        Self {
            directory: stack.join(format!("{engine}-{digest}")),
        }
    }

    /// One that is there already.
    pub(super) fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// What is recorded, in no order.
    pub(super) fn names(&self) -> Result<Vec<RecordName>, TenantError> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("list", error)),
        };
        Ok(entries
            .filter_map(|entry| RecordName::parse(entry.ok()?.file_name().to_str()?))
            .collect())
    }

    /// Locks the first of `names` that nobody else has.
    pub(super) fn hold_any<'a>(
        &self,
        names: impl IntoIterator<Item = &'a RecordName>,
    ) -> Result<Option<Held>, TenantError> {
        for name in names {
            if let Some(held) = self.hold(name)? {
                return Ok(Some(held));
            }
        }
        Ok(None)
    }

    /// Locks `name`, if nobody else has and it is still at its stage.
    pub(super) fn hold(&self, name: &RecordName) -> Result<Option<Held>, TenantError> {
        Held::take(&self.directory, name).map_err(|error| self.failed("lock a record in", error))
    }

    /// The locked record of a room that is about to be made, under a new name.
    pub(super) fn begin(&self, migrations: &str, endpoint: &Endpoint) -> Result<Held, TenantError> {
        let begin = || {
            self.prepare(endpoint)?;
            loop {
                if let Some(held) = Held::create(&self.directory, TenantName::random(), migrations)? {
                    return Ok(held);
                }
            }
        };
        begin().map_err(|error| self.failed("write a record into", error))
    }

    /// The room is made: it waits for a tenant, locked until `held` is dropped.
    pub(super) fn finish(&self, held: &mut Held, room: Room) -> Result<(), TenantError> {
        let line = Account {
            room: Some(room),
            ..Account::now()
        };
        held.write(&line)
            .and_then(|()| held.advance(Stage::Ready))
            .map_err(|error| self.failed("write a record into", error))
    }

    /// `tenant` takes the room.
    pub(super) fn occupy(&self, held: &mut Held, tenant: &TenantName, label: &str) -> Result<Room, TenantError> {
        let mut occupy = || {
            let room = held.read()?.room.ok_or(io::ErrorKind::UnexpectedEof)?;
            held.write(&Account {
                tenant: Some(tenant.clone()),
                label: Some(label.to_owned()),
                ..Account::now()
            })?;
            held.advance(Stage::Taken)?;
            Ok(room)
        };
        occupy().map_err(|error| self.failed("take a record of", error))
    }

    /// Makes the directory, for its owner alone, and tells in it where the engine is.
    fn prepare(&self, endpoint: &Endpoint) -> io::Result<()> {
        let told = self.directory.join(ENDPOINT_FILE);
        if told.exists() {
            return Ok(());
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)?;
        // Several processes may be here: each has a draft of its own.
        let draft = self
            .directory
            .join(format!("{ENDPOINT_FILE}.{:016x}", rand::random::<u64>()));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(&serde_json::to_vec(endpoint)?)?;
        fs::rename(draft, told)
    }

    pub(super) fn failed(&self, action: &'static str, source: io::Error) -> TenantError {
        TenantError::Record {
            action,
            path: self.directory.clone(),
            source,
        }
    }
}
