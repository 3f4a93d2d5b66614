//! A watched stack: everybody tells metrics, every rule and dashboard speaks of them, and alerts fire and clear by their cause.
//!
//! # Layout
//! - here: the stack, the proofs, the rules by `promtool`, and which alert is shown by what.
//! - [`causes`]: what an alert is to be woken for, made to happen and undone.

mod causes;

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use futures::future::join_all;
use suho_stack::{
    deployment::{AIRGAP_FILE, COMPOSE_FILE, Deployment, Files, MONITORING_AIRGAP_FILE, MONITORING_FILE, Variables},
    engines::{
        Endpoint,
        monitoring::{PROMETHEUS, client::Prometheus},
    },
    proof::{Inquiry, Scope, Verdict},
    stack::{ImageSource, Stack},
};
use tokio::time::{Instant, sleep};

use crate::unique;

/// An alert is given this long to fire, and to clear: the longest window is that of the cache, a minute.
const LIMIT: Duration = Duration::from_secs(120);

/// The alerts that no cause is made for here, and why: `promtool` alone shows that they fire and clear.
const BY_PROMTOOL_ALONE: &[(&str, &str)] = &[
    (
        "ClickHouseInsertsHeldUp",
        "thousands of parts in one partition take minutes to make",
    ),
    (
        "ClickHouseMergesSaturated",
        "a machine that merges on every thread for long is no test's to make",
    ),
    ("DiskFilling", "the stand-in tells nothing of the disk"),
    ("JetStreamStorageFull", "the store is of gigabytes"),
    ("KafkaPartitionsOffline", "a broken disk takes the only broker with it"),
    ("NATSConnectionsExhausted", "it takes eight hundred clients"),
    ("TimescaleDBJobFailing", "the Apache edition runs no jobs of users"),
    ("ZooKeeperOutstanding", "it takes a disk that hangs"),
];

/// The deployment with short intervals: scrapes and evaluations every two seconds, and no patience before an alert. The
/// expressions are those of the deployment.
fn impatient() -> Files {
    let files = Files::embedded();
    let prometheus = files
        .text("monitoring/prometheus.yml")
        .unwrap()
        .replace("interval: 15s", "interval: 2s")
        .replace("timeout: 10s", "timeout: 2s");
    let alerts: String = files
        .text("monitoring/alerts.yml")
        .unwrap()
        .lines()
        .map(|line| match line.strip_prefix("        for: ") {
            Some(_) => "        for: 2s\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    files
        .with("monitoring/prometheus.yml", prometheus)
        .with("monitoring/alerts.yml", alerts)
}

/// The alerts among `names` that are in another state than the wanted one, at the end of the limit.
async fn not_in_time(prometheus: &Endpoint, names: &[&str], firing: bool) -> Vec<String> {
    let until = Instant::now() + LIMIT;
    loop {
        let rules = Prometheus::of(prometheus).unwrap().rules().await.unwrap();
        let other: Vec<String> = rules
            .into_iter()
            .filter(|rule| names.contains(&rule.name.as_str()))
            .filter(|rule| (rule.state.as_deref() == Some("firing")) != firing)
            .map(|rule| rule.name)
            .collect();
        if other.is_empty() || Instant::now() > until {
            return other;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_watched_stack_proves_itself_and_its_alerts_fire_and_clear_by_their_causes() {
    let stack = Stack::builder()
        .name(unique("watched"))
        .images(ImageSource::Airgap)
        .files(impatient())
        .monitoring(true)
        .start()
        .await
        .unwrap();

    let inquiry = Inquiry {
        scope: Scope::Features,
        only: vec![PROMETHEUS.to_owned()],
        ..Inquiry::of(stack.state())
    };
    for row in inquiry.run(|_| ()).await.rows {
        println!("{}: {}", row.check, row.verdict);
        assert!(matches!(row.verdict, Verdict::Passed { .. }), "{row:?}");
    }

    // What the watched services have of their own is in effect as well, and the exporter's role reads no table.
    let settings = Inquiry {
        scope: Scope::Settings,
        only: vec!["suho-postgresql".to_owned(), "suho-kafka".to_owned()],
        ..Inquiry::of(stack.state())
    };
    let report = settings.run(|_| ()).await;
    assert!(report.is_fine(), "{:?}", report.rows);
    causes::assert_reads_no_table(stack.endpoint("suho-postgresql").unwrap()).await;

    let prometheus = stack.endpoint(PROMETHEUS).unwrap();
    let alerts: Vec<String> = Prometheus::of(prometheus)
        .unwrap()
        .rules()
        .await
        .unwrap()
        .into_iter()
        .filter(|rule| rule.state.is_some())
        .map(|rule| rule.name)
        .collect();
    let all: BTreeSet<&str> = alerts.iter().map(String::as_str).collect();
    let causes = causes::all(&stack);
    let shown = causes.iter().flat_map(|cause| cause.alerts.iter().copied());
    let told = BY_PROMTOOL_ALONE.iter().map(|(name, _)| *name);
    assert_eq!(
        shown.chain(told).collect::<BTreeSet<_>>(),
        all,
        "each alert is shown by something"
    );
    let names: Vec<&str> = all.iter().copied().collect();
    let missing = not_in_time(prometheus, &["BackupMissing"], true).await;
    assert_eq!(missing, Vec::<String>::new(), "nothing was ever backed up");
    let place = tempfile::tempdir().unwrap();
    stack.backup(place.path()).await.unwrap();
    // Those that fired while engines were still starting.
    assert_eq!(
        not_in_time(prometheus, &names, false).await,
        Vec::<String>::new(),
        "nothing is wrong yet"
    );

    let shown = causes.into_iter().map(|cause| async move {
        let began = Instant::now();
        let made = (cause.make)().await;
        let silent = not_in_time(prometheus, cause.alerts, true).await;
        let fired = began.elapsed();
        made.undo().await;
        let lasting = not_in_time(prometheus, cause.alerts, false).await;
        println!(
            "{:?}: fired after {fired:?}, cleared after {:?}",
            cause.alerts,
            began.elapsed()
        );
        (silent, lasting)
    });
    for (silent, lasting) in join_all(shown).await {
        assert_eq!(silent, Vec::<String>::new(), "did not fire");
        assert_eq!(lasting, Vec::<String>::new(), "did not clear");
    }
    stack.stop().await.unwrap();
}

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
