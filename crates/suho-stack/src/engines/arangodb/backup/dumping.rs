use bytes::Bytes;
use md5::{Digest, Md5};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::super::super::EngineError;
use super::super::super::backup::{self as keeping, NewFile, Packing, Vault, file_name};
use super::database::{Database, name};
use super::{ABOUT, DATA, STRUCTURE, VIEW, is_kept};

/// How many bytes of documents a page may have.
const PAGE: usize = 4 * 1024 * 1024;
/// The server forgets a batch that nobody has used for so many seconds: also the one of a backup that was cut off.
const FORGOTTEN_AFTER: u64 = 600;
/// Says whether there are more documents.
const MORE: &str = "x-arango-replication-checkmore";
/// Says how far a page goes.
const TICK: &str = "x-arango-replication-lastincluded";

/// A state of a database that the server keeps for us.
struct Batch<'a> {
    database: &'a Database<'a>,
    id: String,
}

/// Some documents, a line for each.
struct Page {
    lines: Bytes,
    /// How far it goes, where there are more.
    next: Option<u64>,
}

/// Writes `database` into a folder of its name, as of one moment.
pub(super) async fn dump(database: &Database<'_>, vault: &dyn Vault) -> Result<(), EngineError> {
    let batch = Batch::begin(database).await?;
    let written = batch.write(vault).await;
    let ended = batch.end().await;
    written.and(ended)
}

impl<'a> Batch<'a> {
    async fn begin(database: &'a Database<'a>) -> Result<Self, EngineError> {
        let action = "begin a dump";
        let ttl = json!({"ttl": FORGOTTEN_AFTER});
        let answer = database
            .ask(Method::POST, "replication/batch", Some(&ttl), action)
            .await?;
        match answer["id"].as_str() {
            Some(id) => Ok(Self {
                database,
                id: id.to_owned(),
            }),
            None => Err(database.caller.endpoint.unexpected(action, "an id", answer.to_string())),
        }
    }

    /// Has the server keep it for longer.
    async fn prolong(&self) -> Result<(), EngineError> {
        let path = format!("replication/batch/{}", self.id);
        let ttl = json!({"ttl": FORGOTTEN_AFTER});
        let asked = self.database.ask(Method::PUT, &path, Some(&ttl), "prolong the dump");
        asked.await.map(drop)
    }

    async fn end(&self) -> Result<(), EngineError> {
        let path = format!("replication/batch/{}", self.id);
        let asked = self.database.ask(Method::DELETE, &path, None, "end the dump");
        asked.await.map(drop)
    }

    async fn write(&self, vault: &dyn Vault) -> Result<(), EngineError> {
        let action = "read the inventory";
        let path = format!("replication/inventory?includeSystem=true&batchId={}", self.id);
        let inventory = self.database.ask(Method::GET, &path, None, action).await?;
        let folder = file_name(&self.database.name);
        let about = json!({
            "database": self.database.name,
            "lastTickAtDumpStart": inventory["tick"],
            "useEnvelope": false,
            "properties": inventory["properties"],
        });
        keeping::write(vault, &format!("{folder}/{ABOUT}"), about.to_string()).await?;
        for view in self.database.items(&inventory, "views", action)? {
            let file = format!("{folder}/{}{VIEW}", file_name(name(view)));
            keeping::write(vault, &file, view.to_string()).await?;
        }
        for collection in self.database.items(&inventory, "collections", action)? {
            let parameters = &collection["parameters"];
            if is_kept(name(parameters)) && parameters["deleted"] != json!(true) {
                self.collection(vault, &folder, collection).await?;
            }
        }
        Ok(())
    }

    async fn collection(&self, vault: &dyn Vault, folder: &str, collection: &Value) -> Result<(), EngineError> {
        let name = name(&collection["parameters"]);
        let stem = format!("{folder}/{}", stem(name));
        let mut structure = collection.clone();
        if let Some(parameters) = structure["parameters"].as_object_mut() {
            // Ids of this server's, which another one does not know.
            parameters.remove("shadowCollections");
        }
        self.prolong().await?;
        keeping::write(vault, &format!("{stem}{STRUCTURE}"), structure.to_string()).await?;
        let file = vault.create(&format!("{stem}{DATA}"), Packing::Compressed).await?;
        self.documents(name, file).await
    }

    async fn documents(&self, collection: &str, mut file: Box<dyn NewFile>) -> Result<(), EngineError> {
        let mut from = 0;
        loop {
            let page = self.page(collection, from).await?;
            if !page.lines.is_empty() {
                file.write(page.lines).await?;
            }
            match page.next {
                Some(tick) if tick > from => from = tick,
                // The same tick again is the end, too.
                _ => return file.finish().await,
            }
        }
    }

    /// The documents of `collection` that come after the tick `from`.
    async fn page(&self, collection: &str, from: u64) -> Result<Page, EngineError> {
        let endpoint = self.database.caller.endpoint;
        let action = format!("dump {collection} of the database {}", self.database.name);
        let path = format!(
            "replication/dump?collection={}&batchId={}&from={from}&chunkSize={PAGE}&ticks=false&flush=false\
             &useEnvelope=false",
            file_name(collection),
            self.id,
        );
        // In JSON: the server has a binary format as well.
        let request = self.database.request(Method::GET, &path);
        let request = request.header("accept", "application/x-arango-dump");
        let answer = request.send().await;
        let answer = answer.map_err(|error| endpoint.failed(&action)(error.without_url()))?;
        let status = answer.status();
        let (more, tick) = (header(&answer, MORE), header(&answer, TICK));
        let lines = answer.bytes().await.map_err(endpoint.failed(&action))?;
        if !status.is_success() {
            let words = String::from_utf8_lossy(&lines);
            return Err(endpoint.failed(action)(format!("{status}: {words}")));
        }
        let tick = tick.and_then(|tick| tick.parse().ok());
        match (more.as_deref(), tick) {
            (Some("false"), _) => Ok(Page { lines, next: None }),
            (Some("true"), Some(tick)) => Ok(Page {
                lines,
                next: Some(tick),
            }),
            _ => Err(endpoint.unexpected(&action, format!("the headers {MORE} and {TICK}"), format!("{more:?}"))),
        }
    }
}

fn header(answer: &Response, name: &str) -> Option<String> {
    let value = answer.headers().get(name)?;
    value.to_str().ok().map(str::to_owned)
}

/// How the files of a collection are called: names that differ by case alone must not be one on any disk.
fn stem(collection: &str) -> String {
    let sum = Md5::digest(collection);
    let sum = sum
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{}_{sum}", file_name(collection))
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn the_files_of_a_collection_are_called_as_arangodump_calls_them() {
        assert_eq!(stem("trades"), "trades_25156f6c3d87472d7b1fd74c45ec34f7");
    }
}
