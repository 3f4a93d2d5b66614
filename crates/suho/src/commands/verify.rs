//! `suho verify`: every engine serves its user and refuses strangers.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use suho_stack::{
    deployment::{Deployment, Files, Service, Variables},
    engines::{self, Endpoint},
    proof::{self, Report, Verdict},
    stack::{
        StackState,
        images::{AIRGAP_FILE, COMPOSE_FILE},
    },
};

use crate::{
    Outcome,
    arguments::{Target, Verify},
    output,
};

/// What is asked, and why the rest cannot be.
#[derive(Default)]
struct Asked {
    endpoints: BTreeMap<String, Endpoint>,
    absent: BTreeMap<String, String>,
}

pub async fn run(arguments: Verify) -> anyhow::Result<Outcome> {
    let asked = asked(&arguments)?;
    let report = proof::connectivity(&asked.endpoints, &asked.absent).await;
    anyhow::ensure!(
        report.has_asked(),
        "nothing could be asked: no engine of these is known to this program"
    );
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.is_fine() {
        Outcome::Fine
    } else {
        Outcome::Failed
    })
}

fn asked(arguments: &Verify) -> anyhow::Result<Asked> {
    if let Some(file) = &arguments.endpoints {
        return Ok(Asked {
            endpoints: read_endpoints(file)?,
            ..Asked::default()
        });
    }
    if let Some(target) = arguments.target {
        return deployed(target, arguments);
    }
    let state = StackState::load(&arguments.name)?;
    Ok(Asked {
        endpoints: state.endpoints(),
        absent: state.reasons_of_absence(),
    })
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

/// The engines of a deployment of `docker compose up`, by its files and its .env.
fn deployed(target: Target, arguments: &Verify) -> anyhow::Result<Asked> {
    let here = || {
        PathBuf::from(if Path::new(COMPOSE_FILE).exists() {
            "."
        } else {
            "compose"
        })
    };
    let directory = arguments.directory.clone().unwrap_or_else(here);
    let files = Files::from_directory(&directory)?;
    let variables =
        Variables::from_env_file(&directory.join(".env"))?.overridden_by(Variables::from_process_environment());
    let compose_files: &[&str] = match target {
        Target::Compose => &[COMPOSE_FILE],
        Target::ComposeAirgap => &[COMPOSE_FILE, AIRGAP_FILE],
    };
    let deployment = Deployment::read(&files, compose_files, &variables)?;
    let mut asked = Asked::default();
    for engine in engines::all() {
        let service = deployment.service(engine.service())?;
        if let Some(reason) = &service.absent {
            asked.absent.insert(service.name.clone(), reason.clone());
        } else {
            let endpoint = if arguments.network {
                Endpoint::on_network(service)
            } else {
                on_host(service)
            };
            asked.endpoints.insert(service.name.clone(), endpoint);
        }
    }
    Ok(asked)
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

/// One line per engine and check.
pub fn print(report: &Report) {
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|row| {
            [
                output::short(&row.service).to_owned(),
                row.check.to_string(),
                output::seconds(row.took),
                verdict(&row.verdict),
            ]
        })
        .collect();
    say!("");
    output::table(["ENGINE", "CHECK", "TOOK", "VERDICT"], &rows);
}

/// What is not fine is told in full.
fn verdict(verdict: &Verdict) -> String {
    let words = verdict.to_string();
    if matches!(verdict, Verdict::Failed { .. }) {
        words
    } else {
        output::brief(&words)
    }
}
