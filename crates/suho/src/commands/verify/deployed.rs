//! What is asked of a deployment of `docker compose up`, or of engines wherever they are.

use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

use anyhow::Context;
use suho_stack::{
    deployment::{Deployment, Edition, Files, Service, Setting, Variables},
    engines::{self, Endpoint, Restart},
    proof::{Inquiry, Missing, Present},
    runtime::Docker,
    stack::Restarter,
};

use crate::{
    arguments::{Target, Verify},
    commands::usual_directory,
};

/// The engines of a deployment of `docker compose up`, and who watches them, by its files and its .env.
pub async fn by_compose(target: Target, arguments: &Verify) -> anyhow::Result<Inquiry> {
    let directory = arguments.directory.clone().unwrap_or_else(usual_directory);
    let (files, deployment) = read(&directory, Edition::from(target).compose_files(arguments.monitoring))?;
    // Inside a container nobody can tell of images.
    let docker = Docker::connect().await.ok();
    let mut inquiry = Inquiry::default();
    let watchers = engines::watchers_of(&deployment);
    for engine in engines::all().iter().copied().chain(watchers) {
        let service = deployment.service(engine.service())?;
        let settings = Setting::of(service, &files)?;
        if let Some(reason) = service.absent.clone() {
            inquiry
                .missing
                .insert(service.name.clone(), Missing { reason, settings });
            continue;
        }
        let endpoint = if arguments.network {
            Endpoint::on_network(service)
        } else {
            on_host(service)
        };
        let identity = match &docker {
            Some(docker) => identity(docker, service).await,
            None => String::new(),
        };
        let present = Present {
            endpoint,
            settings,
            identity,
        };
        inquiry.present.insert(service.name.clone(), present);
    }
    if arguments.allow_restart {
        inquiry.restart = Some(restarter(&directory, &inquiry).await?);
    }
    Ok(inquiry)
}

/// Those whom a file names; the settings of the engines are those of `directory`, where one is given.
pub fn by_endpoints(file: &Path, directory: Option<&Path>) -> anyhow::Result<Inquiry> {
    let deployment = directory
        .map(|directory| read(directory, Edition::Upstream.compose_files(false)))
        .transpose()?;
    let present = read_endpoints(file)?.into_iter().map(|(name, endpoint)| {
        let watches = engines::watchers().iter().any(|watcher| watcher.service() == name);
        let settings = match &deployment {
            Some((files, deployment)) if !watches => Setting::of(deployment.service(&name)?, files)?,
            _ => Vec::new(),
        };
        let identity = String::new();
        let present = Present {
            endpoint,
            settings,
            identity,
        };
        anyhow::Ok((name, present))
    });
    Ok(Inquiry {
        present: present.collect::<Result<_, _>>()?,
        ..Inquiry::default()
    })
}

fn read(directory: &Path, compose_files: &[&str]) -> anyhow::Result<(Files, Deployment)> {
    let files = Files::from_directory(directory)?;
    let variables =
        Variables::from_env_file(&directory.join(".env"))?.overridden_by(Variables::from_process_environment());
    let deployment = Deployment::read(&files, compose_files, &variables)?;
    Ok((files, deployment))
}

/// By the ports that the compose file publishes.
fn on_host(service: &Service) -> Endpoint {
    let ports = service
        .ports
        .iter()
        .map(|port| (port.container_port, port.host_port))
        .collect();
    Endpoint::published(service, ports)
}

/// What the image of a service says of itself; an upstream image says nothing.
async fn identity(docker: &Docker, service: &Service) -> String {
    let facts = docker.image_facts(&service.image).await.ok().flatten();
    let words = facts.and_then(|facts| match facts.stand_in {
        Some(what) => Some(format!("a stand-in: {what}")),
        None => facts.edition,
    });
    words.unwrap_or_default()
}

/// Restarts the containers that compose has started from `directory`.
async fn restarter(directory: &Path, inquiry: &Inquiry) -> anyhow::Result<Arc<dyn Restart>> {
    let directory = directory
        .canonicalize()
        .with_context(|| format!("failed to find {}", directory.display()))?;
    let mut names = Docker::connect().await?.composed_containers(&directory).await?;
    let containers: BTreeMap<String, (String, Endpoint)> = inquiry
        .present
        .iter()
        .filter_map(|(service, present)| {
            let name = names.remove(service)?;
            Some((service.clone(), (name, present.endpoint.clone())))
        })
        .collect();
    anyhow::ensure!(
        !containers.is_empty(),
        "the Docker engine of this machine runs nothing that was started from {}: without it nothing can be restarted",
        directory.display()
    );
    Ok(Arc::new(Restarter::of_containers(containers).await?))
}

fn read_endpoints(file: &Path) -> anyhow::Result<BTreeMap<String, Endpoint>> {
    let (name, content) = if file == Path::new("-") {
        ("standard input".to_owned(), io::read_to_string(io::stdin()))
    } else {
        (file.display().to_string(), fs::read_to_string(file))
    };
    let content = content.with_context(|| format!("failed to read {name}"))?;
    let endpoints: BTreeMap<_, _> = serde_json::from_str(&content)
        .with_context(|| format!("failed to read {name} as endpoints; `suho env --json` prints such a file"))?;
    // Nothing asked is nothing proved.
    anyhow::ensure!(!endpoints.is_empty(), "{name} holds no endpoint");
    Ok(endpoints)
}
