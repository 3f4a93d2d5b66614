//! A table as the server describes it.

use serde::{Deserialize, Serialize};

/// The hash of a row.
const HASH: &str = "cityHash64(*)";
/// The same of all that it is written as: slower, and for every type.
const HASH_AS_WRITTEN: &str = "cityHash64(formatRowNoNewline('RowBinary', *))";
/// What no hash function takes, or takes for nothing.
const UNHASHED: [&str; 5] = ["AggregateFunction(", "Nullable(", "JSON", "Dynamic", "Variant("];

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) database: String,
    pub(super) name: String,
    engine: String,
    #[serde(rename = "create_table_query")]
    pub(super) statement: String,
}

impl Table {
    /// True for a table whose rows are its own.
    pub(super) fn has_rows(&self) -> bool {
        self.is_merged() || self.engine.ends_with("Log") || self.engine == "Memory"
    }

    pub(super) fn is_merged(&self) -> bool {
        self.engine.ends_with("MergeTree")
    }

    /// True for what a materialised view keeps in itself.
    pub(super) fn is_inside_a_view(&self) -> bool {
        self.name.starts_with(".inner")
    }

    pub(super) fn path(&self) -> String {
        self.path_in(&self.database)
    }

    /// The table of the same name in another database.
    pub(super) fn path_in(&self, database: &str) -> String {
        format!("{}.{}", quoted(database), quoted(&self.name))
    }

    pub(super) fn words(&self) -> String {
        format!("rows of {}.{}", self.database, self.name)
    }

    pub(super) fn hash(&self) -> &'static str {
        // The state of a simple aggregate is its value.
        let statement = self.statement.replace("SimpleAggregateFunction(", "");
        if UNHASHED.iter().any(|kind| statement.contains(kind)) {
            HASH_AS_WRITTEN
        } else {
            HASH
        }
    }

    /// The statement for the same table in another database.
    pub(super) fn statement_in(&self, database: &str) -> Option<String> {
        let names = |text: &str| [text.to_owned(), quoted(text)];
        names(&self.database)
            .iter()
            .flat_map(|database| names(&self.name).map(|name| format!("CREATE TABLE {database}.{name}")))
            .find_map(|head| self.statement.strip_prefix(&head))
            .map(|rest| format!("CREATE TABLE {}{rest}", self.path_in(database)))
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("CREATE TABLE market.ticks (`a` UInt8) ENGINE = MergeTree", true)]
    #[case("CREATE TABLE market.`ticks` (`a` UInt8) ENGINE = MergeTree", true)]
    #[case("CREATE VIEW market.ticks AS SELECT 1", false)]
    fn a_table_is_made_in_another_database(#[case] statement: &str, #[case] possible: bool) {
        let table = Table {
            database: "market".into(),
            name: "ticks".into(),
            engine: "MergeTree".into(),
            statement: statement.into(),
        };

        let expected = "CREATE TABLE `beside`.`ticks` (`a` UInt8) ENGINE = MergeTree".to_owned();
        assert_eq!(table.statement_in("beside"), possible.then_some(expected));
    }
}
