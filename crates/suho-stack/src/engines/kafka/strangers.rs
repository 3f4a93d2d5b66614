//! How the broker refuses those whom it does not know.

use std::io;

use super::super::asking::Stranger;
use super::super::scratch::wrong_password;
use super::super::{Endpoint, EngineError};
use super::client;
use super::wire::Wire;

/// Asks for what only a known client may have.
pub(super) async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let address = client::address(endpoint)?;
    let refusal = match stranger {
        Stranger::WrongPassword => with_wrong_password(&address).await,
        Stranger::NoPassword => without_credentials(&address).await,
    };
    refusal
        .map_err(endpoint.failed(stranger.action()))?
        .ok_or_else(|| stranger.was_let_in(endpoint))
}

/// The broker's words, or nothing if it took the password.
async fn with_wrong_password(address: &str) -> io::Result<Option<String>> {
    let mut wire = Wire::connect(address).await?;
    Ok(wire.log_in(client::PROGRAMS.user, &wrong_password()).await?.err())
}

/// What a client does that knows of no passwords.
///
/// The broker tells its versions to everybody, so it is reached and serves; at the first request that needs a name it
/// hangs up without a word. Nothing is returned if it answers that one too.
async fn without_credentials(address: &str) -> io::Result<Option<String>> {
    let mut wire = Wire::connect(address).await?;
    wire.versions().await?;
    match wire.metadata().await {
        Ok(()) => Ok(None),
        Err(error) if hung_up(&error) => Ok(Some(
            "told its versions and hung up at the first request without a login".to_owned(),
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::super::Engine;
    use super::super::super::endpoint::tests::local;
    use super::super::Kafka;
    use super::*;

    /// A broker that gives these answers, each after its header, and hangs up.
    async fn broker(answers: &'static [&'static [u8]]) -> io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            for answer in answers {
                let length = stream.read_u32().await?;
                stream.read_exact(&mut vec![0; length as usize]).await?;
                let length = u32::try_from(4 + answer.len()).map_err(io::Error::other)?;
                stream.write_all(&length.to_be_bytes()).await?;
                stream.write_all(&[&[0, 0, 0, 1], *answer].concat()).await?;
            }
            // Taken and not answered, so that it is the answer that is missing.
            stream.read_u8().await
        });
        Ok(address)
    }

    const FINE: &[u8] = &[0, 0];

    #[tokio::test]
    async fn a_broker_that_hangs_up_at_the_second_request_has_refused() -> io::Result<()> {
        assert!(without_credentials(&broker(&[FINE]).await?).await?.is_some());
        Ok(())
    }

    #[tokio::test]
    async fn a_broker_that_answers_both_requests_lets_strangers_in() -> io::Result<()> {
        assert_eq!(without_credentials(&broker(&[FINE, FINE]).await?).await?, None);
        Ok(())
    }

    #[tokio::test]
    async fn a_broker_that_hangs_up_at_once_has_refused_nobody() -> io::Result<()> {
        assert!(without_credentials(&broker(&[]).await?).await.is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_wrong_password_is_refused_by_its_error_code_alone() -> io::Result<()> {
        let refused = broker(&[FINE, &[0, 58, 0, 6, b'F', b'a', b'i', b'l', b'e', b'd']]).await?;
        assert_eq!(with_wrong_password(&refused).await?.as_deref(), Some("Failed"));

        let taken = broker(&[FINE, &[0, 0, 0xff, 0xff]]).await?;
        assert_eq!(with_wrong_password(&taken).await?, None);

        let plaintext = broker(&[&[0, 34]]).await?;
        assert!(with_wrong_password(&plaintext).await.is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_broker_that_is_not_there_has_refused_nobody() {
        let endpoint = local("suho-kafka", &[(9092, 1)], &[("SUHO_KAFKA_PASSWORD", "ka1")]);

        let outcome = Kafka.refuse_strangers(&endpoint).await;

        assert!(matches!(outcome, Err(EngineError::Failed { .. })), "{outcome:?}");
    }
}
