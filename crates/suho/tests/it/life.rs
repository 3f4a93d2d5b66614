use std::{fs, process::Command};

use serde_json::Value;

use crate::{copy_deployment, docker, left_behind, root, run, stdout, suho, unique};

#[test]
fn a_stack_lives_from_up_to_down() {
    let name = unique("life");
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("start.json");

    let up = run(
        suho()
            .args(["up", "nats", "kafka", "--name", &name, "--json", "--timeline"])
            .arg(&trace),
        0,
    );
    let up: Value = serde_json::from_slice(&up.stdout).unwrap();
    let services: Vec<_> = up["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["service"])
        .collect();
    assert_eq!(services, ["suho-kafka", "suho-nats-server", "suho-zookeeper"]);
    let trace: Value = serde_json::from_slice(&fs::read(trace).unwrap()).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() >= 9);

    let again = run(suho().args(["up", "nats", "kafka", "--name", &name]), 0);
    assert!(String::from_utf8_lossy(&again.stderr).contains("runs already"));

    let other = run(suho().args(["up", "nats", "kafka", "postgresql", "--name", &name]), 2);
    assert!(String::from_utf8_lossy(&other.stderr).contains("suho-postgresql was not asked for"));

    let listed = stdout(&run(suho().arg("ps"), 0));
    assert_eq!(
        listed.lines().filter(|line| line.starts_with(&name)).count(),
        3,
        "{listed}"
    );

    let log = stdout(&run(suho().args(["logs", "nats", "--name", &name]), 0));
    assert!(log.contains("Server is ready"), "{log}");

    let variables = stdout(&run(suho().args(["env", "--name", &name]), 0));
    assert!(variables.contains("export NATS_URL='nats://suho:"), "{variables}");

    let page = directory.path().join("report.html");
    let cases = directory.path().join("report.xml");
    let proof = run(
        suho()
            .args(["verify", "--name", &name, "--json", "--html"])
            .arg(&page)
            .arg("--junit")
            .arg(&cases),
        0,
    );
    let proof: Value = serde_json::from_slice(&proof.stdout).unwrap();
    let rows = proof["rows"].as_array().unwrap().len();
    let settings = proof["settings"].as_array().unwrap().len();
    assert!(rows > 20 && settings > 80, "{proof}");
    assert!(fs::read_to_string(page).unwrap().contains("The start: "));
    let cases = fs::read_to_string(cases).unwrap();
    let whole = cases.lines().find(|line| line.starts_with("<testsuites")).unwrap();
    assert!(whole.contains(&format!("tests=\"{}\"", rows + settings)), "{whole}");
    assert!(whole.contains("failures=\"0\""), "{whole}");

    let listed = stdout(&run(
        suho().args([
            "verify", "--name", &name, "--engine", "nats", "--only", "config", "--all",
        ]),
        0,
    ));
    assert!(listed.contains("max_payload") && !listed.contains("kafka"), "{listed}");

    // Endpoints travel as a file, too.
    let endpoints = directory.path().join("endpoints.json");
    fs::write(
        &endpoints,
        run(suho().args(["env", "--json", "--name", &name]), 0).stdout,
    )
    .unwrap();
    run(suho().args(["verify", "--endpoints"]).arg(&endpoints), 0);

    docker(&["kill", &format!("suho-nats-server-{name}")]);
    let warned = run(suho().args(["env", "--name", &name]), 0);
    assert!(String::from_utf8_lossy(&warned.stderr).contains("suho-nats-server does not run"));
    run(suho().args(["verify", "--name", &name]), 1);
    let broken = run(suho().args(["up", "nats", "kafka", "--name", &name]), 2);
    assert!(String::from_utf8_lossy(&broken.stderr).contains("suho-nats-server"));

    run(suho().args(["down", &name]), 0);
    assert_eq!(left_behind(&name), "");
    run(suho().args(["env", "--name", &name]), 2);
}

/// Docker gives a restarted engine other ports.
#[test]
fn a_stack_that_was_proved_with_restarts_is_found_where_it_serves_now() {
    let name = unique("restarted");

    let up = stdout(&run(suho().args(["up", "nats", "--verify", "--name", &name]), 0));
    let again = suho().args(["verify", "--name", &name]).output().unwrap();
    run(suho().args(["down", &name]), 0);

    assert!(up.contains("all fine") && !up.contains("--allow-restart"), "{up}");
    assert_eq!(again.status.code(), Some(0), "{}", stdout(&again));
}

