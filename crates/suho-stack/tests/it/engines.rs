use rstest::rstest;
use suho_stack::{
    engines::{self, Refusals},
    stack::Stack,
};

use crate::warm;

#[rstest]
#[case::postgresql("postgresql")]
#[case::clickhouse("clickhouse")]
#[case::dragonflydb("dragonflydb")]
#[case::weaviate("weaviate")]
#[case::nats("nats")]
#[case::zookeeper("zookeeper")]
#[case::kafka("kafka")]
#[tokio::test]
async fn an_engine_serves_its_user_and_refuses_strangers(#[case] name: &str) {
    let stack = Stack::builder().engines([name]).start().await.unwrap();
    let engine = engines::all().iter().find(|engine| engine.name() == name).unwrap();
    let endpoint = stack.endpoint(engine.service()).unwrap();

    let done = engine.round_trip(endpoint).await.unwrap();
    let refusals = engine.refuse_strangers(endpoint).await.unwrap();

    println!("{name}: {done}; {refusals:?}");
    let may_have_no_password = name == "zookeeper";
    assert_eq!(matches!(refusals, Refusals::NotOffered(_)), may_have_no_password);
    let version = &stack.state().member(engine.service()).unwrap().version;
    assert!(
        version.contains(|letter: char| letter.is_ascii_digit()),
        "{name} says its version is {version}"
    );
    stack.stop().await.unwrap();
}

/// The declarations are made by the start, so that a service finds its streams and topics.
#[tokio::test]
async fn declared_streams_and_topics_exist_and_declaring_again_changes_nothing() {
    use suho_stack::deployment::{Declarations, Files};

    let stack = warm::stack().await;
    let declarations = Declarations::read(&Files::embedded()).unwrap();
    assert!(!declarations.streams.is_empty() && !declarations.topics.is_empty());

    let nats = stack.endpoint("suho-nats-server").unwrap();
    let client = async_nats::ConnectOptions::with_user_and_password(
        "suho".to_owned(),
        nats.environment["SUHO_NATS_PASSWORD"].expose().to_owned(),
    )
    .connect(format!("127.0.0.1:{}", nats.ports[&4222]))
    .await
    .unwrap();
    let jetstream = async_nats::jetstream::new(client);
    for stream in &declarations.streams {
        jetstream.get_stream(&stream.name).await.unwrap();
    }

    for service in ["suho-nats-server", "suho-kafka"] {
        let engine = engines::by_service(service).unwrap();
        engine
            .declare(stack.endpoint(service).unwrap(), &declarations)
            .await
            .unwrap();
    }
}
