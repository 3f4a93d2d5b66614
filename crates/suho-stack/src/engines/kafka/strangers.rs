//! How the broker refuses those whom it does not know.

use std::io;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::asking::Stranger;
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};
use super::client::{self, Blocking, Words, listen};

/// One try for the metadata, after which librdkafka is asked what it heard.
const TRY: Duration = Duration::from_millis(200);

/// Asks for the metadata until the broker gives them or refuses.
pub(super) async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let refusal = match stranger {
        Stranger::WrongPassword => with_wrong_password(endpoint).await?,
        Stranger::NoPassword => without_credentials(&client::address(endpoint)?)
            .await
            .map_err(endpoint.failed(stranger.action()))?,
    };
    refusal.ok_or_else(|| stranger.was_let_in(endpoint))
}

/// The broker's words, or nothing if it gave the metadata.
async fn with_wrong_password(endpoint: &Endpoint) -> Result<Option<String>, EngineError> {
    let config = client::with_password(endpoint, &wrong_password())?;
    let consumer = Blocking::<BaseConsumer<Words>>::new(endpoint, &config)?;
    let action = Stranger::WrongPassword.action();
    loop {
        match consumer.call(|consumer| Ok(try_metadata(consumer))).await {
            Ok(Answer::Served) => return Ok(None),
            Ok(Answer::Refused(words)) => return Ok(Some(words)),
            Ok(Answer::Trouble(words)) => return Err(endpoint.failed(action)(words)),
            Ok(Answer::Silence) => {}
            Err(error) => return Err(endpoint.failed(action)(error)),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Served,
    Refused(String),
    Trouble(String),
    Silence,
}

fn try_metadata(consumer: &BaseConsumer<Words>) -> Answer {
    if consumer.fetch_metadata(None, TRY).is_ok() {
        return Answer::Served;
    }
    listen(consumer);
    consumer.context().take().map_or(Answer::Silence, classify)
}

/// Only the broker's own word on the credentials is a refusal.
fn classify((code, words): (RDKafkaErrorCode, String)) -> Answer {
    match code {
        RDKafkaErrorCode::Authentication => Answer::Refused(words),
        _ => Answer::Trouble(words),
    }
}

/// What a client does that knows of no passwords, in Kafka's protocol: librdkafka would only tell that it was disconnected.
///
/// The broker answers on the same connection which versions it knows, so it is reached and serves; the first request
/// that needs a name makes it hang up. Nothing is returned if it answers that one too.
async fn without_credentials(address: &str) -> io::Result<Option<String>> {
    let mut stream = TcpStream::connect(address).await?;
    ask(&mut stream, API_VERSIONS).await?;
    match ask(&mut stream, METADATA).await {
        Ok(()) => Ok(None),
        Err(error) if hung_up(&error) => Ok(Some(
            "it told its versions and hung up at the first request without a name".to_owned(),
        )),
        Err(error) => Err(error),
    }
}

fn hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// Length; key 18, version 0, correlation 1, no client's name.
const API_VERSIONS: &[u8] = &[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];
/// Length; key 3, version 1, correlation 2, no client's name, no topics.
const METADATA: &[u8] = &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0, 0, 0, 0];

/// Sends a request and reads past its answer.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> io::Result<()> {
    stream.write_all(request).await?;
    let length = stream.read_u32().await?;
    let read = tokio::io::copy(&mut stream.take(length.into()), &mut tokio::io::sink()).await?;
    if read == u64::from(length) {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::super::Engine;
    use super::super::super::endpoint::tests::local;
    use super::super::Kafka;
    use super::*;

    /// A broker that answers so many requests, each with four bytes, and hangs up.
    async fn broker_of(answers: usize) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            for _ in 0..answers {
                let length = stream.read_u32().await?;
                stream.read_exact(&mut vec![0; length as usize]).await?;
                stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 1]).await?;
            }
            Ok::<_, io::Error>(())
        });
        Ok(address)
    }

    #[tokio::test]
    async fn a_broker_that_hangs_up_at_the_second_request_has_refused() -> io::Result<()> {
        assert!(without_credentials(&broker_of(1).await?).await?.is_some());
        Ok(())
    }

    #[tokio::test]
    async fn a_broker_that_answers_both_requests_lets_strangers_in() -> io::Result<()> {
        assert_eq!(without_credentials(&broker_of(2).await?).await?, None);
        Ok(())
    }

    #[tokio::test]
    async fn a_broker_that_hangs_up_at_once_has_refused_nobody() -> io::Result<()> {
        assert!(without_credentials(&broker_of(0).await?).await.is_err());
        Ok(())
    }

    #[test]
    fn only_failed_authentication_is_a_refusal() {
        let words = || "SASL authentication error".to_owned();

        assert_eq!(
            classify((RDKafkaErrorCode::Authentication, words())),
            Answer::Refused(words())
        );
        assert_eq!(
            classify((RDKafkaErrorCode::BrokerTransportFailure, words())),
            Answer::Trouble(words())
        );
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_has_refused_nobody() {
        let endpoint = local("suho-kafka", &[(9092, 1)], &[("SUHO_KAFKA_PASSWORD", "ka1")]);

        let outcome = Kafka.refuse_strangers(&endpoint).await;

        assert!(matches!(outcome, Err(EngineError::Failed { .. })), "{outcome:?}");
    }
}
