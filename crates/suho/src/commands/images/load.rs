//! `suho images load`: the images of an archive into Docker.

use serde_json::json;
use suho_stack::{
    deployment::{ImageReference, Pin},
    registry::Archive,
    runtime::Docker,
};

use super::transfer;
use crate::{Outcome, arguments::Load};

pub async fn run(arguments: Load) -> anyhow::Result<Outcome> {
    let pins = Pin::all(&arguments.source.files()?)?;
    let docker = Docker::connect().await?;
    let archive = Archive::open(&arguments.file, &transfer::tell).await?;
    let images = docker.load(&archive, &transfer::tell).await?;
    let rows: Vec<_> = images
        .iter()
        .map(|image| (&image.name, variables_of(&pins, &image.name)))
        .collect();
    for (name, _) in rows.iter().filter(|(_, variables)| variables.is_empty()) {
        note!("suho: {name} was loaded, and the deployment pins no such image; give the --directory that does");
    }
    if arguments.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, variables)| json!({"image": name, "variables": variables}))
            .collect();
        say!("{}", serde_json::to_string_pretty(&rows)?);
    } else if arguments.env {
        for (name, variables) in &rows {
            for variable in variables {
                say!("{variable}={name}");
            }
        }
    } else {
        for (name, _) in &rows {
            say!("loaded {name}");
        }
    }
    Ok(Outcome::Fine)
}

/// The variables of the compose files that stand for the image that was loaded as `name`.
fn variables_of<'a>(pins: &'a [Pin], name: &ImageReference) -> Vec<&'a str> {
    let pinned = pins.iter().filter(|pin| pin.image.loaded().as_ref() == Some(name));
    pinned
        .flat_map(|pin| pin.variables.iter().map(String::as_str))
        .collect()
}
