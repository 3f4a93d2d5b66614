//! A session, and the words of four letters that the server answers.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zookeeper_client::Client;

use super::super::{Endpoint, EngineError};

const PORT: u16 = 2181;
/// The shortest that the server grants at its tick of two seconds.
const SESSION: Duration = Duration::from_secs(4);

/// `host:port`.
pub(super) fn address(endpoint: &Endpoint) -> Result<String, EngineError> {
    endpoint.address(PORT)
}

/// A session. One attempt, so that a refused connection is told at once.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Client, EngineError> {
    Client::connector()
        .with_session_timeout(SESSION)
        .with_fail_eagerly()
        .connect(&address(endpoint)?)
        .await
        .map_err(endpoint.failed("open a session"))
}

/// The version, of a server that has a mode and therefore serves.
pub(super) async fn version(endpoint: &Endpoint) -> Result<String, EngineError> {
    const ACTION: &str = "ask srvr";
    let answer = word(endpoint, "srvr").await?;
    version_in(&answer).ok_or_else(|| endpoint.failed(ACTION)(format!("it answered {:?}", answer.trim())))
}

/// What the server answers to `word`, one of those of four letters.
pub(super) async fn word(endpoint: &Endpoint, word: &str) -> Result<String, EngineError> {
    let address = address(endpoint)?;
    answer_to(&address, word)
        .await
        .map_err(endpoint.failed(format!("ask {word}")))
}

async fn answer_to(address: &str, word: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(word.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// `3.9.3` from `Zookeeper version: 3.9.3-c26634f3…, built on …`.
fn version_in(answer: &str) -> Option<String> {
    answer.lines().find(|line| line.starts_with("Mode:"))?;
    let version = answer
        .lines()
        .find_map(|line| line.strip_prefix("Zookeeper version: "))?;
    Some(version.split(['-', ',']).next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "Zookeeper version: 3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17\nMode: standalone\n",
        Some("3.9.3")
    )]
    #[case("This ZooKeeper instance is not currently serving requests\n", None)]
    #[case("srvr is not executed because it is not in the whitelist.\n", None)]
    fn only_a_server_with_a_mode_has_a_version(#[case] answer: &str, #[case] expected: Option<&str>) {
        assert_eq!(version_in(answer).as_deref(), expected);
    }
}