/// The engine runs with one file and the owner believes in another.
#[test]
fn a_setting_that_is_not_in_effect_is_named_with_its_mend_and_exits_with_1() {
    let name = unique("believed");
    let directory = tempfile::tempdir().unwrap();
    let endpoints = directory.path().join("endpoints.json");
    copy_deployment(directory.path());
    run(
        Command::new("bash")
            .arg(root().join("scripts/env.sh"))
            .arg(directory.path()),
        0,
    );
    run(suho().args(["up", "nats", "--name", &name]), 0);
    fs::write(
        &endpoints,
        run(suho().args(["env", "--json", "--name", &name]), 0).stdout,
    )
    .unwrap();
    let file = directory.path().join("nats-server.conf");
    let believed = fs::read_to_string(&file)
        .unwrap()
        .replace("max_connections: 1000", "max_connections: 2000");
    fs::write(file, believed).unwrap();

    let verified = run(
        suho()
            .args(["verify", "--only", "config", "--directory"])
            .arg(directory.path())
            .arg("--endpoints")
            .arg(&endpoints),
        1,
    );
    run(suho().args(["down", &name]), 0);

    let words = stdout(&verified);
    assert!(words.contains("is 1000 and not 2000 (varz)"), "{words}");
    assert!(words.contains("start nats anew, if nats-server.conf:"), "{words}");
    assert!(words.contains("NOT FINE"), "{words}");
}

#[test]
fn what_cannot_be_carried_out_says_so_and_exits_with_2() {
    run(suho().args(["up", "mysql"]), 2);
    run(suho().args(["env", "--name", "never-started"]), 2);
    run(suho().args(["logs", "kafka", "--name", "never-started"]), 2);
    run(suho().args(["up", "--timeout", "soon"]), 2);
    run(suho().args(["verify", "--engine", "mysql"]), 2);
    run(suho().args(["verify", "--html", "/nowhere/report.html"]), 2);
    let unreachable = run(suho().arg("ps").env("DOCKER_HOST", "unix:///nowhere.sock"), 2);
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("DOCKER_HOST"));
}

#[test]
fn an_engine_that_fails_exits_with_1_and_leaves_nothing() {
    let name = unique("failing");
    let directory = tempfile::tempdir().unwrap();
    copy_deployment(directory.path());
    fs::write(directory.path().join("nats-server.conf"), "max_paylod: 1MB\n").unwrap();

    let up = run(
        suho()
            .args(["up", "nats", "--name", &name, "--directory"])
            .arg(directory.path()),
        1,
    );

    assert!(String::from_utf8_lossy(&up.stderr).contains("max_paylod"));
    assert_eq!(left_behind(&name), "");
}

#[test]
fn the_machine_is_looked_at_and_images_are_listed() {
    let findings = run(suho().args(["doctor", "--json"]), 0);
    let findings: Value = serde_json::from_slice(&findings.stdout).unwrap();
    assert_eq!(findings.as_array().unwrap().len(), 6);

    let images = run(suho().args(["images", "ls", "--json"]), 0);
    let images: Value = serde_json::from_slice(&images.stdout).unwrap();
    assert_eq!(images.as_array().unwrap().len(), 16);
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&run(suho().args(["completions", shell]), 0)).contains("verify"));
    }
}

/// `suho completions bash | head -1`
#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let status = suho().args(["completions", "bash"]).stdout(writer).status().unwrap();

    assert_eq!(status.code(), Some(0));
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();

    let status = suho().args(["completions", "bash"]).stdout(full).status().unwrap();

    assert_eq!(status.code(), Some(2));
}

#[test]
fn names_and_secrets_that_would_be_misread_are_refused_before_anything_starts() {
    for name in ["", "../orders", "a b"] {
        run(suho().args(["up", "nats", "--name", name]), 2);
        run(suho().args(["down", name]), 2);
    }
    let quoted = run(
        suho()
            .args(["up", "nats", "--name", &unique("quoted")])
            .env("SUHO_NATS_PASSWORD", "a'b"),
        2,
    );
    assert!(String::from_utf8_lossy(&quoted.stderr).contains("SUHO_NATS_PASSWORD has to be letters and digits"));
}

#[test]
fn endpoints_that_nobody_can_ask_prove_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let endpoints = directory.path().join("endpoints.json");
    fs::write(
        &endpoints,
        r#"{"suho-foo": {"service": "suho-foo", "place": "host", "host": "127.0.0.1", "ports": {}, "environment": {}}}"#,
    )
    .unwrap();

    run(suho().args(["verify", "--endpoints"]).arg(&endpoints), 2);
}
