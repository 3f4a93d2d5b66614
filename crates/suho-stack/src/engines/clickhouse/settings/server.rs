//! The server's own settings, its names, directories and disks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::EngineError;
use super::super::super::asking::and_remove;
use super::super::super::proving::Finding;
use super::super::super::scratch::Scratch;
use super::values::{is_equal, is_true, text};
use super::{Inquiry, StandIn, client, not_offered, not_set, unknown};
use crate::deployment::Setting;

const SERVER_SETTINGS: &str = "SELECT name, value, changed FROM system.server_settings";
const NAMES: &str = "SELECT displayName() AS display_name, serverTimezone() AS timezone";
const DISKS: &str = "SELECT name, type, path FROM system.disks";
const DIRECTORIES: &str = "SELECT type, params FROM system.user_directories";

/// The server makes the pool when the first such table inserts in the background, and shows 0 until then.
const IDLE_POOL: &str = "background_distributed_schedule_pool_size";

/// What the server's main program applies, and not the engine.
const PROGRAM: [&str; 3] = [
    "concurrent_threads_soft_limit_num",
    "max_concurrent_queries",
    "query_cache.max_size_in_bytes",
];

/// Sections that the view has in newer servers.
const NESTED: [&str; 2] = ["logger.", "query_cache."];

/// What the server says of itself.
pub(super) struct View {
    settings: BTreeMap<String, ServerSetting>,
    names: Value,
    disks: Vec<Value>,
    directories: Vec<Value>,
    stand_in: StandIn,
}

/// A row of `system.server_settings`.
#[derive(Debug, Clone)]
struct ServerSetting {
    value: String,
    is_set: bool,
}

impl View {
    pub(super) async fn ask(inquiry: Inquiry<'_>) -> Result<Self, EngineError> {
        let read = |action, query| client::documents(inquiry.endpoint, inquiry.service, action, query);
        // To its end, whatever fails beside it: the pools are asked for with a table that is removed again.
        let (settings, names, disks, directories) = tokio::join!(
            with_pools(inquiry),
            read("read the server's names", NAMES),
            read("read system.disks", DISKS),
            read("read system.user_directories", DIRECTORIES),
        );
        Ok(Self {
            settings: server_settings(&settings?),
            names: names?.into_iter().next().unwrap_or_default(),
            disks: disks?,
            directories: directories?,
            stand_in: inquiry.stand_in,
        })
    }

    pub(super) fn find(&self, setting: &Setting) -> Finding {
        let key = setting.key.as_str();
        let configured = setting.value.expose();
        if let Some(disk) = key.strip_prefix("storage_configuration.disks.") {
            return self.disk(disk, configured);
        }
        if let Some(directory) = key.strip_prefix("user_directories.") {
            return self.directory(directory, configured);
        }
        if let Some(name) = text(&self.names[key]) {
            return Finding::compared(name == configured, name, "asked by its function");
        }
        match self.settings.get(key) {
            Some(found) => found.against(key, configured, self.stand_in),
            None if self.leaves_out(key) => {
                Finding::not_askable("system.server_settings of this version has no such section")
            }
            None => unknown(),
        }
    }

    /// Older servers show the settings of the first layer alone.
    fn leaves_out(&self, key: &str) -> bool {
        NESTED
            .iter()
            .any(|section| key.starts_with(section) && !self.settings.keys().any(|shown| shown.starts_with(section)))
    }

    fn disk(&self, key: &str, configured: &str) -> Finding {
        let Some((name, field @ ("type" | "path"))) = key.split_once('.') else {
            return unknown();
        };
        let disk = self.disks.iter().find(|disk| disk["name"] == name);
        let shown = disk
            .and_then(|disk| text(&disk[field]))
            .unwrap_or_else(|| "no such disk".to_owned());
        Finding::compared(shown.eq_ignore_ascii_case(configured), shown, "system.disks")
    }

    fn directory(&self, key: &str, configured: &str) -> Finding {
        let Some((kind, "path")) = key.split_once('.') else {
            return unknown();
        };
        let directory = self
            .directories
            .iter()
            .find(|directory| is_kind(&directory["type"], kind));
        let path = directory
            .and_then(|directory| serde_json::from_str(directory["params"].as_str()?).ok())
            .and_then(|params: Value| text(&params["path"]));
        match path {
            // A relative path is one below the directory of the configuration.
            Some(path) => Finding::compared(
                path == configured || path.ends_with(&format!("/{configured}")),
                path,
                "system.user_directories",
            ),
            None if self.stand_in.0 => {
                not_offered("it keeps its accounts itself, and system.user_directories has no path")
            }
            None => Finding::differs("no such directory", "system.user_directories"),
        }
    }
}

/// The view spaces what the file joins: `local_directory` is `local directory`.
fn is_kind(shown: &Value, configured: &str) -> bool {
    shown
        .as_str()
        .is_some_and(|shown| shown.replace(' ', "_").eq_ignore_ascii_case(configured))
}

