//! A pinned image and its platforms, as manifests: what the lock keeps and a bundle begins with.

use super::{
    Client, Digest, Platform, RegistryError, Tell,
    client::{Served, named},
    manifest::{Descriptor, ImageManifest, Manifest, in_words},
};
use crate::deployment::Pin;

/// What a pin leads to.
#[derive(Debug, Clone)]
pub struct PulledImage {
    /// The manifest that the pin is the digest of.
    pub root: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The image for each platform that was wanted and is there; one of no known platform where the pin is no index.
    pub children: Vec<PulledChild>,
    /// The platforms that an index tells of.
    pub offered: Vec<Platform>,
}

/// The image for one platform.
#[derive(Debug, Clone)]
pub struct PulledChild {
    /// As the index tells; none where the pin is no index.
    pub platform: Option<Platform>,
    /// What the index says of it.
    pub descriptor: Descriptor,
    /// The bytes of its manifest.
    pub bytes: Vec<u8>,
    /// What they say.
    pub manifest: ImageManifest,
}

impl PulledImage {
    /// Fetches the manifest of a pin and, where it is an index, those of `platforms`.
    pub async fn fetch(
        client: &Client,
        pin: &Pin,
        platforms: &[Platform],
        tell: Tell<'_>,
    ) -> Result<Self, RegistryError> {
        let digest = digest_of(pin)?;
        let served = client.manifest(pin, &digest, tell).await?;
        Self::of(client, pin, served, platforms, tell).await
    }

    /// The same for what a tag was answered with.
    pub async fn of(
        client: &Client,
        pin: &Pin,
        served: Served,
        platforms: &[Platform],
        tell: Tell<'_>,
    ) -> Result<Self, RegistryError> {
        let digest = Digest::of(&served.bytes);
        let what = named(&pin.image, &digest);
        let manifest = Manifest::read(&what, &served.bytes, served.media_type.as_deref())?;
        let root = Descriptor {
            media_type: media_type(&served, &manifest),
            digest,
            size: served.bytes.len() as u64,
            platform: None,
        };
        let mut pulled = Self {
            root,
            bytes: served.bytes,
            children: Vec::new(),
            offered: Vec::new(),
        };
        match manifest {
            Manifest::Image(manifest) => pulled.children.push(PulledChild {
                platform: None,
                descriptor: pulled.root.clone(),
                bytes: pulled.bytes.clone(),
                manifest,
            }),
            Manifest::Index(entries) => {
                for platform in platforms {
                    let entry = entries.iter().find(|entry| entry.platform.as_ref() == Some(platform));
                    if let Some(entry) = entry {
                        pulled.children.push(child(client, pin, platform, entry, tell).await?);
                    }
                }
                // Attestations are filed under a platform that is none.
                let offered = entries.into_iter().filter_map(|entry| entry.platform);
                pulled.offered = offered.filter(|platform| platform.os != "unknown").collect();
            }
        }
        Ok(pulled)
    }

    /// An error where the index has nothing for one of `platforms`.
    pub fn insist_on(&self, pin: &Pin, platforms: &[Platform]) -> Result<(), RegistryError> {
        let has = |wanted: &Platform| {
            self.children
                .iter()
                .any(|child| child.platform.as_ref().is_none_or(|it| it == wanted))
        };
        match platforms.iter().find(|wanted| !has(wanted)) {
            None => Ok(()),
            Some(wanted) => Err(RegistryError::Platform {
                image: pin.image.to_string(),
                wanted: wanted.clone(),
                there: in_words(&self.offered),
            }),
        }
    }
}

async fn child(
    client: &Client,
    pin: &Pin,
    platform: &Platform,
    entry: &Descriptor,
    tell: Tell<'_>,
) -> Result<PulledChild, RegistryError> {
    let what = named(&pin.image, &entry.digest);
    let served = client.manifest(pin, &entry.digest, tell).await?;
    let found = served.bytes.len() as u64;
    if found != entry.size {
        return Err(RegistryError::Size {
            what,
            said: entry.size,
            found,
        });
    }
    match Manifest::read(&what, &served.bytes, Some(&entry.media_type))? {
        Manifest::Image(manifest) => Ok(PulledChild {
            platform: Some(platform.clone()),
            descriptor: entry.clone(),
            bytes: served.bytes,
            manifest,
        }),
        Manifest::Index(_) => Err(RegistryError::Malformed {
            what,
            reason: "it is an index within an index".to_owned(),
        }),
    }
}

/// As the registry tells, or else as the document does, or else as OCI calls it.
fn media_type(served: &Served, manifest: &Manifest) -> String {
    let document: Option<serde_json::Value> = serde_json::from_slice(&served.bytes).ok();
    let told = document.and_then(|document| Some(document.get("mediaType")?.as_str()?.to_owned()));
    told.or_else(|| served.media_type.clone())
        .unwrap_or_else(|| manifest.usual_media_type().to_owned())
}

fn digest_of(pin: &Pin) -> Result<Digest, RegistryError> {
    let digest = pin.image.digest().unwrap_or_default();
    digest.parse().map_err(|error| RegistryError::Malformed {
        what: pin.image.to_string(),
        reason: format!("{error}"),
    })
}
