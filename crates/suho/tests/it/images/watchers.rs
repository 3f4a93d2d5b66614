use std::{fs, process::Command};

use serde_json::Value;

use super::{NATS, PROMETHEUS, Scene, loaded};
use crate::{docker, registry::Registry, run, stderr, stdout};

#[test]
fn they_are_bundled_where_they_are_asked_for_or_named() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);
    let bundled = |arguments: &[&str]| {
        let mut bundle = scene.images(&["bundle", "-o", "images.tar", "--json"]);
        let answer: Value = serde_json::from_slice(&run(bundle.args(arguments), 0).stdout).unwrap();
        answer["images"].as_array().unwrap().len()
    };

    assert_eq!(bundled(&[]), 8);
    assert_eq!(bundled(&["--monitoring"]), 12);
    assert_eq!(bundled(&["prometheus"]), 1);
    run(
        &mut scene.images(&["bundle", "-o", "images.tar", "--monitoring", "nats"]),
        2,
    );
}

#[test]
fn a_loaded_one_is_told_by_the_variable_that_stands_for_it() {
    let registry = Registry::start();
    let reference = registry.push_small("small/prometheus:1", 1000, 31);
    let scene = Scene::with(PROMETHEUS, &reference);
    run(&mut scene.images(&["bundle", "-o", "images.tar", "prometheus"]), 0);

    let told = stdout(&run(&mut scene.images(&["load", "images.tar", "--env"]), 0));
    let listed = listed(&mut scene.images(&["ls", "--monitoring", "--json"]));

    docker(&["rmi", &loaded(&reference)]);
    assert_eq!(told, format!("{PROMETHEUS}={}\n", loaded(&reference)));
    let row = listed.iter().find(|row| row["loaded"] == true).unwrap();
    assert_eq!(row["engine"], "prometheus");
}

#[test]
fn they_are_listed_where_they_are_asked_for_each_in_the_editions_that_have_it() {
    let scene = Scene::with(NATS, "nats:1");
    let of = |rows: &[Value], engine: &str| -> Vec<Value> {
        let found = rows.iter().filter(|row| row["engine"] == engine);
        found.cloned().collect()
    };

    let engines = listed(&mut scene.images(&["ls", "--json"]));
    let all = listed(&mut scene.images(&["ls", "--monitoring", "--json"]));

    assert!(of(&engines, "prometheus").is_empty());
    assert_eq!(of(&all, "prometheus").len(), 2);
    let grafana = of(&all, "grafana");
    assert!(grafana[0]["image"].as_str().unwrap().starts_with("grafana/grafana:"));
    assert!(
        grafana[1]["absent"]
            .as_str()
            .unwrap()
            .contains("no package registry carries Grafana")
    );
    let lag = of(&all, "kafka-exporter");
    assert_eq!((lag.len(), &lag[0]["source"]), (1, &Value::from("air-gap")));
    // The watched broker runs another image than the unwatched one.
    let [broker, watched] = [&engines, &all].map(|rows| of(rows, "kafka")[1]["image"].clone());
    assert_ne!(broker, watched);
}

#[test]
fn an_update_moves_the_pin_of_a_watcher_in_the_file_that_has_it() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);
    let read = |file: &str| fs::read_to_string(scene.compose().join(file)).unwrap();
    let [engines, watchers] = ["docker-compose.yml", "docker-compose.monitoring.yml"];
    let before = [read(engines), read(watchers)];
    scene.pin(PROMETHEUS, &registry.push_small("small/prometheus:1", 1000, 32));
    let newer = registry.push_small("small/prometheus:2", 1000, 33);

    run(&mut scene.images(&["lock", "--update", "prometheus=2"]), 0);

    assert_eq!(read(engines), before[0]);
    assert!(read(watchers).contains(&format!("${{{PROMETHEUS}:-{newer}}}")));
    let lines = |text: &str| text.lines().count();
    assert_eq!(lines(&read(watchers)), lines(&before[1]));
}

#[test]
fn what_is_pinned_otherwise_than_as_a_default_is_not_moved() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);
    let reference = registry.push_small("small/prometheus:1", 1000, 34);
    registry.push_small("small/prometheus:2", 1000, 35);
    scene.pin(PROMETHEUS, &reference);
    let file = scene.compose().join("docker-compose.monitoring.yml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace(&format!("${{{PROMETHEUS}:-{reference}}}"), &reference),
    )
    .unwrap();

    let refused = stderr(&run(&mut scene.images(&["lock", "--update", "prometheus=2"]), 2));

    assert!(refused.contains("cannot be pinned anew"), "{refused}");
}

fn listed(command: &mut Command) -> Vec<Value> {
    serde_json::from_slice(&run(command, 0).stdout).unwrap()
}
