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
    if client::is_named_by_user(endpoint) {
        // It was not initialised by the platform, so there is no marker to wait for.
        let row = session.query_one("SHOW server_version", &[]).await;
        return row
            .and_then(|row| row.try_get(0))
            .map_err(endpoint.failed("ask for its version"));
    }
    let row = session
        .query_one(QUESTION, &[])
        .await
        .map_err(endpoint.failed(ACTION))?;
    let answer = Answer::read(&row).map_err(endpoint.failed(ACTION))?;
    answer.version(endpoint)
}

/// Logs in and asks for the least that there is.
pub(super) async fn greet(endpoint: &Endpoint) -> Result<(), EngineError> {
    let session = client::connect(endpoint).await?;
    let answer = session.batch_execute("SELECT 1").await;
    answer.map_err(endpoint.failed("ask for the least"))
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
    fn version(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        const ACTION: &str = "finish the initialisation";
        if self.recovering {
            return Err(endpoint.unexpected(ACTION, "a server that takes writes", "one in recovery"));
        }
        if self.markers == 0 {
            return Err(endpoint.unexpected(ACTION, "a row in infra.init_done", "none"));
        }
        let Some(timescaledb) = &self.timescaledb else {
            return Err(endpoint.unexpected(ACTION, "the extension timescaledb", "none"));
        };
        let server = self.server.split_whitespace().next().unwrap_or_default();
        Ok(format!("{server}, TimescaleDB {timescaledb}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::endpoint::tests::local;
    use super::*;

    fn ready() -> Answer {
        Answer {
            server: "17.12 (Debian 17.12-1)".into(),
            recovering: false,
            timescaledb: Some("2.19.3".into()),
            markers: 1,
        }
    }

    #[test]
    fn the_version_names_server_and_extension_without_the_packager() {
        let version = ready().version(&local("suho-postgresql", &[], &[]));

        assert_eq!(version.ok().as_deref(), Some("17.12, TimescaleDB 2.19.3"));
    }

    #[rstest]
    #[case(Answer { recovering: true, ..ready() }, "in recovery")]
    #[case(Answer { timescaledb: None, ..ready() }, "the extension timescaledb")]
    #[case(Answer { markers: 0, ..ready() }, "infra.init_done")]
    fn a_server_that_lacks_something_is_not_ready_and_says_what(#[case] answer: Answer, #[case] lacking: &str) {
        let outcome = answer.version(&local("suho-postgresql", &[], &[]));

        assert!(outcome.is_err_and(|error| error.to_string().contains(lacking)));
    }
}
