use std::{collections::BTreeMap, fs, process::Command};

use rstest::rstest;
use serde_json::{Value, json};
use suho_stack::deployment::Edition;

use super::{nix, system};
use crate::{copy_deployment, root, run};

/// The module's configuration where it is enabled with what is by default, with `monitoring` or without; but for the archives:
/// those are fetched.
fn configuration(monitoring: bool) -> Value {
    let (root, system) = (root().display().to_string(), system());
    let expression = format!(
        r#"let
             nixpkgs = builtins.getFlake "path:{root}/nix/offline";
             pkgs = nixpkgs.legacyPackages.{system};
             stack = (import {root}/nix {{ inherit pkgs; }}).lib.mkStack {{ }};
             module = import {root}/nix/module.nix {{ }} {{
               inherit (nixpkgs) lib;
               inherit pkgs;
               config = {{
                 services.suho = {{
                   enable = true;
                   environmentFile = "@environment@";
                   variables = {{ SUHO_BIND_ADDRESS = "10.0.0.5"; SUHO_KAFKA_PORT = "19092"; }};
                   monitoring.enable = {monitoring};
                   inherit stack;
                 }};
                 virtualisation.docker.package = "@docker@";
               }};
             }};
           in {{
             inherit (module.config.systemd.services.suho-environment) script;
             assertions = map (one: one.assertion) module.config.assertions;
             units = builtins.mapAttrs (_: unit: unit.serviceConfig or {{ }}) module.config.systemd.services;
             containers = builtins.mapAttrs (_: container: removeAttrs container [ "imageFile" ])
               module.config.virtualisation.oci-containers.containers;
           }}"#
    );
    let output = run(nix().args(["eval", "--impure", "--json", "--expr", &expression]), 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The deployment as compose reads it, with the secrets of a new `.env`.
fn compose(directory: &std::path::Path, monitoring: bool) -> Value {
    copy_deployment(directory);
    run(Command::new(root().join("scripts/env.sh")).arg(directory), 0);
    let mut command = Command::new("docker");
    command
        .envs([("SUHO_BIND_ADDRESS", "10.0.0.5"), ("SUHO_KAFKA_PORT", "19092")])
        .args(["compose", "--profile", "*"])
        .current_dir(directory);
    for file in Edition::Upstream.compose_files(monitoring) {
        command.args(["--file", file]);
    }
    command.args(["config", "--format", "json"]);
    serde_json::from_slice(&run(&mut command, 0).stdout).unwrap()
}

#[rstest]
#[case::of_the_engines(false)]
#[case::of_the_engines_and_their_watchers(true)]
fn the_module_runs_what_compose_runs(#[case] monitoring: bool) {
    let directory = tempfile::tempdir().unwrap();
    let compose = compose(directory.path(), monitoring);
    let module = configuration(monitoring);
    let services: Vec<&String> = compose["services"].as_object().unwrap().keys().collect();
    let containers = module["containers"].as_object().unwrap();
    let ours: Vec<&String> = containers.keys().collect();
    let runs = services.into_iter().filter(|name| *name != "suho-messaging");
    assert_eq!(runs.collect::<Vec<_>>(), ours);
    assert_eq!(containers.contains_key("suho-prometheus"), monitoring);

    for (name, container) in containers {
        let service = &compose["services"][name];
        assert_eq!(container["hostname"], service["hostname"]);
        let none = json!([]);
        let command = Some(&service["command"]).filter(|command| command.is_array());
        assert_eq!(&container["cmd"], command.unwrap_or(&none));
        assert_eq!(container["entrypoint"], service["entrypoint"][0], "{name}");
        let awaited = service["depends_on"].as_object().into_iter().flatten();
        assert_eq!(
            container["dependsOn"],
            json!(awaited.map(|(name, _)| name).collect::<Vec<_>>())
        );
        let options: Vec<&str> = container["extraOptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|option| option.as_str().unwrap())
            .collect();
        assert!(
            options.contains(&format!("--cpus={}", service["cpus"]).as_str()),
            "{options:?}"
        );
        assert!(options.contains(&"--network=suho-trading-network"), "{options:?}");
        let files = service["ulimits"].get("nofile").map(|_| "--ulimit=nofile=");
        for told in ["--memory=", "--stop-timeout="].into_iter().chain(files) {
            assert!(
                options.iter().any(|option| option.starts_with(told)),
                "{told} {options:?}"
            );
        }
        if let Some(test) = service["healthcheck"]["test"][1].as_str() {
            let health = options.iter().find_map(|option| option.strip_prefix("--health-cmd="));
            assert!(health.unwrap().contains(&test.replace("$$", "$")), "{options:?}");
        }
        let published = container["ports"].as_array().unwrap();
        assert_eq!(
            published.len(),
            service["ports"].as_array().map_or(0, Vec::len),
            "{name}"
        );
        for (ours, theirs) in published.iter().zip(service["ports"].as_array().into_iter().flatten()) {
            let published = theirs["published"].as_str().unwrap();
            let expected = format!(
                "{}:{published}:{}",
                theirs["host_ip"].as_str().unwrap(),
                theirs["target"]
            );
            assert_eq!(ours, &expected);
        }
        let mounts = container["volumes"].as_array().unwrap().iter().map(|volume| {
            let parts: Vec<&str> = volume.as_str().unwrap().split(':').collect();
            (file_name(parts[0]).to_owned(), parts[1].to_owned())
        });
        let expected = service["volumes"].as_array().into_iter().flatten().map(|volume| {
            let source = volume["source"].as_str().unwrap();
            (
                file_name(source).to_owned(),
                volume["target"].as_str().unwrap().to_owned(),
            )
        });
        assert_eq!(mounts.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let pinned = service["image"].as_str().unwrap().replace("@sha256:", ".sha256-");
        assert_eq!(container["image"], pinned);
    }
    assert_eq!(module["units"]["docker-suho-kafka-topics"]["Restart"], "on-failure");
    assert_eq!(module["assertions"], json!([true, true]));
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

#[rstest]
#[case::to_the_engines(false)]
#[case::to_the_engines_and_their_watchers(true)]
fn the_module_writes_the_environment_that_compose_gives(#[case] monitoring: bool) {
    let directory = tempfile::tempdir().unwrap();
    let compose = compose(directory.path(), monitoring);
    let written = directory.path().join("run");
    let script = configuration(monitoring)["script"]
        .as_str()
        .unwrap()
        .replace("@environment@", &directory.path().join(".env").display().to_string())
        .replace("@docker@/bin/docker", "true")
        .replace("/run/suho", &written.display().to_string());
    run(Command::new("bash").args(["-euc", &script]), 0);

    for (name, service) in compose["services"].as_object().unwrap() {
        let Ok(text) = fs::read_to_string(written.join(format!("{name}.env"))) else {
            assert_eq!(name, "suho-messaging");
            continue;
        };
        let ours: BTreeMap<&str, &str> = text.lines().map(|line| line.split_once('=').unwrap()).collect();
        let theirs = service["environment"].as_object().into_iter().flatten();
        let theirs: BTreeMap<&str, &str> = theirs
            .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
            .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}
