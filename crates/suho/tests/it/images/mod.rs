//! The pinned images of a deployment, out of a registry of this machine.
//!
//! # Layout
//! - [`lock`]: the manifests that the pins lead to, and the pins moved.
//! - [`bundle`]: an archive, and what is in it.
//! - [`fetching`]: what registries, networks and disks do wrong.
//! - [`load`]: an archive loaded, started, and refused.
//! - [`watchers`]: the images of those who watch the engines, where they are asked for.

mod bundle;
mod fetching;
mod load;
mod lock;
mod watchers;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    copy_deployment,
    registry::{Registry, pin},
    suho,
};

/// Every image of the deployment and of its watchers by its variable.
const VARIABLES: [&str; 12] = [
    "SUHO_POSTGRESQL_IMAGE",
    "SUHO_CLICKHOUSE_IMAGE",
    "SUHO_DRAGONFLYDB_IMAGE",
    "SUHO_WEAVIATE_IMAGE",
    "SUHO_ARANGODB_IMAGE",
    "SUHO_NATS_SERVER_IMAGE",
    "SUHO_ZOOKEEPER_IMAGE",
    "SUHO_KAFKA_IMAGE",
    PROMETHEUS,
    "SUHO_GRAFANA_IMAGE",
    "SUHO_POSTGRES_EXPORTER_IMAGE",
    "SUHO_NATS_EXPORTER_IMAGE",
];
const NATS: &str = "SUHO_NATS_SERVER_IMAGE";
const PROMETHEUS: &str = "SUHO_PROMETHEUS_IMAGE";

/// A copy of the deployment, with a cache of blobs of its own.
struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    /// Every image is a small one of `registry`.
    fn of(registry: &Registry) -> Self {
        let scene = Self::with(NATS, &registry.push_small("small/nats:1", 100_000, 5));
        for (seed, variable) in VARIABLES.iter().enumerate().filter(|(_, variable)| **variable != NATS) {
            let name = format!("small/engine-{seed}:1");
            scene.pin(variable, &registry.push_small(&name, 1000, u8::try_from(seed).unwrap()));
        }
        scene
    }

    /// One image is another.
    fn with(variable: &str, image: &str) -> Self {
        let scene = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        copy_deployment(&scene.compose());
        scene.pin(variable, image);
        scene
    }

    fn compose(&self) -> PathBuf {
        self.directory.path().join("compose")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn pin(&self, variable: &str, image: &str) {
        pin(&self.compose(), variable, image);
    }

    /// `suho images …` for this copy.
    fn images(&self, arguments: &[&str]) -> Command {
        let mut command = suho();
        command
            .arg("images")
            .args(arguments)
            .env("SUHO_COMPOSE_DIR", self.compose())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .current_dir(self.directory.path());
        command
    }

    /// Bundles NATS into `images.tar`.
    fn bundle(&self) -> Command {
        self.images(&["bundle", "nats", "-o", "images.tar"])
    }

    fn cached(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.path("cache/suho/blobs").join(hex)
    }
}

/// `name:tag.sha256-…` of `name:tag@sha256:…`.
pub fn loaded(reference: &str) -> String {
    reference.replace("@sha256:", ".sha256-")
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Unpacks an archive with the tar of this machine.
pub fn unpacked(archive: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    crate::run(
        Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(directory.path()),
        0,
    );
    directory
}

pub fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}
