//! A watched stack: everybody tells metrics, every rule and dashboard speaks of them, and alerts fire and clear by their cause.
//!
//! # Layout
//! - here: the stack, the proofs, and each alert beside its cause.
//! - [`causes`]: what an alert is to be woken for, made to happen and undone.
//! - [`rules`]: the rules by `promtool`.
//! - [`small`]: the deployment as a test can wait for it and fill it.

mod causes;
mod rules;
mod small;

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use suho_stack::{
    engines::{
        Endpoint,
        monitoring::{PROMETHEUS, client::Prometheus},
    },
    proof::{Inquiry, Scope, Verdict},
    stack::{ImageSource, Stack},
};
use tokio::time::{Instant, sleep};

use crate::unique;
use causes::Cause;

/// An alert is given this long to fire, and to clear: the longest window is that of the cache, a minute.
const LIMIT: Duration = Duration::from_secs(120);

/// The alerts of an engine that tells nothing are silent as well, which is no reason to believe that all is well with it.
const SILENCE: [&str; 2] = ["EngineDown", "TargetDown"];

/// The alerts among `names` that are in another state than the wanted one, at the end of the limit.
async fn not_in_time(prometheus: &Endpoint, names: &[&str], wanted: &str) -> Vec<String> {
    let until = Instant::now() + LIMIT;
    loop {
        let rules = Prometheus::of(prometheus).unwrap().rules().await.unwrap();
        let other: Vec<String> = rules
            .into_iter()
            .filter(|rule| names.contains(&rule.name.as_str()))
            .filter(|rule| rule.state.as_deref() != Some(wanted))
            .map(|rule| rule.name)
            .collect();
        if other.is_empty() || Instant::now() > until {
            return other;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Makes a cause and undoes it; what its alerts have not done in time.
async fn show(prometheus: &Endpoint, cause: Cause) -> Vec<String> {
    let began = Instant::now();
    let made = (cause.make)().await;
    let silent = not_in_time(prometheus, cause.alerts, "firing").await;
    let fired = began.elapsed();
    made.undo().await;
    let lasting = not_in_time(prometheus, &[cause.alerts, &SILENCE].concat(), "inactive").await;
    let cleared = began.elapsed();
    println!("{:?}: fired after {fired:?}, cleared after {cleared:?}", cause.alerts);
    let silent = silent.into_iter().map(|alert| format!("{alert} did not fire"));
    let lasting = lasting.into_iter().map(|alert| format!("{alert} did not clear"));
    silent.chain(lasting).collect()
}

#[tokio::test]
async fn a_watched_stack_proves_itself_and_its_alerts_fire_and_clear_by_their_causes() {
    let name = unique("watched");
    // Outlives the stack, which the end of the scope drops first.
    let _disk = small::Disk::of_clickhouse(&name);
    let stack = Stack::builder()
        .name(name)
        .images(ImageSource::Airgap)
        .files(small::files())
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
    causes::postgresql::assert_reads_no_table(stack.endpoint("suho-postgresql").unwrap()).await;

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
    let names: Vec<&str> = alerts.iter().map(String::as_str).collect();
    let causes = causes::by_engine(&stack);
    let shown = causes.iter().flatten().flat_map(|cause| cause.alerts.iter().copied());
    assert_eq!(
        shown.collect::<BTreeSet<_>>(),
        names.iter().copied().collect(),
        "each alert has its cause"
    );
    let missing = not_in_time(prometheus, &["BackupMissing"], "firing").await;
    assert_eq!(missing, Vec::<String>::new(), "nothing was ever backed up");
    let place = tempfile::tempdir().unwrap();
    stack.backup(place.path()).await.unwrap();
    // Those that fired while engines were still starting.
    assert_eq!(
        not_in_time(prometheus, &names, "inactive").await,
        Vec::<String>::new(),
        "nothing is wrong yet"
    );

    let shown = causes.into_iter().map(|of_engine| async move {
        let mut failed = Vec::new();
        for cause in of_engine {
            failed.extend(show(prometheus, cause).await);
        }
        failed
    });
    let failed: Vec<String> = join_all(shown).await.into_iter().flatten().collect();
    assert_eq!(failed, Vec::<String>::new());
    stack.stop().await.unwrap();
}
