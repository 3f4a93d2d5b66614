//! Users: who may log in, from where, and as what.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::EngineError;
use super::super::super::proving::{Finding, SettingVerdict};
use super::values::{is_on, text};
use super::{Inquiry, StandIn, client, is_item, not_offered, unknown};
use crate::deployment::Setting;

const USERS: &str = "SELECT name, storage, auth_type, host_ip, host_names FROM system.users";
const PROFILES: &str = "
    SELECT user_name, inherit_profile FROM system.settings_profile_elements WHERE user_name IS NOT NULL";
const GRANTS: &str = "
    SELECT user_name, access_type FROM system.grants
    WHERE access_type IN ('ALL', 'ACCESS MANAGEMENT', 'CREATE USER', 'NAMED COLLECTION ADMIN', 'NAMED COLLECTION')";
const QUOTAS: &str = "SELECT name, durations, apply_to_list FROM system.quotas";

/// Where accounts of the file are kept.
const STORAGE: &str = "users_xml";
/// What the server makes of the addresses of its own machine: one name for all of them.
const LOOPBACK: [&str; 2] = ["::1", "127.0.0.0/8"];

const NO_ACCOUNTS: &str = "it runs every query as a user of its own, and this one is a name for its front alone";

/// Everything that the server says of its users.
pub(super) struct View {
    users: Vec<Value>,
    profiles: Vec<Value>,
    grants: Vec<Value>,
    quotas: Vec<Value>,
    /// By the variable that holds a password: whose it is, and whether it lets him in.
    logins: BTreeMap<String, Login>,
    /// The networks that the file names, by user.
    networks: BTreeMap<String, Vec<String>>,
    pub(super) stand_in: StandIn,
}

struct Login {
    user: String,
    is_let_in: bool,
}

impl View {
    pub(super) async fn ask(inquiry: Inquiry<'_>) -> Result<Self, EngineError> {
        let read = |action, query| client::documents(inquiry.endpoint, inquiry.service, action, query);
        let (users, profiles, grants, quotas, logins) = tokio::try_join!(
            read("read system.users", USERS),
            read("read the users' profiles", PROFILES),
            read("read system.grants", GRANTS),
            read("read system.quotas", QUOTAS),
            log_in_everybody(inquiry),
        )?;
        let mut networks: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for setting in inquiry.settings {
            if let Some((user, _)) = of_user(&setting.key).filter(|(_, key)| is_network(key)) {
                let network = setting.value.expose().to_owned();
                networks.entry(user.to_owned()).or_default().push(network);
            }
        }
        Ok(Self {
            users,
            profiles,
            grants,
            quotas,
            logins,
            networks,
            stand_in: inquiry.stand_in,
        })
    }

    /// What is said of a user.
    pub(super) fn find(&self, setting: &Setting) -> Finding {
        let configured = setting.value.expose();
        let Some((name, key)) = of_user(&setting.key) else {
            return unknown();
        };
        let Some(user) = self.users.iter().find(|user| user["name"] == name) else {
            return Finding::differs("no such user", "system.users");
        };
        let finding = match key {
            "password[@from_env]" => return self.password_of(name, configured),
            "password_sha256_hex" => hash(user),
            "profile" => self.profile(name, configured),
            "quota" => self.quota_of(name, configured),
            "access_management" => self.grant(name, configured, "CREATE USER"),
            "named_collection_control" => self.grant(name, configured, "NAMED COLLECTION"),
            "networks" => networks(user, configured),
            key if is_network(key) => self.network(user, name, configured),
            _ => return unknown(),
        };
        if user["storage"] != STORAGE {
            let by = text(&user["storage"]).unwrap_or_default();
            return Finding::without_value(SettingVerdict::Overridden { by });
        }
        let is_of_the_library = self.stand_in.0 && name == "default";
        match key {
            // The library has a user of this name, who is its own.
            _ if is_of_the_library => not_offered("its engine runs as this user, and its front lets nobody in as him"),
            "quota" | "access_management" | "named_collection_control" => {
                self.stand_in.or_in_effect(NO_ACCOUNTS, finding)
            }
            _ => finding,
        }
    }

    /// What is said of the variable that holds a password; none for another one.
    pub(super) fn password_in(&self, variable: &str) -> Option<Finding> {
        let login = self.logins.get(variable)?;
        Some(login.finding("(secret)"))
    }

    /// The file names the variable that holds the user's password.
    fn password_of(&self, user: &str, variable: &str) -> Finding {
        let login = self.logins.get(variable).filter(|login| login.user == user);
        login.map_or_else(
            || Finding::differs("nothing", "no variable has this name"),
            |login| login.finding(variable),
        )
    }

