//! From pins to an archive: every manifest and every blob fetched by its digest and verified.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::fs;

use super::{
    Blobs, Client, Layout, Platform, RegistryError, Tell,
    content::Content,
    disk::failed,
    manifest::Descriptor,
    pulled::{PulledChild, PulledImage},
};
use crate::deployment::{ImageReference, Pin};

/// Blobs that are fetched at a time.
const AT_A_TIME: usize = 3;

/// Fetches the images of `pins` for `platforms`, which all have to be there, into the cache `blobs`.
///
/// An archive of one platform names the image for it, as `docker load` wants it; one of several names the pins, and
/// `docker load` by itself takes the first of `platforms` out of it.
pub async fn fetch(
    client: &Client,
    blobs: &Blobs,
    pins: &[Pin],
    platforms: &[Platform],
    tell: Tell<'_>,
) -> Result<Layout, RegistryError> {
    let platforms = &once(platforms);
    let mut pulled = Vec::new();
    for pin in pins {
        let name = loaded_name(pin)?;
        let image = PulledImage::fetch(client, pin, platforms, tell).await?;
        image.insist_on(pin, platforms)?;
        pulled.push((pin, name, image));
    }
    let mut layout = Layout::default();
    let files = fetch_blobs(client, blobs, &pulled, tell).await?;
    for (blob, path) in &files {
        layout.add_blob(
            &blob.digest,
            Content::Slice {
                path: path.clone(),
                offset: 0,
                size: blob.size,
            },
        );
    }
    for (pin, name, image) in pulled {
        verify_platforms(pin, &image, platforms, blobs).await?;
        add(&mut layout, &name, image, platforms);
    }
    Ok(layout)
}

fn once(platforms: &[Platform]) -> Vec<Platform> {
    let mut once = Vec::new();
    for platform in platforms {
        if !once.contains(platform) {
            once.push(platform.clone());
        }
    }
    once
}

fn loaded_name(pin: &Pin) -> Result<ImageReference, RegistryError> {
    pin.image.loaded().ok_or_else(|| RegistryError::TagTooLong {
        image: pin.image.to_string(),
    })
}

/// Each blob once, a few at a time.
async fn fetch_blobs(
    client: &Client,
    blobs: &Blobs,
    pulled: &[(&Pin, ImageReference, PulledImage)],
    tell: Tell<'_>,
) -> Result<Vec<(Descriptor, std::path::PathBuf)>, RegistryError> {
    let mut wanted = BTreeMap::new();
    for (pin, _, image) in pulled {
        for blob in image.children.iter().flat_map(|child| child.manifest.blobs()) {
            let (_, first) = *wanted.entry(&blob.digest).or_insert((*pin, blob));
            if first.size != blob.size {
                return Err(RegistryError::Size {
                    what: blob.digest.to_string(),
                    said: blob.size,
                    found: first.size,
                });
            }
        }
    }
    stream::iter(wanted.into_values())
        .map(|(pin, blob)| async move { Ok((blob.clone(), blobs.obtain(client, pin, blob, tell).await?)) })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await
}

/// Holds every index, and every wish, against what the configurations say.
async fn verify_platforms(
    pin: &Pin,
    image: &PulledImage,
    platforms: &[Platform],
    blobs: &Blobs,
) -> Result<(), RegistryError> {
    for child in &image.children {
        let path = blobs.path(&child.manifest.config.digest);
        let config = fs::read(&path).await.map_err(failed("read", &path))?;
        let found = child.manifest.platform(&config)?;
        match &child.platform {
            Some(said) if *said != found => {
                return Err(RegistryError::ForeignPlatform {
                    what: format!("{} of {}", child.descriptor.digest, pin.image),
                    said: said.clone(),
                    found,
                });
            }
            // The pin itself is an image for one platform.
            None if platforms.iter().any(|wanted| *wanted != found) => {
                let wanted = platforms.iter().find(|wanted| **wanted != found);
                return Err(RegistryError::Platform {
                    image: pin.image.to_string(),
                    wanted: wanted.cloned().unwrap_or_else(|| found.clone()),
                    there: found.to_string(),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn add(layout: &mut Layout, name: &ImageReference, image: PulledImage, platforms: &[Platform]) {
    let first = platforms.first();
    for child in &image.children {
        layout.add_blob(&child.descriptor.digest, Content::Bytes(child.bytes.clone()));
        if child.platform.is_none() || child.platform.as_ref() == first {
            layout.add_for_docker(name, &child.manifest);
        }
    }
    if let ([platform], [child]) = (platforms, image.children.as_slice()) {
        layout.add_image(name, described(child, platform));
    } else {
        layout.add_blob(&image.root.digest, Content::Bytes(image.bytes));
        layout.add_image(name, image.root);
    }
}

fn described(child: &PulledChild, platform: &Platform) -> Descriptor {
    Descriptor {
        platform: Some(platform.clone()),
        ..child.descriptor.clone()
    }
}
