//! Profiles: what each says, and what a session under it says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::EngineError;
use super::super::super::proving::{Finding, SettingVerdict};
use super::values::{is_equal, is_true, text};
use super::{Inquiry, client, not_set, unknown};
use crate::deployment::Setting;

const ELEMENTS: &str = "
    SELECT profile_name, user_name, setting_name, value, min, max, writability, inherit_profile
    FROM system.settings_profile_elements";
const SESSION: &str = "SELECT name, value, changed, min, max, readonly FROM system.settings";

/// What the profiles say, and what the sessions under them say.
pub(super) struct View {
    elements: Vec<Value>,
    /// By profile: the settings of its session, by name.
    sessions: BTreeMap<String, Session>,
}

struct Session {
    /// Whose session it is, in words.
    of: String,
    settings: BTreeMap<String, Value>,
}

impl View {
    pub(super) async fn ask(inquiry: Inquiry<'_>) -> Result<Self, EngineError> {
        let action = "read the profiles";
        let elements = client::documents(inquiry.endpoint, inquiry.service, action, ELEMENTS).await?;
        let mut sessions = BTreeMap::new();
        for setting in inquiry.settings {
            let Some((profile, _)) = of_profile(&setting.key) else {
                continue;
            };
            if !sessions.contains_key(profile) && elements.iter().any(|element| element["profile_name"] == profile) {
                sessions.insert(profile.to_owned(), Session::ask(inquiry, profile, &elements).await?);
            }
        }
        Ok(Self { elements, sessions })
    }

    /// None for what is no part of a profile.
    pub(super) fn find(&self, setting: &Setting) -> Option<Finding> {
        let (profile, key) = of_profile(&setting.key)?;
        let configured = setting.value.expose();
        let Some(session) = self.sessions.get(profile) else {
            return Some(Finding::differs("no such profile", "system.settings_profiles"));
        };
        Some(if key == "profile" {
            self.parent(profile, configured)
        } else if let Some(constraint) = key.strip_prefix("constraints.") {
            self.constraint(profile, constraint, configured, session)
        } else {
            self.value(profile, key, configured, session)
        })
    }

    fn parent(&self, profile: &str, configured: &str) -> Finding {
        let parents: Vec<String> = self
            .elements
            .iter()
            .filter(|element| element["profile_name"] == profile)
            .filter_map(|element| text(&element["inherit_profile"]))
            .collect();
        let is_parent = parents.iter().any(|parent| parent == configured);
        let shown = if parents.is_empty() {
            "none".to_owned()
        } else {
            parents.join(", ")
        };
        Finding::compared(is_parent, shown, "system.settings_profile_elements")
    }

    fn value(&self, profile: &str, name: &str, configured: &str, session: &Session) -> Finding {
        let Some(shown) = session.settings.get(name) else {
            return unknown();
        };
        let effective = text(&shown["value"]).unwrap_or_default();
        let of_profile = self.element(profile, name).and_then(|element| text(&element["value"]));
        let verdict = match of_profile {
            None => not_set(),
            Some(value) if !is_equal(configured, &value) => SettingVerdict::Differs { effective: value },
            Some(_) if !is_true(&shown["changed"]) || !is_equal(configured, &effective) => SettingVerdict::Overridden {
                by: format!("what else counts in {}", session.of),
            },
            Some(_) => SettingVerdict::InEffect,
        };
        Finding {
            effective: Some(effective),
            origin: Some(session.of.clone()),
            verdict,
        }
    }

    fn constraint(&self, profile: &str, key: &str, configured: &str, session: &Session) -> Finding {
        let Some((name, kind)) = key.split_once('.') else {
            return unknown();
        };
        let (Some(shown), Some(element)) = (session.settings.get(name), self.element(profile, name)) else {
            return if session.settings.contains_key(name) {
                Finding::differs("none", "system.settings_profile_elements")
            } else {
                unknown()
            };
        };
        let none = || "none".to_owned();
        match kind {
            "min" | "max" => {
                let (of_profile, of_session) = (text(&element[kind]), text(&shown[kind]));
                let holds = |value: &Option<String>| value.as_ref().is_some_and(|value| is_equal(configured, value));
                let is_equal = holds(&of_profile) && holds(&of_session);
                Finding::compared(is_equal, of_session.unwrap_or_else(none), session.of.clone())
            }
            "readonly" | "const" => {
                let is_constant = element["writability"] == "CONST" && is_true(&shown["readonly"]);
                let writability = text(&element["writability"]).unwrap_or_else(none);
                Finding::compared(is_constant, writability, session.of.clone())
            }
            _ => unknown(),
        }
    }

    fn element(&self, profile: &str, name: &str) -> Option<&Value> {
        self.elements
            .iter()
            .find(|element| element["profile_name"] == profile && element["setting_name"] == name)
    }
}

