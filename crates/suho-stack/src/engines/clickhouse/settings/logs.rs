//! The tables of the system logs: each log that the configuration names writes into one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::EngineError;
use super::super::super::proving::Finding;
use super::values::text;
use super::{Inquiry, client, unknown};
use crate::deployment::Setting;

/// The server makes a log's table with the first rows that it writes.
const FLUSH: &str = "SYSTEM FLUSH LOGS";
const TABLES: &str = "SELECT database, name, engine_full FROM system.tables WHERE engine LIKE '%MergeTree'";

/// Of a log, what is known and seen nowhere.
const UNSEEN: [&str; 7] = [
    "flush_interval_milliseconds",
    "max_size_rows",
    "reserved_size_rows",
    "buffer_size_rows_flush_threshold",
    "flush_on_crash",
    "storage_policy",
    "order_by",
];

/// The tables, and the expressions of the configuration as the server would write them.
pub(super) struct View {
    /// By `database.table`.
    engines: BTreeMap<String, String>,
    /// By the table that the configuration names for a log.
    tables: BTreeMap<String, (String, String)>,
    /// As configured, to as the server spells it.
    spelt: BTreeMap<String, String>,
}

impl View {
    pub(super) async fn ask(inquiry: Inquiry<'_>) -> Result<Self, EngineError> {
        let Inquiry { endpoint, service, .. } = inquiry;
        let mut view = Self {
            engines: tables(inquiry).await?,
            tables: BTreeMap::new(),
            spelt: BTreeMap::new(),
        };
        for setting in inquiry.settings {
            let Some((log, field)) = of_log(&setting.key) else {
                continue;
            };
            let named = |field, default: &str| {
                let value = inquiry.value_of(&format!("{log}.{field}"));
                value.unwrap_or(default).to_owned()
            };
            view.tables
                .entry(log.to_owned())
                .or_insert_with(|| (named("database", "system"), named("table", log)));
            if matches!(field, "ttl" | "partition_by") {
                let expression = setting.value.expose();
                let spelt = spell(inquiry, expression).await?;
                view.spelt.insert(expression.to_owned(), spelt);
            }
        }
        if view
            .tables
            .values()
            .any(|table| !view.engines.contains_key(&full(table)))
        {
            // What keeps the server from writing a log is told by the row of its table.
            client::exception(endpoint, service, "have the system logs written", FLUSH).await?;
            view.engines = tables(inquiry).await?;
        }
        Ok(view)
    }

    /// None for what is no setting of a log.
    pub(super) fn find(&self, setting: &Setting) -> Option<Finding> {
        let (log, field) = of_log(&setting.key)?;
        if UNSEEN.contains(&field) {
            return Some(Finding::not_askable(
                "no view shows it, and any SYSTEM FLUSH LOGS hides its effect",
            ));
        }
        if !matches!(field, "database" | "table" | "partition_by" | "ttl") {
            return Some(unknown());
        }
        let configured = setting.value.expose();
        let table = self.tables.get(log)?;
        let origin = format!("SHOW CREATE TABLE {}", full(table));
        let Some(engine) = self.engines.get(&full(table)) else {
            return Some(Finding::differs("no such table", "system.tables"));
        };
        let shown = match field {
            "database" => table.0.clone(),
            "table" => table.1.clone(),
            "partition_by" => clause(engine, "PARTITION BY"),
            _ => clause(engine, "TTL"),
        };
        let spelt = self.spelt.get(configured).map_or(configured, String::as_str);
        Some(Finding::compared(shown == spelt, shown, origin))
    }
}

async fn tables(inquiry: Inquiry<'_>) -> Result<BTreeMap<String, String>, EngineError> {
    let tables = client::documents(inquiry.endpoint, inquiry.service, "read system.tables", TABLES).await?;
    Ok(engines(&tables))
}

fn full((database, table): &(String, String)) -> String {
    format!("{database}.{table}")
}

/// `query_log.ttl` as the log and what is set of it.
fn of_log(key: &str) -> Option<(&str, &str)> {
    key.split_once('.').filter(|(log, _)| log.ends_with("_log"))
}

