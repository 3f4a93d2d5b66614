//! Every leaf of `nats-server.conf` and every variable against what the live server says.
//!
//! # Layout
//! - here: the server's own variables, asked through the system account; limits, asked as the account; users, by logging in.
//! - [`digest`]: the digest of the whole configuration, which proves also what no view shows.

mod digest;

use std::collections::BTreeMap;

use async_nats::jetstream::account::Account;
use async_nats::jetstream::{self, Context};
use futures::future::try_join_all;
use serde_json::Value;

use super::super::go;
use super::super::login::Login;
use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use super::client;
use crate::deployment::{Secret, Setting, SettingKind, SettingValue};
pub(super) use digest::number;

/// What `/varz` shows, without its port: the system account may ask.
const VARIABLES: &str = "$SYS.REQ.SERVER.PING.VARZ";
/// How many users log in at the same time.
const AT_ONCE: usize = 8;

/// What the server and the account say of themselves.
struct View<'a> {
    settings: &'a [Setting],
    /// The server's variables, as the monitoring port would show them.
    server: Value,
    /// By their names, those that somebody was let into.
    accounts: BTreeMap<String, Account>,
    /// By the path of a user: whether its name and password open a connection.
    logs_in: BTreeMap<String, bool>,
}

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    let mut view = View {
        settings,
        server: client::ask_system(endpoint, VARIABLES).await?,
        accounts: BTreeMap::from([(
            "SUHO".to_owned(),
            account(endpoint, client::connect(endpoint).await?).await?,
        )]),
        logs_in: BTreeMap::new(),
    };
    for users in users(settings).chunks(AT_ONCE) {
        let entered = try_join_all(users.iter().map(|user| enter(endpoint, settings, user))).await?;
        for (user, (is_let_in, limits)) in users.iter().zip(entered) {
            view.logs_in.insert((*user).to_owned(), is_let_in);
            if let (Some(account), Some(limits)) = (account_of(user), limits) {
                view.accounts.entry(account.to_owned()).or_insert(limits);
            }
        }
    }
    let findings: Vec<Option<Finding>> = settings
        .iter()
        .map(|setting| match setting.kind {
            SettingKind::File => view.shown(setting),
            SettingKind::Environment => Some(view.variable(setting)),
        })
        .collect();
    // A variable that no line names is no part of the file.
    let is_of_the_file = |setting: &Setting| setting.kind == SettingKind::File || setting.value.is_secret();
    let is_explained = settings
        .iter()
        .zip(&findings)
        .filter(|(setting, _)| is_of_the_file(setting))
        .any(|(_, finding)| finding.as_ref().is_some_and(|finding| !finding.verdict.is_fine()));
    let told = view.what_the_digest_tells(is_explained);
    Ok(settings
        .iter()
        .zip(findings)
        .map(|(setting, finding)| match finding {
            // A line that is gone and says what the server does by default anyway is named by the digest alone.
            Some(finding) if !told.names(setting) || !finding.verdict.is_fine() => finding,
            _ => told.of(setting),
        })
        .collect())
}

/// What the digest tells of the lines that no view shows.
enum Told<'a> {
    /// The server runs with this very file.
    TheVeryFile,
    /// It runs with this file but for one line.
    AllBut(&'a Setting, &'static str),
    /// It runs with another file, as a view shows as well.
    Explained,
    /// It runs with another file, and no view shows in what.
    AnotherFile,
}

impl Told<'_> {
    fn names(&self, setting: &Setting) -> bool {
        matches!(self, Self::AllBut(line, _) if line.key == setting.key)
    }

    fn of(&self, setting: &Setting) -> Finding {
        let origin = "config_digest: the server runs with another file";
        match self {
            Self::AllBut(_, effective) if self.names(setting) => Finding::differs(*effective, origin),
            Self::TheVeryFile | Self::AllBut(..) => Finding {
                effective: None,
                origin: Some("config_digest: it is that of a file with this line".to_owned()),
                verdict: SettingVerdict::InEffect,
            },
            Self::Explained => Finding::not_askable(
                "only the digest of the whole file proves it, and another line of the file is not in effect",
            ),
            Self::AnotherFile => Finding::differs("unknown", origin),
        }
    }
}

async fn account(endpoint: &Endpoint, jetstream: Context) -> Result<Account, EngineError> {
    let account = jetstream.query_account().await;
    account.map_err(endpoint.failed("ask JetStream for the account's limits"))
}

