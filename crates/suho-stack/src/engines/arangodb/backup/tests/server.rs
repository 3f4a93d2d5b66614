//! A server for tests that keeps databases, and answers in the shapes that are documented or that `arangodump` reads:
//! not `ArangoDB`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::super::super::recorded::{Answer, Headers, KNOWN, Request, serve_with_headers};
use crate::engines::Endpoint;

/// What a server does that it should not, or that others do to it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// It refuses the second page of a collection.
    SecondPage,
    /// A dumped page does not say whether more come.
    NoHeaders,
    /// It keeps all but the last of the documents that are put back.
    Loses,
    /// Somebody writes while a dump is made.
    Writer,
}

#[derive(Debug, Clone)]
pub(super) struct Collection {
    pub structure: Value,
    pub documents: Vec<Value>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Database {
    pub collections: BTreeMap<String, Collection>,
    pub views: BTreeMap<String, Value>,
}

#[derive(Debug)]
pub(super) struct State {
    pub databases: BTreeMap<String, Database>,
    pub trouble: Trouble,
    /// Dumps that were begun and not ended.
    pub open: i32,
    /// Pages that were asked for.
    pub pages: u32,
    /// How many documents came in each request.
    pub restored: Vec<usize>,
}

pub(super) type Shared = Arc<Mutex<State>>;

pub(super) fn collection(name: &str, kind: u64, indexes: &Value, documents: Vec<Value>) -> (String, Collection) {
    let parameters = json!({"name": name, "type": kind, "deleted": false, "isSystem": name.starts_with('_')});
    let structure = json!({"parameters": parameters, "indexes": indexes});
    (name.to_owned(), Collection { structure, documents })
}

/// Serves `databases`.
pub(super) async fn serving(databases: BTreeMap<String, Database>, trouble: Trouble) -> (Endpoint, Shared) {
    let state = Arc::new(Mutex::new(State {
        databases,
        trouble,
        open: 0,
        pages: 0,
        restored: Vec::new(),
    }));
    let served = Arc::clone(&state);
    let endpoint = serve_with_headers(move |request| {
        assert_eq!(request.headers["authorization"], KNOWN);
        served.lock().unwrap().answer(request)
    })
    .await;
    (endpoint, state)
}

fn fine(body: &Value) -> (Answer, Headers) {
    (("200 OK", body.to_string()), Headers::new())
}

fn refused(status: &'static str, number: u64, words: &str) -> (Answer, Headers) {
    let body =
        json!({"error": true, "code": status[..3].parse::<u64>().unwrap(), "errorNum": number, "errorMessage": words});
    ((status, body.to_string()), Headers::new())
}

fn done() -> (Answer, Headers) {
    fine(&json!({"error": false, "code": 200, "result": true}))
}

/// Does not depend on the order of documents, nor on their revisions.
fn checksum(documents: &[Value]) -> String {
    let mut lines: Vec<_> = documents
        .iter()
        .map(|document| {
            let mut document = document.clone();
            document.as_object_mut().unwrap().remove("_rev");
            document.to_string()
        })
        .collect();
    lines.sort();
    lines.concat()
}

impl State {
    fn answer(&mut self, request: &Request) -> (Answer, Headers) {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let query: BTreeMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let ["_db", name, "_api", rest @ ..] = parts.as_slice() else {
            panic!("{path} is of no database");
        };
        match (request.method.as_str(), rest) {
            ("GET", ["database"]) => fine(&json!({"result": self.databases.keys().collect::<Vec<_>>()})),
            ("POST", ["database"]) => {
                let asked: Value = serde_json::from_str(&request.body).unwrap();
                let made = asked["name"].as_str().unwrap().to_owned();
                let before = self.databases.insert(made, Database::default());
                assert!(before.is_none(), "a database is made twice");
                done()
            }
            ("POST", ["replication", "batch"]) => {
                self.open += 1;
                fine(&json!({"id": "77", "lastTick": "100"}))
            }
            ("PUT", ["replication", "batch", "77"]) => (("204 No Content", String::new()), Headers::new()),
            ("DELETE", ["replication", "batch", "77"]) => {
                self.open -= 1;
                (("204 No Content", String::new()), Headers::new())
            }
            ("GET", ["replication", "dump"]) => self.page(name, &query),
            (method, rest) => {
                let Self {
                    databases,
                    trouble,
                    restored,
                    ..
                } = self;
                let database = databases.get_mut(*name).unwrap();
                match (method, rest) {
                    ("PUT", ["replication", "restore-data"]) => {
                        let lines = request.body.lines().map(|line| serde_json::from_str(line).unwrap());
                        let mut documents: Vec<Value> = lines.collect();
                        restored.push(documents.len());
                        if *trouble == Trouble::Loses {
                            documents.pop();
                        }
                        let into = database.collections.get_mut(query["collection"]).unwrap();
                        into.documents.extend(documents);
                        done()
                    }
                    _ => database.answer(method, rest, &query, request, *trouble),
                }
            }
        }
    }

