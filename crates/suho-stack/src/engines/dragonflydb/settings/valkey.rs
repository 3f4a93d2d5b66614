//! What the stand-in calls the flags that it honours; the others are Dragonfly's own.

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;

use super::super::super::proving::{Finding, SettingVerdict};
use super::super::super::{Endpoint, EngineError};
use super::values::is_equal;

/// Dragonfly's flags that mean something to Valkey, and its name for each.
const HONOURED: &[(&str, &str)] = &[
    ("bind", "bind"),
    ("port", "port"),
    ("maxmemory", "maxmemory"),
    ("maxclients", "maxclients"),
    ("tcp_keepalive", "tcp-keepalive"),
    ("dbnum", "databases"),
    ("notify_keyspace_events", "notify-keyspace-events"),
    ("dir", "dir"),
    ("dbfilename", "dbfilename"),
    ("snapshot_cron", "save"),
    ("cache_mode", "maxmemory-policy"),
];

/// Flags of the deployment that nothing in Valkey answers to.
const DRAGONFLYS_OWN: &[&str] = &[
    "primary_port_http_enabled",
    "memcached_port",
    "admin_port",
    "proactor_threads",
    "version_check",
];

/// The directives in force.
pub(super) struct View {
    directives: BTreeMap<String, String>,
}

impl View {
    pub(super) async fn ask(endpoint: &Endpoint, connection: &mut MultiplexedConnection) -> Result<Self, EngineError> {
        let mut get = redis::cmd("CONFIG");
        get.arg("GET");
        for (_, directive) in HONOURED {
            get.arg(directive);
        }
        let answer = get.query_async(connection).await;
        let directives = answer.map_err(endpoint.failed("read the directives in force"))?;
        Ok(Self { directives })
    }

    pub(super) fn find(&self, flag: &str, configured: &str) -> Finding {
        let honoured = HONOURED.iter().find(|(name, _)| *name == flag);
        let Some((_, directive)) = honoured else {
            return not_honoured(flag);
        };
        match self.directives.get(*directive) {
            Some(value) => {
                let shown = as_flag(flag, value);
                Finding::compared(
                    is_equal(flag, configured, &shown),
                    shown,
                    format!("{directive} of Valkey, in Dragonfly's place"),
                )
            }
            None => Finding::not_offered(format!("this stand-in for Dragonfly has no directive {directive}")),
        }
    }
}

fn not_honoured(flag: &str) -> Finding {
    if DRAGONFLYS_OWN.contains(&flag) {
        Finding::not_offered("a flag of Dragonfly's own, and Valkey serves in its place")
    } else {
        Finding::without_value(SettingVerdict::Unknown)
    }
}

/// A directive's value as Dragonfly would spell that of `flag`.
fn as_flag(flag: &str, value: &str) -> String {
    match flag {
        "dbfilename" => value.strip_suffix(".rdb").unwrap_or(value).to_owned(),
        "cache_mode" => (value != "noeviction").to_string(),
        "snapshot_cron" => schedule(value).unwrap_or_else(|| format!("save {value}")),
        _ => value.to_owned(),
    }
}

/// `300 1`, a save every 300 seconds in which anything was written, in the notation of cron.
fn schedule(save: &str) -> Option<String> {
    let seconds: u64 = save.strip_suffix(" 1")?.parse().ok()?;
    seconds
        .is_multiple_of(60)
        .then(|| format!("*/{} * * * *", seconds / 60))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("dbfilename", "dump.rdb", "dump")]
    #[case("cache_mode", "noeviction", "false")]
    #[case("cache_mode", "allkeys-lru", "true")]
    #[case("snapshot_cron", "300 1", "*/5 * * * *")]
    #[case("snapshot_cron", "", "save ")]
    #[case("snapshot_cron", "3600 1 300 100", "save 3600 1 300 100")]
    #[case("dbnum", "1024", "1024")]
    fn a_directive_is_read_as_the_flag_that_it_stands_for(
        #[case] flag: &str,
        #[case] value: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(as_flag(flag, value), expected);
    }

    #[test]
    fn a_flag_of_dragonflys_own_is_not_offered_and_another_is_unknown() {
        let view = View {
            directives: BTreeMap::new(),
        };

        let own = view.find("proactor_threads", "2").verdict;
        assert!(matches!(own, SettingVerdict::NotOffered { .. }));
        assert_eq!(view.find("proactor_threadsx", "2").verdict, SettingVerdict::Unknown);
    }
}
