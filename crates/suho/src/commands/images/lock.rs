//! `suho images lock`: the manifests that the pins lead to, and the pins moved to what their tags name now.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use suho_stack::{
    deployment::{Files, ImageReference, Pin},
    registry::{
        Client, Digest, Lock as Manifests, Platform, RegistryError, Tell, client::Served, lock::Changes,
        pulled::PulledImage,
    },
};

use super::transfer;
use crate::{
    Outcome,
    arguments::{Lock, Update},
    commands::usual_directory,
};

/// The platforms that the deployment is built for.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
/// Where the manifests are, from the directory of the compose files.
const USUAL_LOCK: &str = "../nix/manifests";

/// A pin that was moved.
#[derive(Debug, Serialize)]
struct Moved {
    service: String,
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Report<'a> {
    moved: &'a [Moved],
    added: &'a [Digest],
    kept: &'a [Digest],
    removed: &'a [Digest],
}

pub async fn run(arguments: Lock) -> anyhow::Result<Outcome> {
    let directory = arguments.directory.unwrap_or_else(usual_directory);
    let files = Files::from_directory(&directory)?;
    let client = Client::new(arguments.mirrors.mirrors)?;
    let pins = Pin::all(&files)?;
    let platforms = ARCHITECTURES.map(Platform::linux);
    let mut moved_files = files.clone();
    let mut images = Vec::new();
    let mut moved = Vec::new();
    for pin in &pins {
        let Some(update) = update_of(pin, arguments.update.as_deref(), &pins)? else {
            images.push(PulledImage::fetch(&client, pin, &platforms, &transfer::tell).await?);
            continue;
        };
        let (newer, served) = resolve(&client, pin, update.tag, &transfer::tell).await?;
        images.push(PulledImage::of(&client, &newer, served, &platforms, &transfer::tell).await?);
        if newer.image != pin.image {
            moved_files =
                with_pin_moved(&moved_files, pin, &newer.image).ok_or_else(|| RegistryError::NotADefault {
                    image: pin.image.to_string(),
                    directory: directory.clone(),
                })?;
            moved.push(Moved {
                service: update.service,
                from: pin.image.to_string(),
                to: newer.image.to_string(),
            });
        }
    }
    let lock = arguments.manifests.unwrap_or_else(|| directory.join(USUAL_LOCK));
    let manifests = Manifests::in_directory(lock.clone());
    // New manifests first, and old ones last: at no time a pin is in its file and its manifest is not.
    let mut changes = manifests.add(&images).await?;
    for file in Pin::compose_files(&files) {
        let text = moved_files.text(file)?;
        if text != files.text(file)? {
            replace(&directory.join(file), text).await?;
        }
    }
    changes.removed = manifests.remove_others(&images).await?;
    report(&moved, &changes, &lock, arguments.json)?;
    Ok(Outcome::Fine)
}

/// What was asked about a pin: nothing, or to move it.
fn update_of(pin: &Pin, updates: Option<&[Update]>, pins: &[Pin]) -> anyhow::Result<Option<Update>> {
    let Some(updates) = updates else {
        return Ok(None);
    };
    for Update { service, .. } in updates {
        let is_pinned = pins.iter().any(|pin| pin.services.contains(service));
        anyhow::ensure!(is_pinned, "{service} is not pinned by a digest in the compose files");
    }
    let named = updates.iter().find(|update| pin.services.contains(&update.service));
    Ok(named.cloned().or_else(|| {
        updates.is_empty().then(|| Update {
            service: pin.services.first().cloned().unwrap_or_default(),
            tag: None,
        })
    }))
}

/// The pin with the digest that its tag, or `tag`, has now.
async fn resolve(client: &Client, pin: &Pin, tag: Option<String>, tell: Tell<'_>) -> anyhow::Result<(Pin, Served)> {
    let tag = tag.unwrap_or_else(|| pin.image.tag().to_owned());
    let image = pin.image.with_tag(&tag).with_context(|| format!("`{tag}` is no tag"))?;
    let tagged = Pin { image, ..pin.clone() };
    let served = client.tagged(&tagged, tell).await?;
    let digest = Digest::of(&served.bytes).to_string();
    let image = tagged.image.pinned_to(&digest);
    let image = image.with_context(|| format!("`{digest}` is no digest"))?;
    Ok((Pin { image, ..tagged }, served))
}

/// The same with `image` in the place of `pin` in the compose file whose default that is; none where it is none's.
fn with_pin_moved(files: &Files, pin: &Pin, image: &ImageReference) -> Option<Files> {
    Pin::compose_files(files).iter().find_map(|file| {
        let text = pin.moved_to(image, files.text(file).ok()?)?;
        Some(files.clone().with(*file, text))
    })
}

/// Whole or not at all, with the rights that it has.
async fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let partial = file.with_extension("yml.partial");
    let written = async {
        tokio::fs::copy(file, &partial).await?;
        tokio::fs::write(&partial, text).await?;
        tokio::fs::rename(&partial, file).await
    };
    written
        .await
        .with_context(|| format!("failed to write {}", file.display()))
}

fn report(moved: &[Moved], changes: &Changes, lock: &Path, json: bool) -> anyhow::Result<()> {
    let Changes { added, kept, removed } = changes;
    if json {
        let report = Report {
            moved,
            added,
            kept,
            removed,
        };
        say!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    for Moved { service, from, to } in moved {
        say!("{service}: {from} -> {to}");
    }
    let (added, kept, removed) = (added.len(), kept.len(), removed.len());
    say!(
        "{added} manifests added, {kept} kept, {removed} removed in {}",
        lock.display()
    );
    Ok(())
}
