//! The tables and views of a database, and how they are made in another one.

use clickhouse::{Client, Row};
use serde::Deserialize;

use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::UNKNOWN_TABLE;
use super::statements::moved;

/// What the server writes instead of a password, unless its configuration lets it be seen.
const HIDDEN: &str = "[HIDDEN]";
/// Their rows lie in files of their own, and can be read.
const LOGS: &[&str] = &["Memory", "Log", "TinyLog", "StripeLog"];
/// They keep rows in ways that cannot be copied by reading and writing.
const STORES: &[&str] = &["Set", "Join", "Buffer", "EmbeddedRocksDB", "KeeperMap"];

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub(super) struct Object {
    pub name: String,
    pub engine: String,
    /// The statement that makes it.
    pub definition: String,
}

/// Where an object has its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// In parts, which two tables can share.
    Parts,
    /// In itself.
    Own,
    /// Elsewhere.
    None,
}

impl Object {
    pub(super) fn rows(&self) -> Rows {
        if self.engine.ends_with("MergeTree") {
            Rows::Parts
        } else if LOGS.contains(&self.engine.as_str()) {
            Rows::Own
        } else {
            Rows::None
        }
    }

    /// The same object in the database `to`.
    pub(super) fn moved(self, from: &str, to: &str) -> Self {
        Self {
            definition: moved(&self.definition, from, to),
            ..self
        }
    }

    /// Why it cannot be kept in a snapshot, if it cannot.
    pub(super) fn objection(&self) -> Option<String> {
        let name = &self.name;
        if name.starts_with(".inner") {
            return Some(format!(
                "the materialised view of {name} keeps its rows in a table without a name: give it one by TO"
            ));
        }
        STORES
            .contains(&self.engine.as_str())
            .then(|| format!("the rows of {name} cannot be copied: its engine is {}", self.engine))
    }
}

/// What is in `database`, tables before views; the server's own tables behind views are left out by [`make`].
pub(super) async fn of(endpoint: &Endpoint, service: &Client, database: &str) -> Result<Vec<Object>, EngineError> {
    let query = "SELECT name, engine, create_table_query AS definition FROM system.tables
        WHERE database = ? AND NOT is_temporary ORDER BY engine LIKE '%View', engine = 'MaterializedView', name";
    let found = service.query(query).bind(database).fetch_all::<Object>().await;
    let objects = found.map_err(endpoint.failed(format!("list the tables of {database}")))?;
    match objects.iter().find(|object| object.definition.contains(HIDDEN)) {
        Some(object) => Err(EngineError::NotOffered {
            service: endpoint.service.clone(),
            action: format!("copy the table {database}.{}", object.name),
            reason: "the server hides its password: put it into a named collection".to_owned(),
        }),
        None => Ok(objects),
    }
}

/// Makes `objects` as `maker`: those that need others after them.
pub(super) async fn make(endpoint: &Endpoint, maker: &Client, mut objects: Vec<Object>) -> Result<(), EngineError> {
    objects.retain(|object| !object.name.starts_with(".inner"));
    while !objects.is_empty() {
        let mut waiting = Vec::new();
        let before = objects.len();
        let mut words = String::new();
        for object in objects {
            let action = format!("make {}", object.name);
            match client::exception(endpoint, maker, &action, &object.definition).await? {
                Some(exception) if exception.code == UNKNOWN_TABLE => {
                    words = exception.words;
                    waiting.push(object);
                }
                Some(exception) => return Err(endpoint.unexpected(&action, &object.engine, exception.words)),
                None => {}
            }
        }
        if waiting.len() == before {
            return Err(endpoint.unexpected(&format!("make {}", waiting[0].name), "what it reads from", words));
        }
        objects = waiting;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ticks", "ReplacingMergeTree", Rows::Parts, None)]
    #[case("cache", "Memory", Rows::Own, None)]
    #[case("queue", "Kafka", Rows::None, None)]
    #[case(".inner_id.0", "MergeTree", Rows::Parts, Some("TO"))]
    #[case("names", "Set", Rows::None, Some("Set"))]
    fn what_cannot_be_copied_is_objected_to(
        #[case] name: &str,
        #[case] engine: &str,
        #[case] rows: Rows,
        #[case] objection: Option<&str>,
    ) {
        let object = Object {
            name: name.to_owned(),
            engine: engine.to_owned(),
            definition: String::new(),
        };

        assert_eq!(object.rows(), rows);
        let words = object.objection();
        assert_eq!(words.is_some(), objection.is_some());
        assert!(words.unwrap_or_default().contains(objection.unwrap_or_default()));
    }
}
