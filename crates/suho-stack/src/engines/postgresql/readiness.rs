//! Whether the initialisation is over and the server serves the service user.

use tokio_postgres::Row;

use super::super::{Endpoint, EngineError};
use super::client;

/// The last file of the initialisation writes the marker; the server of the initialisation is not on TCP.
const QUESTION: &str = "SELECT current_setting('server_version') AS server,
           pg_is_in_recovery() AS recovering,
           (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
           (SELECT count(*) FROM infra.init_done) AS markers";

/// The versions of the server and the extension, once both serve.
pub(super) async fn ask(endpoint: &Endpoint) -> Result<String, EngineError> {
    const ACTION: &str = "read the marker of the initialisation";
    let session = client::connect(endpoint).await?;
    let row = session
        .query_one(QUESTION, &[])
        .await
        .map_err(endpoint.failed(ACTION))?;
    let answer = Answer::read(&row).map_err(endpoint.failed(ACTION))?;
    endpoint.expect("leave recovery", false, answer.recovering)?;
    endpoint.expect("have the extension timescaledb", true, answer.timescaledb.is_some())?;
    endpoint.expect("finish the initialisation", true, answer.markers > 0)?;
    Ok(answer.version())
}

struct Answer {
    server: String,
    recovering: bool,
    timescaledb: Option<String>,
    markers: i64,
}

impl Answer {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            server: row.try_get("server")?,
            recovering: row.try_get("recovering")?,
            timescaledb: row.try_get("timescaledb")?,
            markers: row.try_get("markers")?,
        })
    }

    /// `17.12, TimescaleDB 2.19.3`: without the packager's addition in brackets.
    fn version(&self) -> String {
        let server = self.server.split_whitespace().next().unwrap_or_default();
        let timescaledb = self.timescaledb.as_deref().unwrap_or_default();
        format!("{server}, TimescaleDB {timescaledb}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_names_server_and_extension_without_the_packager() {
        let answer = Answer {
            server: "17.12 (Debian 17.12-1)".into(),
            recovering: false,
            timescaledb: Some("2.19.3".into()),
            markers: 1,
        };

        assert_eq!(answer.version(), "17.12, TimescaleDB 2.19.3");
    }
}
