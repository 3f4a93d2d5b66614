//! Against a server that gives the answers of `ArangoDB`'s documentation: they are its recorded shapes, not `ArangoDB`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::super::super::endpoint::tests::local;
use super::super::super::{Engine, EngineError};
use super::super::Arangodb;
use super::super::recorded::{Answer, KNOWN, Request, serve};
use super::*;

/// Databases and users by their names, with the body that made each.
#[derive(Default)]
struct Recorded {
    databases: Mutex<BTreeMap<String, Value>>,
    users: Mutex<BTreeMap<String, Value>>,
}

impl Recorded {
    fn answer(&self, request: &Request) -> Answer {
        let (mut databases, mut users) = (self.databases.lock().unwrap(), self.users.lock().unwrap());
        let by_root = request.headers.get("authorization").is_some_and(|given| given == KNOWN);
        let parts: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["_db", "_system", "_api", "database"]) if by_root => {
                let database: Value = serde_json::from_str(&request.body).unwrap();
                let user = database["users"][0].clone();
                users.insert(user["username"].as_str().unwrap().into(), user);
                databases.insert(database["name"].as_str().unwrap().into(), database);
                ("201 Created", r#"{"error":false,"code":201,"result":true}"#.into())
            }
            ("DELETE", ["_db", "_system", "_api", "database", name]) if by_root => match databases.remove(*name) {
                Some(_) => ("200 OK", r#"{"error":false,"code":200,"result":true}"#.into()),
                None => (
                    "404 Not Found",
                    r#"{"error":true,"errorNum":1228,"errorMessage":"database not found","code":404}"#.into(),
                ),
            },
            ("DELETE", ["_db", "_system", "_api", "user", name]) if by_root => match users.remove(*name) {
                Some(_) => ("202 Accepted", r#"{"error":false,"code":202}"#.into()),
                None => (
                    "404 Not Found",
                    r#"{"error":true,"errorNum":1703,"errorMessage":"user not found","code":404}"#.into(),
                ),
            },
            ("GET", ["_db", name, "_api", "version"]) if !by_root && databases.contains_key(*name) => {
                ("200 OK", r#"{"server":"arango","version":"3.12.4"}"#.into())
            }
            _ => (
                "401 Unauthorized",
                r#"{"code":401,"error":true,"errorNum":11,"errorMessage":"not authorized to execute this request"}"#
                    .into(),
            ),
        }
    }
}

async fn serving() -> (Endpoint, Arc<Recorded>) {
    let recorded = Arc::new(Recorded::default());
    let served = Arc::clone(&recorded);
    (serve(move |request| served.answer(request)).await, recorded)
}

#[tokio::test]
async fn recorded_a_tenant_has_a_database_and_a_user_until_it_is_removed() {
    let (endpoint, server) = serving().await;
    let tenant = TenantName::random();

    let room = Databases.make(&endpoint, &tenant, &Migrations::new()).await.unwrap();

    let user = server.users.lock().unwrap()[tenant.as_str()].clone();
    assert_eq!(user["passwd"], room.get("password"));
    assert_eq!(user["active"], true);
    let handle = ArangodbTenant::new(endpoint.clone(), room);
    let version = handle.request(Method::GET, "/_api/version", None).await.unwrap();
    assert_eq!(version["version"], "3.12.4");
    assert!(handle.url().unwrap().ends_with(&format!("/_db/{tenant}")));

    // Once more is no error.
    for _ in 0..2 {
        Databases.remove(&endpoint, &tenant).await.unwrap();
    }
    assert!(server.databases.lock().unwrap().is_empty() && server.users.lock().unwrap().is_empty());
}

#[tokio::test]
async fn recorded_a_room_that_was_half_made_is_removed_by_its_name() {
    let (endpoint, server) = serving().await;
    let tenant = TenantName::random();
    let failing = Migrations::new().function("seed", "1", |way_in| async move {
        assert_eq!(way_in.variables[1].0, "ARANGODB_DATABASE");
        Err("the seed fails".into())
    });

    let error = Databases.make(&endpoint, &tenant, &failing).await.unwrap_err();
    Databases.remove(&endpoint, &tenant).await.unwrap();

    assert!(error.in_full().ends_with("the seed fails"), "{error:?}");
    assert!(server.databases.lock().unwrap().is_empty() && server.users.lock().unwrap().is_empty());
}

#[tokio::test]
async fn recorded_scripts_and_snapshots_are_not_offered() {
    let (endpoint, server) = serving().await;
    let tenant = TenantName::random();
    let script = Migrations::new().script("seed.aql", "RETURN 1");

    let error = Databases.make(&endpoint, &tenant, &script).await.unwrap_err();
    assert!(matches!(error, EngineError::NotOffered { .. }), "{error:?}");
    assert!(server.databases.lock().unwrap().is_empty());

    let room = Databases.make(&endpoint, &tenant, &Migrations::new()).await.unwrap();
    for outcome in [
        Databases.snapshot(&endpoint, &room, "full").await,
        Databases.restore(&endpoint, &room, "full").await,
    ] {
        assert!(matches!(outcome, Err(EngineError::NotOffered { .. })), "{outcome:?}");
    }
}

#[test]
fn the_users_variables_name_a_server_and_who_asks_there() {
    let set = [
        ("ARANGODB_URL", "http://graphs.local:8529"),
        ("ARANGODB_USER", "ann"),
        ("ARANGODB_PASSWORD", "ar1"),
    ];
    let lookup = |wanted: &str| {
        let found = set.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    };

    let named = Arangodb.named_by(&lookup).unwrap().unwrap();

    let expected = set.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(Arangodb.variables(&named).unwrap(), expected);
    assert_eq!(Arangodb.named_by(&|_| None).unwrap(), None);
    let deployed = local("suho-arangodb", &[(8529, 1)], &[("ARANGO_ROOT_PASSWORD", "ar1")]);
    assert_eq!(Arangodb.variables(&deployed).unwrap()[1].1, "root");
}
