//! A class, one object in it, and its vector.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::asking::and_remove;
use super::super::http::Caller;
use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client;

/// One object of a class that nothing else uses.
struct Probe {
    class: String,
    id: String,
    value: String,
    /// Eighths are exact in the single precision that Weaviate stores.
    vector: [f64; 3],
}

impl Probe {
    fn new() -> Self {
        Self {
            class: client::scratch_class(),
            id: random_uuid(),
            value: Scratch::new().value,
            vector: std::array::from_fn(|_| f64::from(rand::random::<i8>()) / 8.0),
        }
    }

    fn class_definition(&self) -> Value {
        json!({
            "class": self.class,
            "vectorizer": "none",
            "properties": [{"name": "value", "dataType": ["text"]}],
        })
    }

    fn object(&self) -> Value {
        json!({
            "class": self.class,
            "id": self.id,
            "properties": {"value": self.value},
            "vector": self.vector,
        })
    }
}

/// Creates the class, puts the object, gets it by its id, and deletes the class.
pub(super) async fn run(endpoint: &Endpoint) -> Result<String, EngineError> {
    let caller = client::connect(endpoint)?;
    let probe = Probe::new();
    and_remove(
        endpoint,
        check(&caller, &probe),
        client::delete_class(&caller, &probe.class),
    )
    .await?;
    Ok(format!(
        "put an object into the class {} and got it back with its vector",
        probe.class
    ))
}

async fn check(caller: &Caller<'_>, probe: &Probe) -> Result<(), EngineError> {
    let Probe {
        class,
        id,
        value,
        vector,
    } = probe;
    let creating = format!("create the class {class}");
    caller.post("/v1/schema", &probe.class_definition(), &creating).await?;
    let putting = format!("put an object into {class}");
    caller.post("/v1/objects", &probe.object(), &putting).await?;

    let getting = format!("get the object of {class}");
    let path = format!("/v1/objects/{class}/{id}?include=vector");
    let found = caller.send(Method::GET, &path, &getting).await?;
    caller.endpoint.expect(
        &getting,
        &(Some(value.as_str()), vector.to_vec()),
        &(found["properties"]["value"].as_str(), numbers(&found["vector"])),
    )
}

/// Zero comes back as an integer, so numbers are compared as numbers.
fn numbers(vector: &Value) -> Vec<f64> {
    vector
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

/// A UUID of version 4.
fn random_uuid() -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0x3 << 62;
    let bits = rand::random::<u128>() & !VERSION & !VARIANT | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_a_uuid_of_version_4() {
        let uuid = random_uuid();
        let groups: Vec<_> = uuid.split('-').map(str::len).collect();

        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
}
