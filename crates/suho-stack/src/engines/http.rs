//! Requests to the engines that are spoken to over HTTP.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use super::{Endpoint, EngineError};

/// A peer that accepts a connection and says nothing must not hold an attempt for ever.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// As much of an answer as an error quotes.
const QUOTE: usize = 300;

/// How a client proves who it is.
pub(super) enum Credentials<'a> {
    /// `Authorization: Bearer …`.
    #[cfg(feature = "weaviate")]
    Bearer(&'a str),
    /// `Authorization: Basic …`.
    #[cfg_attr(
        not(any(feature = "arangodb", feature = "dragonflydb")),
        expect(dead_code, reason = "ZooKeeper asks for no credentials")
    )]
    Basic(&'a str, &'a str),
}

/// One engine's HTTP interface, as somebody in particular calls it.
pub(super) struct Caller<'a> {
    pub endpoint: &'a Endpoint,
    base: String,
    credentials: Option<Credentials<'a>>,
    client: Client,
}

impl<'a> Caller<'a> {
    /// Calls `base`, which is `http://host:port`. No proxy of the machine's has a part in this.
    pub(super) fn new(
        endpoint: &'a Endpoint,
        base: String,
        credentials: Option<Credentials<'a>>,
    ) -> Result<Self, EngineError> {
        // Engines are called without TLS, and reading the host's certificates takes longer than most answers.
        let client = Client::builder()
            .no_proxy()
            .tls_built_in_root_certs(false)
            .timeout(ANSWER_LIMIT)
            .build();
        Ok(Self {
            endpoint,
            base,
            credentials,
            client: client.map_err(endpoint.failed("prepare a client"))?,
        })
    }

    /// The text of an answer of success.
    pub(super) async fn text(&self, path: &str, action: &str) -> Result<String, EngineError> {
        let answer = self.answer(Method::GET, path, None, action).await?;
        let status = answer.status();
        let body = answer.text().await.map_err(self.endpoint.failed(action))?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(self.endpoint.failed(action)(format!("{status}: {}", quote(&body))))
        }
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        action: &str,
    ) -> Result<Response, EngineError> {
        let mut request = self.signed(self.client.request(method, format!("{}{path}", self.base)));
        if let Some(body) = body {
            request = request.json(body);
        }
        request
            .send()
            .await
            .map_err(|error| self.endpoint.failed(action)(error.without_url()))
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            #[cfg(feature = "weaviate")]
            Some(Credentials::Bearer(key)) => request.bearer_auth(key),
            Some(Credentials::Basic(user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }
}

#[cfg(any(feature = "arangodb", feature = "weaviate"))]
impl Caller<'_> {
    /// Sends a request without a body and returns the answer's JSON; `action` is for the error.
    pub(super) async fn send(&self, method: Method, path: &str, action: &str) -> Result<Value, EngineError> {
        json(self.endpoint, action, self.answer(method, path, None, action).await?).await
    }

    /// Sends `body` as JSON and returns the answer's.
    pub(super) async fn post(&self, path: &str, body: &Value, action: &str) -> Result<Value, EngineError> {
        let answer = self.answer(Method::POST, path, Some(body), action).await?;
        json(self.endpoint, action, answer).await
    }

    /// The status of a request and the first words of its answer, whatever they are.
    pub(super) async fn status(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        action: &str,
    ) -> Result<(reqwest::StatusCode, String), EngineError> {
        let answer = self.answer(method, path, body, action).await?;
        let status = answer.status();
        let body = answer.text().await.map_err(self.endpoint.failed(action))?;
        Ok((status, quote(&body)))
    }
}

/// Where a refusal is an answer like others: `ArangoDB` tells its reason by a number and takes a transaction in a header,
/// Weaviate says by it whether it knows users of its own.
#[cfg(any(feature = "arangodb", feature = "weaviate"))]
impl Caller<'_> {
    /// A request to which a body and headers can be added.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.signed(self.client.request(method, format!("{}{path}", self.base)))
    }

    /// What a tenant asks in its own words: the JSON of an answer of success, null where it has no body.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        let action = format!("ask {method} {path}");
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        match self.exchange(request, &action).await? {
            (status, answer) if status.is_success() => Ok(answer),
            (status, answer) => Err(self.endpoint.failed(action)(format!("{status}: {answer}"))),
        }
    }

    /// Sends `request`; the status and the JSON of the answer, be it a refusal.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        action: &str,
    ) -> Result<(reqwest::StatusCode, Value), EngineError> {
        let answer = request
            .send()
            .await
            .map_err(|error| self.endpoint.failed(action)(error.without_url()))?;
        let status = answer.status();
        let body = answer.text().await.map_err(self.endpoint.failed(action))?;
        if body.is_empty() {
            return Ok((status, Value::Null));
        }
        let answer = serde_json::from_str(&body);
        let answer = answer.map_err(self.endpoint.failed(format!("{action}: read {}", quote(&body))))?;
        Ok((status, answer))
    }
}

/// The host and the port of `url`, which the user gives for `service` in `variable`.
#[cfg(any(feature = "arangodb", feature = "weaviate"))]
pub(super) fn named(service: &str, variable: &'static str, url: &str) -> Result<(String, u16), EngineError> {
    let bad = |reason: String| EngineError::BadVariable {
        service: service.to_owned(),
        variable,
        reason,
    };
    let read = reqwest::Url::parse(url).map_err(|error| bad(error.to_string()))?;
    match (
        read.scheme(),
        read.host_str(),
        read.port_or_known_default(),
        read.path(),
    ) {
        ("http", Some(host), Some(port), "/") => Ok((host.to_owned(), port)),
        _ => Err(bad("only http://host:port is understood".to_owned())),
    }
}

/// The answer's JSON, null for an empty body; an answer of failure is an error with its words.
#[cfg(any(feature = "arangodb", feature = "weaviate"))]
async fn json(endpoint: &Endpoint, action: &str, answer: Response) -> Result<Value, EngineError> {
    let status = answer.status();
    let body = answer.text().await.map_err(endpoint.failed(action))?;
    if !status.is_success() {
        return Err(endpoint.failed(action)(format!("{status}: {}", quote(&body))));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).map_err(endpoint.failed(format!("{action}: read {}", quote(&body))))
}

/// A value as a configuration writes it: texts without quotes, lists with a comma between their items.
#[cfg(any(feature = "arangodb", feature = "weaviate"))]
pub(super) fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn quote(body: &str) -> String {
    body.trim().chars().take(QUOTE).collect()
}

#[cfg(all(test, any(feature = "arangodb", feature = "weaviate")))]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://10.0.0.5:40004", Some(("10.0.0.5", 40004)))]
    #[case("http://vectors.local/", Some(("vectors.local", 80)))]
    #[case("http://[::1]:8080", Some(("[::1]", 8080)))]
    #[case("https://vectors.local", None)]
    #[case("http://vectors.local/v1", None)]
    #[case("vectors.local:8080", None)]
    fn a_url_of_the_users_is_a_host_and_a_port(#[case] url: &str, #[case] expected: Option<(&str, u16)>) {
        let found = named("suho-weaviate", "WEAVIATE_URL", url).ok();

        let found = found.as_ref().map(|(host, port)| (host.as_str(), *port));
        assert_eq!(found, expected);
    }
}