/// `profiles.reader.max_threads` as the profile and what it says.
fn of_profile(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("profiles.")?.split_once('.')
}

impl Session {
    /// A session of the user whose profile it is, or else of the service user who puts it on.
    async fn ask(inquiry: Inquiry<'_>, profile: &str, elements: &[Value]) -> Result<Self, EngineError> {
        let wearer = inquiry.passwords().find(|(user, _)| wears(elements, user, profile));
        let own = match wearer.map(|(user, variable)| (user, inquiry.variable(variable))) {
            Some((user, Some(password))) if user != client::USER => {
                let client = client::connect_as(inquiry.endpoint, user, password)?;
                // Whom the server refuses is told by the row of his password.
                match client::documents(inquiry.endpoint, &client, "log in", SESSION).await {
                    Ok(settings) => Some((format!("the session of {user}"), settings)),
                    Err(_) => None,
                }
            }
            _ => None,
        };
        let (of, settings) = if let Some(own) = own {
            own
        } else {
            let client = inquiry.service.clone().with_setting("profile", profile);
            let action = format!("put on the profile {profile}");
            let settings = client::documents(inquiry.endpoint, &client, &action, SESSION).await?;
            (
                format!("a session of {} with profile={profile}", client::USER),
                settings,
            )
        };
        let by_name = settings.into_iter().filter_map(|row| Some((text(&row["name"])?, row)));
        Ok(Self {
            of,
            settings: by_name.collect(),
        })
    }
}

fn wears(elements: &[Value], user: &str, profile: &str) -> bool {
    elements
        .iter()
        .any(|element| element["user_name"] == user && element["inherit_profile"] == profile)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::tests::setting;
    use super::*;

    fn view() -> View {
        let row = |name: &str, row: Value| (name.to_owned(), row);
        let settings = BTreeMap::from([
            row(
                "max_memory_usage",
                json!({"value": "1073741824", "changed": 1, "min": null, "max": "1073741824", "readonly": 0}),
            ),
            row(
                "max_concurrent_queries_for_user",
                json!({"value": "16", "changed": true, "min": null, "max": null, "readonly": 1}),
            ),
            row(
                "async_insert",
                json!({"value": "1", "changed": 1, "min": null, "max": null, "readonly": 0}),
            ),
            row(
                "log_queries",
                json!({"value": "1", "changed": 0, "min": null, "max": null, "readonly": 0}),
            ),
        ]);
        let element = |name: &str, value: &str, max: Option<&str>, writability: Option<&str>| {
            json!({"profile_name": "reader", "setting_name": name, "value": value, "min": null, "max": max,
                "writability": writability, "inherit_profile": null})
        };
        View {
            elements: vec![
                json!({"profile_name": "reader", "setting_name": null, "value": null, "min": null, "max": null,
                    "writability": null, "inherit_profile": "default"}),
                element("max_memory_usage", "1073741824", Some("1073741824"), None),
                element("max_concurrent_queries_for_user", "16", None, Some("CONST")),
                element("async_insert", "0", None, None),
            ],
            sessions: BTreeMap::from([(
                "reader".to_owned(),
                Session {
                    of: "the session of suho_reader".to_owned(),
                    settings,
                },
            )]),
        }
    }

    fn differs(effective: &str) -> SettingVerdict {
        SettingVerdict::Differs {
            effective: effective.to_owned(),
        }
    }

    #[rstest]
    #[case("profile", "default", SettingVerdict::InEffect)]
    #[case("profile", "service", differs("default"))]
    #[case("max_memory_usage", "1Gi", SettingVerdict::InEffect)]
    #[case("max_memory_usage", "2Gi", differs("1073741824"))]
    #[case("constraints.max_memory_usage.max", "1073741824", SettingVerdict::InEffect)]
    #[case("constraints.max_memory_usage.min", "1", differs("none"))]
    #[case("constraints.max_concurrent_queries_for_user.readonly", "", SettingVerdict::InEffect)]
    #[case("constraints.max_memory_usage.readonly", "", differs("none"))]
    #[case("constraints.max_memory_usage.maxx", "1", SettingVerdict::Unknown)]
    #[case("async_insert", "0", SettingVerdict::Overridden { by: "what else counts in the session of suho_reader".to_owned() })]
    #[case("log_queries", "1", not_set())]
    #[case("max_memory_usagex", "1", SettingVerdict::Unknown)]
    fn a_profile_counts_where_its_session_says_the_same(
        #[case] key: &str,
        #[case] value: &str,
        #[case] expected: SettingVerdict,
    ) {
        let setting = setting("users.xml", &format!("profiles.reader.{key}"), value);
        assert_eq!(view().find(&setting).map(|finding| finding.verdict), Some(expected));
    }
}
