use std::{fmt::Write, fs, path::Path, process::Command};

use serde_json::Value;
use suho_stack::deployment::{Deployment, Files, Variables};

use crate::{copy_deployment, root, run, stdout, suho, unique};

pub const COMPOSE_FILES: [&str; 3] = ["docker-compose.yml", "docker-compose.airgap.yml", "test.yml"];

/// The deployment of `docker compose up` under names and ports of this test, taken down when dropped.
pub struct Deployed {
    directory: tempfile::TempDir,
    pub project: String,
}

impl Deployed {
    /// Every service of it.
    fn up() -> Self {
        Self::of(&[])
    }

    /// Only `services`, or every one.
    pub fn of(services: &[&str]) -> Self {
        let deployed = Self {
            directory: tempfile::tempdir().unwrap(),
            project: unique("deployed"),
        };
        copy_deployment(deployed.path());
        run(
            Command::new("bash")
                .arg(root().join("scripts/env.sh"))
                .arg(deployed.path()),
            0,
        );
        deployed.take_own_names_and_ports();
        deployed.start(services);
        deployed
    }

    pub fn start(&self, services: &[&str]) {
        let up = ["up", "--detach", "--wait", "--wait-timeout", "240"];
        run(&mut self.compose(&[&up, services].concat()), 0);
    }

    /// What a shell in the container of `service` prints of `script`.
    pub fn inside(&self, service: &str, script: &str) -> String {
        stdout(&run(
            &mut self.compose(&["exec", "-T", service, "sh", "-ec", script]),
            0,
        ))
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The names of the deployment are fixed, and one may run on this machine already.
    fn take_own_names_and_ports(&self) {
        let files = Files::from_directory(self.path()).unwrap();
        let environment = self.path().join(".env");
        let mut text = fs::read_to_string(&environment).unwrap();
        for name in Deployment::port_variables(&files, &COMPOSE_FILES[..2]).unwrap() {
            let port = std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            writeln!(text, "{name}={port}").unwrap();
        }
        fs::write(&environment, text).unwrap();

        let variables = Variables::from_env_file(&environment).unwrap();
        let deployment = Deployment::read(&files, &COMPOSE_FILES[..2], &variables).unwrap();
        let mut names = String::from("services:\n");
        for service in deployment.services.values().filter(|service| service.scale > 0) {
            writeln!(names, "  {0}: {{container_name: {0}-{1}}}", service.name, self.project).unwrap();
        }
        writeln!(names, "networks:\n  suho-trading-network: {{name: {}}}", self.project).unwrap();
        fs::write(self.path().join("test.yml"), names).unwrap();
    }

    pub fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .current_dir(self.path())
            .args(["compose", "--project-name", &self.project]);
        for file in COMPOSE_FILES {
            command.args(["--file", file]);
        }
        command.args(arguments);
        command
    }

    /// The engines and their verdicts, as `suho verify` sees them from where `command` runs it.
    fn verdicts(mut command: Command) -> Vec<(String, String, String)> {
        let report: Value = serde_json::from_slice(&run(&mut command, 0).stdout).unwrap();
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        report["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (word(&row["service"]), word(&row["check"]), row["verdict"].to_string()))
            .collect()
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        let down = self.compose(&["down", "--volumes", "--timeout", "5"]).output();
        println!("{:?}", down.map(|output| output.status));
    }
}

#[test]
fn the_deployment_is_healthy_and_holds_from_the_host_and_from_its_network() {
    let deployed = Deployed::up();

    let mut from_host = suho();
    from_host
        .args(["verify", "--target", "compose-airgap", "--json", "--directory"])
        .arg(deployed.path());
    let from_host = Deployed::verdicts(from_host);

    let mut from_network = Command::new("docker");
    from_network
        .args(["run", "--rm", "--network", &deployed.project])
        .args(["--volume", &format!("{}:/suho:ro", env!("CARGO_BIN_EXE_suho"))])
        .args(["--volume", &format!("{}:/compose:ro", deployed.path().display())])
        .args([
            "suho-airgap/base:trixie",
            "/suho",
            "verify",
            "--target",
            "compose-airgap",
            "--network",
            "--json",
        ])
        .args(["--directory", "/compose"]);
    let from_network = Deployed::verdicts(from_network);

    println!("from the host: {from_host:#?}\nfrom the network: {from_network:#?}");
    assert_eq!(from_host.len(), from_network.len());
    // Not published, so it can be asked from the network alone.
    assert!(
        from_host
            .iter()
            .any(|(service, _, verdict)| service == "suho-zookeeper" && verdict.contains("not_askable"))
    );
    // From the network everything is, but for what restarts an engine.
    assert!(
        from_network
            .iter()
            .all(|(_, _, verdict)| !verdict.contains("not_askable") || verdict.contains("--allow-restart"))
    );
    for rows in [&from_host, &from_network] {
        assert!(
            rows.iter()
                .any(|(service, _, verdict)| service == "suho-arangodb" && verdict.contains("not_offered"))
        );
    }

    let mut restarting = suho();
    restarting
        .args([
            "verify",
            "--target",
            "compose-airgap",
            "--engine",
            "nats",
            "--only",
            "features",
        ])
        .args(["--allow-restart", "--json", "--directory"])
        .arg(deployed.path());
    for (_, check, verdict) in Deployed::verdicts(restarting) {
        assert!(verdict.contains("passed"), "{check}: {verdict}");
    }

    // The one-shots have created what is declared, and creating it again changes nothing.
    let streams = stdout(&run(
        &mut deployed.compose(&["run", "--rm", "--no-deps", "suho-nats-streams"]),
        0,
    ));
    let topics = stdout(&run(
        &mut deployed.compose(&["run", "--rm", "--no-deps", "suho-kafka-topics"]),
        0,
    ));
    println!("{streams}\n{topics}");
    assert!(
        !streams.contains("created") && !topics.contains("created"),
        "{streams}\n{topics}"
    );
}

#[test]
fn without_secrets_compose_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    copy_deployment(directory.path());

    let config = Command::new("docker")
        .current_dir(directory.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory.path())
        .args(["compose", "config", "--quiet"])
        .output()
        .unwrap();

    assert!(!config.status.success());
    let words = String::from_utf8_lossy(&config.stderr);
    assert!(words.contains("make env"), "{words}");
}
