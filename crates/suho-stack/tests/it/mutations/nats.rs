use suho_stack::deployment::Setting;

use super::{Mutation, Score, UNREACHABLE, changed, left_out, lots, misspelt, settings_of, try_lot, try_other_secrets};

const SERVICE: &str = "suho-nats-server";

/// Another legal value for each leaf.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("server_name", "another"),
    ("listen", UNREACHABLE),
    ("http", "127.0.0.1:8222"),
    ("logtime", "false"),
    ("logtime_utc", "false"),
    ("max_payload", "2MB"),
    ("max_connections", "999"),
    ("max_pending", "17MB"),
    ("write_deadline", "6s"),
    ("ping_interval", "21s"),
    ("ping_max", "3"),
    ("jetstream.store_dir", "/data/other"),
    ("jetstream.max_memory_store", "256MB"),
    ("jetstream.max_file_store", "9GB"),
    ("jetstream.sync_interval", "10s"),
    ("accounts.SUHO.users.0.user", UNREACHABLE),
    ("accounts.SUHO.users.0.password", UNREACHABLE),
    ("accounts.SUHO.jetstream.max_memory", "100MB"),
    ("accounts.SUHO.jetstream.max_file", "7GB"),
    ("accounts.SUHO.jetstream.max_streams", "999"),
    ("accounts.SUHO.jetstream.max_consumers", "9999"),
    ("accounts.SYS.users.0.user", UNREACHABLE),
    ("accounts.SYS.users.0.password", UNREACHABLE),
    ("system_account", UNREACHABLE),
    ("GOMEMLIMIT", "401MiB"),
];

/// Without these nobody can log in, or nobody may ask the server.
const NEEDED: &[&str] = &["users.0", "listen", "system_account"];

/// Only the digest of the whole file proves these, two of them because they say what is the default anyway: each is mutated alone.
const DIGESTED: &[&str] = &["logtime", "logtime_utc", "max_payload", "ping_max"];

/// The lines that name a secret follow it.
const USERS: &[&str] = &[
    "accounts.SUHO.users.0.user",
    "accounts.SUHO.users.0.password",
    "accounts.SYS.users.0.user",
    "accounts.SYS.users.0.password",
];

#[tokio::test]
async fn every_setting_that_is_changed_misspelt_or_left_out_is_named() {
    let mut score = Score::default();
    let settings = settings_of(SERVICE);
    let plain: Vec<Setting> = settings
        .into_iter()
        .filter(|setting| !setting.value.is_secret())
        .collect();
    let (digested, shown): (Vec<_>, Vec<_>) = plain
        .iter()
        .cloned()
        .partition(|setting| DIGESTED.contains(&setting.key.as_str()));
    let may_go: Vec<_> = shown
        .iter()
        .filter(|setting| !NEEDED.iter().any(|needed| setting.key.contains(needed)))
        .cloned()
        .collect();

    for lot in lots(&shown, 2, &changed(OTHER_VALUES))
        .iter()
        .chain(&lots(&digested, 4, &changed(OTHER_VALUES)))
    {
        try_lot(&mut score, SERVICE, Mutation::Changed, lot, &[]).await;
    }
    for lot in lots(&may_go, 2, &left_out).iter().chain(&lots(&digested, 4, &left_out)) {
        try_lot(&mut score, SERVICE, Mutation::Missing, lot, &[]).await;
    }
    // The server names the first key that it does not know, and starts no further.
    for lot in lots(&plain, plain.len(), &misspelt) {
        try_lot(&mut score, SERVICE, Mutation::Misspelt, &lot, &[]).await;
    }
    try_other_secrets(&mut score, SERVICE, USERS).await;

    score.settle(SERVICE, &[]);
}
