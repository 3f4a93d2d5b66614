use suho_stack::deployment::Setting;

use super::{Mutate, Mutation, Score, UNREACHABLE, changed, left_out, lots, misspelt, settings_of, try_lot};

const SERVICE: &str = "suho-zookeeper";

/// Another legal value for each line.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("dataDir", "/data/another"),
    ("dataLogDir", "/datalog/another"),
    ("clientPort", UNREACHABLE),
    ("tickTime", "2001"),
    ("autopurge.snapRetainCount", "4"),
    ("autopurge.purgeInterval", "2"),
    ("maxClientCnxns", "21"),
    ("4lw.commands.whitelist", "srvr,ruok,conf,mntr"),
    ("admin.enableServer", "false"),
    ("admin.serverPort", "8081"),
    ("admin.restore.enabled", "true"),
    (
        "metricsProvider.className",
        "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
    ),
    ("metricsProvider.httpPort", "7001"),
    ("metricsProvider.exportJvmInfo", "false"),
    ("JVMFLAGS", "-Xms128m -Xmx240m -XX:+ExitOnOutOfMemoryError"),
];

/// Without these nobody can ask: no port for clients, no directory, no answer to the words by which readiness is asked.
const NEEDED: [&str; 3] = ["dataDir", "clientPort", "4lw.commands.whitelist"];

/// Where one of these is another, what only the admin server or the metrics tell cannot be asked: each is mutated alone.
const TELL_OTHERS: [&str; 5] = [
    "admin.enableServer",
    "admin.serverPort",
    "metricsProvider.className",
    "metricsProvider.httpPort",
    "metricsProvider.exportJvmInfo",
];

/// What follows from the mutation of one of those.
const FOLLOW: [&str; 5] = TELL_OTHERS;

/// The environment has one variable, and may not be empty.
#[expect(clippy::unnecessary_wraps, reason = "all mutations have one signature")]
fn renamed(_setting: &Setting, _line: &str) -> Option<String> {
    Some("      ANOTHER: variable".to_owned())
}

#[tokio::test]
async fn every_setting_that_is_changed_misspelt_or_left_out_is_named() {
    let mut score = Score::default();
    let settings = settings_of(SERVICE);
    let (alone, together): (Vec<_>, Vec<_>) = settings
        .iter()
        .cloned()
        .partition(|setting| TELL_OTHERS.contains(&setting.key.as_str()));
    let may_go: Vec<_> = settings
        .iter()
        .filter(|setting| !NEEDED.contains(&setting.key.as_str()))
        .cloned()
        .collect();
    // The heap is told by the metrics alone, so they have to be there.
    let (heap, lines): (Vec<_>, Vec<_>) = may_go.into_iter().partition(|setting| setting.key == "JVMFLAGS");
    // What the server does not know it takes without a word: one start carries every line.
    let batches: [(Mutation, Mutate<'_>, &[Setting], usize); 6] = [
        (Mutation::Changed, &changed(OTHER_VALUES), &together, 1),
        (Mutation::Changed, &changed(OTHER_VALUES), &alone, alone.len()),
        (Mutation::Missing, &left_out, &lines, 1),
        (Mutation::Missing, &renamed, &heap, 1),
        (Mutation::Misspelt, &misspelt, &lines, 1),
        (Mutation::Misspelt, &misspelt, &heap, 1),
    ];

    for (mutation, mutate, settings, starts) in batches {
        for lot in lots(settings, starts, mutate) {
            try_lot(&mut score, SERVICE, mutation, &lot, &FOLLOW).await;
        }
    }

    score.settle(SERVICE, &[]);
}
