//! More writes than it brings to its disk.

use futures::{StreamExt, TryStreamExt, stream};
use suho_stack::engines::Endpoint;
use zookeeper_client::{Acls, Client, CreateMode};

use super::{Cause, Made, cause};

/// Of ten kilobytes each; at a thousand the server stops reading.
const AT_ONCE: usize = 500;

pub fn causes(endpoint: Endpoint) -> Vec<Cause> {
    vec![cause(&["ZooKeeperOutstanding"], || flooded(endpoint))]
}

async fn flooded(endpoint: Endpoint) -> Made {
    let session = Client::connect(&format!("127.0.0.1:{}", endpoint.ports[&2181]))
        .await
        .unwrap();
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    session.create("/flood", b"", &ephemeral).await.unwrap();
    let flood = tokio::spawn(async move {
        let value = vec![b'x'; 10_000];
        stream::repeat(())
            .map(|()| session.set_data("/flood", &value, None))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
            .unwrap();
    });
    Made::undone_by(|| async move { flood.abort() })
}
