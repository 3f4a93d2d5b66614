use suho_stack::{
    deployment::{Files, Setting},
    engines::{self, SettingVerdict, Subject},
    stack::{ImageSource, Stack},
};

use super::{
    Mutant, Mutation, Score, UNREACHABLE, changed, expected, expected_of, left_out, lots, misspelt, settings_of,
    try_lot, try_other_expectations, try_other_secrets,
};

const SERVICE: &str = "suho-weaviate";

/// Another legal value for each variable.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("PERSISTENCE_DATA_PATH", "/var/lib/another"),
    ("CLUSTER_HOSTNAME", "another"),
    ("RAFT_BOOTSTRAP_EXPECT", UNREACHABLE),
    ("RAFT_TIMEOUTS_MULTIPLIER", "2"),
    ("AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED", "true"),
    ("AUTHENTICATION_APIKEY_ENABLED", UNREACHABLE),
    ("AUTHENTICATION_APIKEY_USERS", "suho,another"),
    ("AUTHORIZATION_ADMINLIST_ENABLED", "false"),
    ("AUTHORIZATION_ADMINLIST_USERS", UNREACHABLE),
    ("AUTHORIZATION_ADMINLIST_READONLY_USERS", "another"),
    ("DEFAULT_VECTORIZER_MODULE", "text2vec-bigram"),
    ("API_BASED_MODULES_DISABLED", "false"),
    ("ENABLE_MODULES", "backup-filesystem,text2vec-bigram"),
    ("BACKUP_FILESYSTEM_PATH", "/var/lib/weaviate/another"),
    ("AUTOSCHEMA_ENABLED", "true"),
    ("QUERY_DEFAULTS_LIMIT", "24"),
    ("DISK_USE_READONLY_PERCENTAGE", "96"),
    ("GOMEMLIMIT", "1201MiB"),
    ("PROMETHEUS_MONITORING_ENABLED", "false"),
    ("PROMETHEUS_MONITORING_GROUP", "false"),
    ("DISABLE_TELEMETRY", UNREACHABLE),
    ("LOG_LEVEL", "warning"),
    ("DEBUG_ENDPOINTS_ENABLED", "false"),
];

/// With these the server never serves the service user, or calls its maker, so `verify` expects them of a server without.
const EXPECTED_VALUES: &[(&str, &str)] = &[
    ("RAFT_BOOTSTRAP_EXPECT", "2"),
    ("AUTHENTICATION_APIKEY_ENABLED", "false"),
    ("AUTHORIZATION_ADMINLIST_USERS", "another"),
    ("DISABLE_TELEMETRY", "false"),
];

/// Without these the server refuses to start or to serve the service user, or it calls its maker.
const NEEDED: &[&str] = &[
    "AUTHENTICATION_APIKEY_ENABLED",
    "AUTHENTICATION_APIKEY_USERS",
    "AUTHORIZATION_ADMINLIST_USERS",
    "DISABLE_TELEMETRY",
];

/// Mutated alone, because it tells of the others.
const CONSOLE: &str = "DEBUG_ENDPOINTS_ENABLED";

/// Without it the server does not start, and calls it [`TOLD_AS`] in its last words.
const BACKUPS: &str = "BACKUP_FILESYSTEM_PATH";
const TOLD_AS: &str = "empty backup path";

/// A list counts where lists are read, a group of metrics where metrics are told, a path where its module is loaded.
const FOLLOW: &[&str] = &[
    "AUTHORIZATION_ADMINLIST_USERS",
    "AUTHORIZATION_ADMINLIST_READONLY_USERS",
    "PROMETHEUS_MONITORING_GROUP",
    "BACKUP_FILESYSTEM_PATH",
];

/// What the server does without these lines as well.
const DEFAULTS: &[(&str, &str)] = &[
    (
        "CLUSTER_HOSTNAME",
        "the node takes the name of its host, which is the same",
    ),
    ("RAFT_BOOTSTRAP_EXPECT", "one node is the default"),
    (
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED",
        "off is the default where there are keys",
    ),
    ("DEFAULT_VECTORIZER_MODULE", "none is the default"),
];

/// The mutants under the name that the server calls them by when it refuses to start.
fn as_told(mut lots: Vec<Vec<Mutant>>) -> Vec<Vec<Mutant>> {
    for mutant in lots.iter_mut().flatten() {
        TOLD_AS.clone_into(&mut mutant.setting.key);
    }
    lots
}

