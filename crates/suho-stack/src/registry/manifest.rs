//! Platforms, descriptors, indexes and manifests, of Docker as of OCI.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Digest, RegistryError};

/// A manifest is a few kilobytes; registries themselves take no more than this.
pub const LARGEST_MANIFEST: u64 = 4 << 20;

const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];
const LAYERS: [&str; 5] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];

/// What an image runs on: `linux/amd64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, as Go calls them.
    pub architecture: String,
    /// `linux`
    pub os: String,
}

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform; write linux/amd64 or linux/arm64")]
pub struct PlatformError(String);

impl Platform {
    /// Linux on `architecture`.
    #[must_use]
    pub fn linux(architecture: &str) -> Self {
        Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split('/').collect::<Vec<_>>()[..] {
            [os, architecture] if !os.is_empty() && !architecture.is_empty() => Ok(Self {
                architecture: architecture.to_owned(),
                os: os.to_owned(),
            }),
            _ => Err(PlatformError(text.to_owned())),
        }
    }
}

/// Platforms in words, for an error.
pub(super) fn in_words<'a>(platforms: impl IntoIterator<Item = &'a Platform>) -> String {
    let words: Vec<String> = platforms.into_iter().map(ToString::to_string).collect();
    if words.is_empty() {
        "no platform".to_owned()
    } else {
        words.join(", ")
    }
}

/// Something that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What kind of thing it is.
    pub media_type: String,
    /// What it hashes to.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// In an index: what it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

/// The manifest of an image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ImageManifest {
    /// The image's configuration.
    pub config: Descriptor,
    /// From the lowest to the highest.
    pub layers: Vec<Descriptor>,
}

/// What a configuration says that matters here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ImageConfig {
    #[serde(flatten)]
    pub platform: Platform,
    rootfs: RootFs,
}

#[derive(Debug, Clone, Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// What a pin leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// The same image for several platforms.
    Index(Vec<Descriptor>),
    /// An image for one platform.
    Image(ImageManifest),
}

/// The fields by which the kinds are told apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    media_type: Option<String>,
    manifests: Option<Vec<serde_json::Value>>,
}

impl Manifest {
    /// What is asked for, in the order of preference.
    #[must_use]
    pub fn accepted() -> String {
        [INDEXES, MANIFESTS].concat().join(", ")
    }

    /// Reads `bytes`, which are `what` to an error; `served_as` is the media type that came with them.
    pub fn read(what: &str, bytes: &[u8], served_as: Option<&str>) -> Result<Self, RegistryError> {
        let outline: Outline = parse(what, bytes)?;
        // OCI leaves the type out of the document at will.
        let told = outline.media_type.as_deref().or(served_as);
        match told {
            Some(kind) if INDEXES.contains(&kind) => Self::index(what, bytes),
            Some(kind) if MANIFESTS.contains(&kind) => Self::image(what, bytes),
            Some(kind) => Err(unknown(what, kind)),
            None if outline.manifests.is_some() => Self::index(what, bytes),
            None => Self::image(what, bytes),
        }
    }

    /// The name of its kind where nobody tells one.
    #[must_use]
    pub fn usual_media_type(&self) -> &'static str {
        match self {
            Self::Index(_) => INDEXES[0],
            Self::Image(_) => MANIFESTS[0],
        }
    }

    fn index(what: &str, bytes: &[u8]) -> Result<Self, RegistryError> {
        #[derive(Deserialize)]
        struct Index {
            manifests: Vec<Descriptor>,
        }
        Ok(Self::Index(parse::<Index>(what, bytes)?.manifests))
    }

    fn image(what: &str, bytes: &[u8]) -> Result<Self, RegistryError> {
        let image: ImageManifest = parse(what, bytes)?;
        let known = |descriptor: &Descriptor, kinds: &[&str]| {
            if kinds.contains(&descriptor.media_type.as_str()) {
                Ok(())
            } else {
                Err(unknown(
                    &format!("{} of {what}", descriptor.digest),
                    &descriptor.media_type,
                ))
            }
        };
        known(&image.config, &CONFIGS)?;
        image.layers.iter().try_for_each(|layer| known(layer, &LAYERS))?;
        Ok(Self::Image(image))
    }
}

