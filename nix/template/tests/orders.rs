//! Against the real engine: the deployment's own NATS, with an account that is this test's alone.

use async_nats::jetstream::{self, stream::Config};

#[suho_testkit::test]
async fn an_order_is_kept() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let nats = suho_testkit::nats().await;
    let jetstream = jetstream::new(nats.client().await);
    let stream = Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        ..Config::default()
    };
    jetstream.create_stream(stream).await?;

    let sequence = orders::place(&jetstream, "buy 10 SUHO").await?;

    assert_eq!(sequence, 1);
    Ok(())
}
