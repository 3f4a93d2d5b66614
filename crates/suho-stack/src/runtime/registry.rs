//! Whether a registry can be reached from this machine.

use std::time::Duration;

use tokio::{net::TcpStream, time::timeout};

/// A registry that takes longer to answer a connection is as good as none.
const PATIENCE: Duration = Duration::from_secs(2);

/// True where `registry`, as an image reference names it (`docker.io`, `cr.weaviate.io`), takes a connection.
///
/// It is asked from this machine: the Docker engine may know a proxy or a mirror that this machine does not.
pub async fn is_reachable(registry: &str) -> bool {
    let address = match registry {
        // Its name in references is not the name of the host that serves it.
        "docker.io" => "registry-1.docker.io:443".to_owned(),
        with_port if with_port.contains(':') => with_port.to_owned(),
        host => format!("{host}:443"),
    };
    matches!(timeout(PATIENCE, TcpStream::connect(&address)).await, Ok(Ok(_)))
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
