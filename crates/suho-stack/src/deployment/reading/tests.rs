#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::*;

const COMPOSE: &str = "docker-compose.yml";
const AIRGAP: &str = "docker-compose.airgap.yml";
const MONITORING: &str = "docker-compose.monitoring.yml";
const MONITORING_AIRGAP: &str = "docker-compose.monitoring.airgap.yml";

fn variables(files: &Files) -> Variables {
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(files, &[COMPOSE, AIRGAP, MONITORING]).unwrap());
    variables
}

/// A deployment of the services that `text` describes; `X` is set, and `a.conf` is there to be mounted.
fn read_text(texts: &[&str]) -> Result<Deployment, DeploymentError> {
    let names: Vec<_> = (1..=texts.len()).map(|number| format!("{number}.yml")).collect();
    let mut files = Files::embedded().with("a.conf", "");
    for (name, text) in names.iter().zip(texts) {
        files = files.with(name, *text);
    }
    let mut variables = Variables::default();
    variables.set("X", Secret::new("x"));
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    Deployment::read(&files, &names, &variables)
}

const HEAD: &str = "networks: {n: {name: net}}\nvolumes:\n  v:\nservices:\n  a:\n    image: i:1\n    networks: [n]\n";

/// What `lines` say about the service `a`; the first of them is line 8 of 1.yml.
fn read_service(lines: &str) -> Result<Service, DeploymentError> {
    let deployment = read_text(&[&format!("{HEAD}{lines}")])?;
    Ok(deployment.services["a"].clone())
}

mod like_docker_compose {
    use super::*;

    #[rstest]
    #[case(&[COMPOSE])]
    #[case(&[COMPOSE, AIRGAP])]
    #[case(&[COMPOSE, MONITORING])]
    #[case(&[COMPOSE, AIRGAP, MONITORING, MONITORING_AIRGAP])]
    fn the_deployment_is_read(#[case] compose_files: &[&str]) {
        let files = Files::embedded();
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().canonicalize().unwrap();
        files.write_to(&directory).unwrap();
        let variables = variables(&files);
        let ours = Deployment::read(&files, compose_files, &variables).unwrap();
        let theirs = config(&directory, compose_files, &variables);

        assert_eq!(theirs["name"], ours.name);
        let networks: Vec<_> = theirs["networks"].as_object().unwrap().values().collect();
        assert_eq!(networks.len(), 1);
        assert_eq!(networks[0]["name"], ours.network);
        let mut volumes: Vec<_> = ours.volumes.iter().collect();
        volumes.sort();
        assert_eq!(
            theirs["volumes"].as_object().unwrap().keys().collect::<Vec<_>>(),
            volumes
        );

        let services = theirs["services"].as_object().unwrap();
        assert_eq!(services.len(), ours.services.len());
        for (name, service) in &ours.services {
            let ours = as_compose(service, &ours.network, &directory);
            let theirs = normalised(name, &services[name]);
            for key in ours.keys().chain(theirs.keys()) {
                assert_eq!(ours.get(key), theirs.get(key), "{key} of {name}");
            }
        }
    }

