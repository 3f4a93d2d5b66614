use futures::{StreamExt, stream};
use suho_stack::deployment::{Setting, SettingKind};

use super::{Mutation, Score, UNREACHABLE, lots, name_of, settings_of, try_lot, try_other_secrets};

const SERVICE: &str = "suho-clickhouse";

/// One waits for Docker while another one starts.
const STARTS_AT_ONCE: usize = 3;

/// Another legal value for each leaf.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("listen_host", UNREACHABLE),
    ("http_port", UNREACHABLE),
    ("users.suho.password[@from_env]", UNREACHABLE),
    ("logger.level", "warning"),
    ("logger.console", "0"),
    ("keep_alive_timeout", "61"),
    ("display_name", "another"),
    ("path", "/var/lib/clickhouse/other/"),
    ("tmp_path", "/var/lib/clickhouse/other_tmp/"),
    ("user_files_path", "/var/lib/clickhouse/other_files/"),
    ("format_schema_path", "/var/lib/clickhouse/other_schemas/"),
    // The library goes to `default` whatever the file says, and ends where it is not.
    ("default_database", UNREACHABLE),
    ("timezone", "Europe/Berlin"),
    ("max_server_memory_usage", "3221225471"),
    ("memory_worker_dynamic_hard_limit", "1"),
    ("mark_cache_size", "268435455"),
    ("index_mark_cache_size", "33554431"),
    ("primary_index_cache_size", "67108863"),
    ("uncompressed_cache_size", "1048576"),
    ("index_uncompressed_cache_size", "1048576"),
    ("query_condition_cache_size", "33554431"),
    ("compiled_expression_cache_size", "67108863"),
    ("vector_similarity_index_cache_size", "33554431"),
    ("query_cache.max_size_in_bytes", "67108863"),
    ("max_connections", "513"),
    ("max_concurrent_queries", "65"),
    ("concurrent_threads_soft_limit_num", "5"),
    ("max_thread_pool_size", "1025"),
    ("max_io_thread_pool_size", "33"),
    ("max_backups_io_thread_pool_size", "33"),
    ("background_pool_size", "17"),
    ("background_merges_mutations_concurrency_ratio", "3"),
    ("background_move_pool_size", "3"),
    ("background_fetches_pool_size", "2"),
    ("background_common_pool_size", "5"),
    ("background_schedule_pool_size", "33"),
    ("background_buffer_flush_schedule_pool_size", "5"),
    ("background_distributed_schedule_pool_size", "2"),
    ("background_message_broker_schedule_pool_size", "9"),
    ("async_insert_threads", "5"),
    ("prometheus.endpoint", "/other"),
    ("prometheus.port", "9364"),
    ("prometheus.metrics", "false"),
    ("prometheus.events", "false"),
    ("prometheus.asynchronous_metrics", "false"),
    ("prometheus.errors", "false"),
    // The only other kind of disk that needs no more than these two lines.
    ("storage_configuration.disks.backups.type", "local_blob_storage"),
    (
        "storage_configuration.disks.backups.path",
        "/var/lib/clickhouse/other_backups/",
    ),
    ("backups.allowed_disk", "default"),
    ("backups.allowed_path", "/var/lib/clickhouse/other_backups/"),
    ("profiles.default.max_memory_usage", "1610612735"),
    ("profiles.default.max_bytes_before_external_group_by", "805306367"),
    ("profiles.default.max_bytes_before_external_sort", "805306367"),
    ("profiles.default.max_threads", "1"),
    ("profiles.default.input_format_parallel_parsing", "1"),
    ("profiles.default.output_format_parallel_formatting", "1"),
    ("profiles.default.max_download_threads", "2"),
    ("profiles.default.min_insert_block_size_bytes", "67108863"),
    ("profiles.default.async_insert", "1"),
    ("profiles.default.log_queries", "0"),
    // Upon `reader` nothing could be asked, and upon `ingest` the two would stand on each other.
    ("profiles.service.profile", UNREACHABLE),
    ("profiles.service.async_insert", "1"),
    ("profiles.service.max_execution_time", "301"),
    ("profiles.ingest.profile", "default"),
    ("profiles.ingest.async_insert", "0"),
    ("profiles.ingest.wait_for_async_insert", "0"),
    ("profiles.ingest.async_insert_busy_timeout_max_ms", "201"),
    ("profiles.ingest.async_insert_max_data_size", "10485761"),
    ("profiles.reader.profile", "service"),
    ("profiles.reader.async_insert", "1"),
    ("profiles.reader.max_memory_usage", "1073741823"),
    ("profiles.reader.max_execution_time", "59"),
    ("profiles.reader.max_concurrent_queries_for_user", "17"),
    ("profiles.reader.constraints.max_memory_usage.max", "1073741825"),
    ("profiles.reader.constraints.max_execution_time.min", "2"),
    ("profiles.reader.constraints.max_execution_time.max", "61"),
    ("profiles.reader.constraints.max_threads.max", "3"),
    (
        "profiles.reader.constraints.max_concurrent_queries_for_user.readonly",
        "<min>1</min>",
    ),
    ("profiles.reader.readonly", "0"),
    ("users.suho.networks.ip", "::2"),
    ("users.suho.networks.ip[1]", "1.0.0.0/8"),
    ("users.suho.networks.ip[2]", "10.0.0.0/9"),
    ("users.suho.networks.ip[3]", "172.16.0.0/11"),
    ("users.suho.networks.ip[4]", "192.168.0.0/15"),
    ("users.suho.networks.ip[5]", "fc00::/6"),
    ("users.suho.profile", "default"),
    ("users.suho.quota", "reader"),
    ("users.suho.access_management", "0"),
    ("users.suho.named_collection_control", "0"),
    ("users.suho_reader.password[@from_env]", "SUHO_CLICKHOUSE_PASSWORD"),
    ("users.suho_reader.networks.ip", "::2"),
    ("users.suho_reader.networks.ip[1]", "1.0.0.0/8"),
    ("users.suho_reader.networks.ip[2]", "10.0.0.0/9"),
    ("users.suho_reader.networks.ip[3]", "172.16.0.0/11"),
    ("users.suho_reader.networks.ip[4]", "192.168.0.0/15"),
    ("users.suho_reader.networks.ip[5]", "fc00::/6"),
    ("users.suho_reader.profile", "default"),
    ("users.suho_reader.quota", "service"),
    ("quotas.service.interval.duration", "3601"),
    ("quotas.service.interval.queries", "1000000"),
    ("quotas.service.interval.errors", "1000000"),
    ("quotas.service.interval.result_rows", "1000000000"),
    ("quotas.service.interval.read_rows", "1000000000"),
    ("quotas.service.interval.execution_time", "10000"),
    ("quotas.reader.interval.duration", "3601"),
    ("quotas.reader.interval.queries", "36001"),
    ("quotas.reader.interval.errors", "3601"),
    ("quotas.reader.interval.result_rows", "1000000000"),
    ("quotas.reader.interval.read_rows", "1000000000"),
    ("quotas.reader.interval.execution_time", "1801"),
];