fn engines(tables: &[Value]) -> BTreeMap<String, String> {
    tables
        .iter()
        .filter_map(|table| {
            let name = format!("{}.{}", text(&table["database"])?, text(&table["name"])?);
            Some((name, text(&table["engine_full"])?))
        })
        .collect()
}

/// An expression as the server writes it: `event_date + INTERVAL 7 DAY DELETE` is `event_date + toIntervalDay(7)`.
async fn spell(inquiry: Inquiry<'_>, expression: &str) -> Result<String, EngineError> {
    let statement = format!("CREATE TABLE a (b UInt8) ENGINE = MergeTree ORDER BY b TTL {expression}");
    let spelt: Option<String> = inquiry
        .service
        .query("SELECT formatQuerySingleLineOrNull(?)")
        .bind(statement)
        .fetch_one()
        .await
        .map_err(inquiry.endpoint.failed("have an expression spelt"))?;
    Ok(spelt.map_or_else(String::new, |statement| clause(&statement, "TTL")))
}

/// What follows `keyword` until the next clause; nothing where there is none.
fn clause(engine: &str, keyword: &str) -> String {
    let Some((_, rest)) = engine.split_once(&format!(" {keyword} ")) else {
        return String::new();
    };
    let end = [" PARTITION BY ", " PRIMARY KEY ", " ORDER BY ", " TTL ", " SETTINGS "]
        .iter()
        .filter_map(|next| rest.find(next))
        .min()
        .unwrap_or(rest.len());
    rest[..end].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::super::super::proving::SettingVerdict;
    use super::super::tests::setting;
    use super::*;

    fn view() -> View {
        let tables = [
            json!({
                "database": "system",
                "name": "query_log",
                "engine_full": "MergeTree PARTITION BY toYYYYMMDD(event_date) ORDER BY (event_date, event_time) \
                    TTL event_date + toIntervalDay(7) SETTINGS index_granularity = 8192",
            }),
            json!({
                "database": "system",
                "name": "crash_log",
                "engine_full": "MergeTree ORDER BY (event_date, event_time) SETTINGS index_granularity = 8192",
            }),
        ];
        let table = |log: &str| (log.to_owned(), ("system".to_owned(), log.to_owned()));
        View {
            engines: engines(&tables),
            tables: BTreeMap::from([table("query_log"), table("crash_log"), table("text_log")]),
            spelt: BTreeMap::from([(
                "event_date + INTERVAL 7 DAY DELETE".to_owned(),
                "event_date + toIntervalDay(7)".to_owned(),
            )]),
        }
    }

    #[rstest]
    #[case("query_log.table", "query_log", SettingVerdict::InEffect)]
    #[case("query_log.ttl", "event_date + INTERVAL 7 DAY DELETE", SettingVerdict::InEffect)]
    #[case("query_log.ttl", "event_date + toIntervalDay(8)", SettingVerdict::Differs { effective: "event_date + toIntervalDay(7)".to_owned() })]
    #[case("query_log.partition_by", "toYYYYMMDD(event_date)", SettingVerdict::InEffect)]
    #[case("query_log.partition_by", "", SettingVerdict::Differs { effective: "toYYYYMMDD(event_date)".to_owned() })]
    #[case("crash_log.partition_by", "", SettingVerdict::InEffect)]
    #[case("text_log.table", "text_log", SettingVerdict::Differs { effective: "no such table".to_owned() })]
    #[case("query_log.tttl", "1", SettingVerdict::Unknown)]
    fn a_log_is_as_its_table_was_created(#[case] key: &str, #[case] value: &str, #[case] expected: SettingVerdict) {
        let verdict = view()
            .find(&setting("config.xml", key, value))
            .map(|finding| finding.verdict);
        assert_eq!(verdict, Some(expected));
    }

    #[test]
    fn other_settings_are_none_of_the_logs() {
        assert_eq!(view().find(&setting("config.xml", "logger.level", "information")), None);
    }
}
