#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rstest::rstest;

use super::*;
use crate::deployment::Secret;

/// The deployment with `old` replaced in one of its files.
fn with(file: &str, old: &str, new: &str) -> Files {
    let files = Files::embedded();
    let text = files.text(file).unwrap();
    assert!(text.contains(old), "{file} has no {old}");
    let changed = text.replacen(old, new, 1);
    files.with(file, changed)
}

fn complaints(files: &Files) -> Vec<String> {
    let checked = check(files, Variables::default());
    checked.complaints.iter().map(Complaint::in_words).collect()
}

/// Where `text` stands in a file, as a complaint tells it.
fn place(files: &Files, file: &str, text: &str) -> String {
    let line = files.text(file).unwrap().lines().position(|line| line.contains(text));
    format!("{file}:{}: ", line.unwrap() + 1)
}

#[test]
fn every_name_of_the_deployment_is_known() {
    let files = Files::embedded();
    let checked = check(&files, Variables::default());

    assert_eq!(checked.complaints, []);
    for (file, _) in files.iter().filter(|(file, _)| !file.contains('/')) {
        let holds_settings = [".conf", ".xml", ".flags", ".properties", ".cfg"]
            .iter()
            .any(|end| file.ends_with(end));
        assert!(!holds_settings || checked.files[file] > 4, "{file} was not looked at");
    }
}

#[rstest]
#[case("postgresql.conf", "shared_buffers", "shared_bufers", Some("shared_buffers"))]
#[case(
    "postgresql.conf",
    "timescaledb.telemetry_level",
    "timescaledb.telemetry_levl",
    Some("timescaledb.telemetry_level")
)]
#[case(
    "clickhouse-config.xml",
    "<allow_no_password>0</allow_no_password>",
    "<allow_no_pasword>0</allow_no_pasword>",
    Some("allow_no_password")
)]
#[case(
    "clickhouse-config.xml",
    "<console>1</console>",
    "<consol>1</consol>",
    Some("logger.console")
)]
#[case(
    "clickhouse-users.xml",
    "<log_queries>1</log_queries>",
    "<log_querys>1</log_querys>",
    Some("profiles.default.log_queries")
)]
#[case(
    "clickhouse-users.xml",
    "<quota>reader</quota>",
    "<qota>reader</qota>",
    Some("users.suho_reader.quota")
)]
#[case(
    "clickhouse-users.xml",
    "<max_threads><max>2</max></max_threads>",
    "<max_treads><max>2</max></max_treads>",
    Some("profiles.reader.constraints.max_threads")
)]
#[case("nats-server.conf", "max_payload", "max_paylod", Some("max_payload"))]
#[case(
    "nats-server.conf",
    "max_file_store",
    "max_fil_store",
    Some("jetstream.max_file_store")
)]
#[case(
    "nats-server.conf",
    "max_consumers",
    "max_consumer",
    Some("accounts.SUHO.jetstream.max_consumers")
)]
#[case(
    "kafka.properties",
    "min.insync.replicas",
    "min.insync.replcas",
    Some("min.insync.replicas")
)]
#[case(
    "kafka.properties",
    "listener.name.external.plain.sasl.jaas.config",
    "listener.name.external.plain.sasl.jaas.confg",
    Some("listener.name.external.plain.sasl.jaas.config")
)]
#[case("kafka-log4j.properties", "log4j.logger.org", "log4j.loger.org", None)]
#[case("zoo.cfg", "tickTime", "tikTime", Some("tickTime"))]
#[case("zoo.cfg", "admin.serverPort", "admin.serverPrt", Some("admin.serverPort"))]
#[case("dragonfly.flags", "--maxmemory", "--maxmemry", Some("maxmemory"))]
#[case(
    "arangod.conf",
    "block-cache-size",
    "block-cash-size",
    Some("rocksdb.block-cache-size")
)]
#[case(
    "docker-compose.yml",
    "QUERY_DEFAULTS_LIMIT",
    "QUERY_DEFAULT_LIMIT",
    Some("QUERY_DEFAULTS_LIMIT")
)]
#[case("docker-compose.yml", "KAFKA_HEAP_OPTS", "KAFKA_HEAP_OPT", Some("KAFKA_HEAP_OPTS"))]
#[case("docker-compose.yml", "JVMFLAGS", "JVMFLAG", Some("JVMFLAGS"))]
#[case(
    "docker-compose.yml",
    "DFLY_requirepass",
    "DFLY_requirepas",
    Some("DFLY_requirepass")
)]
#[case("docker-compose.yml", "POSTGRES_DB:", "POSTGRES_DBS:", Some("POSTGRES_DB"))]
#[case("docker-compose.yml", "CLICKHOUSE_USER:", "CLICKHOUSE_USR:", Some("CLICKHOUSE_USER"))]
#[case(
    "docker-compose.yml",
    "ARANGO_ROOT_PASSWORD:",
    "ARANGO_ROOT_PASSWRD:",
    Some("ARANGO_ROOT_PASSWORD")
)]
#[case(
    "docker-compose.yml",
    "SUHO_KAFKA_ADVERTISED_HOST:",
    "SUHO_KAFKA_ADVERTISD_HOST:",
    Some("SUHO_KAFKA_ADVERTISED_HOST")
)]
#[case(
    "init-scripts/messaging/declarations.conf",
    "delete.retention.ms",
    "delete.retention.msec",
    Some("delete.retention.ms")
)]
fn a_typo_is_told_with_its_line_and_the_nearest_name(
    #[case] file: &str,
    #[case] old: &str,
    #[case] new: &str,
    #[case] nearest: Option<&str>,
) {
    let files = with(file, old, new);

    let [complaint] = complaints(&files).try_into().unwrap();

    let name = new.trim_start_matches(['<', '-']).split(['>', ':']).next().unwrap();
    assert!(complaint.starts_with(&place(&files, file, name)), "{complaint}");
    match nearest {
        Some(nearest) => assert!(
            complaint.ends_with(&format!("; did you mean `{nearest}`?")),
            "{complaint}"
        ),
        None => assert!(!complaint.contains("did you mean"), "{complaint}"),
    }
}