    /// Whether the server has a user whom the image's own start would have removed.
    pub(super) fn has_user(&self, name: &str) -> bool {
        self.users.iter().any(|user| user["name"] == name)
    }

    fn profile(&self, name: &str, configured: &str) -> Finding {
        let profile = self
            .profiles
            .iter()
            .find(|element| element["user_name"] == name)
            .and_then(|element| text(&element["inherit_profile"]))
            .unwrap_or_else(|| "none".to_owned());
        Finding::compared(profile == configured, profile, "system.settings_profile_elements")
    }

    fn grant(&self, name: &str, configured: &str, access: &str) -> Finding {
        let is_granted = self
            .grants
            .iter()
            .any(|grant| grant["user_name"] == name && includes(&grant["access_type"], access));
        let shown = u8::from(is_granted).to_string();
        Finding::compared(is_on(configured) == Some(is_granted), shown, "system.grants")
    }

    fn network(&self, user: &Value, name: &str, configured: &str) -> Finding {
        let none = Vec::new();
        let named = self.networks.get(name).unwrap_or(&none);
        let admitted = admitted(user);
        let foreign: Vec<&str> = admitted
            .iter()
            .copied()
            .filter(|network| *network != "localhost" && !named.iter().any(|named| named == network))
            .collect();
        let shown = admitted.join(", ");
        let origin = "system.users";
        if !LOOPBACK.contains(&configured) {
            return Finding::compared(admitted.contains(&configured), shown, origin);
        }
        // The server counts both as its own machine: a network that nobody named may stand in the place of either.
        Finding::compared(admitted.contains(&"localhost") && foreign.is_empty(), shown, origin)
    }

    fn quota_of(&self, name: &str, configured: &str) -> Finding {
        let quotas: Vec<String> = self
            .quotas
            .iter()
            .filter(|quota| {
                quota["apply_to_list"]
                    .as_array()
                    .is_some_and(|users| users.iter().any(|user| user == name))
            })
            .filter_map(|quota| text(&quota["name"]))
            .collect();
        Finding::compared(
            quotas.iter().any(|quota| quota == configured),
            quotas.join(", "),
            "system.quotas",
        )
    }
}

impl Login {
    fn finding(&self, shown: &str) -> Finding {
        if self.is_let_in {
            Finding::in_effect(shown, format!("{} was let in", self.user))
        } else {
            Finding::differs("another password", format!("{} was refused", self.user))
        }
    }
}

/// Tries every password that the environment holds, also that of who runs the init scripts.
async fn log_in_everybody(inquiry: Inquiry<'_>) -> Result<BTreeMap<String, Login>, EngineError> {
    let initial = inquiry
        .variable("CLICKHOUSE_USER")
        .map(|user| (user, "CLICKHOUSE_PASSWORD"));
    let mut logins = BTreeMap::new();
    for (user, variable) in inquiry.passwords().chain(initial) {
        let Some(password) = inquiry.variable(variable) else {
            continue;
        };
        let action = format!("log in as {user}");
        let client = client::connect_as(inquiry.endpoint, user, password)?;
        let is_let_in = match client::exception(inquiry.endpoint, &client, &action, "SELECT 1").await? {
            None => true,
            Some(exception) if exception.code == client::AUTHENTICATION_FAILED => false,
            Some(exception) => return Err(inquiry.endpoint.unexpected(&action, "an answer", exception.words)),
        };
        let user = user.to_owned();
        logins.insert(variable.to_owned(), Login { user, is_let_in });
    }
    Ok(logins)
}

/// `users.suho.profile` as the user and what is said of him.
fn of_user(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("users.")?.split_once('.')
}

fn is_network(key: &str) -> bool {
    key.strip_prefix("networks.").is_some_and(|name| is_item(name, "ip"))
}

/// The kinds of access that the wider ones bring along.
fn includes(granted: &Value, access: &str) -> bool {
    granted == access
        || granted == "ALL"
        || access == "CREATE USER" && granted == "ACCESS MANAGEMENT"
        || access == "NAMED COLLECTION" && granted == "NAMED COLLECTION ADMIN"
}