/// The paths of the users that the file names.
fn users(settings: &[Setting]) -> Vec<&str> {
    let passwords = settings.iter().map(|setting| setting.key.strip_suffix(".password"));
    passwords.flatten().collect()
}

/// `SUHO` of `accounts.SUHO.users.0`.
fn account_of(user: &str) -> Option<&str> {
    user.strip_prefix("accounts.")?.split('.').next()
}

/// Tries the name and the password of a user, and asks for the limits of his account where the file has some.
async fn enter(endpoint: &Endpoint, settings: &[Setting], user: &str) -> Result<(bool, Option<Account>), EngineError> {
    let name = value_of(settings, SettingKind::File, &format!("{user}.user")).unwrap_or_default();
    let password = value_of(settings, SettingKind::File, &format!("{user}.password")).unwrap_or_default();
    let login = Login {
        user: name.to_owned(),
        password: Secret::new(filled(settings, password).unwrap_or_default()),
    };
    let Some(client) = client::enter(endpoint, &login).await? else {
        return Ok((false, None));
    };
    let limits = account_of(user).map(|account| format!("accounts.{account}.jetstream."));
    let has_limits = |limits: String| settings.iter().any(|setting| setting.key.starts_with(&limits));
    let limits = if limits.is_some_and(has_limits) {
        Some(account(endpoint, jetstream::new(client)).await?)
    } else {
        None
    };
    Ok((true, limits))
}

impl View<'_> {
    /// What a view or a login shows of a line; none where nothing does.
    fn shown(&self, setting: &Setting) -> Option<Finding> {
        if let Some((user, _)) = setting
            .key
            .rsplit_once('.')
            .filter(|(user, _)| self.logs_in.contains_key(*user))
        {
            return Some(self.user(setting, user));
        }
        let configured = setting.value.expose();
        let (shown, origin) = match setting.key.as_str() {
            "listen" => (Some(address(&self.server, "host", "port")), "varz"),
            "http" => (Some(address(&self.server, "http_host", "http_port")), "varz"),
            "jetstream.store_dir" => (self.store(), "varz"),
            "jetstream.max_memory_store" => (text(&self.server["jetstream"]["config"]["max_memory"]), "varz"),
            "jetstream.max_file_store" => (text(&self.server["jetstream"]["config"]["max_storage"]), "varz"),
            "jetstream.sync_interval" => (self.sync_interval(), "varz"),
            "server_name" | "max_payload" | "max_connections" | "max_pending" | "write_deadline" | "ping_interval"
            | "ping_max" | "system_account" => (text(&self.server[&setting.key]), "varz"),
            // The digest knows of these; no view shows them.
            "logtime" | "logtime_utc" => return None,
            key => match self.limit(key) {
                Some(limit) => (Some(limit), "JetStream, asked as the account"),
                // The server refuses to start with a key that it does not know: this one is in no file that it has read.
                None => return Some(Finding::without_value(SettingVerdict::Unknown)),
            },
        };
        let shown = shown.unwrap_or_else(|| "nothing".to_owned());
        Some(Finding::compared(is_equal(configured, &shown), shown, origin))
    }

    fn user(&self, setting: &Setting, user: &str) -> Finding {
        let shown = setting.value.to_string();
        if self.logs_in[user] {
            Finding::in_effect(shown, "this user and password were let in")
        } else {
            Finding::differs(
                "another user or password",
                "the server refused these: authorization violation",
            )
        }
    }

    /// The server keeps its files in a directory of its own below the one that is configured.
    fn store(&self) -> Option<String> {
        let store = self.server["jetstream"]["config"]["store_dir"].as_str()?;
        Some(store.strip_suffix("/jetstream").unwrap_or(store).to_owned())
    }

    fn sync_interval(&self) -> Option<String> {
        let config = &self.server["jetstream"]["config"];
        if config["sync_always"] == true {
            return Some("always".to_owned());
        }
        text(&config["sync_interval"])
    }

    /// A limit of an account that somebody was let into.
    fn limit(&self, key: &str) -> Option<String> {
        let (account, limit) = key.strip_prefix("accounts.")?.split_once(".jetstream.")?;
        let limits = &self.accounts.get(account)?.limits;
        let limit = match limit {
            "max_memory" => limits.max_memory,
            "max_file" => limits.max_storage,
            "max_streams" => limits.max_streams,
            "max_consumers" => limits.max_consumers,
            _ => return None,
        };
        Some(limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string()))
    }

    fn variable(&self, setting: &Setting) -> Finding {
        let named = format!("${}", setting.key);
        let users = self.settings.iter().find(|file| file.value.expose() == named);
        if let Some(user) = users.and_then(|file| file.key.strip_suffix(".password")) {
            return self.user(setting, user);
        }
        if setting.key == "GOMEMLIMIT" {
            let limit = text(&self.server["gomemlimit"]).unwrap_or_else(|| "none".to_owned());
            let is_equal = go::bytes(setting.value.expose()).is_some_and(|bytes| bytes.to_string() == limit);
            return Finding::compared(is_equal, limit, "varz");
        }
        Finding::without_value(SettingVerdict::Unknown)
    }

    fn what_the_digest_tells(&self, is_explained: bool) -> Told<'_> {
        let theirs = self.server["config_digest"].as_str().unwrap_or_default();
        if theirs == self.digest(|_| true) {
            return Told::TheVeryFile;
        }
        let lines = self.settings.iter().filter(|setting| setting.kind == SettingKind::File);
        for line in lines {
            if theirs == self.digest(|other| other.key != line.key) {
                return Told::AllBut(line, "left out");
            }
            if self.digest_with_opposite(line).is_some_and(|digest| digest == theirs) {
                return Told::AllBut(line, "the opposite");
            }
        }
        if is_explained {
            Told::Explained
        } else {
            Told::AnotherFile
        }
    }

    fn digest(&self, counts: impl Fn(&Setting) -> bool) -> String {
        let lines = self.settings.iter().filter(|setting| setting.kind == SettingKind::File);
        digest::of(lines.filter(|setting| counts(setting)), &self.fill())
    }

    fn digest_with_opposite(&self, opposite: &Setting) -> Option<String> {
        let value = !digest::boolean(opposite.value.expose())?;
        let lines = self.settings.iter().filter(|setting| setting.kind == SettingKind::File);
        let lines: Vec<Setting> = lines
            .cloned()
            .map(|mut line| {
                if line.key == opposite.key {
                    line.value = SettingValue::Plain(value.to_string());
                }
                line
            })
            .collect();
        Some(digest::of(lines.iter(), &self.fill()))
    }

    fn fill(&self) -> impl Fn(&str) -> Option<String> {
        |name| value_of(self.settings, SettingKind::Environment, name).map(str::to_owned)
    }
}

