//! Against the real engine: the deployment's own NATS, with an account that is this test's alone.

#[suho_testkit::test]
async fn an_order_is_kept() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let nats = suho_testkit::nats().await;

    let sequence = orders::place(&nats.jetstream().await?, "buy 10 SUHO").await?;

    assert_eq!(sequence, 1);
    Ok(())
}
