//! The pinned images that the compose files name by default, whatever the variables of this machine say.

use indexmap::{IndexMap, IndexSet};

use super::{Deployment, DeploymentError, Edition, Files, ImageReference, MONITORING_FILE, Variables};

/// A pinned image, and who runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// `name:tag@sha256:…`
    pub image: ImageReference,
    /// The services that run it, in the order of the compose files.
    pub services: Vec<String>,
    /// The variables whose default it is: `SUHO_KAFKA_IMAGE`.
    pub variables: Vec<String>,
}

impl Pin {
    /// Every pinned image once, in the order of the [compose files](Self::compose_files).
    pub fn all(files: &Files) -> Result<Vec<Self>, DeploymentError> {
        let compose_files = Self::compose_files(files);
        let mut variables = Variables::default();
        variables.generate_missing(Deployment::required_variables(files, compose_files)?);
        let deployment = Deployment::read(files, compose_files, &variables)?;
        let mut services: IndexMap<_, Vec<String>> = IndexMap::new();
        for service in deployment
            .services
            .values()
            .filter(|service| service.image.digest().is_some())
        {
            services
                .entry(service.image.clone())
                .or_default()
                .push(service.name.clone());
        }
        let uses = Deployment::variables(files, compose_files)?;
        let pins = services.into_iter().map(|(image, services)| {
            let text = image.to_string();
            let named = uses
                .iter()
                .filter(|variable| variable.default.as_deref() == Some(&text));
            let variables: IndexSet<_> = named.map(|variable| variable.name.clone()).collect();
            Self {
                image,
                services,
                variables: variables.into_iter().collect(),
            }
        });
        Ok(pins.collect())
    }

    /// The compose files that pin images: that of the engines, and that of the watchers where the deployment has one.
    #[must_use]
    pub fn compose_files(files: &Files) -> &'static [&'static str] {
        Edition::Upstream.compose_files(files.get(MONITORING_FILE).is_some())
    }

    /// The text of a compose file with `image` in the place of this pin, and nothing else changed; none where this pin is
    /// no variable's default in it.
    #[must_use]
    pub fn moved_to(&self, image: &ImageReference, text: &str) -> Option<String> {
        let moved = self.variables.iter().try_fold(text.to_owned(), |text, variable| {
            let (old, new) = (default(variable, &self.image), default(variable, image));
            text.contains(&old).then(|| text.replace(&old, &new))
        });
        moved.filter(|moved| moved != text)
    }
}

fn default(variable: &str, image: &ImageReference) -> String {
    format!("${{{variable}:-{image}}}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::deployment::COMPOSE_FILE;

    #[test]
    fn services_share_a_pin_and_every_pin_has_its_variable() {
        let pins = Pin::all(&Files::embedded()).unwrap();
        let nats = pins.iter().find(|pin| pin.image.repository() == "nats").unwrap();

        assert_eq!(pins.len(), 12, "eight of the engines and four of the watchers");
        assert_eq!(
            nats.services,
            ["suho-nats-server", "suho-nats-streams", "suho-messaging"]
        );
        assert_eq!(nats.variables, ["SUHO_NATS_SERVER_IMAGE"]);
        assert!(pins.iter().all(|pin| pin.variables.len() == 1), "{pins:?}");
    }

    #[test]
    fn a_moved_pin_changes_nothing_else_of_the_file() {
        let files = Files::embedded();
        let text = files.text(COMPOSE_FILE).unwrap();
        let pins = Pin::all(&files).unwrap();
        let image = "nats:3@sha256:0000000000000000000000000000000000000000000000000000000000000000"
            .parse()
            .unwrap();

        let moved = pins[5].moved_to(&image, text).unwrap();

        let changed: Vec<_> = text
            .lines()
            .zip(moved.lines())
            .filter(|(old, new)| old != new)
            .collect();
        assert_eq!(changed.len(), 1);
        assert!(
            changed[0].1.ends_with(&format!("${{SUHO_NATS_SERVER_IMAGE:-{image}}}")),
            "{changed:?}"
        );
        assert_eq!(pins[5].moved_to(&image, &moved), None);
    }

    #[test]
    fn a_pin_that_is_written_otherwise_cannot_be_moved() {
        let files = Files::embedded();
        let text = files.text(COMPOSE_FILE).unwrap();
        let pin = Pin {
            variables: Vec::new(),
            ..Pin::all(&files).unwrap()[5].clone()
        };
        assert_eq!(pin.moved_to(&"nats:3".parse().unwrap(), text), None);
    }

    #[test]
    fn a_deployment_without_watchers_pins_its_engines() {
        let directory = tempfile::tempdir().unwrap();
        Files::embedded().write_to(directory.path()).unwrap();
        std::fs::remove_file(directory.path().join(MONITORING_FILE)).unwrap();

        let pins = Pin::all(&Files::from_directory(directory.path()).unwrap()).unwrap();

        assert_eq!(pins.len(), 8);
    }
}
