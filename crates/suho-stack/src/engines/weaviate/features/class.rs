//! A class that nothing else uses, with a few ticks in it.

use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::super::super::http::Caller;
use super::super::super::{Endpoint, EngineError};
use super::super::client;

/// What is written of each object. Its vector is exact in the single precision that Weaviate stores.
pub(super) struct Tick {
    pub(super) text: &'static str,
    pub(super) symbol: &'static str,
    pub(super) venue: &'static str,
    pub(super) price: i64,
    pub(super) vector: [f64; 3],
}

/// The words are of different lengths and numbers, the vectors at different distances from everything that is asked.
pub(super) const TICKS: [Tick; 4] = [
    Tick {
        text: "gold rises",
        symbol: "XAU",
        venue: "first",
        price: 10_125,
        vector: [1.0, 0.0, 0.5],
    },
    Tick {
        text: "silver falls",
        symbol: "XAG",
        venue: "first",
        price: 130,
        vector: [0.5, 1.0, 0.0],
    },
    Tick {
        text: "gold gold copper",
        symbol: "XAU",
        venue: "second",
        price: 10_130,
        vector: [0.0, 0.25, 1.0],
    },
    Tick {
        text: "copper sleeps still",
        symbol: "XCU",
        venue: "second",
        price: 45,
        vector: [-0.5, 0.5, 0.25],
    },
];

/// Each change of the schema is one step after the other, and a write to the disk: more checks at once would only wait for
/// each other, and longer than a removal may take.
static TURNS: Semaphore = Semaphore::const_new(2);

/// A class under a scratch name, and who speaks to its server.
pub(super) struct Class<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) name: String,
    /// That of the check; nobody closes the semaphore.
    _turn: Option<SemaphorePermit<'static>>,
}

impl<'a> Class<'a> {
    /// Waits for the turn of a check that has this class.
    pub(super) async fn new(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        Ok(Self {
            _turn: TURNS.acquire().await.ok(),
            ..Self::another(endpoint)?
        })
    }

    /// One more class, in the same turn.
    pub(super) fn another(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        Ok(Self {
            caller: client::connect(endpoint)?,
            name: client::scratch_class(),
            _turn: None,
        })
    }

