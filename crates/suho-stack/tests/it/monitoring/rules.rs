//! The rules by `promtool`: those of the deployment hold, and changed ones do not.

use std::{path::Path, process::Command};

use suho_stack::{
    deployment::{AIRGAP_FILE, COMPOSE_FILE, Deployment, Files, MONITORING_AIRGAP_FILE, MONITORING_FILE, Variables},
    engines::monitoring::PROMETHEUS,
};

/// Of the air-gap edition, which has `promtool`.
fn image_of_prometheus() -> String {
    let files = Files::embedded();
    let compose_files = [COMPOSE_FILE, AIRGAP_FILE, MONITORING_FILE, MONITORING_AIRGAP_FILE];
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(&files, &compose_files).unwrap());
    let deployment = Deployment::read(&files, &compose_files, &variables).unwrap();
    deployment.service(PROMETHEUS).unwrap().image.to_string()
}

/// `promtool` in a container of its own, on the files of a directory; whether it was content, and what it said.
fn promtool(directory: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("docker")
        .args(["run", "--rm", "--network", "none", "--volume"])
        .arg(format!("{}:/etc/suho:ro", directory.display()))
        .args([
            "--workdir",
            "/etc/suho",
            "--entrypoint",
            "promtool",
            &image_of_prometheus(),
        ])
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn rules() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../compose/monitoring")
        .canonicalize()
        .unwrap()
}

#[test]
fn the_unit_tests_of_the_alerts_hold_and_each_alert_has_one() {
    let files = Files::embedded();
    let tests = files.text("monitoring/alerts.tests.yml").unwrap();
    let alerts = files.text("monitoring/alerts.yml").unwrap();
    for name in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} has no test");
    }
    assert_eq!(
        alerts.matches("- alert: ").count(),
        alerts.matches("          runbook: ").count(),
        "each alert has a runbook"
    );

    let (fine, said) = promtool(
        &rules(),
        &["check", "rules", "--lint-fatal", "recordings.yml", "alerts.yml"],
    );
    assert!(fine, "{said}");
    let (fine, said) = promtool(&rules(), &["test", "rules", "alerts.tests.yml"]);
    assert!(fine, "{said}");
}

#[test]
fn an_alert_with_another_threshold_is_noticed() {
    let changed = tempfile::tempdir().unwrap();
    for name in ["recordings.yml", "alerts.yml", "alerts.tests.yml"] {
        let text = std::fs::read_to_string(rules().join(name)).unwrap();
        std::fs::write(
            changed.path().join(name),
            text.replace(":ratio > 0.8\n", ":ratio > 0.95\n"),
        )
        .unwrap();
    }

    let (fine, said) = promtool(changed.path(), &["test", "rules", "alerts.tests.yml"]);

    assert!(!fine && said.contains("PostgreSQLConnectionsExhausted"), "{said}");
}
