use suho_stack::{
    deployment::{Files, Setting, SettingKind},
    engines::SettingVerdict,
    stack::{ImageSource, Stack},
};

use super::{
    Mutant, Mutation, Score, UNREACHABLE, changed, expected_of, left_out, lots, misspelt, settings_of, try_lot,
    try_other_secrets, verdicts,
};

const SERVICE: &str = "suho-postgresql";

/// Another legal value for each line.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("listen_addresses", "0.0.0.0"),
    ("port", UNREACHABLE),
    ("unix_socket_directories", "/var/run/postgresql,/tmp"),
    ("max_connections", "60"),
    ("password_encryption", UNREACHABLE),
    ("tcp_keepalives_idle", "61"),
    ("tcp_keepalives_interval", "11"),
    ("tcp_keepalives_count", "7"),
    ("client_connection_check_interval", "11s"),
    ("idle_in_transaction_session_timeout", "61s"),
    (
        "shared_preload_libraries",
        "timescaledb,pg_stat_statements,auto_explain",
    ),
    ("timescaledb.telemetry_level", "basic"),
    ("timescaledb.max_background_workers", "17"),
    ("timescaledb.enable_job_execution_logging", "off"),
    ("pg_stat_statements.max", "5001"),
    ("pg_stat_statements.track", "all"),
    ("shared_buffers", "512MB"),
    ("effective_cache_size", "2GB"),
    ("maintenance_work_mem", "256MB"),
    ("work_mem", "16MB"),
    ("huge_pages", "try"),
    ("max_worker_processes", "22"),
    ("max_parallel_workers", "3"),
    ("max_parallel_workers_per_gather", "2"),
    ("synchronous_commit", "local"),
    ("wal_level", "logical"),
    ("wal_buffers", "8MB"),
    ("min_wal_size", "256MB"),
    ("max_wal_size", "2GB"),
    ("checkpoint_completion_target", "0.8"),
    ("wal_compression", "pglz"),
    ("max_slot_wal_keep_size", "3GB"),
    ("random_page_cost", "1.2"),
    ("effective_io_concurrency", "128"),
    ("default_statistics_target", "101"),
    ("default_toast_compression", "pglz"),
    ("jit", "on"),
    ("max_locks_per_transaction", "129"),
    ("autovacuum_max_workers", "9"),
    ("autovacuum_naptime", "11"),
    ("log_destination", "stderr,jsonlog"),
    ("logging_collector", "on"),
    ("log_line_prefix", "%p "),
    ("log_timezone", "Europe/Berlin"),
    ("log_min_duration_statement", "501ms"),
    ("log_lock_waits", "off"),
    ("log_temp_files", "33MB"),
    ("log_autovacuum_min_duration", "2s"),
    ("track_io_timing", "off"),
    ("TimeZone", "Europe/Berlin"),
    ("DateStyle", "ISO, DMY"),
    ("lc_messages", "C.UTF-8"),
    ("lc_monetary", "C.UTF-8"),
    ("lc_numeric", "C.UTF-8"),
    ("lc_time", "C.UTF-8"),
    ("default_text_search_config", "pg_catalog.simple"),
    ("POSTGRES_USER", "another_admin"),
    ("POSTGRES_DB", UNREACHABLE),
    ("POSTGRES_INITDB_ARGS", "--auth=scram-sha-256 --no-instructions"),
    ("NO_TS_TUNE", "false"),
    ("TIMESCALEDB_TELEMETRY", "basic"),
];

/// Without these nobody can ask: the port, the database.
const NEEDED: &[&str] = &["port", "listen_addresses", "shared_preload_libraries", "POSTGRES_DB"];

/// Where the administrator has another name, his password and what only he sees follow.
const FOLLOW: &[&str] = &["POSTGRES_PASSWORD", "POSTGRES_INITDB_ARGS"];

fn plain_settings() -> Vec<Setting> {
    let settings = settings_of(SERVICE);
    settings
        .into_iter()
        .filter(|setting| !setting.value.is_secret())
        .collect()
}

#[tokio::test]
async fn every_setting_that_is_changed_misspelt_or_left_out_is_named() {
    let mut score = Score::default();
    let settings = plain_settings();
    let (needed, rest): (Vec<_>, Vec<_>) = settings
        .iter()
        .cloned()
        .partition(|setting| NEEDED.contains(&setting.key.as_str()));
    // The server names every key that it does not know before it refuses to start, but takes any that has a dot. An error
    // carries its last twenty lines.
    let (dotted, undotted): (Vec<_>, Vec<_>) = rest
        .iter()
        .cloned()
        .partition(|setting| setting.key.contains('.') || setting.kind == SettingKind::Environment);
    let refused: Vec<_> = undotted
        .into_iter()
        .chain(needed.into_iter().filter(|setting| setting.kind == SettingKind::File))
        .collect();
    let batches: [(Mutation, Vec<Vec<Mutant>>); 4] = [
        (Mutation::Changed, lots(&settings, 2, &changed(OTHER_VALUES))),
        (Mutation::Missing, lots(&rest, 2, &left_out)),
        (Mutation::Misspelt, lots(&dotted, 2, &misspelt)),
        (Mutation::Misspelt, lots(&refused, 4, &misspelt)),
    ];

    for (mutation, lots) in batches {
        for lot in lots {
            try_lot(&mut score, SERVICE, mutation, &lot, FOLLOW).await;
        }
    }
    try_other_secrets(&mut score, SERVICE, &[]).await;

    score.settle(SERVICE, &[]);
}

/// Runs `commands` in the server's container, as its owner.
fn run(stack: &Stack, commands: &str) {
    let container = &stack.state().member(SERVICE).unwrap().container;
    let output = std::process::Command::new("docker")
        .args(["exec", container, "sh", "-ec", commands])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn verdict_of(stack: &Stack, key: &str) -> SettingVerdict {
    let settings = expected_of(stack, SERVICE);
    let index = settings.iter().position(|setting| setting.key == key).unwrap();
    verdicts(stack, SERVICE, &settings).await.remove(index)
}

const PSQL: &str =
    "PGPASSWORD=$POSTGRES_PASSWORD psql -X -v ON_ERROR_STOP=1 -h 127.0.0.1 -U $POSTGRES_USER -d $POSTGRES_DB";

#[tokio::test]
async fn what_alter_system_has_set_is_told_as_an_override() {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.files(Files::embedded()).start().await.unwrap();

    run(
        &stack,
        &format!("{PSQL} -c \"ALTER SYSTEM SET work_mem = '32MB'\" -c 'SELECT pg_reload_conf()'"),
    );

    // The value is the same, and comes from elsewhere all the same.
    let verdict = loop {
        match verdict_of(&stack, "work_mem").await {
            SettingVerdict::InEffect => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            verdict => break verdict,
        }
    };
    assert!(
        matches!(&verdict, SettingVerdict::Overridden { by } if by.contains("postgresql.auto.conf")),
        "{verdict:?}"
    );
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn what_waits_for_a_restart_is_told_as_pending() {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.files(Files::embedded()).start().await.unwrap();

    run(
        &stack,
        &format!(
            "sed -i 's/^max_connections = 50/max_connections = 60/' /etc/postgresql/postgresql.conf; {PSQL} -c 'SELECT pg_reload_conf()'"
        ),
    );

    let verdict = loop {
        match verdict_of(&stack, "max_connections").await {
            SettingVerdict::InEffect => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            verdict => break verdict,
        }
    };
    assert_eq!(verdict, SettingVerdict::PendingRestart);
    stack.stop().await.unwrap();
}
