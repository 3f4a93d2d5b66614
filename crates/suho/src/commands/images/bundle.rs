//! `suho images bundle`: the pinned images into an archive.

use serde_json::json;
use suho_stack::{
    deployment::{Deployment, Edition, Files, Pin, Variables},
    registry::{Blobs, Client, bundle},
};

use super::{megabytes, transfer};
use crate::{Outcome, arguments::Bundle};

pub async fn run(arguments: Bundle) -> anyhow::Result<Outcome> {
    let files = arguments.source.files()?;
    let pins = wanted(&files, &arguments.engines, arguments.monitoring)?;
    let client = Client::new(arguments.mirrors.mirrors)?;
    let blobs = Blobs::of_user()?;
    let layout = bundle::fetch(&client, &blobs, &pins, &arguments.platform, &transfer::tell).await?;
    layout.write_file(&arguments.output, &transfer::tell).await?;

    let size = layout.size()?;
    let images: Vec<_> = pins
        .iter()
        .filter_map(|pin| Some(pin.image.loaded()?.to_string()))
        .collect();
    if arguments.json {
        let platforms: Vec<_> = arguments.platform.iter().map(ToString::to_string).collect();
        let result = json!({"file": arguments.output, "size": size, "platforms": platforms, "images": images});
        say!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        for image in &images {
            say!("{image}");
        }
        say!(
            "{} images, {} in {}",
            images.len(),
            megabytes(size),
            arguments.output.display()
        );
    }
    Ok(Outcome::Fine)
}

/// The pins of the named services and of what they depend on; where none is named, of all engines, and of the watchers where
/// there is to be `monitoring`.
fn wanted(files: &Files, services: &[String], monitoring: bool) -> anyhow::Result<Vec<Pin>> {
    let compose_files = if services.is_empty() {
        Edition::Upstream.compose_files(monitoring)
    } else {
        Pin::compose_files(files)
    };
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(files, compose_files)?);
    let deployment = Deployment::read(files, compose_files, &variables)?;
    let named: Vec<&str> = if services.is_empty() {
        deployment.services.keys().map(String::as_str).collect()
    } else {
        services.iter().map(String::as_str).collect()
    };
    let wanted = deployment.with_dependencies(&named)?;
    let mut pins = Pin::all(files)?;
    pins.retain(|pin| pin.services.iter().any(|service| wanted.contains(service)));
    anyhow::ensure!(
        !pins.is_empty(),
        "nothing to bundle: the deployment pins no image of these by a digest"
    );
    Ok(pins)
}