#[rstest]
#[case(
    "postgresql.conf",
    "max_connections = 50",
    "max_connections = fifty",
    "`fifty` is not a whole number, which max_connections expects"
)]
#[case("postgresql.conf", "'1GB'", "'1gb'", "`1gb` is not a size")]
#[case("postgresql.conf", "= '10s'", "= '10m'", "`10m` is not a duration")]
#[case("postgresql.conf", "jit = off", "jit = none", "`none` is not a boolean")]
#[case(
    "clickhouse-config.xml",
    ">512<",
    ">many<",
    "`many` is not a quantity, which max_connections expects"
)]
#[case(
    "clickhouse-users.xml",
    "<log_queries>1",
    "<log_queries>maybe",
    "`maybe` is not a boolean"
)]
#[case(
    "nats-server.conf",
    "logtime: true",
    "logtime: sometimes",
    "`sometimes` is not a boolean"
)]
#[case(
    "nats-server.conf",
    "max_connections: 1000",
    "max_connections: all",
    "`all` is not a quantity"
)]
#[case("kafka.properties", "broker.id=1", "broker.id=one", "`one` is not a whole number")]
#[case(
    "kafka.properties",
    "auto.create.topics.enable=false",
    "auto.create.topics.enable=no",
    "`no` is not a boolean"
)]
#[case(
    "kafka-log4j.properties",
    "INFO, stdout",
    "INF, stdout",
    "`INF` is no level of log4j"
)]
#[case(
    "kafka-log4j.properties",
    "INFO, stdout",
    "INFO, stdot",
    "the appender `stdot` is defined nowhere"
)]
#[case("zoo.cfg", "tickTime=2000", "tickTime=2s", "`2s` is not a whole number")]
#[case(
    "dragonfly.flags",
    "--version_check=false",
    "--version_check=never",
    "`never` is not a boolean"
)]
#[case("arangod.conf", "enable = false", "enable = never", "`never` is not a boolean")]
#[case(
    "docker-compose.yml",
    "AUTOSCHEMA_ENABLED: \"false\"",
    "AUTOSCHEMA_ENABLED: \"flase\"",
    "`flase` is not a boolean"
)]
#[case(
    "docker-compose.yml",
    "QUERY_DEFAULTS_LIMIT: \"25\"",
    "QUERY_DEFAULTS_LIMIT: \"all\"",
    "`all` is not a whole number"
)]
fn a_value_of_the_wrong_kind_is_told(#[case] file: &str, #[case] old: &str, #[case] new: &str, #[case] message: &str) {
    let [complaint] = complaints(&with(file, old, new)).try_into().unwrap();

    assert!(complaint.starts_with(&format!("{file}:")), "{complaint}");
    assert!(complaint.contains(message), "{complaint}");
}

