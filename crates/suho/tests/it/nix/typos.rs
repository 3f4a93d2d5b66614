use std::fs;

use rstest::rstest;

use super::Downstream;
use crate::copy_deployment;

/// A deployment with a mistake, and what its build says.
fn refusal(file: &str, right: &str, wrong: &str) -> String {
    let downstream = Downstream::new("deployment = ./compose;");
    let directory = downstream.path().join("compose");
    copy_deployment(&directory);
    let path = directory.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(right), "{file} has no {right:?}");
    fs::write(&path, text.replace(right, wrong)).unwrap();
    downstream.refuses("configs")
}

/// By our checker, which knows the names that each engine knows.
#[rstest]
#[case::postgresql("postgresql.conf", "\nmax_connections", "\nmax_conections", "max_conections")]
#[case::clickhouse("clickhouse-config.xml", "mark_cache_size", "mark_cash_size", "mark_cash_size")]
#[case::clickhouse_users("clickhouse-users.xml", "max_memory_usage", "max_memory_usag", "max_memory_usag")]
#[case::dragonfly("dragonfly.flags", "--maxmemory", "--maxmemmory", "maxmemmory")]
#[case::weaviate("docker-compose.yml", "AUTOSCHEMA_ENABLED", "AUTOSHEMA_ENABLED", "AUTOSHEMA_ENABLED")]
#[case::arangodb("arangod.conf", "\nendpoint", "\nendpiont", "endpiont")]
#[case::nats("nats-server.conf", "max_payload", "max_paylod", "max_paylod")]
#[case::kafka("kafka.properties", "log.retention", "log.retension", "log.retension")]
#[case::zookeeper("zoo.cfg", "tickTime", "tickTim", "tickTim")]
#[case::watchers(
    "docker-compose.monitoring.yml",
    "stop_grace_period",
    "stop_grace_perod",
    "stop_grace_perod"
)]
fn a_typo_fails_the_build(#[case] file: &str, #[case] right: &str, #[case] wrong: &str, #[case] named: &str) {
    let said = refusal(file, right, wrong);

    assert!(said.contains(file) && said.contains(named), "{said}");
}

/// What ours lets pass, by the checkers of the engines, of Prometheus and of compose.
#[rstest]
#[case::postgresql(
    "postgresql.conf",
    "max_connections = ",
    "max_connections = 99999999 #",
    "99999999 is outside the valid range for parameter \"max_connections\""
)]
#[case::nats(
    "nats-server.conf",
    "write_deadline: \"5s\"",
    "write_deadline: \"5 parsecs\"",
    "error parsing write_deadline"
)]
#[case::compose(
    "docker-compose.yml",
    "networks: [suho-trading-network]",
    "networks: [suho-trading-network, suho-trading-network]",
    "networks array items[0,1] must be unique"
)]
#[case::prometheus(
    "monitoring/prometheus.yml",
    "evaluation_interval",
    "evaluation_intervall",
    "field evaluation_intervall not found"
)]
#[case::an_expression(
    "monitoring/alerts.yml",
    "      - alert: EngineDown\n        expr: ",
    "      - alert: EngineDown\n        expr: )",
    "unexpected right parenthesis"
)]
#[case::a_threshold(
    "monitoring/alerts.yml",
    ":ratio > 0.8\n",
    ":ratio > 0.95\n",
    "PostgreSQLConnectionsExhausted"
)]
#[case::a_dashboard(
    "monitoring/grafana/dashboards/kafka.json",
    "\"panels\": [",
    "\"panels\": [[",
    "parse error"
)]
fn a_mistake_that_only_the_engine_knows_fails_the_build(
    #[case] file: &str,
    #[case] right: &str,
    #[case] wrong: &str,
    #[case] said_of_it: &str,
) {
    let said = refusal(file, right, wrong);

    assert!(said.contains(said_of_it), "{said}");
}