    fn config(directory: &Path, compose_files: &[&str], variables: &Variables) -> Value {
        let assignments = variables
            .iter()
            .map(|(name, value)| format!("{name}={}", value.expose()));
        let assignments = assignments.collect::<Vec<_>>().join("\n");
        fs::write(directory.join(".env"), assignments).unwrap();
        let mut command = Command::new("docker");
        command.current_dir(directory).args(["compose", "--profile", "*"]);
        for file in compose_files {
            command.args(["-f", file]);
        }
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SUHO_")) {
            command.env_remove(name);
        }
        let output = command
            .args(["config", "--format", "json"])
            .output()
            .unwrap_or_else(|error| panic!("docker with its compose plugin is needed, see `make bootstrap`: {error}"));
        assert!(
            output.status.success(),
            "docker compose config failed (is its plugin installed? see `make bootstrap`): {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A service as `docker compose config` would print what we read.
    fn as_compose(service: &Service, network: &str, directory: &Path) -> Map<String, Value> {
        let absolute = |path: &str| directory.join(path).to_string_lossy().into_owned();
        let environment: Map<_, _> = service
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), json!(value.expose())))
            .collect();
        let mounts = service.mounts.iter().map(|mount| match mount {
            Mount::Volume { name, target } => {
                json!({"type": "volume", "source": name, "target": target, "volume": {}})
            }
            Mount::File {
                source,
                target,
                read_only,
            } => json!({
                "type": "bind", "source": absolute(source), "target": target, "read_only": read_only,
                "bind": {"create_host_path": true},
            }),
        });
        let ports = service.ports.iter().map(|port| {
            json!({
                "mode": "ingress", "protocol": "tcp", "host_ip": port.address,
                "published": port.host_port.to_string(), "target": port.container_port,
            })
        });
        let depends_on: Map<_, _> = service
            .depends_on
            .iter()
            .map(|(name, condition)| (name.clone(), json!({"condition": word(*condition), "required": true})))
            .collect();
        let ulimits: Map<_, _> = service
            .ulimits
            .iter()
            .map(|(name, limit)| (name.clone(), json!({"soft": limit.soft, "hard": limit.hard})))
            .collect();
        let build = service.build.as_ref().map(|build| {
            let secrets: Vec<_> = build.secrets.keys().map(|id| json!({"source": id})).collect();
            json!({"context": absolute(&build.context), "dockerfile": "Dockerfile", "secrets": secrets})
        });
        let healthcheck = service.health.as_ref().map(|health| {
            let test = match &health.test {
                HealthTest::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
                HealthTest::Exec(command) => [vec!["CMD".to_owned()], command.clone()].concat(),
            };
            json!({
                "test": test, "interval": go(health.interval), "timeout": go(health.timeout),
                "retries": health.retries, "start_period": go(health.start_period),
            })
        });
        let restart = match service.restart {
            Restart::No => None,
            Restart::OnFailure => Some("on-failure"),
            Restart::UnlessStopped => Some("unless-stopped"),
            Restart::Always => Some("always"),
        };
        let service = json!({
            "build": build,
            "command": service.command,
            "container_name": service.container_name,
            "cpus": service.cpus,
            "depends_on": depends_on,
            "entrypoint": service.entrypoint.as_ref().map(|program| [program]),
            "environment": environment,
            "expose": service.expose.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "healthcheck": healthcheck,
            "hostname": service.hostname,
            "image": service.image.to_string(),
            "logging": service.logging.as_ref().map(|logging| {
                json!({"driver": logging.driver, "options": logging.options})
            }),
            "mem_limit": service.memory.map(|bytes| bytes.to_string()),
            "networks": {network: null},
            "ports": ports.collect::<Vec<_>>(),
            "profiles": service.profiles,
            "restart": restart,
            "scale": Some(service.scale).filter(|scale| *scale != 1),
            "shm_size": service.shm_size.map(|bytes| bytes.to_string()),
            "stop_grace_period": service.stop_grace_period.map(go),
            "stop_signal": service.stop_signal,
            "ulimits": ulimits,
            "volumes": mounts.collect::<Vec<_>>(),
        });
        filled(service)
    }

    /// What compose prints, without what is only another way to say the same.
    fn normalised(name: &str, service: &Value) -> Map<String, Value> {
        let mut service = filled(unescaped(service));
        for default in ["container_name", "hostname"] {
            service.entry(default).or_insert_with(|| json!(name));
        }
        if let Some(cpus) = service.get_mut("cpus") {
            *cpus = json!(cpus.as_f64());
        }
        for limit in service
            .get_mut("ulimits")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(Map::values_mut)
        {
            if limit.is_number() {
                *limit = json!({"soft": limit, "hard": limit});
            }
        }
        service
    }

    /// Without the fields that say nothing.
    fn filled(service: Value) -> Map<String, Value> {
        let Value::Object(mut service) = service else {
            panic!("{service} is no object");
        };
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Array(values) => values.is_empty(),
            Value::Object(values) => values.is_empty(),
            _ => false,
        };
        service.retain(|_, value| !is_empty(value));
        service
    }

    /// Compose prints what it could read again: with its dollar signs doubled.
    fn unescaped(value: &Value) -> Value {
        match value {
            Value::String(text) => json!(text.replace("$$", "$")),
            Value::Array(values) => values.iter().map(unescaped).collect(),
            Value::Object(values) => values
                .iter()
                .map(|(key, value)| (key.clone(), unescaped(value)))
                .collect(),
            other => other.clone(),
        }
    }

    fn word(condition: Condition) -> &'static str {
        match condition {
            Condition::Started => "service_started",
            Condition::Healthy => "service_healthy",
            Condition::CompletedSuccessfully => "service_completed_successfully",
        }
    }

    /// A duration as Go writes it: `2m0s`.
    fn go(duration: Duration) -> String {
        let seconds = duration.as_secs();
        match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
            (0, 0, seconds) => format!("{seconds}s"),
            (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
            (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
        }
    }
}

