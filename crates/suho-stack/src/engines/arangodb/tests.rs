//! Against a server that gives the answers of `ArangoDB`'s documentation: they are its recorded shapes, not `ArangoDB`.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::super::endpoint::tests::local;
use super::recorded::{Answer, KNOWN, Request, serve};
use super::*;
use crate::deployment::{Deployment, Files, Secret, SettingKind, SettingValue, Variables};

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

/// What the server would say that it runs with, if it ran with the deployment's files.
fn told(settings: &[Setting]) -> Map<String, Value> {
    let typed = |text: &str| match (text.parse::<bool>(), settings::number(text)) {
        (Ok(switch), _) => json!(switch),
        (_, Some(number)) => json!(number),
        _ => json!(text),
    };
    let options = settings.iter().filter(|setting| setting.kind == SettingKind::File);
    options
        .map(|option| (option.key.clone(), typed(option.value.expose())))
        .collect()
}

fn another(value: &Value) -> Value {
    match value {
        Value::Bool(switch) => json!(!switch),
        Value::Number(number) => json!(number.as_f64().unwrap() + 1.0),
        _ => json!("another"),
    }
}

/// What is found of `settings` at a server that says it runs with `options`.
async fn findings(settings: &[Setting], options: Map<String, Value>) -> Vec<Finding> {
    let options = Value::Object(options).to_string();
    let endpoint = serve(move |request| match request.path.as_str() {
        settings::OPTIONS => ("200 OK", options.clone()),
        _ => (
            "200 OK",
            "arangodb_server_statistics_effective_physical_memory{role=\"SINGLE\"} 2147483648\n\
             arangodb_server_statistics_effective_cpu_cores{role=\"SINGLE\"} 2\n"
                .to_owned(),
        ),
    })
    .await;
    settings::prove(&endpoint, settings).await.unwrap()
}

/// `arangod.conf` cannot be mutated where there is no `arangod`, so the server's answer is.
#[tokio::test]
async fn recorded_every_option_that_the_server_has_otherwise_or_not_at_all_is_named() {
    let files = Files::embedded();
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(&files, &["docker-compose.yml"]).unwrap());
    let deployment = Deployment::read(&files, &["docker-compose.yml"], &variables).unwrap();
    let mut settings = Setting::of(deployment.service("suho-arangodb").unwrap(), &files).unwrap();
    for setting in settings.iter_mut().filter(|setting| setting.value.is_secret()) {
        // The one that the recorded server lets in.
        setting.value = SettingValue::Secret(Secret::new("ar1"));
    }
    let options = told(&settings);
    for finding in findings(&settings, options.clone()).await {
        assert!(finding.verdict.is_fine(), "{finding:?}");
    }

    let mut caught = 0;
    for key in options.keys() {
        let mut changed = options.clone();
        changed[key] = another(&options[key]);
        let mut lacking = options.clone();
        lacking.remove(key);
        for mutated in [changed, lacking] {
            for (setting, finding) in settings.iter().zip(findings(&settings, mutated).await) {
                assert_eq!(
                    finding.verdict.is_fine(),
                    setting.key != *key,
                    "{}: {finding:?}",
                    setting.key
                );
            }
            caught += 1;
        }
    }
    println!(
        "suho-arangodb, by recorded answers: {caught} of {} mutations caught",
        options.len() * 2
    );
    assert!(caught > 30);
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
