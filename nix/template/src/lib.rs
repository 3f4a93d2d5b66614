//! A service that speaks NATS: it places orders.

/// Places an order and waits until JetStream has it.
pub async fn place(jetstream: &async_nats::jetstream::Context, order: &str) -> Result<u64, async_nats::Error> {
    let acknowledged = jetstream.publish("orders.placed", order.to_owned().into()).await?.await?;
    Ok(acknowledged.sequence)
}
