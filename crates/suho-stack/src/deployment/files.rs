//! The deployment's files: the compose files and what their services mount.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::error::DeploymentError;
use super::selection;

/// The deployment.
pub const COMPOSE_FILE: &str = "docker-compose.yml";
/// What the air-gap images change of it.
pub const AIRGAP_FILE: &str = "docker-compose.airgap.yml";
/// The watchers of the deployment: Prometheus, Grafana, exporters.
pub const MONITORING_FILE: &str = "docker-compose.monitoring.yml";
/// What the air-gap images change of the watchers.
pub const MONITORING_AIRGAP_FILE: &str = "docker-compose.monitoring.airgap.yml";

const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Over their names and their bytes.
const EMBEDDED_HASH: &str = env!("SUHO_EMBEDDED_HASH");

/// File names relative to the deployment's directory, with the bytes of each.
///
/// Holds configuration, scripts and the recipes of the air-gap images; never a `.env`.
#[derive(Clone, PartialEq, Eq)]
pub struct Files {
    files: BTreeMap<String, Cow<'static, [u8]>>,
}

impl Files {
    /// The files that travel inside this library.
    ///
    /// None do where it was compiled with `SUHO_EMBED=no`: asking for any of them is then
    /// [`DeploymentError::NoneEmbedded`].
    #[must_use]
    pub fn embedded() -> Self {
        let files = EMBEDDED
            .iter()
            .map(|&(path, bytes)| (path.to_owned(), Cow::Borrowed(bytes)))
            .collect();
        Self { files }
    }

    /// The hash of these files, if they are those that travel inside this library and nothing else: known without reading them.
    pub(crate) fn embedded_hash(&self) -> Option<&'static str> {
        let is_embedded = |bytes: &Cow<'static, [u8]>| matches!(bytes, Cow::Borrowed(_));
        (self.files.len() == EMBEDDED.len() && self.files.values().all(is_embedded)).then_some(EMBEDDED_HASH)
    }

    /// The files of a directory such as `compose/` of a checkout.
    pub fn from_directory(directory: &Path) -> Result<Self, DeploymentError> {
        let error = |path: &Path, source| DeploymentError::Read {
            path: path.to_owned(),
            source,
        };
        let mut files = BTreeMap::new();
        for file in selection::files_of(directory).map_err(|source| error(directory, source))? {
            let path = directory.join(&file);
            let bytes = fs::read(&path).map_err(|source| error(&path, source))?;
            files.insert(file, Cow::Owned(bytes));
        }
        if files.is_empty() {
            return Err(DeploymentError::EmptyDirectory {
                path: directory.to_owned(),
            });
        }
        Ok(Self { files })
    }

    /// The bytes of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(AsRef::as_ref)
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Result<&str, DeploymentError> {
        if self.files.is_empty() {
            return Err(DeploymentError::NoneEmbedded);
        }
        let bytes = self
            .get(path)
            .ok_or_else(|| DeploymentError::NoSuchFile { file: path.to_owned() })?;
        std::str::from_utf8(bytes).map_err(|error| DeploymentError::NotText {
            file: path.to_owned(),
            offset: error.valid_up_to(),
        })
    }

    /// Every file, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_ref()))
    }

    /// The same with one file replaced or added.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), Cow::Owned(bytes.into()));
        self
    }

    /// Writes every file into `directory`, which is created; scripts are executable there.
    pub fn write_to(&self, directory: &Path) -> Result<(), DeploymentError> {
        for (file, bytes) in self.iter() {
            let path = directory.join(file);
            write(&path, bytes).map_err(|source| DeploymentError::Write { path, source })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.files.keys()).finish()
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes)?;
    // Embedding forgets the mode, and an image may run the script that it copies.
    if bytes.starts_with(b"#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose");

    #[test]
    fn the_embedded_files_are_those_of_the_checkout() {
        assert_eq!(Files::embedded(), Files::from_directory(Path::new(DIRECTORY)).unwrap());
    }

    #[test]
    fn every_committed_file_belongs() {
        let git = Command::new("git")
            .args(["-C", DIRECTORY, "ls-files"])
            .output()
            .unwrap();
        assert!(
            git.status.success(),
            "this test asks git, in a checkout, which files are the project's"
        );
        let files = Files::embedded();
        for file in String::from_utf8(git.stdout).unwrap().lines() {
            assert!(
                files.get(file).is_some(),
                "{file} is left out: selection.rs has to know its ending"
            );
        }
    }

    #[test]
    fn what_may_hold_a_secret_does_not_belong() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for file in [
            ".env",
            ".env.local",
            "prod.env",
            "key.pem",
            "id_rsa",
            ".hidden.conf",
            "base.tar",
            "backups/dump.sql",
            ".git/some.sh",
        ] {
            write(&path.join(file), b"secret").unwrap();
        }
        write(&path.join("some/some.conf"), b"text").unwrap();
        write(&path.join("some/tool"), b"#!/bin/sh").unwrap();
        let files = Files::from_directory(path).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["some/some.conf", "some/tool"]);
    }

    #[test]
    fn a_link_counts_as_the_file_that_it_leads_to() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        write(&path.join("some/some.conf"), b"text").unwrap();
        symlink("some/some.conf", path.join("link.conf")).unwrap();
        symlink("some", path.join("directory")).unwrap();
        symlink("nowhere", path.join("dangling")).unwrap();
        let files = Files::from_directory(path).unwrap();
        let names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["link.conf", "some/some.conf"]);
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let files = Files::embedded().with("postgresql.conf", "port = 1");
        files.write_to(&directory.path().join("new")).unwrap();
        assert_eq!(Files::from_directory(&directory.path().join("new")).unwrap(), files);
        let script = directory.path().join("new/airgap/base/build.sh");
        assert_eq!(fs::metadata(script).unwrap().permissions().mode() & 0o111, 0o111);
    }

    #[test]
    fn a_missing_file_and_a_binary_one_are_named() {
        let files = Files::embedded().with("a.conf", [b'a', 0xff]);
        let error = files.text("a.conf").unwrap_err().to_string();
        assert!(error.contains("`a.conf` as text: the byte at offset 1"), "{error}");
        let error = files.text("b.conf").unwrap_err().to_string();
        assert!(error.contains("find `b.conf`"), "{error}");
        let error = Files::from_directory(Path::new("/nowhere")).unwrap_err().to_string();
        assert_eq!(error, "read /nowhere");
    }

    #[test]
    fn no_deployment_at_all_is_an_error_of_its_own() {
        let none = Files { files: BTreeMap::new() };
        let error = none.text("docker-compose.yml").unwrap_err().to_string();
        assert!(error.contains("this build of suho holds no deployment"), "{error}");
        assert!(error.contains("give --directory or set SUHO_COMPOSE_DIR"), "{error}");

        let directory = tempfile::tempdir().unwrap();
        let error = Files::from_directory(directory.path()).unwrap_err().to_string();
        assert!(error.contains("no file in it belongs to a deployment"), "{error}");
    }
}
