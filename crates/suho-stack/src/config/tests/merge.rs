#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn merged(json: &str) -> Result<Files, MergeError> {
    merge(&Files::embedded(), &Change::parse(json)?, Variables::default())
}

/// The lines that are only before, and those that are only after.
fn difference(file: &str, after: &Files) -> (Vec<String>, Vec<String>) {
    let before = Files::embedded();
    let (before, after) = (before.text(file).unwrap(), after.text(file).unwrap());
    let only = |one: &str, other: &str| {
        let others: Vec<_> = other.lines().collect();
        one.lines()
            .filter(|line| !others.contains(line))
            .map(|line| line.trim().to_owned())
            .collect()
    };
    (only(before, after), only(after, before))
}

#[rstest]
#[case::in_place(
    "postgresql.conf",
    r#"{"shared_buffers": "2GB"}"#,
    "shared_buffers = '2GB'                    # timescaledb-tune: memory / 4"
)]
#[case::case("postgresql.conf", r#"{"timezone": "CET"}"#, "TimeZone = 'CET'")]
#[case::number(
    "postgresql.conf",
    r#"{"max_connections": 99}"#,
    "max_connections = 99                      # timescaledb-tune: up to 4 GB"
)]
#[case::quotes(
    "postgresql.conf",
    r#"{"log_line_prefix": "it's \\"}"#,
    "log_line_prefix = 'it''s \\\\'"
)]
#[case::appended("postgresql.conf", r#"{"bonjour": false}"#, "bonjour = 'false'")]
#[case::nested(
    "nats-server.conf",
    r#"{"jetstream.max_file_store": "20GB"}"#,
    "max_file_store: 20GB"
)]
#[case::new_block("nats-server.conf", r#"{"cluster.name": "a b"}"#, "cluster { name: \"a b\" }")]
#[case::block_in_block(
    "nats-server.conf",
    r#"{"jetstream.limits.max_ha_assets": 3}"#,
    "limits { max_ha_assets: 3 }"
)]
#[case::inline(
    "nats-server.conf",
    r#"{"accounts.SYS.users.0.nkey": "U"}"#,
    "users: [{user: suho_system, password: $SUHO_NATS_SYSTEM_PASSWORD, nkey: \"U\"}]"
)]
#[case::element(
    "clickhouse-config.xml",
    r#"{"max_server_memory_usage_to_ram_ratio": "0.7"}"#,
    "<max_server_memory_usage_to_ram_ratio>0.7</max_server_memory_usage_to_ram_ratio>"
)]
#[case::escapes(
    "clickhouse-config.xml",
    r#"{"query_log.ttl": "a < b & c"}"#,
    "<ttl>a &lt; b &amp; c</ttl>"
)]
#[case::empty_element(
    "clickhouse-config.xml",
    r#"{"crash_log.partition_by": "x"}"#,
    "<partition_by>x</partition_by>"
)]
#[case::another(
    "clickhouse-users.xml",
    r#"{"users.suho.networks.ip[6]": "1.2.3.4"}"#,
    "<ip>1.2.3.4</ip>"
)]
#[case::self_closing(
    "clickhouse-users.xml",
    r#"{"users.default.networks.ip": "::1"}"#,
    "<networks><ip>::1</ip></networks>"
)]
#[case::properties("kafka.properties", r#"{"num.partitions": 5}"#, "num.partitions=5")]
#[case::backslash("kafka.properties", r#"{"super.users": " a\\"}"#, "super.users=\\ a\\\\")]
#[case::log4j(
    "kafka-log4j.properties",
    r#"{"log4j.rootLogger": "WARN, stdout"}"#,
    "log4j.rootLogger=WARN, stdout"
)]
#[case::zookeeper("zoo.cfg", r#"{"tickTime": 3000}"#, "tickTime=3000")]
#[case::flag("dragonfly.flags", r#"{"maxmemory": "1gb"}"#, "--maxmemory=1gb")]
#[case::section("arangod.conf", r#"{"rocksdb.block-cache-size": "1GiB"}"#, "block-cache-size = 1GiB")]
#[case::variable(
    "docker-compose.yml",
    r#"{"suho-weaviate.LOG_LEVEL": "debug"}"#,
    "LOG_LEVEL: \"debug\""
)]
#[case::new_variable(
    "docker-compose.yml",
    r#"{"suho-kafka.KAFKA_OPTS": "-Da=$b"}"#,
    "KAFKA_OPTS: \"-Da=$$b\""
)]
fn one_line_says_what_was_asked(#[case] file: &str, #[case] settings: &str, #[case] line: &str) {
    let files = merged(&format!(r#"{{"{file}": {settings}}}"#)).unwrap();

    let (before, after) = difference(file, &files);

    assert!(before.len() <= 1, "{before:?}");
    assert_eq!(after, [line]);
    for (other, bytes) in Files::embedded().iter().filter(|(other, _)| *other != file) {
        assert_eq!(files.get(other), Some(bytes), "{other}");
    }
}

#[rstest]
#[case("postgresql.conf", "jit", &["jit = off                                 # compiling costs more than it saves on short queries over many chunks"])]
#[case("nats-server.conf", "max_pending", &["max_pending: 16MB"])]
#[case("kafka.properties", "log.cleaner.backoff.ms", &["log.cleaner.backoff.ms=5000"])]
#[case("dragonfly.flags", "dbnum", &["--dbnum=1024"])]
#[case("arangod.conf", "query.max-runtime", &["max-runtime = 300"])]
#[case("clickhouse-config.xml", "timezone", &["<timezone>UTC</timezone>"])]
#[case("clickhouse-config.xml", "query_cache.max_size_in_bytes", &["<query_cache>", "<max_size_in_bytes>67108864</max_size_in_bytes>", "</query_cache>"])]
#[case("docker-compose.yml", "suho-weaviate.LOG_LEVEL", &["LOG_LEVEL: info"])]
#[case("postgresql.conf", "bonjour", &[])]
fn null_removes_the_line(#[case] file: &str, #[case] key: &str, #[case] lines: &[&str]) {
    let files = merged(&format!(r#"{{"{file}": {{"{key}": null}}}}"#)).unwrap();

    let (before, after) = difference(file, &files);

    assert_eq!(before, lines);
    assert!(after.is_empty(), "{after:?}");
}

#[rstest]
#[case(
    r#"{"postgresql.con": {"a": 1}}"#,
    "find `postgresql.con` among the files that hold settings; the deployment has arangod.conf,"
)]
#[case(
    r#"{"init-scripts/01-create-extensions.sql": {"a": 1}}"#,
    "among the files that hold settings"
)]
#[case(r#"{"postgresql.conf": {"shared_bufers": 1}}"#, "did you mean `shared_buffers`?")]
#[case(r#"{"postgresql.conf": {"work_mem": "1gb"}}"#, "`1gb` is not a size")]
#[case(
    r#"{"postgresql.conf": {"work_mem": "1\n2"}}"#,
    "set work_mem in postgresql.conf: the value has a line break"
)]
#[case(
    r#"{"postgresql.conf": {"work_mem": [1]}}"#,
    "work_mem of postgresql.conf is neither a text, a number"
)]
#[case(r#"{"postgresql.conf": 1}"#, "read the settings: invalid type")]
#[case("{", "read the settings: EOF")]
#[case(r#"{"kafka.properties": {"super.users": "ä"}}"#, "write the value in ASCII")]
#[case(
    r#"{"nats-server.conf": {"jetstream": "x"}}"#,
    "`jetstream` is a block; name what is in it"
)]
#[case(r#"{"nats-server.conf": {"max_payload.a": "x"}}"#, "`max_payload` is no block")]
#[case(
    r#"{"nats-server.conf": {"cluster.routes.0": "x"}}"#,
    "`0` is an item of a list, which cannot be added"
)]
#[case(r#"{"nats-server.conf": {"max_payload": "{}"}}"#, "is neither a text nor a number")]
#[case(r#"{"nats-server.conf": {"max_payload": ""}}"#, "is neither a text nor a number")]
#[case(
    r#"{"clickhouse-config.xml": {"logger": "x"}}"#,
    "`logger` is a section; name what is in it"
)]
#[case(r#"{"clickhouse-config.xml": {"http_port.a": "x"}}"#, "`http_port` holds a value")]
#[case(r#"{"clickhouse-config.xml": {"logger.level": " x "}}"#, "it would read `x` instead")]
#[case(r#"{"clickhouse-config.xml": {"a><b": "x"}}"#, "is no name of an element")]
#[case(
    r#"{"clickhouse-users.xml": {"users.suho.networks.ip[9]": "x"}}"#,
    "the next one is ip[6]"
)]
#[case(
    r#"{"clickhouse-users.xml": {"users.suho.networks.ip[1]": null}}"#,
    "it would read `10.0.0.0/8` instead"
)]
#[case(r#"{"arangod.conf": {"query.max-runtime": " 1"}}"#, "it would read `1` instead")]
#[case(r#"{"docker-compose.yml": {"suho-x.A": 1}}"#, "there is no service `suho-x`")]
#[case(
    r#"{"docker-compose.yml": {"A": 1}}"#,
    "`A` names no service; write SERVICE.VARIABLE"
)]
#[case(r#"{"docker-compose.yml": {"suho-kafka.A B": 1}}"#, "`A B` is no name of a variable")]
#[case(
    r#"{"docker-compose.yml": {"suho-messaging.A": 1}}"#,
    "suho-messaging has no `environment`"
)]
#[case(
    r#"{"docker-compose.yml": {"suho-zookeeper.JVMFLAGS": null}}"#,
    "`JVMFLAGS` is the last variable of suho-zookeeper"
)]
#[case(
    r#"{"docker-compose.yml": {"suho-weaviate.LOG_LVEL": "debug"}}"#,
    "did you mean `LOG_LEVEL`?"
)]
fn what_cannot_be_merged_is_an_error(#[case] json: &str, #[case] message: &str) {
    let error = merged(json).unwrap_err().to_string();

    assert!(error.contains(message), "{error}");
}