impl ImageManifest {
    /// Everything that has to be there for the image to be whole.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        [&self.config].into_iter().chain(&self.layers)
    }

    /// What the bytes of its configuration say it runs on.
    pub(super) fn platform(&self, config: &[u8]) -> Result<Platform, RegistryError> {
        let what = format!("the configuration {}", self.config.digest);
        let read: ImageConfig = parse(&what, config)?;
        if read.rootfs.diff_ids.len() != self.layers.len() {
            let (told, named) = (read.rootfs.diff_ids.len(), self.layers.len());
            return Err(RegistryError::Malformed {
                what,
                reason: format!("it tells of {told} layers, and its manifest of {named}"),
            });
        }
        Ok(read.platform)
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, RegistryError> {
    serde_json::from_slice(bytes).map_err(|error| RegistryError::Malformed {
        what: what.to_owned(),
        reason: error.to_string(),
    })
}

fn unknown(what: &str, media_type: &str) -> RegistryError {
    RegistryError::MediaType {
        what: what.to_owned(),
        media_type: media_type.to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn descriptor(media_type: &str) -> serde_json::Value {
        json!({"mediaType": media_type, "digest": Digest::of(b"x"), "size": 1})
    }

    fn read(document: &serde_json::Value, served_as: Option<&str>) -> Result<Manifest, RegistryError> {
        Manifest::read("a:1", &serde_json::to_vec(document).unwrap(), served_as)
    }

    #[test]
    fn a_kind_is_told_by_the_document_or_by_the_answer_or_by_its_shape() {
        let image = json!({"config": descriptor(CONFIGS[1]), "layers": [descriptor(LAYERS[4]), descriptor(LAYERS[2])]});
        let index = json!({"manifests": [descriptor(MANIFESTS[0])]});

        assert!(matches!(read(&image, None), Ok(Manifest::Image(_))));
        assert!(matches!(read(&image, Some(MANIFESTS[1])), Ok(Manifest::Image(_))));
        assert!(matches!(read(&index, None), Ok(Manifest::Index(_))));
        assert!(matches!(read(&index, Some(INDEXES[1])), Ok(Manifest::Index(_))));
    }

    #[rstest]
    #[case(json!({"mediaType": "application/vnd.oci.artifact", "config": {}}), "the media type `application/vnd.oci.artifact`")]
    #[case(json!({"config": descriptor("text/plain"), "layers": []}), "the media type `text/plain`")]
    #[case(
        json!({"config": descriptor(CONFIGS[0]), "layers": [descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar")]}),
        "nondistributable"
    )]
    #[case(json!({"config": {"mediaType": CONFIGS[0], "digest": "sha256:../../x", "size": 1}, "layers": []}), "is no digest")]
    #[case(json!([]), "a:1 cannot be read")]
    fn what_is_of_another_kind_is_refused(#[case] document: serde_json::Value, #[case] reason: &str) {
        let error = read(&document, None).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn a_configuration_tells_its_platform_and_as_many_layers_as_its_manifest() {
        let image = json!({"config": descriptor(CONFIGS[0]), "layers": [descriptor(LAYERS[0])]});
        let Manifest::Image(image) = read(&image, None).unwrap() else {
            panic!("an index");
        };
        let config = |layers: usize| {
            let ids = vec![Digest::of(b"y"); layers];
            json!({"os": "linux", "architecture": "arm64", "rootfs": {"diff_ids": ids}}).to_string()
        };
        assert_eq!(image.platform(config(1).as_bytes()).unwrap(), Platform::linux("arm64"));
        let error = image.platform(config(2).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("2 layers, and its manifest of 1"), "{error}");
    }

    #[test]
    fn a_platform_is_two_words() {
        assert_eq!("linux/arm64".parse::<Platform>().unwrap().to_string(), "linux/arm64");
        for text in ["linux", "linux/", "linux/arm64/v8", ""] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
