//! A cache that has no room for what is written to it.

use std::time::Duration;

use redis::AsyncConnectionConfig;
use suho_stack::engines::Endpoint;

use super::{Cause, Made, cause};

pub fn causes(endpoint: Endpoint) -> Vec<Cause> {
    vec![cause(&["CacheEvicting", "CacheMemoryFull"], || too_small(endpoint))]
}

async fn too_small(endpoint: Endpoint) -> Made {
    let password = endpoint.environment["DFLY_requirepass"].expose();
    let client = redis::Client::open(format!("redis://:{password}@127.0.0.1:{}", endpoint.ports[&6379])).unwrap();
    // Half a second is the default, which a machine on which every engine is in trouble does not always keep.
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&patient)
        .await
        .unwrap();
    let limit = |bytes: &'static str, policy: &'static str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET")
            .arg("maxmemory")
            .arg(bytes)
            .arg("maxmemory-policy")
            .arg(policy);
        set
    };
    let () = limit("16mb", "allkeys-lru").query_async(&mut connection).await.unwrap();
    let value = "x".repeat(1_000);
    for batch in 0..50 {
        let mut pipe = redis::pipe();
        for key in 0..1_000 {
            pipe.set(format!("suho:evicted:{batch}:{key}"), &value).ignore();
        }
        let () = pipe.query_async(&mut connection).await.unwrap();
    }
    Made::undone_by(move || async move {
        let () = limit("768mb", "noeviction").query_async(&mut connection).await.unwrap();
    })
}