/// The server's settings while a table of each kind lives whose pool the server makes for the first of them.
async fn with_pools(inquiry: Inquiry<'_>) -> Result<Vec<Value>, EngineError> {
    let Inquiry { endpoint, service, .. } = inquiry;
    let buffer = format!("scratch.{}", Scratch::new().name);
    let broker = format!("scratch.{}", Scratch::new().name);
    let read = async {
        let action = "make the pools of background work";
        let buffered =
            format!("CREATE TABLE {buffer} (a UInt8) ENGINE = Buffer('scratch', 'nobody', 1, 1, 1, 1, 1, 1, 1)");
        client::run(endpoint, service, action, &buffered).await?;
        // Without a view behind it the table never asks its broker.
        let brokered = format!(
            "CREATE TABLE {broker} (a String) ENGINE = Kafka('suho-nobody:1', 'nothing', 'nobody', 'LineAsString')"
        );
        client::run(endpoint, service, action, &brokered).await?;
        client::documents(endpoint, service, "read system.server_settings", SERVER_SETTINGS).await
    };
    let removal = async {
        for table in [&buffer, &broker] {
            let drop = format!("DROP TABLE IF EXISTS {table} SYNC");
            client::run(endpoint, service, "drop the tables of the pools", &drop).await?;
        }
        Ok(())
    };
    and_remove(endpoint, read, removal).await
}

fn server_settings(rows: &[Value]) -> BTreeMap<String, ServerSetting> {
    rows.iter()
        .filter_map(|row| {
            let setting = ServerSetting {
                value: text(&row["value"])?,
                is_set: is_true(&row["changed"]),
            };
            Some((text(&row["name"])?, setting))
        })
        .collect()
}

impl ServerSetting {
    fn against(&self, key: &str, configured: &str, stand_in: StandIn) -> Finding {
        let origin = "system.server_settings";
        if !self.is_set {
            return Finding {
                effective: Some(self.value.clone()),
                origin: Some(origin.to_owned()),
                verdict: not_set(),
            };
        }
        if key == IDLE_POOL && self.value == "0" {
            return Finding::not_askable(
                "the server makes this pool for the first Distributed table that inserts, and there is no cluster for one",
            );
        }
        if stand_in.0 && PROGRAM.contains(&key) && self.value == "0" {
            return not_offered("the engine as a library runs with 0, whatever its file says");
        }
        Finding::compared(is_equal(configured, &self.value), self.value.clone(), origin)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::super::super::proving::SettingVerdict;
    use super::super::tests::setting;
    use super::*;

    /// Answers as the documentation has them, and as the pinned server gives them.
    fn view(stand_in: bool) -> View {
        View {
            settings: server_settings(&[
                json!({"name": "max_concurrent_queries", "value": "64", "default": "0", "changed": true}),
                json!({"name": "uncompressed_cache_size", "value": "0", "default": "0", "changed": 0}),
                json!({"name": "query_cache.max_size_in_bytes", "value": "0", "default": "1073741824", "changed": 1}),
            ]),
            names: json!({"display_name": "suho-clickhouse", "timezone": "UTC"}),
            disks: vec![json!({"name": "backups", "type": "Local", "path": "/var/lib/clickhouse/backups/"})],
            directories: vec![
                json!({"type": "users_xml", "params": "{\"path\":\"\\/etc\\/clickhouse-server\\/users.xml\"}"}),
                json!({"type": "local directory", "params": "{\"path\":\"\\/var\\/lib\\/clickhouse\\/access\\/\"}"}),
            ],
            stand_in: StandIn(stand_in),
        }
    }

    #[rstest]
    #[case("max_concurrent_queries", "64")]
    #[case("display_name", "suho-clickhouse")]
    #[case("timezone", "UTC")]
    #[case("storage_configuration.disks.backups.type", "local")]
    #[case("storage_configuration.disks.backups.path", "/var/lib/clickhouse/backups/")]
    #[case("user_directories.users_xml.path", "users.xml")]
    #[case("user_directories.local_directory.path", "/var/lib/clickhouse/access/")]
    fn what_the_server_shows_is_in_effect(#[case] key: &str, #[case] value: &str) {
        let found = |value| view(false).find(&setting("config.xml", key, value)).verdict;
        assert_eq!(found(value), SettingVerdict::InEffect);
        assert!(matches!(found("7"), SettingVerdict::Differs { .. }));
        let misspelt = view(false).find(&setting("config.xml", &format!("{key}x"), value));
        assert_eq!(misspelt.verdict, SettingVerdict::Unknown);
    }

    #[test]
    fn a_line_that_says_the_default_and_is_not_in_the_file_is_told() {
        let finding = view(false).find(&setting("config.xml", "uncompressed_cache_size", "0"));
        assert_eq!(finding.verdict, not_set());
    }

    #[test]
    fn a_section_that_the_view_leaves_out_is_no_typing_error() {
        let verdict = |key| view(false).find(&setting("config.xml", key, "1")).verdict;
        assert!(matches!(verdict("logger.console"), SettingVerdict::NotAskable { .. }));
        assert_eq!(verdict("query_cache.max_sise"), SettingVerdict::Unknown);
    }

    #[test]
    fn what_the_library_leaves_at_nothing_differs_on_a_server() {
        let finding =
            |stand_in| view(stand_in).find(&setting("config.xml", "query_cache.max_size_in_bytes", "67108864"));
        assert!(matches!(finding(true).verdict, SettingVerdict::NotOffered { .. }));
        assert!(matches!(finding(false).verdict, SettingVerdict::Differs { .. }));
    }
}
