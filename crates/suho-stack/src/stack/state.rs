//! What another process needs to find a stack again: a file per stack, readable by its owner alone.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Phase, StackError};
use crate::{
    deployment::{Fingerprint, Setting},
    engines::Endpoint,
    runtime::ImageFacts,
};

/// A stack as its state file tells it. It holds secrets: the file has mode 0600.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackState {
    /// The name by which commands call it.
    pub name: String,
    /// The network that its containers share.
    pub network: String,
    /// What it was started from.
    pub fingerprint: Fingerprint,
    /// The services that run.
    pub members: Vec<Member>,
    /// The services that cannot be had here.
    pub absent: Vec<Absent>,
    /// The phases of its start, in the order in which they ended.
    pub phases: Vec<Phase>,
}

/// A service of a stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// The compose service.
    pub service: String,
    /// The container that runs it.
    pub container: String,
    /// The image, by tag and digest.
    pub image: String,
    /// What the image says of itself.
    pub facts: ImageFacts,
    /// The engine's version, in its own words.
    pub version: String,
    /// How it is reached from this machine.
    pub endpoint: Endpoint,
    /// From the start of the stack until its engine served.
    pub ready_after: Duration,
    /// What it was configured with.
    pub settings: Vec<Setting>,
}

/// A service that a stack lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// The compose service.
    pub service: String,
    /// Why.
    pub reason: String,
    /// What it would have been configured with.
    pub settings: Vec<Setting>,
}

impl StackState {
    /// The member that runs `service`.
    #[must_use]
    pub fn member(&self, service: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.service == service)
    }

    /// Every endpoint, by service.
    #[must_use]
    pub fn endpoints(&self) -> BTreeMap<String, Endpoint> {
        self.members
            .iter()
            .map(|member| (member.service.clone(), member.endpoint.clone()))
            .collect()
    }

    /// Why each absent service is absent.
    #[must_use]
    pub fn reasons_of_absence(&self) -> BTreeMap<String, String> {
        self.absent
            .iter()
            .map(|absent| (absent.service.clone(), absent.reason.clone()))
            .collect()
    }

    /// True for a service that runs here, or that was asked for and is absent.
    pub(super) fn knows(&self, service: &str) -> bool {
        self.member(service).is_some() || self.absent.iter().any(|absent| absent.service == service)
    }

    /// Reads the state of the stack `name`.
    pub fn load(name: &str) -> Result<Self, StackError> {
        let path = file(name);
        match fs::read(&path) {
            Ok(content) => serde_json::from_slice(&content).map_err(|error| StackError::StateFile {
                action: "read",
                path,
                source: io::Error::other(error),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StackError::Unknown {
                name: name.to_owned(),
                directory: directory(),
            }),
            Err(source) => Err(StackError::StateFile {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// Writes the state whole or not at all.
    pub fn save(&self) -> Result<(), StackError> {
        let path = file(&self.name);
        let write = || {
            make_directory()?;
            let draft = path.with_extension("draft");
            let mut output = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&draft)?;
            output.write_all(&serde_json::to_vec_pretty(self)?)?;
            output.sync_all()?;
            fs::rename(draft, &path)
        };
        write().map_err(|source| StackError::StateFile {
            action: "write",
            path: path.clone(),
            source,
        })
    }

    /// Forgets the stack `name`; one that is unknown already is no error.
    pub fn forget(name: &str) -> Result<(), StackError> {
        super::forget_tenants(name);
        let path = file(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StackError::StateFile {
                action: "remove",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }
}

/// `name`, if containers, networks and files can be named after it.
pub fn valid_name(name: &str) -> Result<&str, StackError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric();
    if name.starts_with(plain) && name.chars().all(|letter| plain(letter) || "_.-".contains(letter)) {
        Ok(name)
    } else {
        Err(StackError::BadName(name.to_owned()))
    }
}

/// Waits until no other process of this user claims a stack, and keeps them from it as long as the file lives: the kernel
/// gives a lock back with its file, also where a process is killed.
pub(super) async fn lock_claims() -> Result<fs::File, StackError> {
    let path = directory().join("claims.lock");
    let failed = failed("lock", &path);
    make_directory().map_err(&failed)?;
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(&failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // A claim is a request or two to the Docker engine.
            Err(fs::TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// Tells which file could not be read or written, for `map_err`.
pub(super) fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> StackError {
    move |source| StackError::StateFile {
        action,
        path: path.to_owned(),
        source,
    }
}

/// For its owner alone: the files in it hold secrets.
pub(super) fn make_directory() -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory())
}

fn file(name: &str) -> PathBuf {
    directory().join(format!("{name}.json"))
}

/// `SUHO_STATE_DIR`, or `suho` in the XDG state directory.
pub(super) fn directory() -> PathBuf {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("SUHO_STATE_DIR")
        .or_else(|| named("XDG_STATE_HOME").map(|state| state.join("suho")))
        .or_else(|| named("HOME").map(|home| home.join(".local/state/suho")))
        .unwrap_or_else(|| env::temp_dir().join("suho"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::valid_name;

    #[rstest]
    #[case("suho", true)]
    #[case("orders-2.x_y", true)]
    #[case("", false)]
    #[case("-rf", false)]
    #[case("../etc", false)]
    #[case("a b", false)]
    #[case("ä", false)]
    fn a_name_is_one_that_docker_and_the_file_system_take(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(valid_name(name).is_ok(), valid);
    }
}
