//! One hash over what a stack is made of, that can say which part changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::compose::{Mount, Service};
use super::files::Files;

const SHORT_LENGTH: usize = 12;

/// The hash of each part of a stack: its files, its images, its options; neither secrets nor host ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint {
    /// Part, in words, to SHA-256 in hexadecimal.
    parts: BTreeMap<String, String>,
}

impl Fingerprint {
    /// The fingerprint of `services`: the compose files that describe them, the files that they mount or are built from,
    /// and their images; and of `options`, which the caller names.
    pub fn of<'a>(
        files: &Files,
        services: impl IntoIterator<Item = &'a Service>,
        options: &BTreeMap<String, String>,
    ) -> Self {
        let mut parts = BTreeMap::new();
        for service in services {
            parts.insert(
                format!("image of {}", service.name),
                sha256(service.image.to_string().as_bytes()),
            );
            for file in files_of(files, service) {
                // A file that is missing is a part too: its appearance is a change.
                let hash = files.get(&file).map(sha256).unwrap_or_default();
                parts.insert(file, hash);
            }
        }
        for (name, value) in options {
            parts.insert(format!("option {name}"), sha256(value.as_bytes()));
        }
        Self { parts }
    }

    /// SHA-256 over all parts, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for (part, hash) in &self.parts {
            // Neither a name nor a hash holds a NUL, so no two sets of parts read the same.
            for text in [part, hash] {
                hasher.update(text);
                hasher.update([0]);
            }
        }
        hexadecimal(&hasher.finalize())
    }

    /// The first 12 digits of [`Fingerprint::hash`], for names and reports.
    #[must_use]
    pub fn short(&self) -> String {
        let mut hash = self.hash();
        hash.truncate(SHORT_LENGTH);
        hash
    }

    /// What is different in `other`, in words: `postgresql.conf changed`, `image of suho-kafka changed`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.parts.keys().chain(other.parts.keys()).collect();
        names
            .into_iter()
            .filter_map(|part| {
                let change = match (self.parts.get(part), other.parts.get(part)) {
                    (Some(before), Some(after)) if before == after => return None,
                    (Some(_), Some(_)) => "changed",
                    (Some(_), None) => "removed",
                    (None, _) => "added",
                };
                Some(format!("{part} {change}"))
            })
            .collect()
    }
}

/// The files that decide what `service` is.
fn files_of(files: &Files, service: &Service) -> BTreeSet<String> {
    let mounted = service.mounts.iter().filter_map(|mount| match mount {
        Mount::File { source, .. } => Some(source.clone()),
        Mount::Volume { .. } => None,
    });
    let context = service.build.as_ref().map(|build| format!("{}/", build.context));
    let built_from = files
        .iter()
        .filter(|(path, _)| context.as_ref().is_some_and(|context| path.starts_with(context)))
        .map(|(path, _)| path.to_owned());
    service
        .described_in
        .iter()
        .cloned()
        .chain(mounted)
        .chain(built_from)
        .collect()
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