/// A name that each format has; the deployment's file, and one that is not in it.
const NAMES: [(&str, [&str; 2]); 8] = [
    ("postgresql.conf", ["log_line_prefix", "cluster_name"]),
    ("clickhouse-config.xml", ["query_log.ttl", "part_log.engine"]),
    (
        "clickhouse-users.xml",
        ["users.suho.quota", "users.suho.default_database"],
    ),
    ("nats-server.conf", ["server_name", "jetstream.domain"]),
    ("kafka.properties", ["super.users", "broker.rack"]),
    ("dragonfly.flags", ["dir", "masteruser"]),
    ("arangod.conf", ["log.file", "log.prefix"]),
    (
        "docker-compose.yml",
        ["suho-kafka.KAFKA_GC_LOG_OPTS", "suho-kafka.KAFKA_OPTS"],
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_value_reads_as_asked_and_nothing_else_changes_or_it_is_refused(
        (file, keys) in proptest::sample::select(NAMES.to_vec()),
        known in any::<bool>(),
        value in prop_oneof!["[ -~]{0,12}", "[a-zA-Z0-9.:/_-]{1,12}", "\\PC{0,6}"],
    ) {
        let key = keys[usize::from(!known)];
        let files = Files::embedded();
        let mut variables = Variables::default();
        variables.generate_missing(Deployment::required_variables(&files, &[COMPOSE_FILE]).unwrap());
        let change = Change { file: file.to_owned(), key: key.to_owned(), value: Some(value.clone()) };
        // Asked of the values alone: whether the engine would take them is another question.
        match changed(&files, &change, &variables) {
            Ok(merged) => {
                let read = |files: &Files| read(files, &change, &variables).unwrap();
                let (before, after) = (read(&files), read(&merged));
                prop_assert_eq!(&after.iter().find(|(name, _)| name == key).unwrap().1, &value);
                let others = |values: Values| values.into_iter().filter(|(name, _)| name != key).collect::<Values>();
                prop_assert_eq!(others(before), others(after));
                let (old, new) = (files.text(file).unwrap(), merged.text(file).unwrap());
                let kept = new.lines().filter(|line| old.contains(*line)).count();
                prop_assert!(kept + 2 >= old.lines().count(), "more than a line has changed");
                for (other, bytes) in files.iter().filter(|(other, _)| *other != file) {
                    prop_assert_eq!(merged.get(other), Some(bytes));
                }
                // And back again.
                let removed = Change { value: None, ..change.clone() };
                if !known {
                    let back = changed(&merged, &removed, &variables).unwrap();
                    prop_assert_eq!(back.text(file).unwrap().trim_end(), old.trim_end());
                }
            }
            // Words alone can be written in every format.
            Err(error) => prop_assert!(
                !value.starts_with(|c: char| c.is_ascii_lowercase()) || !value.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{value}: {error}"
            ),
        }
    }
}
