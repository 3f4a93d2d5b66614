//! `suho images lock`: the manifests that the pins lead to, and the pins moved to what their tags name now.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use suho_stack::{
    deployment::{COMPOSE_FILE, Files, Pin},
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
/// Where the manifests are, from the directory of the compose file.
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
    let pins = Pin::all(&files, COMPOSE_FILE)?;
    let platforms = ARCHITECTURES.map(Platform::linux);
    let mut text = files.text(COMPOSE_FILE)?.to_owned();
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
            text = pin
                .moved_to(&newer.image, &text)
                .ok_or_else(|| RegistryError::NotADefault {
                    image: pin.image.to_string(),
                    file: directory.join(COMPOSE_FILE),
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
    // New manifests first, and old ones last: at no time a pin is in the file and its manifest is not.
    let mut changes = manifests.add(&images).await?;
    if !moved.is_empty() {
        replace(&directory.join(COMPOSE_FILE), &text).await?;
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
        anyhow::ensure!(is_pinned, "{service} is not pinned by a digest in {COMPOSE_FILE}");
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
