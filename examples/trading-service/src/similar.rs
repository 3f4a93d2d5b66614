//! Instruments alike, in Weaviate.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::Error;

/// A collection of instruments, each with a vector that says how it behaves.
pub struct Similar {
    client: Client,
    url: String,
    key: String,
    collection: String,
}

impl Similar {
    /// Makes the collection where it is missing.
    pub async fn open(url: &str, key: &str, collection: &str) -> Result<Self, Error> {
        let similar = Self {
            client: Client::builder().no_proxy().build()?,
            url: url.to_owned(),
            key: key.to_owned(),
            collection: collection.to_owned(),
        };
        let collections = similar.ask(Method::GET, "schema", &Value::Null).await?;
        let classes = collections["classes"].as_array();
        if !classes.is_some_and(|classes| classes.iter().any(|class| class["class"] == collection)) {
            let class = json!({
                "class": collection,
                "vectorizer": "none",
                "properties": [{"name": "symbol", "dataType": ["text"]}],
            });
            similar.ask(Method::POST, "schema", &class).await?;
        }
        Ok(similar)
    }

    /// Adds an instrument.
    pub async fn add(&self, symbol: &str, vector: &[f32]) -> Result<(), Error> {
        let object = json!({
            "class": self.collection,
            "properties": {"symbol": symbol},
            "vector": vector,
        });
        self.ask(Method::POST, "objects", &object).await?;
        Ok(())
    }

    /// The instruments nearest to `vector`, the nearest first.
    pub async fn nearest(&self, vector: &[f32], count: usize) -> Result<Vec<String>, Error> {
        let collection = &self.collection;
        let query =
            format!("{{ Get {{ {collection}(nearVector: {{vector: {vector:?}}}, limit: {count}) {{ symbol }} }} }}");
        let answer = self.ask(Method::POST, "graphql", &json!({"query": query})).await?;
        let found = answer["data"]["Get"][collection]
            .as_array()
            .ok_or_else(|| format!("Weaviate answered {answer}"))?;
        Ok(found
            .iter()
            .filter_map(|object| object["symbol"].as_str().map(str::to_owned))
            .collect())
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value, Error> {
        let mut request = self
            .client
            .request(method, format!("{}/v1/{path}", self.url))
            .bearer_auth(&self.key);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            return Err(format!("Weaviate answered {status}: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }
}
