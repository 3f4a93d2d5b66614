//! Whether a registry can be reached from this machine.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

use crate::registry::host::address;

/// A registry that takes longer to answer a connection is as good as none.
const PATIENCE: Duration = Duration::from_secs(2);

/// True where `registry`, as an image reference names it (`docker.io`, `cr.weaviate.io`), takes a connection.
///
/// It is asked from this machine: the Docker engine may know a proxy or a mirror that this machine does not.
pub async fn is_reachable(registry: &str) -> bool {
    matches!(
        timeout(PATIENCE, TcpStream::connect(address(registry))).await,
        Ok(Ok(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_registry_is_reachable_where_something_listens() -> Result<(), std::io::Error> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let registry = listener.local_addr()?.to_string();

        assert!(is_reachable(&registry).await);
        drop(listener);
        assert!(!is_reachable(&registry).await);
        Ok(())
    }
}
