use suho_stack::deployment::{Setting, SettingKind};

use super::{
    Mutation, Score, UNREACHABLE, changed, expected, left_out, lots, misspelt, settings_of, try_lot,
    try_other_expectations, try_other_secrets,
};

const SERVICE: &str = "suho-dragonflydb";

/// Another legal value for each flag.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("bind", "*"),
    ("port", UNREACHABLE),
    ("primary_port_http_enabled", "false"),
    ("memcached_port", "11211"),
    ("admin_port", "6380"),
    ("proactor_threads", "1"),
    ("maxmemory", "512mb"),
    ("cache_mode", "true"),
    ("maxclients", "4001"),
    ("tcp_keepalive", "61"),
    ("dbnum", "16"),
    ("notify_keyspace_events", "Kx"),
    ("dir", "/tmp"),
    ("snapshot_cron", "*/6 * * * *"),
    ("dbfilename", "other"),
    ("version_check", "true"),
];

/// Why a line that is gone is missed by nobody: it says what the stand-in does anyway.
const DEFAULT: &str = "the stand-in does the same by default";

/// The only variable goes, and an environment without any stays.
#[expect(clippy::unnecessary_wraps, reason = "as every mutation")]
fn no_variable(_setting: &Setting, _line: &str) -> Option<String> {
    Some("      {}".to_owned())
}

/// The setting, by the name of its flag: so it is called in the server's last words.
fn by_flag(setting: &Setting) -> Setting {
    let flag = setting.key.strip_prefix("DFLY_").unwrap_or(&setting.key);
    Setting {
        key: flag.to_owned(),
        ..setting.clone()
    }
}

#[tokio::test]
async fn every_setting_that_is_changed_misspelt_or_left_out_is_named() {
    let mut score = Score::default();
    let settings = settings_of(SERVICE);
    let (flags, password): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .partition(|setting| setting.kind == SettingKind::File);
    let password: Vec<_> = password.iter().map(by_flag).collect();

    for lot in lots(&flags, 2, &changed(OTHER_VALUES)) {
        try_lot(&mut score, SERVICE, Mutation::Changed, &lot, &[]).await;
    }
    for lot in lots(&flags, 2, &left_out)
        .iter()
        .chain(&lots(&password, 1, &no_variable))
    {
        try_lot(&mut score, SERVICE, Mutation::Missing, lot, &[]).await;
    }
    // The server names the first flag that it does not know, and starts no further.
    for lot in lots(&flags, flags.len(), &misspelt)
        .iter()
        .chain(&lots(&password, 1, &misspelt))
    {
        try_lot(&mut score, SERVICE, Mutation::Misspelt, lot, &[]).await;
    }
    try_other_expectations(&mut score, SERVICE, &expected(&[("port", "6380")]), &[]).await;
    try_other_secrets(&mut score, SERVICE, &[]).await;

    let excused = ["port", "cache_mode", "dir", "dbfilename"];
    score.settle(SERVICE, &excused.map(|flag| (Mutation::Missing, flag, DEFAULT)));
}
