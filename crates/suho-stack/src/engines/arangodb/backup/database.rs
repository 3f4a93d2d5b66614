use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::super::super::EngineError;
use super::super::super::backup::{Tally, file_name};
use super::super::super::http::Caller;
use super::is_kept;

/// The database that is always there.
const SYSTEM: &str = "_system";
/// A server that sums up a large collection takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// One database, as the administrator asks it.
pub(super) struct Database<'a> {
    pub caller: &'a Caller<'a>,
    pub name: String,
}

impl<'a> Database<'a> {
    pub(super) fn system(caller: &'a Caller<'a>) -> Self {
        let name = SYSTEM.to_owned();
        Self { caller, name }
    }

    /// All that there are.
    pub(super) async fn all(caller: &'a Caller<'a>) -> Result<Vec<Self>, EngineError> {
        let action = "list the databases";
        let system = Self::system(caller);
        let answer = system.ask(Method::GET, "database", None, action).await?;
        let names = system.items(&answer, "result", action)?.iter();
        let names = names.filter_map(Value::as_str).map(str::to_owned);
        Ok(names.map(|name| Self { caller, name }).collect())
    }

    pub(super) fn is_system(&self) -> bool {
        self.name == SYSTEM
    }

    /// A request for `path` below the database's interface.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // A name is written in a file's name as a URL writes it.
        let path = format!("/_db/{}/_api/{path}", file_name(&self.name));
        self.caller.request(method, &path).timeout(PATIENCE)
    }

    /// The JSON of an answer of success.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        action: &str,
    ) -> Result<Value, EngineError> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request, action).await
    }

    /// Sends `request`; the JSON of an answer of success.
    pub(super) async fn send(&self, request: RequestBuilder, action: &str) -> Result<Value, EngineError> {
        let action = format!("{action} of the database {}", self.name);
        match self.caller.exchange(request, &action).await? {
            (status, answer) if status.is_success() => Ok(answer),
            (status, answer) => Err(self.caller.endpoint.failed(action)(format!("{status}: {answer}"))),
        }
    }

    /// The list that `answer` has to have in `field`: one that is missing is not an empty one.
    pub(super) fn items<'v>(&self, answer: &'v Value, field: &str, action: &str) -> Result<&'v [Value], EngineError> {
        let list = answer[field].as_array().map(Vec::as_slice);
        list.ok_or_else(|| {
            let expected = format!("a list `{field}`");
            self.caller.endpoint.unexpected(action, expected, answer.to_string())
        })
    }

    /// The names in the list that is at `path`, in `field` of the answer.
    pub(super) async fn names(&self, path: &str, field: &str, action: &str) -> Result<Vec<String>, EngineError> {
        let answer = self.ask(Method::GET, path, None, action).await?;
        let items = self.items(&answer, field, action)?;
        Ok(items.iter().map(|item| name(item).to_owned()).collect())
    }

    /// The collections that belong into a backup.
    pub(super) async fn collections(&self) -> Result<Vec<String>, EngineError> {
        let mut names = self.names("collection", "result", "list the collections").await?;
        names.retain(|name| is_kept(name));
        Ok(names)
    }

    /// How many documents, indexes and views there are, with the server's own sums.
    pub(super) async fn count(&self) -> Result<Vec<Tally>, EngineError> {
        let mut views = self.names("view", "result", "list the views").await?;
        views.sort();
        let what = format!("views of {}", self.name);
        let mut tallies = vec![Tally::sum(what, views.len() as u64, views.join(", "))];
        for collection in self.collections().await? {
            tallies.push(self.documents(&collection).await?);
            tallies.push(self.indexes(&collection).await?);
        }
        Ok(tallies)
    }

    async fn documents(&self, collection: &str) -> Result<Tally, EngineError> {
        let action = format!("count the documents of {collection}");
        let path = format!("collection/{}", file_name(collection));
        let counted = self.ask(Method::GET, &format!("{path}/count"), None, &action).await?;
        // A restored document may have another revision.
        let sum = format!("{path}/checksum?withRevisions=false&withData=true");
        let summed = self.ask(Method::GET, &sum, None, &action).await?;
        let (Some(count), Some(checksum)) = (counted["count"].as_u64(), summed["checksum"].as_str()) else {
            let found = format!("{counted} and {summed}");
            return Err(self
                .caller
                .endpoint
                .unexpected(&action, "a count and a checksum", found));
        };
        let what = format!("documents of {collection} of {}", self.name);
        Ok(Tally::sum(what, count, checksum))
    }

    async fn indexes(&self, collection: &str) -> Result<Tally, EngineError> {
        let action = format!("list the indexes of {collection}");
        let path = format!("index?collection={}", file_name(collection));
        let answer = self.ask(Method::GET, &path, None, &action).await?;
        let indexes = self.items(&answer, "indexes", &action)?.iter();
        let mut words: Vec<_> = indexes
            .map(|index| format!("{} on {}", index["type"].as_str().unwrap_or_default(), index["fields"]))
            .collect();
        words.sort();
        let what = format!("indexes of {collection} of {}", self.name);
        Ok(Tally::sum(what, words.len() as u64, words.join("; ")))
    }
}

/// What a database, a collection, a view or a graph is called.
pub(super) fn name(item: &Value) -> &str {
    item["name"].as_str().unwrap_or_default()
}
