//! Against the real engine: the deployment's own NATS, launched for this test and gone after it.

use suho_stack::stack::Stack;

#[tokio::test]
async fn an_order_is_kept() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let stack = Stack::builder().engines(["nats"]).start().await?;
    let nats = stack.endpoint("suho-nats-server").ok_or("NATS was asked for")?;
    let client = async_nats::ConnectOptions::new()
        .user_and_password("suho".to_owned(), nats.credential("SUHO_NATS_PASSWORD")?.to_owned())
        .connect(nats.address(4222)?)
        .await?;

    let sequence = orders::place(&async_nats::jetstream::new(client), "buy 10 SUHO").await?;

    assert_eq!(sequence, 1);
    stack.stop().await?;
    Ok(())
}
