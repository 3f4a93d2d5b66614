//! A stream and a store that fill, a consumer that stopped, clients that leak connections.

use async_nats::jetstream::{self, consumer::pull, stream};
use futures::future::{join_all, try_join_all};
use suho_stack::engines::Endpoint;

use super::{BACKLOG, Cause, Made, cause};

pub fn causes(endpoint: &Endpoint) -> Vec<Cause> {
    let [full, slow, store, connections] = std::array::from_fn(|_| endpoint.clone());
    vec![
        cause(&["JetStreamStreamFull"], || stream_filled(full)),
        cause(&["JetStreamConsumerLagGrowing"], || consumer_stopped(slow)),
        cause(&["JetStreamStorageFull"], || store_filled(store)),
        cause(&["NATSConnectionsExhausted"], || connections_leaked(connections)),
    ]
}

async fn connected(endpoint: &Endpoint) -> async_nats::Client {
    let password = endpoint.environment["SUHO_NATS_PASSWORD"].expose().to_owned();
    let address = format!("127.0.0.1:{}", endpoint.ports[&4222]);
    let options = async_nats::ConnectOptions::with_user_and_password("suho".to_owned(), password);
    options.connect(address).await.unwrap()
}

async fn publish(jetstream: &jetstream::Context, subject: &'static str, messages: usize, size: usize) {
    let sent = (0..messages).map(|_| jetstream.publish(subject, vec![b'x'; size].into()));
    let acknowledged = try_join_all(sent).await.unwrap();
    try_join_all(acknowledged.into_iter().map(IntoFuture::into_future))
        .await
        .unwrap();
}

fn in_memory(name: &str, subject: &str, max_bytes: i64) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        max_bytes,
        storage: stream::StorageType::Memory,
        ..stream::Config::default()
    }
}

fn without_stream(jetstream: jetstream::Context, name: &'static str) -> Made {
    Made::undone_by(move || async move {
        jetstream.delete_stream(name).await.unwrap();
    })
}

async fn stream_filled(endpoint: Endpoint) -> Made {
    let jetstream = jetstream::new(connected(&endpoint).await);
    jetstream
        .create_stream(in_memory("FULL", "full", 100_000))
        .await
        .unwrap();
    publish(&jetstream, "full", 90, 1_000).await;
    without_stream(jetstream, "FULL")
}

async fn consumer_stopped(endpoint: Endpoint) -> Made {
    let jetstream = jetstream::new(connected(&endpoint).await);
    let stream = jetstream
        .create_stream(in_memory("SLOW", "slow", 10_000_000))
        .await
        .unwrap();
    let durable = pull::Config {
        durable_name: Some("stopped".to_owned()),
        ..pull::Config::default()
    };
    stream.create_consumer(durable).await.unwrap();
    publish(&jetstream, "slow", BACKLOG, 10).await;
    without_stream(jetstream, "SLOW")
}

/// A stream without a limit of its own has the store for its limit.
async fn store_filled(endpoint: Endpoint) -> Made {
    let jetstream = jetstream::new(connected(&endpoint).await);
    let unlimited = stream::Config {
        name: "UNLIMITED".to_owned(),
        subjects: vec!["unlimited".to_owned()],
        ..stream::Config::default()
    };
    jetstream.create_stream(unlimited).await.unwrap();
    publish(&jetstream, "unlimited", 58, 1_000_000).await;
    without_stream(jetstream, "UNLIMITED")
}

async fn connections_leaked(endpoint: Endpoint) -> Made {
    let leaked = join_all((0..41).map(|_| connected(&endpoint))).await;
    Made::undone_by(|| async move { drop(leaked) })
}