    /// The same class where its server is now.
    pub(super) fn on<'b>(&self, endpoint: &'b Endpoint) -> Result<Class<'b>, EngineError> {
        Ok(Class {
            name: self.name.clone(),
            ..Class::another(endpoint)?
        })
    }

    /// Creates the class: `vectors` by name with the metric of each, and whatever `more` says.
    pub(super) async fn create(&self, vectors: &[(&str, &str)], more: &Value) -> Result<(), EngineError> {
        let mut definition = json!({
            "class": self.name,
            "vectorConfig": by_name(vectors, |metric| json!({
                "vectorizer": {"none": {}},
                "vectorIndexType": "hnsw",
                "vectorIndexConfig": {"distance": metric},
            })),
            "properties": [
                {"name": "text", "dataType": ["text"]},
                {"name": "symbol", "dataType": ["text"], "tokenization": "field"},
                {"name": "venue", "dataType": ["text"], "tokenization": "field"},
                {"name": "price", "dataType": ["int"]},
            ],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            definition[key] = value.clone();
        }
        let action = "create a class";
        self.caller.post("/v1/schema", &definition, action).await.map(drop)
    }

    /// Inserts all ticks as a batch, with the same vector under each of `names`.
    pub(super) async fn insert(&self, names: &[&str], tenant: Option<&str>) -> Result<(), EngineError> {
        let action = "insert a batch";
        let objects: Vec<Value> = TICKS.iter().map(|tick| self.object(tick, names, tenant)).collect();
        let batch = json!({"objects": objects});
        let answer = self.caller.post("/v1/batch/objects", &batch, action).await?;
        // The batch is answered with success, and each object with its own.
        for object in answer.as_array().into_iter().flatten() {
            let status = &object["result"]["status"];
            if status != "SUCCESS" {
                let errors = object["result"]["errors"].to_string();
                return Err(self
                    .caller
                    .endpoint
                    .unexpected(action, "SUCCESS of each object", errors));
            }
        }
        Ok(())
    }

    fn object(&self, tick: &Tick, names: &[&str], tenant: Option<&str>) -> Value {
        let vectors: Vec<(&str, [f64; 3])> = names.iter().map(|name| (*name, tick.vector)).collect();
        let mut object = json!({
            "class": self.name,
            "properties": {"text": tick.text, "symbol": tick.symbol, "venue": tick.venue, "price": tick.price},
            "vectors": by_name(&vectors, |vector| json!(vector)),
        });
        if let Some(tenant) = tenant {
            object["tenant"] = json!(tenant);
        }
        object
    }

    /// The objects that a query with `arguments` gets, each with `fields`.
    pub(super) async fn get(&self, arguments: &str, fields: &str, action: &str) -> Result<Vec<Value>, EngineError> {
        let query = format!("{{ Get {{ {} {arguments} {{ {fields} }} }} }}", self.name);
        self.rows("Get", &query, action).await
    }

    /// The groups that an aggregation with `arguments` gets, each with `fields`.
    pub(super) async fn aggregate(
        &self,
        arguments: &str,
        fields: &str,
        action: &str,
    ) -> Result<Vec<Value>, EngineError> {
        let query = format!("{{ Aggregate {{ {} {arguments} {{ {fields} }} }} }}", self.name);
        self.rows("Aggregate", &query, action).await
    }

    /// GraphQL answers an error with success too.
    async fn rows(&self, what: &str, query: &str, action: &str) -> Result<Vec<Value>, EngineError> {
        let answer = self
            .caller
            .post("/v1/graphql", &json!({"query": query}), action)
            .await?;
        if let Some(message) = answer["errors"][0]["message"].as_str() {
            return Err(self.caller.endpoint.failed(action)(message));
        }
        let rows = answer["data"][what][&self.name].as_array();
        Ok(rows.cloned().unwrap_or_default())
    }

    /// The text and the vector `name` of each object, sorted by text.
    pub(super) async fn contents(&self, name: &str) -> Result<Vec<(String, Vec<f64>)>, EngineError> {
        let fields = format!("text _additional {{ vectors {{ {name} }} }}");
        let rows = self.get("", &fields, "read every object").await?;
        let mut contents: Vec<_> = rows
            .iter()
            .map(|row| (text(row), numbers(&row["_additional"]["vectors"][name])))
            .collect();
        contents.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(contents)
    }

    /// Sends `body`, which has to be accepted.
    pub(super) async fn submit(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        action: &str,
    ) -> Result<(), EngineError> {
        let path = format!("/v1/schema/{}{path}", self.name);
        let (status, words) = self.caller.status(method, &path, Some(body), action).await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(self.caller.endpoint.failed(action)(format!("{status}: {words}")))
        }
    }

    pub(super) async fn delete(&self) -> Result<(), EngineError> {
        client::delete_class(&self.caller, &self.name).await
    }
}

/// What [`Class::contents`] has to give.
pub(super) fn written() -> Vec<(String, Vec<f64>)> {
    let mut written: Vec<_> = TICKS
        .iter()
        .map(|tick| (tick.text.to_owned(), tick.vector.to_vec()))
        .collect();
    written.sort_by(|one, other| one.0.cmp(&other.0));
    written
}

pub(super) fn text(row: &Value) -> String {
    row["text"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn texts(rows: &[Value]) -> Vec<String> {
    rows.iter().map(text).collect()
}

/// Zero comes back as an integer, so numbers are read as numbers.
fn numbers(vector: &Value) -> Vec<f64> {
    let items = vector.as_array().into_iter().flatten();
    items.filter_map(Value::as_f64).collect()
}

fn by_name<T>(named: &[(&str, T)], write: impl Fn(&T) -> Value) -> Value {
    let fields = named.iter().map(|(name, value)| ((*name).to_owned(), write(value)));
    Value::Object(fields.collect::<Map<_, _>>())
}