/// Without these nobody can ask the server.
const NEEDED: &[&str] = &[
    "listen_host",
    "http_port",
    "users.suho.password[@from_env]",
    // Where Docker has its networks.
    "users.suho.networks.ip[3]",
    "users.suho.networks.ip[4]",
    "users.suho_reader.networks.ip[3]",
    "users.suho_reader.networks.ip[4]",
];

/// Of these the stand-in tells the same whatever its file says: they are not offered, or nobody can ask.
const UNTOLD: &[&str] = &[
    "tcp_port",
    "user_directories.",
    "default_profile",
    "allow_no_password",
    "allow_implicit_no_password",
    "access_control_improvements.",
    "flush_interval_milliseconds",
    "remote_url_allow_hosts.",
    "send_crash_reports.",
    "users.default.",
];

/// What a mutant of these takes along: each is mutated alone.
const ALONE: &[&str] = &[
    "prometheus.endpoint",
    "prometheus.port",
    "storage_configuration.disks.backups.type",
    "storage_configuration.disks.backups.path",
    "quotas.service.interval.duration",
    "quotas.reader.interval.duration",
    "profiles.service.profile",
];

/// Rows that stand or fall with another one of their kind.
const FOLLOW: &[&str] = &[
    "_log.",
    "prometheus.",
    "storage_configuration.disks.",
    "backups.allowed_disk",
    "quotas.",
    ".networks.ip",
];

fn is_any_of(key: &str, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| key == *name || name.ends_with('.') && key.starts_with(name) || key.ends_with(&format!(".{name}")))
}

