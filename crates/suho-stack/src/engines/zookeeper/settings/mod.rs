//! Every key of `zoo.cfg` and the options of the JVM, against what the live server says of itself.
//!
//! # Layout
//! - here: the keys, and who tells them: the admin server, the words of four letters, the port of the metrics.
//! - [`heap`]: the options of the JVM, by its metrics.

mod heap;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::http::Caller;
use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use super::client;
use crate::deployment::{Files, Setting, SettingKind, settings::properties};

const ADMIN_PORT: u16 = 8080;
const METRICS_PORT: u16 = 7000;
/// What the server makes of a key that it does not parse: a system property, which somebody may read or nobody.
const PROPERTY: &str = "zookeeper.";
/// Those of them that the server reads.
const READ_PROPERTIES: [&str; 4] = [
    "4lw.commands.whitelist",
    "admin.enableServer",
    "admin.serverPort",
    "admin.restore.enabled",
];
/// Handed to the provider of metrics under whatever name; these are those that it reads.
const METRICS: &str = "metricsProvider.";
const READ_BY_METRICS: [&str; 3] = ["className", "httpPort", "exportJvmInfo"];

/// What the server says of itself.
struct View {
    /// By the names of the file, as far as the server tells them.
    configuration: BTreeMap<String, String>,
    /// None where no admin server answers.
    admin: Option<Admin>,
    /// None where the provider of metrics does not answer.
    metrics: Option<String>,
}

/// What the admin server alone tells.
struct Admin {
    /// The file as it was when the server read it.
    file: BTreeMap<String, String>,
    properties: Map<String, Value>,
}

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    if let Err(EngineError::NotPublished { .. }) = endpoint.port(ADMIN_PORT) {
        let reason = "its ports are not published: only a container on its network can ask";
        return Ok(settings.iter().map(|_| Finding::not_askable(reason)).collect());
    }
    let view = View {
        configuration: configuration(&client::word(endpoint, "conf").await?),
        admin: Admin::ask(endpoint).await.ok(),
        metrics: text(endpoint, METRICS_PORT, "/metrics").await.ok(),
    };
    Ok(settings.iter().map(|setting| view.find(setting)).collect())
}

impl Admin {
    async fn ask(endpoint: &Endpoint) -> Result<Self, EngineError> {
        const ACTION: &str = "read the file that the server was started with";
        let file = command(endpoint, "initial_configuration").await?;
        let file = file["initial_configuration"].as_str().unwrap_or_default();
        let lines = properties(&Files::embedded().with("zoo.cfg", file), "zoo.cfg").map_err(endpoint.failed(ACTION))?;
        let lines = lines.into_iter();
        Ok(Self {
            file: lines
                .map(|line| (line.key, line.value.expose().trim().to_owned()))
                .collect(),
            properties: command(endpoint, "system_properties").await?,
        })
    }
}

/// The answer to a command of the admin server.
async fn command(endpoint: &Endpoint, name: &str) -> Result<Map<String, Value>, EngineError> {
    let answer = text(endpoint, ADMIN_PORT, &format!("/commands/{name}")).await?;
    serde_json::from_str(&answer).map_err(endpoint.failed(format!("read the answer to {name}")))
}

async fn text(endpoint: &Endpoint, port: u16, path: &str) -> Result<String, EngineError> {
    let base = format!("http://{}", endpoint.address(port)?);
    Caller::new(endpoint, base, None)?
        .text(path, &format!("ask for {path}"))
        .await
}

/// What the word `conf` tells: `clientPort=2181` on a line.
fn configuration(answer: &str) -> BTreeMap<String, String> {
    let lines = answer.lines().filter_map(|line| line.split_once('='));
    lines
        // The server keeps its files in a directory of its own below the one that is configured.
        .map(|(key, value)| (key.to_owned(), value.trim_end_matches("/version-2").to_owned()))
        .collect()
}

impl View {
    fn find(&self, setting: &Setting) -> Finding {
        match (setting.kind, setting.key.as_str()) {
            (SettingKind::Environment, "JVMFLAGS") => heap::find(setting.value.expose(), self.metrics.as_deref()),
            (SettingKind::Environment, _) => Finding::without_value(SettingVerdict::Unknown),
            (SettingKind::File, key) => self.line(key, setting.value.expose().trim()),
        }
    }

    fn line(&self, key: &str, configured: &str) -> Finding {
        let Some(admin) = &self.admin else {
            return self.without_admin(key, configured);
        };
        if !admin.knows(key) {
            return Finding::without_value(SettingVerdict::Unknown);
        }
        let told = self.told(admin, key);
        if !admin.file.contains_key(key) {
            let shown = told.map_or("nothing", |(shown, _)| shown);
            return Finding::differs(shown, "the file that the server was started with does not set it");
        }
        let (shown, origin) = told.unwrap_or(("nothing", "the admin server"));
        if key.starts_with(METRICS) && !self.has_metrics_of(key, configured) {
            return Finding::differs("nothing of it", "the port of the metrics");
        }
        Finding::compared(is_equal(configured, shown), shown, origin)
    }

