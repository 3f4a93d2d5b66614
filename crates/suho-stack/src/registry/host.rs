//! Where the API of a registry is.

use std::{net::IpAddr, str::FromStr};

use reqwest::Url;

use super::RegistryError;
use crate::deployment::ImageReference;

/// A registry's stand-in, asked before it: `docker.io=http://127.0.0.1:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// As references name it.
    pub registry: String,
    /// Where the mirror is.
    pub url: Url,
}

/// Why a text names no mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no mirror: {reason}; write docker.io=https://mirror.example")]
pub struct MirrorError {
    text: String,
    reason: String,
}

/// Where one repository is served.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The registry, or the address of its mirror.
    pub name: String,
    pub repository: String,
    base: Url,
}

impl Place {
    /// The repository of `image` at its registry.
    pub fn of(image: &ImageReference) -> Result<Self, RegistryError> {
        let registry = image.registry();
        let scheme = if is_loopback(host_alone(registry)) {
            "http"
        } else {
            "https"
        };
        let url = format!("{scheme}://{}", api_host(registry));
        let base = url.parse().map_err(|error| RegistryError::Malformed {
            what: url,
            reason: format!("{error}"),
        })?;
        Ok(Self {
            name: registry.to_owned(),
            repository: repository(image),
            base,
        })
    }

    /// The same repository at a mirror.
    pub fn at(mirror: &Mirror, image: &ImageReference) -> Self {
        Self {
            name: mirror.url.to_string().trim_end_matches('/').to_owned(),
            repository: repository(image),
            base: mirror.url.clone(),
        }
    }

    /// `kind` is `manifests` or `blobs`.
    pub fn url(&self, kind: &str, reference: &str) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}/v2/{}/{kind}/{reference}", self.repository)
    }
}

/// The name of the host that serves a registry, with its port if one is named.
fn api_host(registry: &str) -> &str {
    // Its name in references is not the name of the host that serves it.
    if registry == "docker.io" {
        "registry-1.docker.io"
    } else {
        registry
    }
}

/// Host and port that a registry listens on.
#[must_use]
pub fn address(registry: &str) -> String {
    match api_host(registry) {
        with_port if with_port.contains(':') => with_port.to_owned(),
        host if is_loopback(host) => format!("{host}:80"),
        host => format!("{host}:443"),
    }
}

/// True for an address or a name that never leaves this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Plain HTTP is spoken within this machine alone.
pub(super) fn may_be_asked(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(is_loopback))
}

fn host_alone(registry: &str) -> &str {
    registry.rsplit_once(':').map_or(registry, |(host, _port)| host)
}

/// The repository as the API names it: without the host, and with the `library/` that `nats` leaves out.
fn repository(image: &ImageReference) -> String {
    let name = image.repository();
    let path = name
        .strip_prefix(image.registry())
        .and_then(|rest| rest.strip_prefix('/'));
    match path.unwrap_or(name) {
        path if image.registry() == "docker.io" && !path.contains('/') => format!("library/{path}"),
        path => path.to_owned(),
    }
}

/// Host and repository in full: `docker.io/library/nats:1`.
pub(super) fn qualified(image: &ImageReference) -> String {
    format!("{}/{}:{}", image.registry(), repository(image), image.tag())
}

impl FromStr for Mirror {
    type Err = MirrorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: String| MirrorError {
            text: text.to_owned(),
            reason,
        };
        let (registry, url) = text
            .split_once('=')
            .ok_or_else(|| wrong("there is no `=`".to_owned()))?;
        if registry.is_empty() || registry.contains('/') {
            return Err(wrong("before the `=` stands no registry".to_owned()));
        }
        let url: Url = url.parse().map_err(|error| wrong(format!("behind the `=`: {error}")))?;
        if !may_be_asked(&url) {
            return Err(wrong("it is neither https nor on this machine".to_owned()));
        }
        Ok(Self {
            registry: registry.to_owned(),
            url,
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("nats:1", "https://registry-1.docker.io/v2/library/nats/manifests/1")]
    #[case("a/b:1", "https://registry-1.docker.io/v2/a/b/manifests/1")]
    #[case("docker.io/nats:1", "https://registry-1.docker.io/v2/library/nats/manifests/1")]
    #[case("cr.example/a:1", "https://cr.example/v2/a/manifests/1")]
    #[case("cr.example:5000/a:1", "https://cr.example:5000/v2/a/manifests/1")]
    #[case("localhost:5000/a:1", "http://localhost:5000/v2/a/manifests/1")]
    #[case("127.0.0.9:5000/a/b:1", "http://127.0.0.9:5000/v2/a/b/manifests/1")]
    #[case("127.example:5000/a:1", "https://127.example:5000/v2/a/manifests/1")]
    fn a_reference_leads_to_its_place(#[case] image: &str, #[case] url: &str) {
        let image: ImageReference = image.parse().unwrap();
        assert_eq!(Place::of(&image).unwrap().url("manifests", image.tag()), url);
    }

    #[test]
    fn a_mirror_serves_the_same_repository() {
        let mirror: Mirror = "docker.io=http://127.0.0.1:5000".parse().unwrap();
        let place = Place::at(&mirror, &"nats:1".parse().unwrap());
        assert_eq!(place.url("blobs", "x"), "http://127.0.0.1:5000/v2/library/nats/blobs/x");
        assert!("docker.io=http://[::1]:5000".parse::<Mirror>().is_ok());
    }

    #[rstest]
    #[case("docker.io", "no `=`")]
    #[case("=https://a.example", "no registry")]
    #[case("docker.io=a.example", "behind the `=`")]
    #[case("docker.io=http://a.example", "neither https nor on this machine")]
    #[case("docker.io=file:///a", "neither https nor on this machine")]
    fn no_mirror(#[case] text: &str, #[case] reason: &str) {
        let error = text.parse::<Mirror>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn a_registry_listens_where_its_scheme_says() {
        assert_eq!(address("docker.io"), "registry-1.docker.io:443");
        assert_eq!(address("cr.example:5000"), "cr.example:5000");
        assert_eq!(address("localhost"), "localhost:80");
    }
}
