//! The scene of one check: a scratch database that is dropped whatever happens.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::super::asking::prove_and_remove;
use super::super::super::http::Caller;
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError};
use super::super::client;

/// Databases are created and dropped from within this one alone.
pub(super) const DATABASES: &str = "/_db/_system/_api/database";
/// The header that makes a request a part of a transaction.
const TRANSACTION: &str = "x-arango-trx-id";

/// Where a check plays.
pub(super) struct Scene<'a> {
    pub endpoint: &'a Endpoint,
    caller: Caller<'a>,
    pub name: String,
}

impl<'a> Scene<'a> {
    /// Creates nothing yet.
    pub(super) fn open(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        Ok(Self {
            endpoint,
            caller: client::connect(endpoint)?,
            name: Scratch::new().name,
        })
    }

    /// Creates the database, runs `proof`, and drops the database whatever came of it.
    pub(super) async fn prove<T>(
        &self,
        proof: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        let proof = async {
            self.create(json!({"name": self.name})).await?;
            proof.await
        };
        prove_and_remove(self.endpoint, Box::pin(proof), self.drop_database()).await
    }

    pub(super) async fn create(&self, database: Value) -> Result<(), EngineError> {
        let creating = format!("create the database {}", self.name);
        self.caller.post(DATABASES, &database, &creating).await.map(drop)
    }

    /// A database that was never created is gone as well.
    pub(super) async fn drop_database(&self) -> Result<(), EngineError> {
        let dropping = format!("drop the database {}", self.name);
        self.remove(&format!("{DATABASES}/{}", self.name), &dropping).await
    }

    /// Removes what `path` names, if it is there.
    pub(super) async fn remove(&self, path: &str, action: &str) -> Result<(), EngineError> {
        let request = self.caller.request(Method::DELETE, path);
        match self.caller.exchange(request, action).await? {
            (status, _) if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            (status, answer) => Err(self.endpoint.failed(action)(format!("{status}: {answer}"))),
        }
    }

    /// Requests outside of any transaction.
    pub(super) fn session(&'a self) -> Session<'a> {
        Session {
            scene: self,
            transaction: None,
        }
    }

    /// Requests within a new transaction that may write to `collection`.
    pub(super) async fn begin(&'a self, collection: &str) -> Result<Session<'a>, EngineError> {
        let beginning = "begin a transaction";
        let collections = json!({"collections": {"write": [collection]}});
        let begun = self
            .session()
            .send(Method::POST, "/_api/transaction/begin", &collections, beginning)
            .await?;
        match begun["result"]["id"].as_str() {
            Some(id) => Ok(Session {
                scene: self,
                transaction: Some(id.to_owned()),
            }),
            None => Err(self.endpoint.unexpected(beginning, "its id", begun.to_string())),
        }
    }
}

/// Requests to the database of a scene.
pub(super) struct Session<'a> {
    scene: &'a Scene<'a>,
    transaction: Option<String>,
}

impl Session<'_> {
    /// Sends a request, with `body` where it is not null; the answer of success.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        action: &str,
    ) -> Result<Value, EngineError> {
        let (status, answer) = self.exchange(method, path, body, action).await?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(self.scene.endpoint.failed(action)(format!("{status}: {answer}")))
        }
    }

    /// Sends a request that the server owes to refuse with `number`; its words.
    pub(super) async fn is_refused(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        action: &str,
        number: u64,
    ) -> Result<String, EngineError> {
        let (status, answer) = self.exchange(method, path, body, action).await?;
        if status.is_success() || answer["errorNum"] != number {
            let expected = format!("a refusal with the error {number}");
            let found = format!("{status}: {answer}");
            return Err(self.scene.endpoint.unexpected(action, expected, found));
        }
        let words = answer["errorMessage"].as_str().unwrap_or_default();
        Ok(format!("{} {number}, {words}", status.as_u16()))
    }

    /// What a query returns.
    pub(super) async fn query(&self, query: &str, bound: Value, action: &str) -> Result<Value, EngineError> {
        let query = json!({"query": query, "bindVars": bound});
        let mut answer = self.send(Method::POST, "/_api/cursor", &query, action).await?;
        Ok(answer["result"].take())
    }

    pub(super) async fn create_collection(&self, name: &str) -> Result<(), EngineError> {
        let creating = format!("create the collection {name}");
        let collection = json!({"name": name});
        self.send(Method::POST, "/_api/collection", &collection, &creating)
            .await
            .map(drop)
    }

    pub(super) async fn create_index(&self, collection: &str, index: &Value) -> Result<(), EngineError> {
        let path = format!("/_api/index?collection={collection}");
        let creating = format!("create an index of {collection}");
        self.send(Method::POST, &path, index, &creating).await.map(drop)
    }

    pub(super) async fn insert(&self, collection: &str, document: &Value) -> Result<(), EngineError> {
        let path = format!("/_api/document/{collection}");
        let inserting = format!("insert a document into {collection}");
        self.send(Method::POST, &path, document, &inserting).await.map(drop)
    }

    /// Ends the transaction as `method` says: PUT commits, DELETE aborts.
    pub(super) async fn end(&self, method: Method, status: &str) -> Result<(), EngineError> {
        let path = format!("/_api/transaction/{}", self.transaction.as_deref().unwrap_or_default());
        let ending = "end the transaction";
        // The transaction is named by the path here.
        let outside = self.scene.session();
        let answer = outside.send(method, &path, &Value::Null, ending).await?;
        let ended = &answer["result"]["status"];
        self.scene.endpoint.expect(ending, &json!(status), ended)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        action: &str,
    ) -> Result<(StatusCode, Value), EngineError> {
        let caller = &self.scene.caller;
        let mut request = caller.request(method, &format!("/_db/{}{path}", self.scene.name));
        if let Some(transaction) = &self.transaction {
            request = request.header(TRANSACTION, transaction);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        caller.exchange(request, action).await
    }
}
