//! The configuration that the server runs with, as its debug port tells it where the deployment has opened that.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::super::super::go;
use super::super::super::http::{Caller, in_words};
use super::super::super::proving::Finding;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{switch, switched};
use crate::deployment::Setting;

const CONFIGURATION: &str = "/debug/config";
/// The limit that the Go runtime works with; a request with a method other than GET would set it.
const MEMORY_LIMIT: &str = "/debug/config/gomemlimit";

/// How a variable reads and how its value is told.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Switch,
    /// On unless it says `false`.
    SwitchOff,
    /// Told as its opposite.
    Opposite,
    List,
}

/// Where the configuration tells a variable; a value of nothing is left out of it.
const TOLD: &[(&str, &str, Kind)] = &[
    ("PERSISTENCE_DATA_PATH", "/persistence/dataPath", Kind::Text),
    ("CLUSTER_HOSTNAME", "/cluster/hostname", Kind::Text),
    ("RAFT_BOOTSTRAP_EXPECT", "/Raft/BootstrapExpect", Kind::Number),
    ("RAFT_TIMEOUTS_MULTIPLIER", "/Raft/TimeoutsMultiplier", Kind::Number),
    (
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED",
        "/authentication/anonymous_access/enabled",
        Kind::Switch,
    ),
    (
        "AUTHENTICATION_APIKEY_ENABLED",
        "/authentication/APIKey/enabled",
        Kind::Switch,
    ),
    (
        "AUTHENTICATION_APIKEY_USERS",
        "/authentication/APIKey/users",
        Kind::List,
    ),
    (
        "AUTHORIZATION_ADMINLIST_ENABLED",
        "/authorization/admin_list/enabled",
        Kind::Switch,
    ),
    (
        "AUTHORIZATION_ADMINLIST_USERS",
        "/authorization/admin_list/users",
        Kind::List,
    ),
    (
        "AUTHORIZATION_ADMINLIST_READONLY_USERS",
        "/authorization/admin_list/read_only_users",
        Kind::List,
    ),
    ("DEFAULT_VECTORIZER_MODULE", "/default_vectorizer_module", Kind::Text),
    // It is the switch for having them that is written under this name.
    (
        "API_BASED_MODULES_DISABLED",
        "/api_based_modules_disabled",
        Kind::Opposite,
    ),
    ("ENABLE_MODULES", "/enable_modules", Kind::Text),
    ("AUTOSCHEMA_ENABLED", "/auto_schema/enabled", Kind::SwitchOff),
    ("QUERY_DEFAULTS_LIMIT", "/query_defaults/limit", Kind::Number),
    (
        "DISK_USE_READONLY_PERCENTAGE",
        "/resource_usage/DiskUse/readonly_percentage",
        Kind::Number,
    ),
    ("PROMETHEUS_MONITORING_ENABLED", "/monitoring/enabled", Kind::Switch),
    ("PROMETHEUS_MONITORING_GROUP", "/monitoring/group_classes", Kind::Switch),
    ("DISABLE_TELEMETRY", "/disable_telemetry", Kind::Switch),
];

/// What the debug port tells.
pub(super) enum Console {
    /// The configuration, and the limit of the Go runtime in bytes.
    Open { configuration: Value, memory_limit: String },
    /// The server answers nothing there.
    Closed,
    /// It is not reached from here.
    OutOfReach { reason: String },
}

impl Console {
    pub(super) async fn ask(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let caller = match client::console(endpoint) {
            Err(error @ EngineError::NotPublished { .. }) => {
                let reason = format!("only its debug port tells: failed to {}", error.in_full());
                return Ok(Self::OutOfReach { reason });
            }
            caller => caller?,
        };
        let action = "read the configuration in effect";
        let (status, _) = caller.status(Method::GET, CONFIGURATION, None, action).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(Self::Closed);
        }
        Self::read(&caller, action).await
    }

    async fn read(caller: &Caller<'_>, action: &str) -> Result<Self, EngineError> {
        Ok(Self::Open {
            configuration: caller.send(Method::GET, CONFIGURATION, action).await?,
            memory_limit: caller.text(MEMORY_LIMIT, action).await?,
        })
    }

    /// What is told of `setting`; none where the configuration does not know the variable.
    pub(super) fn find(&self, setting: &Setting) -> Option<Finding> {
        let configured = setting.value.expose();
        match setting.key.as_str() {
            "DEBUG_ENDPOINTS_ENABLED" => Some(self.is_open(configured)),
            "GOMEMLIMIT" => Some(self.told(|_, limit| memory_limit(configured, limit))),
            "LOG_LEVEL" => Some(Finding::not_askable("only the log itself shows it")),
            key => {
                let (_, pointer, kind) = TOLD.iter().find(|(name, ..)| *name == key)?;
                Some(self.told(|configuration, _| kind.compare(configured, configuration.pointer(pointer))))
            }
        }
    }

    fn is_open(&self, configured: &str) -> Finding {
        match self {
            Self::Open { .. } => switched(configured, true, CONFIGURATION),
            Self::Closed => switched(configured, false, "nothing is there: 404"),
            Self::OutOfReach { reason } => Finding::not_askable(reason),
        }
    }

    fn told(&self, compare: impl FnOnce(&Value, &str) -> Finding) -> Finding {
        match self {
            Self::Open {
                configuration,
                memory_limit,
            } => compare(configuration, memory_limit),
            Self::Closed => Finding::not_askable("only its debug port tells, and that is closed"),
            Self::OutOfReach { reason } => Finding::not_askable(reason),
        }
    }
}

