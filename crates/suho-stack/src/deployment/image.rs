//! Image references: what a service runs, pinned by a digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The one algorithm of pins.
const DIGEST_PREFIX: &str = "sha256:";

/// `name:tag@sha256:hex`, the digest being the pin; images built on this machine have none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    name: String,
    tag: String,
    digest: Option<String>,
}

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageReferenceError {
    /// The name is empty or holds characters that no registry allows.
    #[error("`{0}` has no valid name; write name:tag or name:tag@sha256:<64 hexadecimal digits>")]
    Name(String),
    /// There is no tag, or it is not one.
    #[error("`{0}` has no valid tag; write name:tag or name:tag@sha256:<64 hexadecimal digits>")]
    Tag(String),
    /// The digest is not a sha256 of 64 lower-case hexadecimal digits.
    #[error("`{reference}` has a bad digest: {reason}; copy it from `docker buildx imagetools inspect`")]
    Digest {
        /// The whole text.
        reference: String,
        /// What is wrong with the digest.
        reason: String,
    },
}

impl ImageReference {
    /// Registry and repository: `docker.dragonflydb.io/dragonflydb/dragonfly`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.name
    }

    /// The host that serves it, with its port if one is named; `docker.io` where the name has no host.
    #[must_use]
    pub fn registry(&self) -> &str {
        match self.name.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
            _ => "docker.io",
        }
    }

    /// The tag alone: `v1.40.1`.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The pin with its algorithm, `sha256:…`; none for an image that is built here.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// `name:tag.sha256-…`: what a pinned image is called once it was loaded from an archive, because `docker load` gives
    /// no digests. None where it is not pinned, or where its tag leaves no room for the pin.
    #[must_use]
    pub fn loaded(&self) -> Option<Self> {
        let hex = self.digest.as_ref()?.strip_prefix(DIGEST_PREFIX)?;
        let tag = format!("{}.sha256-{hex}", self.tag);
        is_tag(&tag).then(|| Self {
            name: self.name.clone(),
            tag,
            digest: None,
        })
    }

    /// The same name with another tag, not pinned.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Option<Self> {
        is_tag(tag).then(|| Self {
            name: self.name.clone(),
            tag: tag.to_owned(),
            digest: None,
        })
    }

    /// The same name and tag, pinned to `digest`, `sha256:…`.
    #[must_use]
    pub fn pinned_to(&self, digest: &str) -> Option<Self> {
        fault_of_digest(digest).is_none().then(|| Self {
            digest: Some(digest.to_owned()),
            ..self.clone()
        })
    }

    /// What follows `name:`, for callers that know images as a name and a tag: `v1.40.1@sha256:…`.
    #[must_use]
    pub fn tag_with_digest(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.tag),
            None => self.tag.clone(),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.tag_with_digest())
    }
}

impl From<ImageReference> for String {
    fn from(image: ImageReference) -> Self {
        image.to_string()
    }
}

impl TryFrom<String> for ImageReference {
    type Error = ImageReferenceError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tagged, digest) = match text.split_once('@') {
            Some((tagged, digest)) => (tagged, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let (name, tag) = match tagged.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => return Err(ImageReferenceError::Tag(text.to_owned())),
        };
        if !is_name(name) {
            return Err(ImageReferenceError::Name(text.to_owned()));
        }
        if !is_tag(tag) {
            return Err(ImageReferenceError::Tag(text.to_owned()));
        }
        if let Some(reason) = digest.and_then(fault_of_digest) {
            return Err(ImageReferenceError::Digest {
                reference: text.to_owned(),
                reason,
            });
        }
        Ok(Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
            digest: digest.map(str::to_owned),
        })
    }
}

