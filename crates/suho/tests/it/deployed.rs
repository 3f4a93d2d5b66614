use std::{
    fmt::Write,
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use suho_stack::deployment::{Deployment, Edition, Files, Variables};

use crate::{copy_deployment, root, run, stdout, suho, unique};

/// The names that the test gives.
const TEST_FILE: &str = "test.yml";
/// Prometheus scrapes every 15 s, and a proof waits most of a minute for what a stack that has just come up lacks.
const NOTICED: Duration = Duration::from_secs(120);

/// A whole deployment is much for a machine that runs other tests as well: one at a time is up.
static ALONE: Mutex<()> = Mutex::new(());

/// The deployment of `docker compose up` under names and ports of this test, taken down when dropped.
pub struct Deployed {
    directory: tempfile::TempDir,
    project: String,
    compose_files: &'static [&'static str],
    _alone: MutexGuard<'static, ()>,
}

impl Deployed {
    /// Only `services` of it, or every one.
    pub fn of(purpose: &str, monitoring: bool, services: &[&str]) -> Self {
        let deployed = Self {
            directory: tempfile::tempdir().unwrap(),
            project: unique(purpose),
            compose_files: Edition::Airgap.compose_files(monitoring),
            // A test that has failed has taken its deployment down all the same.
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
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
        for name in Deployment::port_variables(&files, self.compose_files).unwrap() {
            let port = std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            writeln!(text, "{name}={port}").unwrap();
        }
        fs::write(&environment, text).unwrap();

        let variables = Variables::from_env_file(&environment).unwrap();
        let deployment = Deployment::read(&files, self.compose_files, &variables).unwrap();
        let mut names = String::from("services:\n");
        for service in deployment.services.values().filter(|service| service.scale > 0) {
            writeln!(names, "  {0}: {{container_name: {0}-{1}}}", service.name, self.project).unwrap();
        }
        writeln!(names, "networks:\n  suho-trading-network: {{name: {}}}", self.project).unwrap();
        fs::write(self.path().join(TEST_FILE), names).unwrap();
    }

    pub fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .current_dir(self.path())
            .args(["compose", "--project-name", &self.project]);
        for file in self.all_files() {
            command.args(["--file", file]);
        }
        command.args(arguments);
        command
    }

    /// What tells `docker compose` of any shell that it is about this deployment.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let files: Vec<_> = self.all_files().collect();
        [
            ("COMPOSE_PROJECT_NAME", self.project.clone()),
            ("COMPOSE_FILE", files.join(":")),
        ]
    }

    fn all_files(&self) -> impl Iterator<Item = &'static str> {
        self.compose_files.iter().copied().chain([TEST_FILE])
    }

    /// `suho verify` from this machine.
    fn verify(&self, arguments: &[&str]) -> Command {
        let mut command = suho();
        command
            .args(["verify", "--target", "compose-airgap", "--json", "--directory"])
            .arg(self.path())
            .args(arguments);
        command
    }

    /// `suho verify` from a container on the network of the deployment.
    fn verify_from_network(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(["run", "--rm", "--network", &self.project])
            .args(["--volume", &format!("{}:/suho:ro", env!("CARGO_BIN_EXE_suho"))])
            .args(["--volume", &format!("{}:/compose:ro", self.path().display())])
            .args(["suho-airgap/base:trixie", "/suho", "verify"])
            .args(["--target", "compose-airgap", "--network", "--json"])
            .args(["--directory", "/compose"])
            .args(arguments);
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
    let deployed = Deployed::of("deployed", false, &[]);

    let from_host = Deployed::verdicts(deployed.verify(&[]));
    let from_network = Deployed::verdicts(deployed.verify_from_network(&[]));

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

    let restarting = deployed.verify(&["--engine", "nats", "--only", "features", "--allow-restart"]);
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
fn a_watched_deployment_is_proved_with_its_watchers_and_a_silent_one_is_named() {
    let deployed = Deployed::of("watched", true, &[]);
    let watched = [
        "--monitoring",
        "--engine",
        "prometheus,grafana,postgres-exporter,nats-exporter,dragonflydb-exporter,kafka-exporter,postgresql,kafka",
    ];

    let from_host = Deployed::verdicts(deployed.verify(&watched));
    let from_network = Deployed::verdicts(deployed.verify_from_network(&watched));

    println!("from the host: {from_host:#?}\nfrom the network: {from_network:#?}");
    let verdict = |rows: &[(String, String, String)], service: &str, check: &str| -> String {
        let found = rows
            .iter()
            .find(|(found, of, _)| found == service && of.contains(check));
        found
            .unwrap_or_else(|| panic!("no row of {service}: {check}"))
            .2
            .clone()
    };
    for rows in [&from_host, &from_network] {
        for check in ["targets-up", "rules-evaluated", "metrics-exist", "dashboards-answered"] {
            assert!(verdict(rows, "suho-prometheus", check).contains("passed"), "{check}");
        }
        assert!(verdict(rows, "suho-grafana", "round_trip").contains("not_offered"));
        // What the watched services have of their own is in effect as well.
        for service in ["suho-postgresql", "suho-kafka"] {
            assert!(verdict(rows, service, "settings").contains("passed"), "{service}");
        }
    }
    for exporter in ["suho-postgres-exporter", "suho-nats-exporter", "suho-kafka-exporter"] {
        assert!(verdict(&from_host, exporter, "round_trip").contains("not_askable"));
        assert!(verdict(&from_network, exporter, "round_trip").contains("passed"));
    }

    run(&mut deployed.compose(&["stop", "suho-nats-exporter"]), 0);
    let stopped = Instant::now();
    let silence = "http://suho-nats-exporter:7777/metrics is down";
    // It counts as up until Prometheus has asked it in vain.
    let (code, said) = loop {
        let mut verify = deployed.verify(&["--monitoring", "--engine", "prometheus", "--only", "features"]);
        let output = verify.output().unwrap();
        let said = stdout(&output);
        if said.contains(silence) || stopped.elapsed() > NOTICED {
            break (output.status.code(), said);
        }
        std::thread::sleep(Duration::from_secs(1));
    };
    assert!(said.contains(silence), "{said}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_watcher_among_endpoints_is_asked_although_the_directory_sets_nothing_for_it() {
    let directory = tempfile::tempdir().unwrap();
    copy_deployment(directory.path());
    run(
        Command::new("bash")
            .arg(root().join("scripts/env.sh"))
            .arg(directory.path()),
        0,
    );
    // Nobody listens on port 1.
    let exporter = json!({
        "service": "suho-nats-exporter", "place": "host", "host": "127.0.0.1", "ports": {"7777": 1}, "environment": {},
    });
    let file = directory.path().join("endpoints.json");
    fs::write(&file, json!({"suho-nats-exporter": exporter}).to_string()).unwrap();

    let mut verify = suho();
    verify.args(["verify", "--json", "--endpoints"]).arg(&file);
    let asked = stdout(&run(verify.arg("--directory").arg(directory.path()), 1));

    assert!(asked.contains("failed to ask for /metrics"), "{asked}");
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