    /// The value in effect: the server's own, a system property that it reads, or else what it parsed out of its file.
    fn told<'a>(&'a self, admin: &'a Admin, key: &str) -> Option<(&'a str, &'static str)> {
        if let Some(shown) = self.configuration.get(key) {
            return Some((shown, "conf"));
        }
        if let Some(shown) = admin.property(key) {
            return Some((shown, "the system properties"));
        }
        let shown = admin.file.get(key)?;
        Some((
            shown,
            "the file that the server was started with, of which it parsed this key",
        ))
    }

    /// The metrics are there, and those of the JVM among them where they are asked for.
    fn has_metrics_of(&self, key: &str, configured: &str) -> bool {
        let has_jvm = self.metrics.as_ref().map(|metrics| metrics.contains(heap::LARGEST));
        match key.strip_prefix(METRICS) {
            Some("exportJvmInfo") => has_jvm == Some(configured.eq_ignore_ascii_case("true")),
            _ => has_jvm.is_some(),
        }
    }

    /// Where no admin server answers, its own keys are wrong, and few others are told.
    fn without_admin(&self, key: &str, configured: &str) -> Finding {
        match key {
            "admin.enableServer" => Finding::differs("false", "no admin server answers"),
            "admin.serverPort" => Finding::differs("another port", "no admin server answers"),
            _ => match self.configuration.get(key) {
                Some(shown) => Finding::compared(is_equal(configured, shown), shown, "conf"),
                None => Finding::not_askable("only the admin server tells, and it does not answer"),
            },
        }
    }
}

impl Admin {
    fn property(&self, key: &str) -> Option<&str> {
        self.properties.get(&format!("{PROPERTY}{key}"))?.as_str()
    }

    /// What the server does not parse becomes a system property, and what nobody reads is unknown.
    fn knows(&self, key: &str) -> bool {
        match key.strip_prefix(METRICS) {
            Some(key) => READ_BY_METRICS.contains(&key),
            None => READ_PROPERTIES.contains(&key) || self.property(key).is_none(),
        }
    }
}

/// Compares as the server would read `configured`: a number, a switch, a list or a text.
fn is_equal(configured: &str, shown: &str) -> bool {
    let number = |text: &str| text.parse::<i64>().ok();
    let items = |text: &str| -> Vec<String> { text.split(',').map(|item| item.trim().to_lowercase()).collect() };
    match (number(configured), number(shown)) {
        (Some(configured), Some(shown)) => configured == shown,
        _ if configured.contains('/') || shown.contains('/') => configured == shown,
        _ => items(configured) == items(shown),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const CONF: &str = "clientPort=2181\ndataDir=/data/version-2\ntickTime=2000\nmaxClientCnxns=60\n";

    /// A server that was started with `tickTime`, the admin server and a typing error.
    fn view() -> View {
        let file = [
            ("tickTime", "2000"),
            ("admin.serverPort", "8080"),
            ("autopurge.purgeIntervalx", "1"),
        ];
        let properties = json!({
            "zookeeper.admin.serverPort": "8080",
            "zookeeper.autopurge.purgeIntervalx": "1",
        });
        View {
            configuration: configuration(CONF),
            admin: Some(Admin {
                file: file
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
                properties: properties.as_object().cloned().unwrap_or_default(),
            }),
            metrics: Some("jvm_memory_bytes_max{area=\"heap\",} 2.68435456E8\n".to_owned()),
        }
    }

    #[rstest]
    #[case("tickTime", "02000", SettingVerdict::InEffect)]
    #[case("tickTime", "2001", SettingVerdict::Differs { effective: "2000".into() })]
    #[case("admin.serverPort", "8080", SettingVerdict::InEffect)]
    #[case("autopurge.purgeIntervalx", "1", SettingVerdict::Unknown)]
    #[case("autopurge.purgeInterval", "1", SettingVerdict::Differs { effective: "nothing".into() })]
    #[case("maxClientCnxns", "60", SettingVerdict::Differs { effective: "60".into() })]
    #[case("metricsProvider.httpPortx", "7000", SettingVerdict::Unknown)]
    fn a_key_is_what_the_server_makes_of_it(
        #[case] key: &str,
        #[case] configured: &str,
        #[case] expected: SettingVerdict,
    ) {
        assert_eq!(view().line(key, configured).verdict, expected);
    }

    #[test]
    fn without_an_admin_server_its_own_keys_differ_and_few_others_are_told() {
        let view = View { admin: None, ..view() };

        let verdict = |key, configured| view.line(key, configured).verdict;

        assert!(matches!(
            verdict("admin.enableServer", "true"),
            SettingVerdict::Differs { .. }
        ));
        assert_eq!(verdict("dataDir", "/data"), SettingVerdict::InEffect);
        assert!(matches!(
            verdict("autopurge.purgeInterval", "1"),
            SettingVerdict::NotAskable { .. }
        ));
    }

    #[rstest]
    #[case("TRUE", "true", true)]
    #[case("srvr, ruok", "srvr,ruok", true)]
    #[case("srvr", "srvr,ruok", false)]
    #[case("/Data", "/data", false)]
    fn values_are_compared_as_the_server_reads_them(
        #[case] configured: &str,
        #[case] shown: &str,
        #[case] equal: bool,
    ) {
        assert_eq!(is_equal(configured, shown), equal);
    }

    proptest! {
        #[test]
        fn a_number_is_the_same_in_every_spelling(number in 0i64..1_000_000) {
            let spelling = format!("00{number}");
            prop_assert!(is_equal(&spelling, &number.to_string()));
            prop_assert!(!is_equal(&(number + 1).to_string(), &number.to_string()));
        }
    }
}