#[tokio::test]
async fn every_setting_that_is_changed_misspelt_or_left_out_is_named() {
    let mut score = Score::default();
    let settings: Vec<Setting> = settings_of(SERVICE)
        .into_iter()
        .filter(|setting| !setting.value.is_secret())
        .collect();
    let (console, settings): (Vec<_>, Vec<_>) = settings.into_iter().partition(|setting| setting.key == CONSOLE);
    let (backups, rest): (Vec<_>, Vec<_>) = settings
        .iter()
        .filter(|setting| !NEEDED.contains(&setting.key.as_str()))
        .cloned()
        .partition(|setting| setting.key == BACKUPS);
    let batches: [(Mutation, Vec<Vec<Mutant>>); 8] = [
        (Mutation::Changed, lots(&settings, 2, &changed(OTHER_VALUES))),
        (Mutation::Changed, lots(&console, 1, &changed(OTHER_VALUES))),
        (Mutation::Missing, lots(&rest, 2, &left_out)),
        (Mutation::Missing, lots(&console, 1, &left_out)),
        (Mutation::Missing, as_told(lots(&backups, 1, &left_out))),
        (Mutation::Misspelt, lots(&rest, 2, &misspelt)),
        (Mutation::Misspelt, lots(&console, 1, &misspelt)),
        (Mutation::Misspelt, as_told(lots(&backups, 1, &misspelt))),
    ];

    for (mutation, lots) in batches {
        for lot in lots {
            try_lot(&mut score, SERVICE, mutation, &lot, FOLLOW).await;
        }
    }
    try_other_expectations(&mut score, SERVICE, &expected(EXPECTED_VALUES), &[]).await;
    try_other_secrets(&mut score, SERVICE, &[]).await;

    let excused: Vec<_> = [Mutation::Missing, Mutation::Misspelt]
        .into_iter()
        .flat_map(|mutation| DEFAULTS.iter().map(move |(key, reason)| (mutation, *key, *reason)))
        .collect();
    score.settle(SERVICE, &excused);
}

/// What only the ports show that a deployment does not publish.
const OUT_OF_REACH: &[&str] = &[
    "PERSISTENCE_DATA_PATH",
    "RAFT_BOOTSTRAP_EXPECT",
    "RAFT_TIMEOUTS_MULTIPLIER",
    "DISK_USE_READONLY_PERCENTAGE",
    "GOMEMLIMIT",
    "PROMETHEUS_MONITORING_ENABLED",
    "PROMETHEUS_MONITORING_GROUP",
    "DISABLE_TELEMETRY",
    "LOG_LEVEL",
    "DEBUG_ENDPOINTS_ENABLED",
];

#[tokio::test]
async fn from_the_host_of_a_deployment_everything_else_is_proved_by_what_the_server_does() {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.files(Files::embedded()).start().await.unwrap();
    let own = expected_of(&stack, SERVICE);
    let mut other = own.clone();
    for setting in other.iter_mut().filter(|setting| !setting.value.is_secret()) {
        let values = [EXPECTED_VALUES, OTHER_VALUES].concat();
        setting.value = expected(&values)(setting).unwrap();
    }
    let mut neighbours = stack.endpoints();
    let endpoint = neighbours.get_mut(SERVICE).unwrap();
    endpoint.ports.retain(|port, _| ![2112, 6060].contains(port));
    let subject = Subject {
        endpoint: &neighbours[SERVICE],
        neighbours: &neighbours,
        restart: None,
    };
    let engine = engines::by_service(SERVICE).unwrap();
    let as_it_is = engine.prove_settings(&subject, &own).await.unwrap();
    let otherwise = engine.prove_settings(&subject, &other).await.unwrap();
    stack.stop().await.unwrap();

    for ((setting, as_it_is), otherwise) in own.iter().zip(as_it_is).zip(otherwise) {
        if OUT_OF_REACH.contains(&setting.key.as_str()) {
            assert!(
                matches!(as_it_is.verdict, SettingVerdict::NotAskable { .. }),
                "{} {as_it_is:?}",
                setting.key
            );
        } else {
            assert_eq!(as_it_is.verdict, SettingVerdict::InEffect, "{}", setting.key);
            let is_named = matches!(otherwise.verdict, SettingVerdict::Differs { .. });
            assert!(is_named || setting.value.is_secret(), "{} {otherwise:?}", setting.key);
        }
    }
}