#[test]
fn the_deployment_knows_its_variables() {
    let files = Files::embedded();
    let required = Deployment::required_variables(&files, &[COMPOSE, AIRGAP]).unwrap();
    assert!(required.contains(&"SUHO_POSTGRESQL_PASSWORD".to_owned()));
    assert!(
        required
            .iter()
            .all(|name| name.ends_with("_PASSWORD") || name.ends_with("_API_KEY"))
    );
    let ports = Deployment::port_variables(&files, &[COMPOSE, AIRGAP]).unwrap();
    let published = Deployment::read(&files, &[COMPOSE], &variables(&files)).unwrap();
    let published: usize = published.services.values().map(|service| service.ports.len()).sum();
    assert_eq!(ports.len(), published, "each published port has a variable: {ports:?}");
}

#[test]
fn one_shots_are_those_whose_success_is_waited_for() {
    let files = Files::embedded();
    let deployment = Deployment::read(&files, &[COMPOSE], &variables(&files)).unwrap();
    let one_shots: Vec<_> = deployment
        .services
        .values()
        .filter(|service| service.is_one_shot())
        .collect();
    let names: Vec<_> = one_shots.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["suho-nats-streams", "suho-kafka-topics"]);
}

#[test]
fn a_missing_secret_is_named_with_its_line() {
    let files = Files::embedded();
    let error = Deployment::read(&files, &[COMPOSE], &Variables::default())
        .unwrap_err()
        .to_string();
    let text = files.text(COMPOSE).unwrap();
    let line = text
        .lines()
        .position(|line| line.contains("SUHO_POSTGRESQL_ADMIN_PASSWORD"))
        .unwrap()
        + 1;
    assert!(error.contains(&format!("{COMPOSE}:{line}:")), "{error}");
    assert!(
        error.contains("the variable SUHO_POSTGRESQL_ADMIN_PASSWORD is not set - run 'make env'"),
        "{error}"
    );
}

#[test]
fn printing_shows_no_secret() {
    let files = Files::embedded();
    let variables = variables(&files);
    let printed = format!("{:?}", Deployment::read(&files, &[COMPOSE], &variables).unwrap());
    for (name, value) in variables.iter() {
        assert!(!printed.contains(value.expose()), "{name}");
    }
}