/// Another value of a log by what is set of it, of everything else by its key.
fn other_value(key: &str) -> String {
    let value = match key.split_once('.') {
        Some((log, "database")) if log.ends_with("_log") => "market",
        Some((log, "table")) if log.ends_with("_log") => return format!("another_{log}"),
        Some((log, "ttl")) if log.ends_with("_log") => "event_date + INTERVAL 8 DAY DELETE",
        Some((log, "partition_by")) if log.ends_with("_log") => "toMonday(event_date)",
        _ => {
            let found = OTHER_VALUES.iter().find(|(known, _)| *known == key);
            found.unwrap_or_else(|| panic!("{key} has no other value to try")).1
        }
    };
    value.to_owned()
}

fn is_attribute(setting: &Setting) -> bool {
    setting.key.contains("[@")
}

/// The element or attribute as it is written.
fn written(setting: &Setting) -> String {
    let (name, value) = (element_of(setting), setting.value.expose());
    match value {
        value if is_attribute(setting) => format!(r#"{}="{value}""#, attribute_of(setting)),
        "" => format!("<{name}/>"),
        value => format!("<{name}>{value}</{name}>"),
    }
}

fn element_of(setting: &Setting) -> &str {
    name_of(setting)
}

fn attribute_of(setting: &Setting) -> &str {
    let (_, attribute) = setting.key.split_once("[@").unwrap();
    attribute.trim_end_matches(']')
}

fn replaced(setting: &Setting, line: &str, by: &str) -> String {
    let written = written(setting);
    assert!(line.contains(&written), "{line} does not hold {written}");
    line.replacen(&written, by, 1)
}

fn changed(setting: &Setting, line: &str) -> Option<String> {
    let value = other_value(&setting.key);
    if value == UNREACHABLE {
        return None;
    }
    if is_attribute(setting) {
        return Some(replaced(
            setting,
            line,
            &format!(r#"{}="{value}""#, attribute_of(setting)),
        ));
    }
    if value.starts_with('<') {
        return Some(replaced(setting, line, &value));
    }
    let name = element_of(setting);
    Some(replaced(setting, line, &format!("<{name}>{value}</{name}>")))
}

fn misspelt(setting: &Setting, line: &str) -> String {
    let written = written(setting);
    if is_attribute(setting) {
        return replaced(setting, line, &format!("x{written}"));
    }
    let name = element_of(setting);
    if name == "ip" {
        // The server takes whatever begins with `ip` for one.
        return replaced(setting, line, &written.replace("ip>", "xip>"));
    }
    let misspelt = written.replace(&format!("<{name}"), &format!("<{name}x"));
    replaced(
        setting,
        line,
        &misspelt.replace(&format!("</{name}"), &format!("</{name}x")),
    )
}

fn left_out(setting: &Setting, line: &str) -> String {
    replaced(setting, line, "")
}

/// The server refuses to start with a setting that it does not know, a constraint, or a kind of address.
fn is_refused(setting: &Setting) -> bool {
    setting.key.starts_with("profiles.") || name_of(setting) == "ip"
}

const LOGS: [&str; 6] = [
    "query_log",
    "part_log",
    "asynchronous_insert_log",
    "session_log",
    "backup_log",
    "crash_log",
];

/// The lines that say what the server does without them as well.
const SAYING_THE_DEFAULT: &[(&str, &str)] = &[
    ("logger.level", "the image's front says `information` itself"),
    (
        "display_name",
        "the server takes the name of its host, which is the same",
    ),
    ("timezone", "the image's own time zone is the same"),
    ("session_log.partition_by", "it is the default of every log"),
    ("backup_log.partition_by", "it is the default of every log"),
    ("prometheus.endpoint", "it is the default"),
    ("prometheus.metrics", "it is the default"),
    ("prometheus.events", "it is the default"),
    ("prometheus.asynchronous_metrics", "it is the default"),
    ("prometheus.errors", "it is the default"),
    ("storage_configuration.disks.backups.type", "it is the default"),
];

/// Each mutation that changes nothing, with its key and the reason.
fn without_effect() -> Vec<(Mutation, String, &'static str)> {
    let mut excused = Vec::new();
    for log in LOGS {
        let of = |name: &str| format!("{log}.{name}");
        let elsewhere = "the server keeps its logs in `system`, whatever is said";
        excused.push((Mutation::Changed, of("database"), elsewhere));
        for mutation in [Mutation::Missing, Mutation::Misspelt] {
            excused.push((mutation, of("database"), elsewhere));
            excused.push((mutation, of("table"), "a log's table has its name by default"));
        }
    }
    for mutation in [Mutation::Missing, Mutation::Misspelt] {
        for (key, reason) in SAYING_THE_DEFAULT {
            excused.push((mutation, (*key).to_owned(), *reason));
        }
    }
    for user in ["suho", "suho_reader"] {
        for ip in ["ip", "ip[1]"] {
            let reason = "the server counts ::1 and 127.0.0.0/8 as one, and the other is still there";
            excused.push((Mutation::Missing, format!("users.{user}.networks.{ip}"), reason));
        }
    }
    excused
}

#[tokio::test]
async fn every_setting_that_is_changed_misspelt_or_left_out_is_named() {
    let mut score = Score::default();
    let told: Vec<Setting> = settings_of(SERVICE)
        .into_iter()
        .filter(|setting| setting.kind == SettingKind::File)
        .filter(|setting| !is_any_of(&setting.key, UNTOLD))
        .collect();
    let of = |wanted: &dyn Fn(&Setting) -> bool| -> Vec<Setting> {
        told.iter().filter(|setting| wanted(setting)).cloned().collect()
    };
    let names_a_table = |setting: &Setting, name: &str| setting.key.ends_with(&format!("_log.{name}"));
    let may_go = |setting: &Setting| !NEEDED.contains(&setting.key.as_str());
    let is_alone = |setting: &Setting| ALONE.contains(&setting.key.as_str());
    let alone = of(&is_alone);
    // Where a log has another table, nothing is found of it.
    let (tables, databases) = (
        of(&|setting| names_a_table(setting, "table")),
        of(&|setting| names_a_table(setting, "database")),
    );
    let others =
        of(&|setting| !is_alone(setting) && !names_a_table(setting, "table") && !names_a_table(setting, "database"));
    let unrefused = of(&|setting| may_go(setting) && !is_alone(setting) && !is_refused(setting));
    let refused = of(&is_refused);
    let follow: Vec<&str> = told
        .iter()
        .map(|setting| setting.key.as_str())
        .filter(|key| FOLLOW.iter().any(|part| key.contains(part)))
        .chain(["SUHO_CLICKHOUSE_READER_PASSWORD"])
        .collect();

    let missing = |setting: &Setting, line: &str| Some(left_out(setting, line));
    let misspelt = |setting: &Setting, line: &str| Some(misspelt(setting, line));
    let batches = [
        (Mutation::Changed, lots(&others, 2, &changed)),
        (Mutation::Changed, lots(&alone, alone.len(), &changed)),
        (Mutation::Changed, lots(&tables, 1, &changed)),
        (Mutation::Changed, lots(&databases, 1, &changed)),
        (
            Mutation::Missing,
            lots(&of(&|setting| may_go(setting) && !is_alone(setting)), 2, &missing),
        ),
        (Mutation::Missing, lots(&alone, alone.len(), &missing)),
        (Mutation::Misspelt, lots(&unrefused, 2, &misspelt)),
        (
            Mutation::Misspelt,
            lots(
                &of(&|setting| is_alone(setting) && !is_refused(setting)),
                alone.len(),
                &misspelt,
            ),
        ),
        (Mutation::Misspelt, lots(&refused, refused.len(), &misspelt)),
    ];
    let lots = batches
        .iter()
        .flat_map(|(mutation, lots)| lots.iter().map(|lot| (*mutation, lot)));
    let mut trials = stream::iter(lots)
        .map(async |(mutation, lot)| {
            let mut score = Score::default();
            try_lot(&mut score, SERVICE, mutation, lot, &follow).await;
            score
        })
        .buffer_unordered(STARTS_AT_ONCE);
    while let Some(trial) = trials.next().await {
        score.caught.extend(trial.caught);
        score.survived.extend(trial.survived);
    }
    try_other_secrets(
        &mut score,
        SERVICE,
        &[
            "users.suho.password[@from_env]",
            "users.suho_reader.password[@from_env]",
        ],
    )
    .await;

    let excused = without_effect();
    let excused: Vec<_> = excused
        .iter()
        .map(|(mutation, key, reason)| (*mutation, key.as_str(), *reason))
        .collect();
    score.settle(SERVICE, &excused);
}
