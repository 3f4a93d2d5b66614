use rstest::rstest;
use suho_stack::{
    deployment::Files,
    engines::{self, EngineError},
    stack::Stack,
};

/// The deployment with `from` replaced by `to` in one of its files.
fn with(file: &str, from: &str, to: &str) -> Files {
    let files = Files::embedded();
    let text = files.text(file).unwrap();
    assert!(text.contains(from), "{file} does not hold {from}");
    let changed = text.replace(from, to);
    files.with(file, changed)
}

/// The check itself is checked: where a door is left open, it has to say so.
#[rstest]
#[case::nats_without_accounts(
    "suho-nats-server",
    Files::embedded().with("nats-server.conf", "http: 0.0.0.0:8222\njetstream { store_dir: /data/jetstream }\n")
)]
#[case::weaviate_with_anonymous_access(
    "suho-weaviate",
    with(
        "docker-compose.yml",
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: \"false\"",
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: \"true\""
    )
)]
#[case::clickhouse_with_a_default_user(
    "suho-clickhouse",
    with(
        "clickhouse-users.xml",
        "<password_sha256_hex>0000000000000000000000000000000000000000000000000000000000000000</password_sha256_hex>\n            <networks/>",
        // SHA-256 of nothing: whoever gives no password is let in.
        "<password_sha256_hex>e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</password_sha256_hex>\n            <networks><ip>::/0</ip></networks>"
    )
)]
#[tokio::test]
async fn an_engine_that_lets_strangers_in_is_found_out(#[case] service: &str, #[case] files: Files) {
    let stack = Stack::builder().engines([service]).files(files).start().await.unwrap();
    let engine = engines::by_service(service).unwrap();

    let refused = engine.refuse_strangers(stack.endpoint(service).unwrap()).await;

    assert!(matches!(refused, Err(EngineError::LetIn { .. })), "{refused:?}");
    stack.stop().await.unwrap();
}