/// Networks and names from which a user may come.
fn admitted(user: &Value) -> Vec<&str> {
    ["host_ip", "host_names"]
        .iter()
        .filter_map(|field| user[*field].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// An empty list of networks is a list of none.
fn networks(user: &Value, configured: &str) -> Finding {
    let admitted = admitted(user).join(", ");
    Finding::compared(admitted == configured, admitted, "system.users")
}

/// A hash is shown nowhere.
fn hash(user: &Value) -> Finding {
    let kinds = user["auth_type"].as_array().cloned().unwrap_or_default();
    if kinds.iter().all(|kind| kind == "sha256_password") && !kinds.is_empty() {
        Finding::not_askable("the server shows that there is a hash, and not which")
    } else {
        Finding::differs(format!("{kinds:?}"), "system.users")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::tests::setting;
    use super::*;

    /// Answers as the documentation has them, and as the pinned server gives them.
    fn view(stand_in: bool) -> View {
        let user = |name: &str, networks: Value, names: Value| json!({"name": name, "storage": "users_xml", "auth_type": ["sha256_password"], "host_ip": networks, "host_names": names});
        View {
            users: vec![
                user("default", json!([]), json!([])),
                user("suho", json!(["10.0.0.0/8", "fc00::/7"]), json!(["localhost"])),
                json!({"name": "made", "storage": "local_directory", "auth_type": [], "host_ip": ["::/0"], "host_names": []}),
            ],
            profiles: vec![json!({"user_name": "suho", "inherit_profile": "service"})],
            grants: vec![json!({"user_name": "suho", "access_type": "CREATE USER"})],
            quotas: vec![json!({"name": "service", "durations": [3600], "apply_to_list": ["suho"]})],
            logins: BTreeMap::from([(
                "SUHO_CLICKHOUSE_PASSWORD".to_owned(),
                Login {
                    user: "suho".to_owned(),
                    is_let_in: true,
                },
            )]),
            networks: BTreeMap::from([(
                "suho".to_owned(),
                ["::1", "127.0.0.0/8", "10.0.0.0/8", "fc00::/7"]
                    .map(str::to_owned)
                    .to_vec(),
            )]),
            stand_in: StandIn(stand_in),
        }
    }

    fn differs(effective: &str) -> SettingVerdict {
        SettingVerdict::Differs {
            effective: effective.to_owned(),
        }
    }

    #[rstest]
    #[case(
        "users.suho.password[@from_env]",
        "SUHO_CLICKHOUSE_PASSWORD",
        SettingVerdict::InEffect
    )]
    #[case("users.suho.password[@from_env]", "ANOTHER", differs("nothing"))]
    #[case("users.suho.networks.ip", "::1", SettingVerdict::InEffect)]
    #[case("users.suho.networks.ip[2]", "10.0.0.0/8", SettingVerdict::InEffect)]
    #[case(
        "users.suho.networks.ip[2]",
        "172.16.0.0/12",
        differs("10.0.0.0/8, fc00::/7, localhost")
    )]
    #[case("users.default.networks", "", SettingVerdict::InEffect)]
    #[case("users.suho.profile", "service", SettingVerdict::InEffect)]
    #[case("users.suho.profile", "reader", differs("service"))]
    #[case("users.suho.quota", "service", SettingVerdict::InEffect)]
    #[case("users.suho.quota", "reader", differs("service"))]
    #[case("users.suho.access_management", "1", SettingVerdict::InEffect)]
    #[case("users.suho.named_collection_control", "1", differs("0"))]
    #[case("users.suho.named_collection_control", "0", SettingVerdict::InEffect)]
    #[case("users.made.profile", "none", SettingVerdict::Overridden { by: "local_directory".to_owned() })]
    #[case("users.absent.profile", "none", differs("no such user"))]
    #[case("users.suho.profilex", "service", SettingVerdict::Unknown)]
    #[case("users.suho.networks.ip[2]x", "10.0.0.0/8", SettingVerdict::Unknown)]
    fn a_user_is_as_the_server_shows_him(#[case] key: &str, #[case] value: &str, #[case] expected: SettingVerdict) {
        assert_eq!(view(false).find(&setting("users.xml", key, value)).verdict, expected);
    }

    #[rstest]
    #[case("users.suho.quota", "service")]
    #[case("users.suho.access_management", "1")]
    #[case("users.default.networks", "")]
    fn what_a_stand_in_reads_and_does_not_do_is_not_offered(#[case] key: &str, #[case] value: &str) {
        let verdict = view(true).find(&setting("users.xml", key, value)).verdict;
        assert!(matches!(verdict, SettingVerdict::NotOffered { .. }), "{verdict:?}");
    }

    #[test]
    fn a_network_that_nobody_named_stands_in_the_place_of_a_loopback() {
        let mut view = view(false);
        view.users[1]["host_ip"] = json!(["10.0.0.0/8", "fc00::/7", "::2"]);
        let verdict = view
            .find(&setting("users.xml", "users.suho.networks.ip", "::1"))
            .verdict;
        assert_eq!(verdict, differs("10.0.0.0/8, fc00::/7, ::2, localhost"));
    }
}