fn is_name(name: &str) -> bool {
    name.split('/').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_:".contains(c))
    })
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn fault_of_digest(digest: &str) -> Option<String> {
    let Some(hex) = digest.strip_prefix(DIGEST_PREFIX) else {
        return Some("it does not begin with sha256:".to_owned());
    };
    if let Some(wrong) = hex.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
        return Some(format!("`{wrong}` is not a lower-case hexadecimal digit"));
    }
    (hex.len() != 64).then(|| format!("it has {} hexadecimal digits instead of 64", hex.len()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[rstest]
    #[case("nats:2.14.7-alpine", "nats", "2.14.7-alpine", false)]
    #[case("registry.example:5000/a/b_c:1", "registry.example:5000/a/b_c", "1", false)]
    #[case("timescale/timescaledb:2.29.2-pg17@", "timescale/timescaledb", "2.29.2-pg17", true)]
    fn reads_and_writes(#[case] text: &str, #[case] name: &str, #[case] tag: &str, #[case] pinned: bool) {
        let text = if pinned {
            format!("{text}sha256:{HEX}")
        } else {
            text.to_owned()
        };
        let image: ImageReference = text.parse().unwrap();
        assert_eq!(
            (image.repository(), image.tag(), image.digest().is_some()),
            (name, tag, pinned)
        );
        assert_eq!(image.to_string(), text);
        assert_eq!(format!("{}:{}", image.repository(), image.tag_with_digest()), text);
    }

    #[test]
    fn a_loaded_image_carries_its_pin_in_its_tag() {
        let image: ImageReference = format!("registry.example:5000/a/b:1@sha256:{HEX}").parse().unwrap();
        let loaded = image.loaded().unwrap();
        assert_eq!(loaded.to_string(), format!("registry.example:5000/a/b:1.sha256-{HEX}"));
        assert_eq!(loaded.loaded(), None);

        let longest = "1".repeat(56);
        for (tag, fits) in [(longest.as_str(), true), (&format!("{longest}1"), false)] {
            let image: ImageReference = format!("a:{tag}@sha256:{HEX}").parse().unwrap();
            assert_eq!(image.loaded().is_some(), fits);
        }
    }

    #[test]
    fn a_pin_is_moved_by_its_tag_and_its_digest() {
        let image: ImageReference = format!("a/b:1@sha256:{HEX}").parse().unwrap();
        let moved = image.with_tag("2").unwrap();
        assert_eq!(moved.to_string(), "a/b:2");
        assert_eq!(image.with_tag("a b"), None);
        assert_eq!(moved.pinned_to("sha256:12"), None);
        let pinned = moved.pinned_to(&format!("sha256:{HEX}")).unwrap();
        assert_eq!(pinned.to_string(), format!("a/b:2@sha256:{HEX}"));
    }

    #[rstest]
    #[case("nats:1", "docker.io")]
    #[case("timescale/timescaledb:1", "docker.io")]
    #[case("docker.dragonflydb.io/dragonflydb/dragonfly:1", "docker.dragonflydb.io")]
    #[case("localhost/a:1", "localhost")]
    #[case("registry.example:5000/a/b:1", "registry.example:5000")]
    fn knows_its_registry(#[case] text: &str, #[case] registry: &str) {
        assert_eq!(text.parse::<ImageReference>().unwrap().registry(), registry);
    }

    #[rstest]
    #[case("", "no valid tag")]
    #[case("nats", "no valid tag")]
    #[case("registry.example:5000/nats", "no valid tag")]
    #[case("nats:", "no valid tag")]
    #[case("nats:la test", "no valid tag")]
    #[case(":1", "no valid name")]
    #[case("Nats:1", "no valid name")]
    #[case("a//b:1", "no valid name")]
    #[case("nats:1@", "does not begin with sha256:")]
    #[case("nats:1@sha512:00", "does not begin with sha256:")]
    #[case("nats:1@sha256:00", "2 hexadecimal digits instead of 64")]
    #[case("nats:1@sha256:0G", "`G` is not a lower-case hexadecimal digit")]
    fn refuses(#[case] text: &str, #[case] reason: &str) {
        let error = text.parse::<ImageReference>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
