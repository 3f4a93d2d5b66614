//! Against a server that gives the answers of `ArangoDB`'s documentation: they are its recorded shapes, not `ArangoDB`.

use std::collections::HashMap;
use std::sync::Mutex;

use super::super::endpoint::tests::local;
use super::recorded::{Answer, KNOWN, Request, serve};
use super::*;

const REFUSED: &str =
    r#"{"code":401,"error":true,"errorMessage":"not authorized to execute this request","errorNum":11}"#;

/// Documents by their collection; enough of a server for a round trip.
#[derive(Default)]
struct Recorded {
    documents: Mutex<HashMap<String, Option<String>>>,
    /// Lets everybody in, as a server with its authentication off does.
    open: bool,
}

impl Recorded {
    fn answer(&self, request: &Request) -> Answer {
        let mut documents = self.documents.lock().unwrap();
        let known = self.open || request.headers.get("authorization").is_some_and(|given| given == KNOWN);
        let body = &request.body;
        let parts: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["_admin", "server", "availability"]) => ("200 OK", r#"{"mode":"default"}"#.into()),
            _ if !known => ("401 Unauthorized", REFUSED.into()),
            ("GET", ["_api", "version"]) => (
                "200 OK",
                r#"{"server":"arango","license":"community","version":"3.12.4"}"#.into(),
            ),
            ("POST", ["_api", "cursor"]) => (
                "201 Created",
                r#"{"result":[1],"hasMore":false,"error":false,"code":201}"#.into(),
            ),
            ("POST", ["_api", "collection"]) => {
                let request: serde_json::Value = serde_json::from_str(body).unwrap();
                documents.insert(request["name"].as_str().unwrap().into(), None);
                ("200 OK", r#"{"error":false,"code":200,"type":2,"status":3}"#.into())
            }
            ("POST", ["_api", "document", collection]) => {
                documents.insert((*collection).into(), Some(body.clone()));
                (
                    "202 Accepted",
                    format!(r#"{{"_id":"{collection}/42","_key":"42","_rev":"_j0"}}"#),
                )
            }
            ("GET", ["_api", "document", collection, "42"]) => ("200 OK", documents[*collection].clone().unwrap()),
            ("DELETE", ["_api", "collection", collection]) if documents.remove(*collection).is_some() => {
                ("200 OK", r#"{"error":false,"code":200,"id":"9"}"#.into())
            }
            _ => (
                "404 Not Found",
                r#"{"code":404,"error":true,"errorMessage":"unknown path","errorNum":404}"#.into(),
            ),
        }
    }
}

async fn serving(recorded: Recorded) -> Endpoint {
    serve(move |request| recorded.answer(request)).await
}

#[tokio::test]
async fn recorded_an_available_server_is_ready_and_tells_its_version() {
    let endpoint = serving(Recorded::default()).await;

    assert_eq!(Arangodb.ready(&endpoint, &Waiting::new()).await, "3.12.4");
}

#[tokio::test]
async fn recorded_a_document_makes_the_round_trip_and_its_collection_is_dropped() {
    let endpoint = serving(Recorded::default()).await;

    let done = Arangodb.round_trip(&endpoint).await.unwrap();

    assert!(done.starts_with("inserted a document into probe_"), "{done}");
}

#[tokio::test]
async fn recorded_strangers_hear_the_servers_refusal() {
    let endpoint = serving(Recorded::default()).await;

    let Refusals::Refused { wrong, missing } = Arangodb.refuse_strangers(&endpoint).await.unwrap() else {
        panic!("ArangoDB knows credentials");
    };

    assert!(
        wrong.starts_with("401 Unauthorized: ") && wrong.contains("not authorized"),
        "{wrong}"
    );
    assert_eq!(wrong, missing);
}

#[tokio::test]
async fn recorded_a_server_without_authentication_lets_strangers_in() {
    let endpoint = serving(Recorded {
        open: true,
        ..Recorded::default()
    })
    .await;

    let outcome = Arangodb.refuse_strangers(&endpoint).await;

    assert!(matches!(outcome, Err(EngineError::LetIn { .. })), "{outcome:?}");
}

#[test]
fn the_variables_lead_to_the_published_port() {
    let endpoint = local("suho-arangodb", &[(8529, 40005)], &[("ARANGO_ROOT_PASSWORD", "ar1")]);

    assert_eq!(
        Arangodb.variables(&endpoint).unwrap(),
        [
            ("ARANGODB_URL", "http://127.0.0.1:40005".to_owned()),
            ("ARANGODB_USER", "root".to_owned()),
            ("ARANGODB_PASSWORD", "ar1".to_owned()),
        ]
    );
}
