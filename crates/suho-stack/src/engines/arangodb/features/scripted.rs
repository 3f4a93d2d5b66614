//! A server that follows a script: each request has to be the next one of it, and gets the recorded answer.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::super::super::{Endpoint, EngineError, Evidence, Subject};
use super::super::recorded::{Answer, KNOWN, Request, serve};

/// One request and its answer. `{db}`, `{user}` and `{password}` stand for the scratch names.
#[derive(Debug, Clone)]
struct Exchange {
    /// `POST /_db/{db}/_api/collection`.
    line: String,
    /// The body that the request has to have; none where it differs from run to run.
    body: Option<Value>,
    /// The transaction that the request has to name.
    transaction: Option<&'static str>,
    status: &'static str,
    answer: Value,
    /// Given again for as long as the same is asked.
    repeats: bool,
}

/// What a client is to ask, and what it is told.
#[derive(Debug, Default, Clone)]
pub(super) struct Script {
    exchanges: VecDeque<Exchange>,
}

impl Script {
    /// Begins as every check does: with a database of a scratch name.
    pub(super) fn in_a_database() -> Self {
        Self::default().then(
            "POST /_db/_system/_api/database",
            json!({"name": "{db}"}),
            "201 Created",
            json!({"error": false, "code": 201, "result": true}),
        )
    }

    /// Goes on with a request of `line` and `body`, and its answer. A body that is null differs from run to run.
    pub(super) fn then(mut self, line: &str, body: Value, status: &'static str, answer: Value) -> Self {
        self.exchanges.push_back(Exchange {
            line: line.replace('~', "/_db/{db}/_api"),
            body: Some(body).filter(|body| !body.is_null()),
            transaction: None,
            status,
            answer,
            repeats: false,
        });
        self
    }

    /// The last request named this transaction.
    pub(super) fn within(mut self, transaction: &'static str) -> Self {
        self.exchanges.back_mut().unwrap().transaction = Some(transaction);
        self
    }

    /// The last request comes again and again, and is answered alike.
    pub(super) fn again_and_again(mut self) -> Self {
        self.exchanges.back_mut().unwrap().repeats = true;
        self
    }

    pub(super) fn collection(self, name: &str) -> Self {
        let answer = json!({"error": false, "code": 200, "id": "9", "name": name, "type": 2, "status": 3});
        self.then("POST ~/collection", json!({"name": name}), "200 OK", answer)
    }

    pub(super) fn index(self, collection: &str, index: Value) -> Self {
        let mut answer = index.clone();
        answer["id"] = json!(format!("{collection}/1"));
        answer["isNewlyCreated"] = json!(true);
        let line = format!("POST ~/index?collection={collection}");
        self.then(&line, index, "201 Created", answer)
    }

    pub(super) fn insert(self, collection: &str, document: Value) -> Self {
        let key = document["_key"].as_str().unwrap_or("42");
        let answer = json!({"_id": format!("{collection}/{key}"), "_key": key, "_rev": "_j0"});
        self.then(
            &format!("POST ~/document/{collection}"),
            document,
            "202 Accepted",
            answer,
        )
    }

    /// A query, whatever it says, that returns `result`.
    pub(super) fn query(self, result: &Value) -> Self {
        let answer = json!({"result": result, "hasMore": false, "cached": false, "error": false, "code": 201});
        self.then("POST ~/cursor", Value::Null, "201 Created", answer)
    }

    /// The last request but refused, with the number and the words of an error.
    pub(super) fn refused(self, line: &str, body: Value, status: &'static str, number: u64, words: &str) -> Self {
        let code: u64 = status[..3].parse().unwrap();
        let answer = json!({"code": code, "error": true, "errorNum": number, "errorMessage": words});
        self.then(line, body, status, answer)
    }

    /// Ends as every check does, also one that fails: the database is dropped.
    pub(super) fn dropped(self) -> Self {
        self.then(
            "DELETE /_db/_system/_api/database/{db}",
            Value::Null,
            "200 OK",
            json!({"error": false, "code": 200, "result": true}),
        )
    }

    /// Plays the script to the check `name`; every line of it has to be asked for, and nothing else.
    pub(super) async fn play(self, name: &str) -> Result<Evidence, EngineError> {
        let stage = Arc::new(Mutex::new(Stage {
            script: self,
            names: BTreeMap::new(),
            complaints: Vec::new(),
        }));
        let played = Arc::clone(&stage);
        let endpoint = serve(move |request| played.lock().unwrap().answer(request)).await;
        let outcome = checked(&endpoint, name).await;
        let stage = stage.lock().unwrap();
        assert!(stage.complaints.is_empty(), "{:#?}, {outcome:?}", stage.complaints);
        let left = stage
            .script
            .exchanges
            .iter()
            .filter(|exchange| !exchange.repeats)
            .count();
        assert_eq!(left, 0, "{:#?} was not asked for: {outcome:?}", stage.script.exchanges);
        outcome
    }
}

async fn checked(endpoint: &Endpoint, name: &str) -> Result<Evidence, EngineError> {
    let subject = Subject {
        endpoint,
        neighbours: &BTreeMap::new(),
        restart: None,
    };
    let feature = super::FEATURES.iter().find(|feature| feature.name == name).unwrap();
    (feature.check)(&subject).await
}

/// A script that is being played.
struct Stage {
    script: Script,
    /// The scratch names of this run, by what stands for them.
    names: BTreeMap<&'static str, String>,
    complaints: Vec<String>,
}

impl Stage {
    fn answer(&mut self, request: &Request) -> Answer {
        self.learn_names(request);
        while let Some(exchange) = self.script.exchanges.front().cloned() {
            let is_next = self.is_asked(&exchange, request);
            if !is_next && !exchange.repeats {
                break;
            }
            if !exchange.repeats || !is_next {
                self.script.exchanges.pop_front();
            }
            if is_next {
                return (exchange.status, self.filled_in(&exchange.answer.to_string()));
            }
        }
        let Request { method, path, body, .. } = request;
        let expected = self.script.exchanges.front();
        let complaint = format!("{method} {path} {body} instead of {expected:?}");
        self.complaints.push(complaint);
        ("500 Internal Server Error", r#"{"error":"not in the script"}"#.into())
    }

    /// The scratch names are those of the request that creates the database.
    fn learn_names(&mut self, request: &Request) {
        if request.method != "POST" || request.path != "/_db/_system/_api/database" {
            return;
        }
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let user = &body["users"][0];
        for (placeholder, name) in [
            ("{db}", &body["name"]),
            ("{user}", &user["username"]),
            ("{password}", &user["passwd"]),
        ] {
            self.names
                .insert(placeholder, name.as_str().unwrap_or_default().to_owned());
        }
    }

    fn is_asked(&self, exchange: &Exchange, request: &Request) -> bool {
        let line = format!("{} {}", request.method, request.path);
        let body = |text: &str| serde_json::from_str::<Value>(text).ok();
        let expected = exchange.body.as_ref().map(|body| self.filled_in(&body.to_string()));
        let by_root = request.headers.get("authorization").is_some_and(|given| given == KNOWN);
        self.filled_in(&exchange.line) == line
            && expected.is_none_or(|expected| body(&expected) == body(&request.body))
            && exchange.transaction == request.headers.get("x-arango-trx-id").map(String::as_str)
            // Of all requests this one alone is the new user's.
            && by_root != line.ends_with("/_api/database/user")
    }

    fn filled_in(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (placeholder, name)| {
            text.replace(placeholder, name)
        })
    }
}
