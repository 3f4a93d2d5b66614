use std::fs;

use rstest::rstest;

use super::Downstream;
use crate::copy_deployment;

/// Each by the checker that finds it first: ours knows the names, the engines know their syntax.
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
fn a_typo_fails_the_build(#[case] file: &str, #[case] right: &str, #[case] wrong: &str, #[case] named: &str) {
    let downstream = Downstream::new("deployment = ./compose;");
    let directory = downstream.path().join("compose");
    copy_deployment(&directory);
    let path = directory.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(right), "{file} has no {right:?}");
    fs::write(&path, text.replace(right, wrong)).unwrap();

    let said = downstream.refuses("configs");

    assert!(said.contains(file) && said.contains(named), "{said}");
}
