//! Attached to, replaced, lingering, kept.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    process::Asking,
    remains::{self, docker, reapers},
};
use crate::unique;

const LIMIT: Duration = Duration::from_secs(15);

#[test]
fn a_stack_lingers_for_the_next_process_and_goes_after_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("lingering");
    let asking = Asking::of(&prefix, directory.path()).with("SUHO_LINGER", "4s");

    let mut first = asking.start();
    let [origin, name, port] = first.ready();
    assert_eq!(origin, "Started");
    first.end();
    sleep(Duration::from_secs(3));
    let mut second = asking.start();
    assert_eq!(second.ready(), ["Attached".to_owned(), name.clone(), port]);
    second.end();
    sleep(Duration::from_secs(2));

    assert_eq!(remains::containers(&name).len(), 1);
    let gone = remains::gone(&prefix, directory.path(), LIMIT);
    assert!(gone.is_ok(), "{gone:?}");
}

#[tokio::test]
async fn what_is_kept_stays_without_a_reaper_until_it_is_removed() {
    use suho_stack::{runtime::Docker, stack::shared};

    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("kept");
    let mut first = Asking::of(&prefix, directory.path())
        .with("SUHO_LINGER", "")
        .with("TESTCONTAINERS_COMMAND", "keep")
        .start();
    let [_, name, _] = first.ready();
    first.end();
    sleep(Duration::from_secs(4));

    assert_eq!(remains::containers(&name).len(), 1);
    assert!(reapers(directory.path()).is_empty());
    // The next start sweeps what is left, but not what is kept.
    let mut other = Asking::of(&unique("other"), directory.path()).start();
    other.ready();
    other.end();
    assert_eq!(remains::containers(&name).len(), 1);
    let swept = shared::remove(&Docker::connect().await.unwrap(), &name).await.unwrap();
    assert_eq!((swept.containers, swept.networks, swept.volumes), (1, 1, 1));
}

#[test]
fn a_reaper_that_is_killed_is_followed_by_another_while_the_stack_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("orphaned");
    let mut user = Asking::of(&prefix, directory.path()).start();
    user.ready();
    let killed = reapers(directory.path());
    killed.iter().copied().for_each(remains::kill);

    let began = Instant::now();
    let next = loop {
        let next = reapers(directory.path());
        if !next.is_empty() && next != killed {
            break next;
        }
        assert!(
            began.elapsed() < LIMIT,
            "{killed:?} was killed, and nobody has taken over"
        );
        sleep(Duration::from_millis(50));
    };

    assert_eq!((killed.len(), next.len()), (1, 1));
    user.end();
    let gone = remains::gone(&prefix, directory.path(), LIMIT);
    assert!(gone.is_ok(), "{gone:?}");
}

#[test]
fn a_broken_stack_is_replaced_and_what_was_broken_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("broken");
    let asking = Asking::of(&prefix, directory.path());
    let mut first = asking.start();
    let [_, name, _] = first.ready();

    docker(&["kill", &format!("suho-nats-server-{name}")]);
    let mut second = asking.start();
    let told = second.hears("told");
    let [origin, same, _] = second.ready();

    assert!(told.contains("is broken and is replaced"), "{told}");
    assert!(
        told.contains(&format!("suho-nats-server-{name} does not run any more")),
        "{told}"
    );
    assert_eq!((origin.as_str(), &same), ("Started", &name));
    // It runs, but does not answer.
    docker(&["pause", &format!("suho-nats-server-{name}")]);
    let mut third = asking.start();
    let told = third.hears("told");
    assert!(told.contains("suho-nats-server"), "{told}");
    assert_eq!(third.ready()[0], "Started");
    for process in [first, second, third] {
        process.end();
    }
    let gone = remains::gone(&prefix, directory.path(), LIMIT);
    assert!(gone.is_ok(), "{gone:?}");
}

#[test]
fn a_changed_byte_is_another_stack_and_what_changed_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("changed");
    let asking = Asking::of(&prefix, directory.path());
    let mut first = asking.start();
    let [_, name, _] = first.ready();

    let mut second = asking.with_comment("another byte").start();
    let told = second.hears("told");
    let [origin, other, _] = second.ready();

    assert_eq!(
        told,
        format!("the stack {other} is not {name}: nats-server.conf changed")
    );
    assert_eq!(origin, "Started");
    assert_ne!(other, name);
    first.end();
    second.end();
    let gone = remains::gone(&prefix, directory.path(), LIMIT);
    assert!(gone.is_ok(), "{gone:?}");
}

#[test]
fn who_waits_for_a_start_that_fails_is_told_why_and_nothing_stays() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("failing");
    let asking = Asking::of(&prefix, directory.path()).with_comment("\nmax_paylod: 1MB");
    let mut first = asking.clone().pausing_at("image").start();
    first.hears("phase");
    let mut second = asking.start();
    assert!(second.hears("told").contains("starts the stack"));
    first.go_on();

    let failures = [first.hears("failed"), second.hears("failed")];

    assert!(
        failures.iter().all(|failure| failure.contains("max_paylod")),
        "{failures:?}"
    );
    assert!(
        failures[1].contains(&format!("in process {}", first.id())),
        "{failures:?}"
    );
    first.end();
    second.end();
    let gone = remains::gone(&prefix, directory.path(), LIMIT);
    assert!(gone.is_ok(), "{gone:?}");
}

#[test]
fn without_docker_one_sentence_says_what_to_do_and_no_file_stays() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("nowhere");
    let mut process = Asking::of(&prefix, directory.path())
        .with("DOCKER_HOST", "unix:///nowhere.sock")
        .start();

    let failed = process.hears("failed");

    assert!(
        failed.contains("start it (`make up` does), or set DOCKER_HOST"),
        "{failed}"
    );
    assert_eq!(remains::of(&prefix, directory.path()), Vec::<String>::new());
}

#[test]
fn an_engine_that_the_environment_names_wins_and_nothing_is_started() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut owner = Asking::of(&unique("owner"), elsewhere.path()).start();
    let [_, name, port] = owner.ready();
    let state = fs::read(elsewhere.path().join(format!("{name}.json"))).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let password = state["members"][0]["endpoint"]["environment"]["SUHO_NATS_PASSWORD"]
        .as_str()
        .unwrap();
    let prefix = unique("foreign");
    let naming = |port: &str| {
        Asking::of(&prefix, directory.path()).with("NATS_URL", &format!("nats://suho:{password}@127.0.0.1:{port}"))
    };

    let mut guest = naming(&port)
        // Nobody needs it.
        .with("DOCKER_HOST", "unix:///nowhere.sock")
        .start();
    let [origin, _, same] = guest.ready();
    assert_eq!((origin.as_str(), same), ("Foreign", port));
    guest.end();
    let failed = naming("1").start().hears("failed");
    owner.end();

    assert!(
        failed.contains("the environment says where suho-nats-server is"),
        "{failed}"
    );
    assert_eq!(remains::of(&prefix, directory.path()), Vec::<String>::new());
}
