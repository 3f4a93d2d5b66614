//! `suho verify`: every engine serves its user and refuses strangers.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use suho_stack::{
    deployment::{Deployment, Files, Service, Setting, Variables},
    engines::{self, Endpoint},
    proof::{Inquiry, Missing, Present, Report, Verdict},
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

pub async fn run(arguments: Verify) -> anyhow::Result<Outcome> {
    let report = inquiry(&arguments)?.run(|_| ()).await;
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

fn inquiry(arguments: &Verify) -> anyhow::Result<Inquiry> {
    if let Some(file) = &arguments.endpoints {
        return Ok(Inquiry {
            present: read_endpoints(file)?
                .into_iter()
                .map(|(service, endpoint)| {
                    let settings = Vec::new();
                    (service, Present { endpoint, settings })
                })
                .collect(),
            ..Inquiry::default()
        });
    }
    if let Some(target) = arguments.target {
        return deployed(target, arguments);
    }
    Ok(Inquiry::of(&StackState::load(&arguments.name)?))
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
fn deployed(target: Target, arguments: &Verify) -> anyhow::Result<Inquiry> {
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
    let mut inquiry = Inquiry::default();
    for engine in engines::all() {
        let service = deployment.service(engine.service())?;
        let settings = Setting::of(service, &files)?;
        if let Some(reason) = service.absent.clone() {
            inquiry
                .missing
                .insert(service.name.clone(), Missing { reason, settings });
        } else {
            let endpoint = if arguments.network {
                Endpoint::on_network(service)
            } else {
                on_host(service)
            };
            inquiry
                .present
                .insert(service.name.clone(), Present { endpoint, settings });
        }
    }
    Ok(inquiry)
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