    /// A page of one document.
    fn page(&mut self, database: &str, query: &BTreeMap<&str, &str>) -> (Answer, Headers) {
        self.pages += 1;
        assert_eq!((query["batchId"], query["useEnvelope"]), ("77", "false"));
        let from: usize = query["from"].parse().unwrap();
        let documents = &self.databases[database].collections[query["collection"]].documents;
        if self.trouble == Trouble::SecondPage && from > 0 {
            return refused("500 Internal Server Error", 4, "out of memory");
        }
        let headers = vec![
            ("Content-Type", "application/x-arango-dump".to_owned()),
            (
                "X-Arango-Replication-CheckMore",
                (from + 1 < documents.len()).to_string(),
            ),
            ("X-Arango-Replication-LastIncluded", (from + 1).to_string()),
        ];
        let headers = headers
            .into_iter()
            .filter(|_| self.trouble != Trouble::NoHeaders)
            .collect();
        match documents.get(from) {
            Some(document) => (("200 OK", format!("{document}\n")), headers),
            None => (("204 No Content", String::new()), headers),
        }
    }
}

impl Database {
    fn answer(
        &mut self,
        method: &str,
        rest: &[&str],
        query: &BTreeMap<&str, &str>,
        request: &Request,
        trouble: Trouble,
    ) -> (Answer, Headers) {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let graphs = |database: &Self| {
            let graphs = database
                .collections
                .get("_graphs")
                .map(|graphs| graphs.documents.clone());
            graphs.unwrap_or_default()
        };
        let named = |names: Vec<&String>| names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>();
        match (method, rest) {
            ("GET", ["collection"]) => fine(&json!({"result": named(self.collections.keys().collect())})),
            ("GET", ["collection", name, "count"]) => fine(&json!({"count": self.collections[*name].documents.len()})),
            ("GET", ["collection", name, "checksum"]) => {
                assert_eq!((query["withData"], query["withRevisions"]), ("true", "false"));
                fine(&json!({"checksum": checksum(&self.collections[*name].documents), "revision": "_j0"}))
            }
            ("GET", ["index"]) => {
                let structure = &self.collections[query["collection"]].structure;
                fine(&json!({"indexes": structure["indexes"]}))
            }
            ("GET", ["view"]) => fine(&json!({"result": named(self.views.keys().collect())})),
            ("GET", ["gharial"]) => fine(&json!({"graphs": graphs(self)})),
            ("GET", ["replication", "inventory"]) => {
                let collections: Vec<_> = self.collections.values().map(|held| held.structure.clone()).collect();
                if trouble == Trouble::Writer {
                    let trades = self.collections.get_mut("trades").unwrap();
                    trades.documents.push(json!({"_key": "new"}));
                }
                let views: Vec<_> = self.views.values().collect();
                fine(&json!({"collections": collections, "views": views, "tick": "100", "properties": {"id": "1"}}))
            }
            ("DELETE", ["gharial", name]) => {
                let graphs = self.collections.get_mut("_graphs").unwrap();
                graphs.documents.retain(|graph| graph["name"] != json!(name));
                done()
            }
            ("DELETE", ["view", name]) => {
                self.views.remove(*name).unwrap();
                done()
            }
            ("DELETE", ["collection", name]) => {
                if !graphs(self).is_empty() {
                    return refused("403 Forbidden", 1942, "must not drop collection while part of graph");
                }
                self.collections.remove(*name).unwrap();
                done()
            }
            ("PUT", ["replication", "restore-collection"]) => {
                let mut structure = body;
                structure["indexes"] = json!([]);
                let name = structure["parameters"]["name"].as_str().unwrap().to_owned();
                let documents = Vec::new();
                self.collections.insert(name, Collection { structure, documents });
                done()
            }
            ("PUT", ["replication", "restore-indexes"]) => {
                let name = body["parameters"]["name"].as_str().unwrap();
                self.collections.get_mut(name).unwrap().structure["indexes"] = body["indexes"].clone();
                done()
            }
            ("PUT", ["replication", "restore-view"]) => {
                for index in body["indexes"].as_array().into_iter().flatten() {
                    let collection = &self.collections[index["collection"].as_str().unwrap()];
                    assert_ne!(collection.structure["indexes"], json!([]), "a view before its index");
                }
                self.views
                    .insert(body["name"].as_str().unwrap().to_owned(), body.clone());
                done()
            }
            _ => panic!("{} {} is answered by nobody", request.method, request.path),
        }
    }
}
