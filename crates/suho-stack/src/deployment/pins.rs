//! The pinned images that a compose file names by default, whatever the variables of this machine say.

use indexmap::{IndexMap, IndexSet};

use super::{Deployment, DeploymentError, Files, ImageReference, Variables};

/// A pinned image, and who runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// `name:tag@sha256:…`
    pub image: ImageReference,
    /// The services that run it, in the order of the compose file.
    pub services: Vec<String>,
    /// The variables whose default it is: `SUHO_KAFKA_IMAGE`.
    pub variables: Vec<String>,
}

impl Pin {
    /// Every pinned image of `compose_file` once, in its order.
    pub fn all(files: &Files, compose_file: &str) -> Result<Vec<Self>, DeploymentError> {
        let mut variables = Variables::default();
        variables.generate_missing(Deployment::required_variables(files, &[compose_file])?);
        let deployment = Deployment::read(files, &[compose_file], &variables)?;
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
        let uses = Deployment::variables(files, &[compose_file])?;
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

    /// The text of a compose file with `image` in the place of this pin, and nothing else changed; none where this pin is
    /// no variable's default in it.
    #[must_use]
    pub fn moved_to(&self, image: &ImageReference, text: &str) -> Option<String> {
        self.variables.iter().try_fold(text.to_owned(), |text, variable| {
            let (old, new) = (default(variable, &self.image), default(variable, image));
            text.contains(&old).then(|| text.replace(&old, &new))
        })
    }
}

fn default(variable: &str, image: &ImageReference) -> String {
    format!("${{{variable}:-{image}}}")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const COMPOSE: &str = "docker-compose.yml";

    #[test]
    fn services_share_a_pin_and_every_pin_has_its_variable() {
        let pins = Pin::all(&Files::embedded(), COMPOSE).unwrap();
        let nats = pins.iter().find(|pin| pin.image.repository() == "nats").unwrap();

        assert_eq!(pins.len(), 8);
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
        let text = files.text(COMPOSE).unwrap();
        let pins = Pin::all(&files, COMPOSE).unwrap();
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
}
