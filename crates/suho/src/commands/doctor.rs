//! `suho doctor`: what this machine offers, and how to mend what it lacks.

use std::{fs, net::TcpListener, process::Stdio};

use futures::future::join_all;
use serde::Serialize;
use suho_stack::{
    deployment::{Deployment, Variables},
    engines,
    runtime::{Docker, registry::is_reachable},
    stack::images::Editions,
};
use tokio::process::Command;

use crate::{Outcome, arguments::Doctor, output};

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Standing {
    Fine,
    /// The stack comes up, with less.
    Less,
    /// The stack does not come up.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    standing: Standing,
    found: String,
    /// What to do, where something is to be done.
    mend: Option<&'static str>,
}

impl Finding {
    fn fine(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            standing: Standing::Fine,
            found: found.into(),
            mend: None,
        }
    }

    fn less(what: &'static str, found: impl Into<String>, mend: &'static str) -> Self {
        Self {
            what,
            standing: Standing::Less,
            found: found.into(),
            mend: Some(mend),
        }
    }

    fn broken(what: &'static str, found: impl Into<String>, mend: &'static str) -> Self {
        Self {
            what,
            standing: Standing::Broken,
            found: found.into(),
            mend: Some(mend),
        }
    }
}

pub async fn run(arguments: Doctor) -> anyhow::Result<Outcome> {
    let deployment = Editions::read(&arguments.source.files()?, Variables::from_process_environment())?.upstream;
    let findings = [
        engine().await,
        compose().await,
        registries(&deployment).await,
        memory(&deployment),
        processor(),
        ports(&deployment),
    ];
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print(&findings);
    }
    let broken = findings.iter().any(|finding| finding.standing == Standing::Broken);
    Ok(if broken { Outcome::Failed } else { Outcome::Fine })
}

async fn engine() -> Finding {
    const WHAT: &str = "Docker engine";
    let version = match Docker::connect().await {
        Ok(docker) => docker.version().await,
        Err(error) => Err(error),
    };
    match version {
        Ok(version) => Finding::fine(WHAT, version),
        Err(error) => Finding::broken(WHAT, error.to_string(), "`make up` installs and starts one on Debian"),
    }
}

async fn compose() -> Finding {
    const WHAT: &str = "docker compose";
    const MEND: &str = "install compose v2, `make up` does on Debian; it builds the air-gap images and deploys";
    let output = Command::new("docker")
        .args(["compose", "version", "--short"])
        .stdin(Stdio::null())
        .output()
        .await;
    match output {
        Ok(output) if output.status.success() => {
            Finding::fine(WHAT, String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => Finding::less(WHAT, "not found", MEND),
    }
}

/// Every registry that the pinned images come from.
async fn registries(deployment: &Deployment) -> Finding {
    const WHAT: &str = "registries";
    let mut hosts: Vec<_> = deployment
        .services
        .values()
        .map(|service| service.image.registry())
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    let answers = join_all(hosts.iter().map(|host| is_reachable(host))).await;
    let unreachable: Vec<_> = hosts
        .iter()
        .zip(answers)
        .filter_map(|(host, reachable)| (!reachable).then_some(*host))
        .collect();
    if unreachable.is_empty() {
        Finding::fine(WHAT, format!("{} reachable", hosts.join(", ")))
    } else {
        Finding::less(
            WHAT,
            format!("{} cannot be reached", unreachable.join(", ")),
            "present images and the air-gap build are used: `suho images build`",
        )
    }
}

/// The limits of all engines together, against what is there.
fn memory(deployment: &Deployment) -> Finding {
    const WHAT: &str = "memory";
    const MEND: &str = "start fewer engines (`suho up nats kafka`), or lower the limits in docker-compose.yml";
    let limits: u64 = engines::all()
        .iter()
        .filter_map(|engine| deployment.service(engine.service()).ok()?.memory)
        .sum();
    match total_memory() {
        Some(total) if total >= limits => {
            Finding::fine(WHAT, format!("{}, the limits sum up to {}", gib(total), gib(limits)))
        }
        Some(total) => Finding::less(
            WHAT,
            format!("{}, but the limits sum up to {}", gib(total), gib(limits)),
            MEND,
        ),
        None => Finding::less(WHAT, "unknown", "see that the Docker engine has 16 GiB"),
    }
}

fn total_memory() -> Option<u64> {
    let table = fs::read_to_string("/proc/meminfo").ok()?;
    let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1024)
}

fn gib(bytes: u64) -> String {
    format!("{} GiB", bytes >> 30)
}

/// The ClickHouse and ArangoDB images need it on x86-64.
fn processor() -> Finding {
    const WHAT: &str = "processor";
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !cfg!(target_arch = "x86_64") {
        Finding::fine(WHAT, std::env::consts::ARCH)
    } else if flags.contains(" avx2") {
        Finding::fine(WHAT, "AVX2")
    } else {
        Finding::less(
            WHAT,
            "no AVX2",
            "the images of ClickHouse and ArangoDB need it; start without them",
        )
    }
}

/// The platform's own ports, which `docker compose up` and `suho up --ports platform` take.
fn ports(deployment: &Deployment) -> Finding {
    const WHAT: &str = "ports";
    let taken: Vec<String> = deployment
        .services
        .values()
        .flat_map(|service| &service.ports)
        .filter(|port| TcpListener::bind((port.address.as_str(), port.host_port)).is_err())
        .map(|port| port.host_port.to_string())
        .collect();
    if taken.is_empty() {
        Finding::fine(WHAT, "the platform's own are free")
    } else {
        Finding::less(
            WHAT,
            format!("{} taken", taken.join(", ")),
            "free them or set the SUHO_*_PORT variables; `suho up` takes free ones by itself",
        )
    }
}

fn print(findings: &[Finding]) {
    let rows: Vec<_> = findings
        .iter()
        .map(|finding| {
            let standing = match finding.standing {
                Standing::Fine => "fine",
                Standing::Less => "less",
                Standing::Broken => "BROKEN",
            };
            [finding.what.to_owned(), standing.to_owned(), finding.found.clone()]
        })
        .collect();
    output::table(["WHAT", "IS", "FOUND"], &rows);
    for finding in findings {
        if let Some(mend) = finding.mend {
            say!("{}: {mend}", finding.what);
        }
    }
}
