use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::EngineError;
use super::super::super::backup::{self as keeping, Shelf, Tally, file_name};
use super::super::super::http::Caller;
use super::database::{Database, name};
use super::{ABOUT, ANALYZERS, DATA, STRUCTURE, VIEW};

/// How many bytes of documents are sent at once; a document that is larger goes alone.
const PIECE: usize = 4 * 1024 * 1024;

/// A collection of a backup.
struct Stored {
    /// Its files without what tells them apart.
    stem: String,
    structure: Value,
}

impl Stored {
    fn name(&self) -> &str {
        name(&self.structure["parameters"])
    }

    /// Those come first that others need: whose shards others follow, and documents before the edges between them.
    fn place(&self) -> (bool, u64, bool, &str) {
        let parameters = &self.structure["parameters"];
        let follows = !parameters["distributeShardsLike"].is_null();
        let kind = parameters["type"].as_u64().unwrap_or_default();
        (follows, kind, !self.name().starts_with('_'), self.name())
    }
}

/// Puts what is in `folder` in the place of the database that it was, and counts it.
pub(super) async fn restore(caller: &Caller<'_>, store: &dyn Shelf, folder: &str) -> Result<Vec<Tally>, EngineError> {
    let about = json(caller, store, &format!("{folder}{ABOUT}")).await?;
    let name = about["database"].as_str().unwrap_or_default().to_owned();
    let collections = stored(caller, store, folder).await?;
    let database = Database { caller, name };
    make_room(&database).await?;
    for collection in &collections {
        database.restore_collection(collection).await?;
    }
    // Indexes and views name analyzers, and views name indexes.
    let (analyzers, others): (Vec<_>, Vec<_>) = collections.iter().partition(|stored| stored.name() == ANALYZERS);
    for collection in analyzers {
        database.restore_documents(store, collection).await?;
    }
    for collection in &collections {
        database.restore_indexes(collection).await?;
    }
    for view in files(store, folder, VIEW) {
        let view = json(caller, store, &view).await?;
        database
            .restore("view?overwrite=true", &view, "put back a view")
            .await?;
    }
    for collection in others {
        database.restore_documents(store, collection).await?;
    }
    database.count().await
}

/// The database is there then, and empty: it stays where it was, so that its users keep their rights.
async fn make_room(database: &Database<'_>) -> Result<(), EngineError> {
    let present = Database::all(database.caller).await?;
    if !present.iter().any(|present| present.name == database.name) {
        let name = json!({"name": database.name});
        let system = Database::system(database.caller);
        let made = system.ask(Method::POST, "database", Some(&name), "create a database");
        return made.await.map(drop);
    }
    // The server drops no collection that belongs to a graph.
    for graph in database.names("gharial", "graphs", "list the graphs").await? {
        database.remove("gharial", &graph).await?;
    }
    for view in database.names("view", "result", "list the views").await? {
        database.remove("view", &view).await?;
    }
    let collections = database.collections().await?;
    for collection in collections.iter().filter(|name| !name.starts_with('_')) {
        database.remove("collection", collection).await?;
    }
    Ok(())
}

impl Database<'_> {
    async fn remove(&self, kind: &str, name: &str) -> Result<(), EngineError> {
        let path = format!("{kind}/{}", file_name(name));
        let action = format!("remove {name}");
        self.ask(Method::DELETE, &path, None, &action).await.map(drop)
    }

    /// Has the server restore a `thing`.
    async fn restore(&self, thing: &str, body: &Value, action: &str) -> Result<(), EngineError> {
        let path = format!("replication/restore-{thing}");
        self.ask(Method::PUT, &path, Some(body), action).await.map(drop)
    }

    async fn restore_collection(&self, stored: &Stored) -> Result<(), EngineError> {
        let action = format!("put back the collection {}", stored.name());
        self.restore("collection?overwrite=true", &stored.structure, &action)
            .await
    }

    async fn restore_indexes(&self, stored: &Stored) -> Result<(), EngineError> {
        let action = format!("put back the indexes of {}", stored.name());
        self.restore("indexes", &stored.structure, &action).await
    }

    async fn restore_documents(&self, store: &dyn Shelf, stored: &Stored) -> Result<(), EngineError> {
        let mut pieces = store.open(&format!("{}{DATA}", stored.stem)).await?;
        let mut lines = BytesMut::new();
        while let Some(piece) = pieces.try_next().await? {
            lines.extend_from_slice(&piece);
            if lines.len() >= PIECE
                && let Some(end) = lines.iter().rposition(|byte| *byte == b'\n')
            {
                let whole = lines.split_to(end + 1).freeze();
                self.restore_lines(stored.name(), whole).await?;
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.restore_lines(stored.name(), lines.freeze()).await
    }

    async fn restore_lines(&self, collection: &str, lines: Bytes) -> Result<(), EngineError> {
        let path = format!(
            "replication/restore-data?collection={}&useEnvelope=false",
            file_name(collection)
        );
        let request = self.request(Method::PUT, &path);
        let request = request.header("content-type", "application/x-arango-dump").body(lines);
        let action = format!("put back documents of {collection}");
        self.send(request, &action).await.map(drop)
    }
}

/// The collections in `folder`, in the order in which they can be made.
async fn stored(caller: &Caller<'_>, store: &dyn Shelf, folder: &str) -> Result<Vec<Stored>, EngineError> {
    let mut found = Vec::new();
    for file in files(store, folder, STRUCTURE) {
        let structure = json(caller, store, &file).await?;
        let stem = file.trim_end_matches(STRUCTURE).to_owned();
        found.push(Stored { stem, structure });
    }
    found.sort_by(|one, other| one.place().cmp(&other.place()));
    Ok(found)
}

fn files(store: &dyn Shelf, folder: &str, ending: &str) -> Vec<String> {
    let mut names = store.names();
    names.retain(|name| name.starts_with(folder) && name.ends_with(ending));
    names
}

async fn json(caller: &Caller<'_>, store: &dyn Shelf, file: &str) -> Result<Value, EngineError> {
    let content = keeping::read(store, file).await?;
    let read = serde_json::from_slice(&content);
    read.map_err(caller.endpoint.failed(format!("read {file} of the backup")))
}
