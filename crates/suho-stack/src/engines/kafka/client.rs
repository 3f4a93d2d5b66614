//! librdkafka: how it is configured, what it says by the way, and where its blocking calls run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use super::super::login::{Login, Programs};
use super::super::{Endpoint, EngineError, Place};

/// The listener for the host and that for the network: each tells its clients another address to go on at.
pub(super) const PUBLISHED_PORT: u16 = 9092;
const NETWORK_PORT: u16 = 29092;
pub(super) const PROGRAMS: Programs = Programs {
    user: "suho",
    named_by: "SUHO_KAFKA_USER",
    password: "SUHO_KAFKA_PASSWORD",
};
pub(super) const PROTOCOL: &str = "SASL_PLAINTEXT";
/// The protocol of those who do not log in.
pub(super) const PLAINTEXT: &str = "PLAINTEXT";
pub(super) const MECHANISM: &str = "PLAIN";

/// `host:port` of the listener for this place.
pub(super) fn address(endpoint: &Endpoint) -> Result<String, EngineError> {
    endpoint.address(match endpoint.place {
        Place::Host => PUBLISHED_PORT,
        Place::Network => NETWORK_PORT,
    })
}

/// A configuration without credentials.
///
/// librdkafka waits for a large cluster to recover; the short times are for one broker that is about to start.
pub(super) fn unknown(endpoint: &Endpoint) -> Result<ClientConfig, EngineError> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", address(endpoint)?)
        .set("client.id", "suho-stack")
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "50")
        .set("retry.backoff.ms", "20")
        .set("socket.connection.setup.timeout.ms", "1000")
        .set("topic.metadata.refresh.fast.interval.ms", "20");
    Ok(config)
}

/// A configuration that logs in so; none where the broker asks for nobody.
pub(super) fn with_login(endpoint: &Endpoint, login: Option<&Login>) -> Result<ClientConfig, EngineError> {
    let mut config = unknown(endpoint)?;
    if let Some(Login { user, password }) = login {
        config
            .set("security.protocol", PROTOCOL)
            .set("sasl.mechanism", MECHANISM)
            .set("sasl.username", user)
            .set("sasl.password", password.expose());
    }
    Ok(config)
}

/// A configuration that logs in as the service user.
pub(super) fn known(endpoint: &Endpoint) -> Result<ClientConfig, EngineError> {
    with_login(endpoint, PROGRAMS.login(endpoint)?.as_ref())
}

/// The variables with which programs find the broker and log in so.
pub(super) fn variables(
    endpoint: &Endpoint,
    login: Option<&Login>,
) -> Result<Vec<(&'static str, String)>, EngineError> {
    let mut variables = vec![("KAFKA_BOOTSTRAP_SERVERS", address(endpoint)?)];
    match login {
        Some(Login { user, password }) => variables.extend([
            ("KAFKA_SECURITY_PROTOCOL", PROTOCOL.to_owned()),
            ("KAFKA_SASL_MECHANISM", MECHANISM.to_owned()),
            ("KAFKA_SASL_USERNAME", user.clone()),
            ("KAFKA_SASL_PASSWORD", password.expose().to_owned()),
        ]),
        None => variables.push(("KAFKA_SECURITY_PROTOCOL", PLAINTEXT.to_owned())),
    }
    Ok(variables)
}

/// Hears what librdkafka says besides its answers: why a broker refuses a client is said nowhere else.
#[derive(Debug, Default)]
pub(super) struct Words {
    last: Mutex<Option<(RDKafkaErrorCode, String)>>,
}

impl Words {
    /// The last error since it was taken.
    pub(super) fn take(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ClientContext for Words {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        // That no broker is left follows from the refusal before it, and says less.
        if code != RDKafkaErrorCode::AllBrokersDown {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Words {}

/// A client of librdkafka. Its calls block, and so does its end, so both happen on threads of their own.
pub(super) struct Blocking<C: Send + Sync + 'static> {
    /// Empty only while it is dropped.
    client: Option<Arc<C>>,
}

impl<C> Blocking<C>
where
    C: FromClientConfigAndContext<Words> + Send + Sync + 'static,
{
    /// A client that connects when it is first asked.
    pub(super) fn new(endpoint: &Endpoint, config: &ClientConfig) -> Result<Self, EngineError> {
        let client = C::from_config_and_context(config, Words::default());
        Ok(Self {
            client: Some(Arc::new(client.map_err(endpoint.failed("prepare a client"))?)),
        })
    }

    /// The client, for those of its calls that do not block.
    pub(super) fn client(&self) -> KafkaResult<&Arc<C>> {
        self.client.as_ref().ok_or(KafkaError::Canceled)
    }

    /// Runs `work` on another thread. Once begun it ends by itself alone, so it must have a short limit of its own.
    pub(super) async fn call<T, W>(&self, work: W) -> KafkaResult<T>
    where
        T: Send + 'static,
        W: FnOnce(&C) -> KafkaResult<T> + Send + 'static,
    {
        let client = Arc::clone(self.client()?);
        let working = tokio::task::spawn_blocking(move || work(&client));
        working.await.unwrap_or(Err(KafkaError::Canceled))
    }
}

impl<C: Send + Sync + 'static> Drop for Blocking<C> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            std::thread::spawn(move || drop(client));
        }
    }
}

/// Polls for as long as it takes librdkafka to hand over what it has heard, which it does one by one.
pub(super) fn listen(consumer: &BaseConsumer<Words>) {
    const SILENCE: Duration = Duration::from_millis(20);
    let start = Instant::now();
    while start.elapsed() < SILENCE {
        consumer.poll(Duration::from_millis(1));
    }
}
