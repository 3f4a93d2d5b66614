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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::deployment::{Deployment, Secret, Variables};

    const COMPOSE_FILES: [&str; 2] = ["docker-compose.yml", "docker-compose.airgap.yml"];

    fn deployment(files: &Files, set: &[(&str, &str)]) -> Deployment {
        let mut variables = Variables::default();
        for (name, value) in set {
            variables.set(*name, Secret::new(*value));
        }
        variables.generate_missing(Deployment::required_variables(files, &COMPOSE_FILES).unwrap());
        Deployment::read(files, &COMPOSE_FILES, &variables).unwrap()
    }

    fn fingerprint(files: &Files, set: &[(&str, &str)], options: &[(&str, &str)]) -> Fingerprint {
        let options = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Fingerprint::of(files, deployment(files, set).services.values(), &options)
    }

    #[test]
    fn secrets_and_ports_are_no_part_of_it() {
        let files = Files::embedded();
        let (one, other) = (
            fingerprint(&files, &[], &[]),
            fingerprint(
                &files,
                &[("SUHO_KAFKA_PORT", "1234"), ("SUHO_KAFKA_PASSWORD", "other")],
                &[],
            ),
        );
        assert_eq!(one, other);
        assert_eq!(one.hash(), other.hash());
        assert!(one.hash().starts_with(&one.short()) && one.short().len() == SHORT_LENGTH);
    }

    #[test]
    fn each_part_is_named() {
        let files = Files::embedded();
        let one = fingerprint(&files, &[], &[("ports", "ephemeral"), ("chaos", "on")]);
        let changed = files.clone().with("postgresql.conf", "port = 1");
        let other = fingerprint(&changed, &[], &[("ports", "platform"), ("debug", "on")]);
        assert_eq!(
            one.differences(&other),
            [
                "option chaos removed",
                "option debug added",
                "option ports changed",
                "postgresql.conf changed"
            ]
        );
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn another_image_is_a_change() {
        let files = Files::embedded();
        let read = |set| {
            let one = deployment(&files, &[]);
            let upstream = Deployment::read(&files, &COMPOSE_FILES[..1], &set).unwrap();
            let (one, upstream) = (
                one.services["suho-kafka"].clone(),
                upstream.services["suho-kafka"].clone(),
            );
            let none = BTreeMap::new();
            Fingerprint::of(&files, [&one], &none).differences(&Fingerprint::of(&files, [&upstream], &none))
        };
        let mut variables = Variables::default();
        variables.generate_missing(Deployment::required_variables(&files, &COMPOSE_FILES).unwrap());
        assert!(read(variables).contains(&"image of suho-kafka changed".to_owned()));
    }

    #[test]
    fn it_survives_the_state_file() {
        let one = fingerprint(&Files::embedded(), &[], &[("ports", "ephemeral")]);
        let written = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Fingerprint>(&written).unwrap(), one);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_byte_changes_it_where_a_service_reads_the_file(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
            let files = Files::embedded();
            let deployment = deployment(&files, &[]);
            let names: Vec<_> = files.iter().map(|(name, _)| name.to_owned()).collect();
            let name = file.get(&names);
            let mut bytes = files.get(name).unwrap().to_vec();
            prop_assume!(!bytes.is_empty());
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
            let changed = files.clone().with(name, bytes);

            let of = |files: &Files| Fingerprint::of(files, deployment.services.values(), &BTreeMap::new());
            let (before, after) = (of(&files), of(&changed));
            let is_part = before.parts.contains_key(name);
            let expected = if is_part { vec![format!("{name} changed")] } else { Vec::new() };
            prop_assert_eq!(before.differences(&after), expected);
            prop_assert_eq!(before.hash() != after.hash(), is_part);
        }
    }
}
