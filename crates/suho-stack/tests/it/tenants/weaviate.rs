use std::{collections::BTreeSet, sync::Arc, time::Instant};

use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use suho_stack::{
    engines::{
        self, Endpoint, EngineError, Subject, Tenancy,
        tenancy::{Migrations, Room, TenantName},
        weaviate::{Method, WeaviateTenant},
    },
    stack::{ImageSource, Stack},
};

use crate::warm;

const SERVICE: &str = "suho-weaviate";

fn tenancy() -> Arc<dyn Tenancy> {
    engines::by_service(SERVICE).unwrap().tenancy().unwrap()
}

/// A new tenant.
struct Lodger {
    room: Room,
    handle: WeaviateTenant,
}

impl Lodger {
    async fn new(endpoint: &Endpoint) -> Self {
        let room = tenancy()
            .make(endpoint, &TenantName::random(), &Migrations::new())
            .await
            .unwrap();
        let handle = WeaviateTenant::new(endpoint.clone(), room.clone());
        Self { room, handle }
    }

    /// Creates the collection `name` with a vector under `vector`.
    async fn create(&self, name: &str, vector: &str) -> String {
        let definition = json!({
            "vectorConfig": {vector: {"vectorizer": {"none": {}}, "vectorIndexType": "hnsw"}},
            "properties": [
                {"name": "text", "dataType": ["text"]},
                {"name": "price", "dataType": ["number"]},
            ],
        });
        self.handle.create_collection(name, definition).await.unwrap()
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Value, EngineError> {
        let body = Some(body).filter(|body| !body.is_null());
        self.handle.request(method, path, body.as_ref()).await
    }

    async fn insert(&self, collection: &str, vector: &str, count: u32) {
        let objects: Vec<Value> = (0..count)
            .map(|number| {
                json!({
                    "class": collection,
                    "id": format!("00000000-0000-4000-8000-{number:012x}"),
                    "properties": {"text": self.room.tenant.as_str(), "price": number},
                    "vectors": {vector: [f64::from(number), 0.5, -0.25]},
                })
            })
            .collect();
        let answer = self
            .ask(Method::POST, "/v1/batch/objects", json!({"objects": objects}))
            .await
            .unwrap();
        let answers = answer.as_array().unwrap();
        assert!(
            answers.iter().all(|object| object["result"]["status"] == "SUCCESS"),
            "{answer}"
        );
    }

    /// All objects of `collection` by GraphQL: the price and the vector of each, sorted.
    async fn contents(&self, collection: &str, vector: &str) -> Vec<(f64, Vec<f64>)> {
        let query =
            format!("{{ Get {{ {collection} (limit: 10000) {{ price _additional {{ vectors {{ {vector} }} }} }} }} }}");
        let answer = self.query(&query).await;
        let mut contents: Vec<(f64, Vec<f64>)> = answer["data"]["Get"][collection]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"))
            .iter()
            .map(|row| {
                let numbers = row["_additional"]["vectors"][vector].as_array().unwrap();
                let numbers = numbers.iter().map(|number| number.as_f64().unwrap()).collect();
                (row["price"].as_f64().unwrap(), numbers)
            })
            .collect();
        contents.sort_by(|one, other| one.0.total_cmp(&other.0));
        contents
    }

    async fn query(&self, query: &str) -> Value {
        self.ask(Method::POST, "/v1/graphql", json!({"query": query}))
            .await
            .unwrap()
    }
}

const SOME_ID: &str = "00000000-0000-4000-8000-000000000000";

/// What `intruder` tries with what is `victim`'s, through every door of the REST interface.
fn intrusions(intruder: &Lodger, victim: &Lodger) -> Vec<(Method, String, Value)> {
    let theirs = victim.handle.collection("Instrument").unwrap();
    let own = intruder.handle.collection("Instrument").unwrap();
    let prefix = victim.handle.prefix();
    let object = json!({"class": theirs, "properties": {"text": "forged"}, "vectors": {"trend": [1, 2, 3]}});
    let everything = json!({"path": ["price"], "operator": "GreaterThan", "valueNumber": -1});
    vec![
        (Method::GET, format!("/v1/objects?class={theirs}"), Value::Null),
        (Method::GET, "/v1/objects".to_owned(), Value::Null),
        (Method::GET, format!("/v1/objects/{SOME_ID}"), Value::Null),
        (Method::GET, format!("/v1/objects/{theirs}/{SOME_ID}"), Value::Null),
        (
            Method::GET,
            format!("/v1/objects/{own}/../{theirs}/{SOME_ID}"),
            Value::Null,
        ),
        (
            Method::GET,
            format!("/v1/objects/{own}%2F..%2F{theirs}/{SOME_ID}"),
            Value::Null,
        ),
        (Method::GET, "/v1/objects?class=*".to_owned(), Value::Null),
        (Method::DELETE, format!("/v1/objects/{theirs}/{SOME_ID}"), Value::Null),
        (Method::PUT, format!("/v1/objects/{theirs}/{SOME_ID}"), object.clone()),
        (Method::POST, "/v1/objects".to_owned(), object.clone()),
        (
            Method::POST,
            "/v1/batch/objects".to_owned(),
            json!({"objects": [object]}),
        ),
        (
            Method::DELETE,
            "/v1/batch/objects".to_owned(),
            json!({"match": {"class": theirs, "where": everything}}),
        ),
        (
            Method::DELETE,
            "/v1/batch/objects".to_owned(),
            json!({"match": {"class": "*", "where": everything}}),
        ),
        (Method::DELETE, format!("/v1/schema/{theirs}"), Value::Null),
        (
            Method::PUT,
            format!("/v1/schema/{theirs}"),
            json!({"class": theirs, "description": "forged"}),
        ),
        (
            Method::POST,
            format!("/v1/schema/{theirs}/properties"),
            json!({"name": "x", "dataType": ["text"]}),
        ),
        (
            Method::POST,
            "/v1/schema".to_owned(),
            json!({"class": format!("{prefix}Forged")}),
        ),
        (Method::POST, "/v1/schema".to_owned(), json!({"class": "Forged"})),
        (
            Method::POST,
            "/v1/aliases".to_owned(),
            json!({"alias": format!("{}A", intruder.handle.prefix()), "class": theirs}),
        ),
        (Method::POST, "/v1/users/db/intruder".to_owned(), Value::Null),
        (
            Method::DELETE,
            format!("/v1/users/db/{}", victim.room.tenant),
            Value::Null,
        ),
        (
            Method::POST,
            format!("/v1/users/db/{}/rotate-key", victim.room.tenant),
            Value::Null,
        ),
        (
            Method::POST,
            format!("/v1/authz/users/{}/assign", intruder.room.tenant),
            json!({"roles": [victim.room.tenant.as_str()], "userType": "db"}),
        ),
        (
            Method::DELETE,
            format!("/v1/authz/roles/{}", victim.room.tenant),
            Value::Null,
        ),
        (
            Method::POST,
            "/v1/backups/filesystem".to_owned(),
            json!({"id": "stolen", "include": [theirs]}),
        ),
    ]
}

#[tokio::test]
async fn a_tenant_neither_reads_nor_changes_what_is_anothers() {
    let endpoint = warm::endpoint(SERVICE).await;
    let (one, other) = (Lodger::new(&endpoint).await, Lodger::new(&endpoint).await);
    for lodger in [&one, &other] {
        let collection = lodger.create("Instrument", "trend").await;
        lodger.insert(&collection, "trend", 3).await;
        assert!(lodger.room.not_offered[0].contains("definitions of all collections"));
    }

    for (intruder, victim) in [(&one, &other), (&other, &one)] {
        let theirs = victim.handle.collection("Instrument").unwrap();
        for (method, path, body) in intrusions(intruder, victim) {
            let outcome = intruder.ask(method.clone(), &path, body).await;
            let words = outcome.expect_err(&format!("{method} {path}")).in_full();
            assert!(
                ["403", "404"].iter().any(|status| words.contains(status)),
                "{method} {path}: {words}"
            );
        }
        for query in [
            format!("{{ Get {{ {theirs} {{ text }} }} }}"),
            format!("{{ Aggregate {{ {theirs} {{ meta {{ count }} }} }} }}"),
        ] {
            let answer = intruder.query(&query).await;
            assert!(
                answer["errors"][0]["message"].as_str().unwrap().contains("forbidden"),
                "{answer}"
            );
            assert!(answer["data"]["Get"][&theirs].is_null() && answer["data"]["Aggregate"][&theirs].is_null());
        }
    }
    for lodger in [&one, &other] {
        let collection = lodger.handle.collection("Instrument").unwrap();
        assert_eq!(lodger.contents(&collection, "trend").await.len(), 3);
        tenancy().remove(&endpoint, &lodger.room.tenant).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_tenants_made_at_once_have_a_key_each() {
    let endpoint = warm::endpoint(SERVICE).await;

    let began = Instant::now();
    let lodgers = join_all((0..12).map(|_| Lodger::new(&endpoint))).await;
    println!("12 makers at once: {:?}", began.elapsed());

    let keys: BTreeSet<&str> = lodgers.iter().map(|lodger| lodger.handle.api_key()).collect();
    assert_eq!(keys.len(), 12);
    let tenancy = tenancy();
    let removed = join_all(
        lodgers
            .iter()
            .map(|lodger| tenancy.remove(&endpoint, &lodger.room.tenant)),
    );
    assert!(removed.await.iter().all(Result::is_ok));
}

/// A server that is lent to tenants grants what the deployment's does to the users of its start.
#[tokio::test]
async fn every_setting_of_a_lent_server_is_in_effect() {
    let stack = warm::stack().await;
    let neighbours = stack.endpoints();
    let subject = Subject {
        endpoint: &neighbours[SERVICE],
        neighbours: &neighbours,
        restart: None,
    };
    let settings = &stack.state().member(SERVICE).unwrap().settings;

    let engine = engines::by_service(SERVICE).unwrap();
    let findings = engine.prove_settings(&subject, settings).await.unwrap();

    assert!(
        settings
            .iter()
            .any(|setting| setting.key == "AUTHORIZATION_RBAC_ENABLED")
    );
    for (setting, finding) in settings.iter().zip(findings) {
        assert!(finding.verdict.is_fine(), "{}: {finding:?}", setting.key);
    }
}

/// A reference is a way into the collection that it names.
#[tokio::test]
async fn a_reference_to_anothers_object_does_not_show_it() {
    let endpoint = warm::endpoint(SERVICE).await;
    let (one, other) = (Lodger::new(&endpoint).await, Lodger::new(&endpoint).await);
    let theirs = other.create("Instrument", "trend").await;
    other.insert(&theirs, "trend", 1).await;
    let refers = json!({"properties": [{"name": "of", "dataType": [theirs]}]});

    let own = one.handle.create_collection("Spy", refers).await.unwrap();
    let beacon = format!("weaviate://localhost/{theirs}/{SOME_ID}");
    let object = json!({"class": own, "properties": {"of": [{"beacon": beacon}]}});
    let written = one.ask(Method::POST, "/v1/objects", object).await;
    let seen = one
        .query(&format!(
            "{{ Get {{ {own} {{ of {{ ... on {theirs} {{ text }} }} }} }} }}"
        ))
        .await;

    assert!(
        !seen.to_string().contains(other.room.tenant.as_str()),
        "{written:?} {seen}"
    );
    for lodger in [&one, &other] {
        tenancy().remove(&endpoint, &lodger.room.tenant).await.unwrap();
    }
}

#[rstest]
#[case("")]
#[case("a/b")]
#[case("../Instrument")]
#[case("a\"b")]
#[case("*")]
#[case("a b")]
#[case("Gräser")]
#[tokio::test]
async fn what_cannot_be_a_name_is_refused_before_the_server_is_asked(#[case] name: &str) {
    let endpoint = Endpoint {
        service: SERVICE.to_owned(),
        place: engines::Place::Host,
        host: "127.0.0.1".to_owned(),
        ports: [(8080, 1)].into(),
        environment: [].into(),
    };
    let room = Room::new(TenantName::random()).with("prefix", "T0_");
    let handle = WeaviateTenant::new(endpoint, room);

    let error = handle.create_collection(name, json!({})).await.unwrap_err();

    assert!(matches!(error, EngineError::Unexpected { .. }), "{error:?}");
}

/// All that the server has of `tenant`: collections, aliases, users, roles.
async fn traces(endpoint: &Endpoint, tenant: &TenantName) -> String {
    let key = &engines::by_service(SERVICE).unwrap().variables(endpoint).unwrap()[1].1;
    let service_user = WeaviateTenant::new(endpoint.clone(), Room::new(tenant.clone()).with("api_key", key));
    let mut traces = String::new();
    for path in ["/v1/schema", "/v1/aliases", "/v1/users/db", "/v1/authz/roles"] {
        let answer = service_user.request(Method::GET, path, None).await.unwrap().to_string();
        if answer.contains(tenant.as_str().trim_start_matches('t')) {
            traces.push_str(path);
        }
    }
    traces
}

#[tokio::test]
async fn a_removed_tenant_leaves_nothing_also_when_it_was_half_made() {
    let endpoint = warm::endpoint(SERVICE).await;
    let tenant = TenantName::random();
    let failing = Migrations::new().function("seed", "1", {
        let endpoint = endpoint.clone();
        let tenant = tenant.clone();
        move |way_in| {
            let (endpoint, tenant) = (endpoint.clone(), tenant.clone());
            async move {
                let room = Room::new(tenant)
                    .with("api_key", way_in.variables[1].1.expose())
                    .with("prefix", way_in.variables[2].1.expose());
                let handle = WeaviateTenant::new(endpoint, room.clone());
                let class = handle.create_collection("Seeded", json!({})).await?;
                let alias = json!({"alias": handle.collection("Alias")?, "class": class});
                handle.request(Method::POST, "/v1/aliases", Some(&alias)).await?;
                Err("the seed fails".into())
            }
        }
    });

    let error = tenancy().make(&endpoint, &tenant, &failing).await.unwrap_err();
    assert!(error.in_full().ends_with("the seed fails"), "{}", error.in_full());
    assert_eq!(
        traces(&endpoint, &tenant).await,
        "/v1/schema/v1/aliases/v1/users/db/v1/authz/roles"
    );
    // Made again after a crash, snapshots and all.
    let room = tenancy().make(&endpoint, &tenant, &Migrations::new()).await.unwrap();
    tenancy().snapshot(&endpoint, &room, "kept").await.unwrap();
    for _ in 0..2 {
        tenancy().remove(&endpoint, &tenant).await.unwrap();
    }

    assert_eq!(traces(&endpoint, &tenant).await, "");
    let lost = WeaviateTenant::new(endpoint.clone(), room)
        .request(Method::GET, "/v1/schema", None)
        .await;
    assert!(lost.unwrap_err().in_full().contains("401"));
}

#[tokio::test]
async fn collections_are_again_what_they_were_at_a_snapshot() {
    let endpoint = warm::endpoint(SERVICE).await;
    let lodger = Lodger::new(&endpoint).await;
    let collection = lodger.create("Instrument", "trend").await;
    lodger.insert(&collection, "trend", 250).await;
    let before = lodger.contents(&collection, "trend").await;
    assert_eq!(before.len(), 250);
    let tenancy = tenancy();

    tenancy.snapshot(&endpoint, &lodger.room, "after import").await.unwrap();
    let everything = json!({"path": ["price"], "operator": "GreaterThan", "valueNumber": -1});
    let deletion = json!({"match": {"class": collection, "where": everything}});
    lodger.ask(Method::DELETE, "/v1/batch/objects", deletion).await.unwrap();
    let later = lodger.create("Later", "trend").await;
    assert_eq!(lodger.contents(&collection, "trend").await, []);
    tenancy.restore(&endpoint, &lodger.room, "after import").await.unwrap();

    assert_eq!(lodger.contents(&collection, "trend").await, before);
    let gone = lodger
        .ask(Method::GET, &format!("/v1/schema/{later}"), Value::Null)
        .await;
    assert!(gone.unwrap_err().in_full().contains("404"));
    let error = tenancy.restore(&endpoint, &lodger.room, "unknown").await.unwrap_err();
    assert!(error.in_full().contains("none, take it first"), "{}", error.in_full());
    tenancy.remove(&endpoint, &lodger.room.tenant).await.unwrap();
}

#[tokio::test]
async fn a_collection_with_tenants_of_its_own_is_not_kept_in_a_snapshot() {
    let endpoint = warm::endpoint(SERVICE).await;
    let lodger = Lodger::new(&endpoint).await;
    let definition = json!({"multiTenancyConfig": {"enabled": true}});
    lodger.handle.create_collection("Shared", definition).await.unwrap();

    let error = tenancy().snapshot(&endpoint, &lodger.room, "full").await.unwrap_err();

    assert!(matches!(error, EngineError::NotOffered { .. }), "{error:?}");
    assert!(error.in_full().contains("tenants of its own"), "{}", error.in_full());
    tenancy().remove(&endpoint, &lodger.room.tenant).await.unwrap();
}

/// The deployment's own server, which nobody has prepared for tenants: a server that the user names.
#[tokio::test]
async fn a_server_that_knows_no_users_keeps_tenants_apart_by_name_and_says_so() {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.start().await.unwrap();
    let engine = engines::by_service(SERVICE).unwrap();
    let variables = engine.variables(stack.endpoint(SERVICE).unwrap()).unwrap();
    let lookup = |wanted: &str| {
        let found = variables.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.clone())
    };
    let named = engine.named_by(&lookup).unwrap().unwrap();

    let lodger = Lodger::new(&named).await;
    let collection = lodger.create("Instrument", "trend").await;
    lodger.insert(&collection, "trend", 2).await;

    assert!(lodger.room.not_offered[0].contains("by the names of their collections alone"));
    assert_eq!(lodger.handle.api_key(), variables[1].1);
    assert_eq!(lodger.contents(&collection, "trend").await.len(), 2);
    tenancy().remove(&named, &lodger.room.tenant).await.unwrap();
    let gone = lodger
        .ask(Method::GET, &format!("/v1/schema/{collection}"), Value::Null)
        .await;
    assert!(gone.unwrap_err().in_full().contains("404"));
    stack.stop().await.unwrap();
}