fn value_of<'a>(settings: &'a [Setting], kind: SettingKind, key: &str) -> Option<&'a str> {
    settings
        .iter()
        .find(|setting| setting.kind == kind && setting.key == key)
        .map(|setting| setting.value.expose())
}

/// `text`, or the value of the variable that it names.
fn filled(settings: &[Setting], text: &str) -> Option<String> {
    match text.strip_prefix('$') {
        Some(name) => value_of(settings, SettingKind::Environment, name).map(str::to_owned),
        None => Some(text.to_owned()),
    }
}

fn address(server: &Value, host: &str, port: &str) -> String {
    format!("{}:{}", server[host].as_str().unwrap_or_default(), server[port])
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Compares as the server would read `configured`: a size, a duration in nanoseconds, or a text.
fn is_equal(configured: &str, shown: &str) -> bool {
    configured == shown
        || number(configured).is_some_and(|size| size.to_string() == shown)
        || nanoseconds(configured).is_some_and(|duration| duration.to_string() == shown)
}

/// `1m30s`, as Go writes a duration.
fn nanoseconds(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let after = &rest[digits..];
        let unit = &after[..after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len())];
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(rest[..digits].parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = &after[unit.len()..];
    }
    (total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1MB", "1048576", true)]
    #[case("1M", "1048576", false)]
    #[case("1000", "1000", true)]
    #[case("5s", "5000000000", true)]
    #[case("1m30s", "90000000000", true)]
    #[case("5", "5000000000", false)]
    #[case("always", "always", true)]
    #[case("always", "120000000000", false)]
    #[case("1MB", "unlimited", false)]
    fn values_are_compared_as_the_server_reads_them(
        #[case] configured: &str,
        #[case] shown: &str,
        #[case] equal: bool,
    ) {
        assert_eq!(is_equal(configured, shown), equal);
    }

    proptest! {
        #[test]
        fn a_duration_is_the_same_in_every_unit(minutes in 1u64..100_000) {
            let shown = (minutes * 60_000_000_000).to_string();
            for spelling in [format!("{minutes}m"), format!("{}s", minutes * 60), format!("{}m60s", minutes - 1)] {
                prop_assert!(is_equal(&spelling, &shown), "{spelling}");
            }
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,12}") {
            is_equal(&text, "1");
        }
    }
}