#[rstest]
#[case("postgresql.conf", "port = 5432", "port = 'x", "the quote is not closed")]
#[case(
    "clickhouse-config.xml",
    "<console>1</console>",
    "<console>1</consol>",
    "expected 'console' tag"
)]
#[case(
    "clickhouse-users.xml",
    "</clickhouse>",
    "",
    "the root node was opened but never closed"
)]
#[case("nats-server.conf", "system_account: SYS", "system_account: {", "a { is not closed")]
#[case("kafka.properties", "broker.id=1", "=1", "there is no key in front of the value")]
#[case("kafka-log4j.properties", "log4j.rootLogger", "\\u0041", "\\u escapes are not read")]
#[case("zoo.cfg", "tickTime=2000", ":2000", "there is no key")]
#[case("dragonfly.flags", "--dbnum=1024", "dbnum=1024", "`dbnum=1024` is no flag")]
#[case("arangod.conf", "[cache]", "[cache", "the section is not closed")]
#[case("docker-compose.yml", "services:", "services: [", "")]
#[case("docker-compose.yml", "shm_size: 256m", "shm_size: big", "expected a size")]
#[case("docker-compose.airgap.yml", "services:", "servces:", "")]
#[case(
    "init-scripts/messaging/declarations.conf",
    "\ntopic ",
    "\ntopc ",
    "is neither `stream"
)]
fn a_file_that_is_not_what_it_should_be_is_told_with_its_line(
    #[case] file: &str,
    #[case] old: &str,
    #[case] new: &str,
    #[case] message: &str,
) {
    let complaints = complaints(&with(file, old, new));

    let found = complaints
        .iter()
        .any(|complaint| complaint.starts_with(&format!("{file}:")) && complaint.contains(message));
    assert!(found, "{complaints:?}");
}

#[test]
fn a_file_that_is_no_text_is_told() {
    let files = Files::embedded().with("zoo.cfg", [b'a', 0xff]);

    let complaints = complaints(&files);

    assert_eq!(
        complaints,
        ["zoo.cfg: read `zoo.cfg` as text: the byte at offset 1 is not UTF-8"]
    );
}

#[test]
fn everything_that_is_wrong_is_told_and_not_the_first_alone() {
    let files = with("postgresql.conf", "port = 5432", "port = 'x");
    let text = files
        .text("postgresql.conf")
        .unwrap()
        .replace("shared_buffers", "shared_bufers");
    let text = text.replace("jit = off", "jit =");
    let files = files.with("postgresql.conf", text);

    let complaints = complaints(&files);

    assert_eq!(complaints.len(), 3, "{complaints:?}");
}

#[test]
fn a_secret_is_told_by_nothing() {
    let mut variables = Variables::default();
    variables.set(
        "SUHO_DRAGONFLYDB_PASSWORD",
        Secret::new("hidden-in-the-dark".to_owned()),
    );
    let files = with("docker-compose.yml", "DFLY_requirepass", "DFLY_port");

    let checked = check(&files, variables);

    assert!(!format!("{checked:?}").contains("hidden-in-the-dark"));
}