#[test]
fn a_later_file_overrides() {
    let base = format!(
        "{HEAD}{}",
        "    environment: {A: '1', B: '2'}
    ports: ['127.0.0.1:1:1']
    volumes: ['v:/v', './a.conf:/a:ro']
    command: [one, two]
    mem_limit: 1g
"
    );
    let over = "secrets: {ca: {file: /ca}}
volumes:
  w:
services:
  a:
    image: j:2
    build: {context: airgap/a, secrets: [ca]}
    profiles: [absent]
    x-suho-absent: not to be had
    environment: {B: '3', C: $X}
    ports: ['127.0.0.1:1:1', '::1:2:2']
    volumes: ['w:/v']
    command: [three]
  b: {image: 'b:1', networks: [n], depends_on: {a: {condition: service_started}}}
";
    let deployment = read_text(&[&base, over]).unwrap();
    let service = deployment.service("a").unwrap();
    let environment: Vec<_> = service
        .environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(environment, [("A", "1"), ("B", "3"), ("C", "x")]);
    assert_eq!(service.image.to_string(), "j:2");
    assert_eq!(service.build.as_ref().unwrap().secrets["ca"], "/ca");
    assert_eq!(service.absent.as_deref(), Some("not to be had"));
    assert_eq!(service.profiles, ["absent"]);
    assert_eq!(service.command, ["three"]);
    assert_eq!(service.container_ports().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        service.mounts.iter().map(Mount::target).collect::<Vec<_>>(),
        ["/v", "/a"]
    );
    assert_eq!(service.memory, Some(1 << 30));
    assert_eq!(service.described_in, ["1.yml", "2.yml"]);
    assert_eq!(deployment.services.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(deployment.with_dependencies(&["b"]).unwrap(), ["a", "b"]);
    assert_eq!(deployment.network, "net");
    let error = deployment.with_dependencies(&["c"]).unwrap_err().to_string();
    assert_eq!(error, "find the service `c`; the deployment has a, b");
}

/// Each with the line and the column of what is wrong.
#[rstest]
#[case::not_yaml("    hostname: \"a", "1.yml:8:15: ", "quote")]
#[case::list_for_scalar("    cpus: [1]", "1.yml:8:11: ", "expected string scalar")]
#[case::unknown_field("    imaeg: i:1", "1.yml:8:5: ", "imaeg")]
#[case::field_twice("    cpus: 1\n    cpus: 2", "1.yml:9:5: ", "duplicate")]
#[case::unknown_field_inside("    build: {context: a, target: b}", "1.yml:8:25: ", "target")]
#[case::wrong_kind("    command: one two", "1.yml:8:14: ", "")]
#[case::entrypoint_with_arguments("    entrypoint: [a, b]", "1.yml:8:18: ", "write its arguments under command")]
#[case::missing_field("    logging: {options: {a: b}}", "1.yml:8:", "driver")]
#[case::empty_variable("    environment:\n      A:", "1.yml:9:", "null")]
#[case::volume_with_options("volumes: {w: {driver: a}}", "1.yml:8:", "")]
#[case::bad_variable("    environment: {A: a$}", "1.yml:8:22: ", "names no variable")]
#[case::missing_variable(
    "    environment:\n      A: ${Y:?is not set}",
    "1.yml:9:10: ",
    "the variable Y is not set"
)]
#[case::image(
    "    hostname: b\n    command: [a]\n    image: &again i:1",
    "1.yml:10:5: ",
    "duplicate"
)]
#[case::size("    mem_limit: 4x", "read `4x` at 1.yml:8:16: ", "a size such as 1536m")]
#[case::overflow("    mem_limit: 99999999999999999999g", "1.yml:8:16: ", "a size such as 1536m")]
#[case::processors("    cpus: '-1'", "1.yml:8:11: ", "a number of processors")]
#[case::duration("    stop_grace_period: 5", "1.yml:8:24: ", "a duration such as 5s")]
#[case::restart("    restart: sometimes", "1.yml:8:14: ", "unless-stopped")]
#[case::scale("    scale: many", "1.yml:8:12: ", "a number of containers")]
#[case::ulimit("    ulimits: {nofile: many}", "1.yml:8:23: ", "a number, -1 being unlimited")]
#[case::ulimit_without_hard("    ulimits: {nofile: {soft: 1}}", "1.yml:8:", "hard")]
#[case::port_everywhere("    ports: ['5432:5432']", "1.yml:8:13: ", "ADDRESS:HOST_PORT:CONTAINER_PORT")]
#[case::port(
    "    ports: ['127.0.0.1:1:99999']",
    "1.yml:8:13: ",
    "ADDRESS:HOST_PORT:CONTAINER_PORT"
)]
#[case::address("    ports: ['localhost:1:1']", "1.yml:8:13: ", "ADDRESS:HOST_PORT:CONTAINER_PORT")]
#[case::expose("    expose: ['http']", "1.yml:8:14: ", "a port between 1 and 65535")]
#[case::mount_mode("    volumes: ['v:/v:rw']", "1.yml:8:15: ", "VOLUME:/TARGET")]
#[case::mount_outside("    volumes: ['/etc:/v']", "1.yml:8:15: ", "./FILE:/TARGET:ro")]
#[case::mount_target("    volumes: ['v:v']", "1.yml:8:15: ", "VOLUME:/TARGET")]
#[case::unknown_volume("    volumes: ['w:/w']", "1.yml:8:15: ", "there is no volume `w`")]
#[case::unknown_file("    volumes: ['./b.conf:/b:ro']", "1.yml:8:15: ", "there is no file `b.conf`")]
#[case::unknown_secret("    build: {context: a, secrets: [ca]}", "1.yml:8:35: ", "there is no secret `ca`")]
#[case::unknown_condition("    depends_on: {a: {condition: ready}}", "1.yml:8:33: ", "service_healthy")]
#[case::unknown_service(
    "    depends_on: {b: {condition: service_started}}",
    "1.yml:8:33: ",
    "there is no service `b`"
)]
#[case::itself(
    "    depends_on: {a: {condition: service_started}}",
    "",
    "a -> a wait for each other"
)]
#[case::health(
    "    healthcheck: {test: [a], interval: 1s, timeout: 1s, retries: 1, start_period: 1s}",
    "1.yml:8:25: ",
    "CMD-SHELL"
)]
#[case::health_without_retries(
    "    healthcheck: {test: [CMD, a], interval: 1s, timeout: 1s, start_period: 1s}",
    "1.yml:8:",
    "retries"
)]
fn a_bad_service_is_an_error(#[case] lines: &str, #[case] place: &str, #[case] message: &str) {
    let error = read_service(lines).unwrap_err().to_string();
    assert!(error.contains(place), "{error}");
    assert!(error.contains(message), "{error}");
}