impl Kind {
    fn compare(self, configured: &str, told: Option<&Value>) -> Finding {
        let effective = told.map(in_words).unwrap_or_default();
        let is_on = told == Some(&Value::Bool(true));
        match self {
            Self::Switch => switched(configured, is_on, CONFIGURATION),
            Self::SwitchOff => {
                let is_wanted = !configured.eq_ignore_ascii_case("false");
                Finding::compared(is_wanted == is_on, is_on.to_string(), CONFIGURATION)
            }
            Self::Opposite => Finding::compared(switch(configured) != is_on, (!is_on).to_string(), CONFIGURATION),
            Self::Number => {
                let number = configured.parse::<u64>().ok();
                Finding::compared(
                    number.is_some() && number == told.and_then(Value::as_u64),
                    effective,
                    CONFIGURATION,
                )
            }
            Self::Text | Self::List => Finding::compared(configured == effective, effective, CONFIGURATION),
        }
    }
}

fn memory_limit(configured: &str, limit: &str) -> Finding {
    let limit = limit.trim();
    let is_equal = go::bytes(configured).is_some_and(|bytes| bytes.to_string() == limit);
    Finding::compared(is_equal, limit, MEMORY_LIMIT)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::super::super::super::proving::SettingVerdict;
    use super::*;
    use crate::deployment::{SettingKind, SettingValue};

    fn setting(key: &str, value: &str) -> Setting {
        Setting {
            file: "docker-compose.yml".to_owned(),
            line: 1,
            key: key.to_owned(),
            value: SettingValue::Plain(value.to_owned()),
            kind: SettingKind::Environment,
        }
    }

    /// As much of what 1.39.0 tells as these tests ask for.
    fn open() -> Console {
        let configuration = json!({
            "Raft": {"TimeoutsMultiplier": 1},
            "api_based_modules_disabled": false,
            "auto_schema": {"enabled": false},
            "authorization": {"admin_list": {"enabled": true, "users": ["suho", "operator"]}},
            "disable_telemetry": true,
            "persistence": {"dataPath": "/var/lib/weaviate"},
        });
        Console::Open {
            configuration,
            memory_limit: "1258291200\n".to_owned(),
        }
    }

    #[rstest]
    #[case("PERSISTENCE_DATA_PATH", "/var/lib/weaviate", true)]
    #[case("PERSISTENCE_DATA_PATH", "./data", false)]
    #[case("RAFT_TIMEOUTS_MULTIPLIER", "1", true)]
    #[case("RAFT_TIMEOUTS_MULTIPLIER", "5", false)]
    #[case("RAFT_TIMEOUTS_MULTIPLIER", "one", false)]
    #[case("RAFT_BOOTSTRAP_EXPECT", "one", false)]
    #[case("DISABLE_TELEMETRY", "true", true)]
    #[case("DISABLE_TELEMETRY", "Enabled", true)]
    #[case("DISABLE_TELEMETRY", "yes", false)]
    #[case("API_BASED_MODULES_DISABLED", "true", true)]
    #[case("API_BASED_MODULES_DISABLED", "false", false)]
    #[case("AUTOSCHEMA_ENABLED", "False", true)]
    #[case("AUTOSCHEMA_ENABLED", "off", false)]
    #[case("AUTHORIZATION_ADMINLIST_USERS", "suho,operator", true)]
    #[case("AUTHORIZATION_ADMINLIST_USERS", "suho", false)]
    #[case("PROMETHEUS_MONITORING_GROUP", "false", true)]
    #[case("GOMEMLIMIT", "1200MiB", true)]
    #[case("GOMEMLIMIT", "1200MB", false)]
    #[case("DEBUG_ENDPOINTS_ENABLED", "true", true)]
    fn what_is_told_is_compared_as_weaviate_reads_it(#[case] key: &str, #[case] value: &str, #[case] equal: bool) {
        let finding = open().find(&setting(key, value)).unwrap();

        assert_eq!(finding.verdict == SettingVerdict::InEffect, equal, "{finding:?}");
    }

    #[test]
    fn a_variable_that_weaviate_does_not_know_is_not_told() {
        assert_eq!(open().find(&setting("DISABLE_TELEMETRYX", "true")), None);
    }

    #[test]
    fn a_closed_console_is_a_switch_that_is_off_and_nothing_else() {
        let switch = Console::Closed
            .find(&setting("DEBUG_ENDPOINTS_ENABLED", "true"))
            .unwrap();
        let other = Console::Closed.find(&setting("DISABLE_TELEMETRY", "true")).unwrap();

        assert_eq!(switch.effective.as_deref(), Some("false"));
        assert!(matches!(other.verdict, SettingVerdict::NotAskable { .. }));
    }

    #[test]
    fn what_is_out_of_reach_says_so() {
        let reason = "port 6060 is not published".to_owned();
        let console = Console::OutOfReach { reason: reason.clone() };

        for key in ["DEBUG_ENDPOINTS_ENABLED", "DISABLE_TELEMETRY", "GOMEMLIMIT"] {
            let finding = console.find(&setting(key, "true")).unwrap();
            assert_eq!(finding.verdict, SettingVerdict::NotAskable { reason: reason.clone() });
        }
    }

    proptest! {
        #[test]
        fn a_list_is_written_as_its_variable_writes_it(items in proptest::collection::vec("[a-z_]{1,8}", 1..5)) {
            let finding = Kind::List.compare(&items.join(","), Some(&json!(items)));

            prop_assert_eq!(finding.verdict, SettingVerdict::InEffect);
        }

        #[test]
        fn only_four_words_are_on(text in "[a-z0-9]{0,8}") {
            let is_on = ["on", "enabled", "1", "true"].contains(&text.as_str());

            prop_assert_eq!(switch(&text.to_uppercase()), is_on);
        }
    }
}