#[rstest]
#[case("services: {a: {networks: [n]}}", "1.yml:1:", "the service a has no `image`")]
#[case("services: {a: {image: 'i:1'}}", "1.yml:1:", "the service a has no `networks`")]
#[case(
    "services: {a: {image: 'i:1', networks: [m]}}",
    "1.yml:1:41: ",
    "there is no network `m`"
)]
#[case("services: {a: {image: 'i', networks: [n]}}", "1.yml:1:23: ", "`i` has no valid tag")]
#[case(
    "services: {a: {image: 'i:1@sha256:0', networks: [n]}}",
    "1.yml:1:23: ",
    "bad digest"
)]
#[case("version: '3'", "1.yml:1:1: ", "version")]
#[case(
    "networks: {n: {name: a}, m: {name: b}}",
    "1.yml:1:36: ",
    "all services share one network"
)]
#[case("networks: {n: {driver: a}}", "1.yml:1:16: ", "driver")]
#[case("services: {a: *b}", "1.yml:1:15: ", "anchor")]
fn a_bad_file_is_an_error(#[case] text: &str, #[case] place: &str, #[case] message: &str) {
    let error = read_text(&[text]).unwrap_err().to_string();
    assert!(error.contains(place), "{error}");
    assert!(error.contains(message), "{error}");
}

#[rstest]
#[case("1024", 1024)]
#[case("2k", 2048)]
#[case("1536m", 1536 << 20)]
#[case("4G", 4 << 30)]
#[case("4gb", 4 << 30)]
fn a_size_is_read(#[case] text: &str, #[case] size: u64) {
    assert_eq!(bytes(text), Some(size));
}

#[rstest]
#[case("500ms", 500)]
#[case("5s", 5_000)]
#[case("1m30s", 90_000)]
#[case("1h0m1s", 3_601_000)]
fn a_duration_is_read(#[case] text: &str, #[case] milliseconds: u64) {
    assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)));
}

/// Services s0, s1, … that depend on those whose numbers are listed.
fn services(dependencies: &[Vec<usize>]) -> String {
    let services = dependencies.iter().enumerate().map(|(number, dependencies)| {
        let on = dependencies
            .iter()
            .map(|on| format!("s{on}: {{condition: service_started}}"));
        let on = on.collect::<Vec<_>>().join(", ");
        format!("  s{number}: {{image: 'i:1', networks: [n], depends_on: {{{on}}}}}")
    });
    let services = services.collect::<Vec<_>>().join("\n");
    format!("networks: {{n: {{name: net}}}}\nservices:\n{services}")
}

/// Dependencies on services with smaller numbers alone, in a random order of the numbers.
fn graph() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1..8usize).prop_flat_map(|size| {
        let order = Just((0..size).collect::<Vec<_>>()).prop_shuffle();
        let edges = prop::collection::vec(prop::collection::vec(any::<bool>(), size), size);
        (order, edges).prop_map(|(order, edges)| {
            let depends = |one: usize, other: usize| order[other] < order[one] && edges[one][other];
            let size = order.len();
            (0..size)
                .map(|one| (0..size).filter(|&other| depends(one, other)).collect())
                .collect()
        })
    })
}

proptest! {
    #[test]
    fn the_start_order_respects_every_dependency(graph in graph()) {
        let deployment = read_text(&[&services(&graph)]).unwrap();
        let waves = deployment.start_order().unwrap();
        let wave_of = |name: &str| waves.iter().position(|wave| wave.iter().any(|service| service.name == name));
        prop_assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), graph.len());
        for service in deployment.services.values() {
            let latest = service.depends_on.keys().map(|name| wave_of(name)).max().flatten();
            let expected = latest.map_or(0, |wave| wave + 1);
            prop_assert_eq!(wave_of(&service.name), Some(expected), "as early as its dependencies allow");
        }
    }

    #[test]
    fn a_cycle_is_named(graph in graph(), length in 1..4usize) {
        let mut graph = graph;
        let first = graph.len();
        graph.extend((0..length).map(|number| vec![first + (number + 1) % length]));
        let error = read_text(&[&services(&graph)]).unwrap_err();
        let DeploymentError::Cycle { cycle } = error else {
            panic!("{error}")
        };
        prop_assert_eq!(cycle.len(), length + 1);
        prop_assert_eq!(cycle.first(), cycle.last());
    }
}
