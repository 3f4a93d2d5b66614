//! What no view shows, and what the server does tells: ports, metrics, backups, the hosts that it reaches.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::super::EngineError;
use super::super::super::proving::Finding;
use super::super::super::scratch::Scratch;
use super::client::{self, Exception};
use super::values::{is_equal, is_on, text};
use super::{Inquiry, is_item, not_offered, unknown};
use crate::deployment::Setting;

/// Sections of which every known key is asked here.
const SECTIONS: [&str; 4] = [
    "prometheus.",
    "backups.",
    "remote_url_allow_hosts.",
    "send_crash_reports.",
];

/// `BACKUP_NOT_FOUND`: one may look there.
const BACKUP_NOT_FOUND: u32 = 599;
/// `UNACCEPTABLE_URL`.
const UNACCEPTABLE_URL: u32 = 491;

/// The native port says so to whoever speaks HTTP to it.
const NATIVE_ANSWER: (&str, &str) = ("Port ", " is for clickhouse-client program");
const NATIVE_LIMIT: Duration = Duration::from_secs(2);

/// Some that a list of hosts may allow, and some that it had better not.
const HOSTS: [&str; 6] = [
    "suho-weaviate:8080",
    "suho-nats-server:4222",
    "suho-1:80",
    "suho-weaviate.example.org:80",
    "not-suho-weaviate:80",
    "example.org:80",
];

/// What came of each, by the key of the setting.
pub(super) struct View(BTreeMap<String, Finding>);

impl View {
    pub(super) async fn ask(inquiry: Inquiry<'_>) -> Result<Self, EngineError> {
        let metrics = Metrics::ask(inquiry).await?;
        let mut findings = BTreeMap::new();
        for setting in inquiry.settings {
            let configured = setting.value.expose();
            let finding = match setting.key.as_str() {
                "listen_host" => listens(configured),
                "http_port" => Finding::compared(
                    is_equal(configured, &client::PORT.to_string()),
                    client::PORT.to_string(),
                    "it answered there",
                ),
                "tcp_port" => native(inquiry, configured).await?,
                "backups.allowed_disk" => disk(inquiry, configured).await?,
                "backups.allowed_path" => path(inquiry, configured).await?,
                "send_crash_reports.enabled" => Finding::not_askable(
                    "the server says it in its log alone, and whether it reports shows when it crashes",
                ),
                key if key.starts_with("prometheus.") => match metrics.find(key, configured) {
                    Some(finding) => finding,
                    None => continue,
                },
                key if is_expression(key) => hosts(inquiry, configured).await?,
                _ => continue,
            };
            findings.insert(setting.key.clone(), finding);
        }
        Ok(Self(findings))
    }

    /// None for what the server shows in a view.
    pub(super) fn find(&self, setting: &Setting) -> Option<Finding> {
        let found = self.0.get(&setting.key).cloned();
        let is_ours = SECTIONS.iter().any(|section| setting.key.starts_with(section));
        found.or_else(|| is_ours.then(unknown))
    }
}

/// Whoever asks from outside of the container reaches no server that listens on the loopback alone.
fn listens(configured: &str) -> Finding {
    if matches!(configured, "0.0.0.0" | "::") {
        Finding::in_effect(configured, "it answered from outside of its container")
    } else {
        Finding::not_askable("from outside of the container one address is as good as all")
    }
}

async fn native(inquiry: Inquiry<'_>, configured: &str) -> Result<Finding, EngineError> {
    let Ok(port) = configured.parse() else {
        return Ok(Finding::differs("no port", "it is no number"));
    };
    let address = match inquiry.endpoint.address(port) {
        Ok(address) => address,
        Err(EngineError::NotPublished { .. }) => {
            return Ok(Finding::not_askable(format!("port {port} is not published")));
        }
        Err(error) => return Err(error),
    };
    let answer = timeout(NATIVE_LIMIT, greet(&address)).await;
    // A port behind which nobody listens is refused, reset or silent, as Docker has it.
    let answer = answer.ok().and_then(Result::ok).unwrap_or_default();
    Ok(match native_port(&answer) {
        Some(shown) => Finding::compared(is_equal(configured, shown), shown, "the native port said so"),
        None if inquiry.stand_in.0 => not_offered("nothing answers on the native port"),
        None => Finding::differs("nothing answers there", address),
    })
}

async fn greet(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The port that the answer names.
fn native_port(answer: &str) -> Option<&str> {
    let (_, rest) = answer.split_once(NATIVE_ANSWER.0)?;
    let (port, _) = rest.split_once(NATIVE_ANSWER.1)?;
    Some(port)
}

/// The lines of each kind that the server gives to Prometheus; none where it gives nothing.
struct Metrics(Option<Value>);

impl Metrics {
    /// Has the server read its own metrics, because their port is for the network alone.
    async fn ask(inquiry: Inquiry<'_>) -> Result<Self, EngineError> {
        let (Some(endpoint), Some(port)) = (
            inquiry.value_of("prometheus.endpoint"),
            inquiry.value_of("prometheus.port"),
        ) else {
            return Ok(Self(None));
        };
        let url = format!("http://{}:{port}{endpoint}", inquiry.endpoint.service);
        let query = format!(
            "SELECT countIf(startsWith(line, 'ClickHouseMetrics_')) AS metrics,
                countIf(startsWith(line, 'ClickHouseProfileEvents_')) AS events,
                countIf(startsWith(line, 'ClickHouseAsyncMetrics_')) AS asynchronous_metrics,
                countIf(startsWith(line, 'ClickHouseErrorMetric_')) AS errors
            FROM url('{url}', LineAsString, 'line String')"
        );
        let client = inquiry.service.clone().with_setting("http_max_tries", "1");
        let action = "have the server read its own metrics";
        match client::documents(inquiry.endpoint, &client, action, &query).await {
            Ok(lines) => Ok(Self(lines.into_iter().next())),
            // It answered us, and found nobody there.
            Err(EngineError::Failed { source, .. }) if source.to_string().contains("Code: ") => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    /// None for a key that is not known.
    fn find(&self, key: &str, configured: &str) -> Option<Finding> {
        let origin = "what the server gives to Prometheus";
        let key = key.strip_prefix("prometheus.")?;
        let is_switch = matches!(key, "metrics" | "events" | "asynchronous_metrics" | "errors");
        if !is_switch && !matches!(key, "endpoint" | "port") {
            return None;
        }
        let Some(lines) = &self.0 else {
            return Some(Finding::differs("nothing answers there", origin));
        };
        if !is_switch {
            return Some(Finding::in_effect(configured, "it answered there"));
        }
        let shown = text(&lines[key])?;
        let is_given = shown != "0";
        Some(Finding::compared(
            is_on(configured) == Some(is_given),
            format!("{shown} lines"),
            origin,
        ))
    }
}

async fn disk(inquiry: Inquiry<'_>, configured: &str) -> Result<Finding, EngineError> {
    let found = look_for_backup(inquiry, &format!("Disk('{configured}', '{}')", Scratch::new().name)).await?;
    Ok(may_look(&found, configured))
}

/// Below the path one may look, and beside it not.
async fn path(inquiry: Inquiry<'_>, configured: &str) -> Result<Finding, EngineError> {
    let directory = configured.trim_end_matches('/');
    let name = Scratch::new().name;
    let parent = directory.rsplit_once('/').map_or("", |(parent, _)| parent);
    let within = look_for_backup(inquiry, &format!("File('{directory}/{name}')")).await?;
    let beside = look_for_backup(inquiry, &format!("File('{parent}/{name}')")).await?;
    if beside.code == BACKUP_NOT_FOUND {
        return Ok(Finding::differs(
            format!("{parent}/ and all below it"),
            "asked to restore from there",
        ));
    }
    Ok(may_look(&within, configured))
}

fn may_look(found: &Exception, configured: &str) -> Finding {
    let origin = "asked to restore from there";
    if found.code == BACKUP_NOT_FOUND {
        Finding::in_effect(configured, origin)
    } else {
        Finding::differs(format!("refused with code {}", found.code), origin)
    }
}

/// What the server says to who wants to restore a table that is in no backup.
async fn look_for_backup(inquiry: Inquiry<'_>, place: &str) -> Result<Exception, EngineError> {
    let action = format!("look for a backup at {place}");
    let statement = format!("RESTORE TABLE scratch.nothing FROM {place}");
    let found = client::exception(inquiry.endpoint, inquiry.service, &action, &statement).await?;
    found.ok_or_else(|| inquiry.endpoint.unexpected(&action, "no backup", "one"))
}

/// True for each of the expressions that allow hosts.
fn is_expression(key: &str) -> bool {
    key.strip_prefix("remote_url_allow_hosts.")
        .is_some_and(|name| is_item(name, "host_regexp"))
}

/// Each host is reached or refused as the expressions have it; the server's own engine of expressions says which.
async fn hosts(inquiry: Inquiry<'_>, configured: &str) -> Result<Finding, EngineError> {
    let expressions = inquiry.settings.iter().filter(|setting| is_expression(&setting.key));
    let expressions: Vec<&str> = expressions.map(|setting| setting.value.expose()).collect();
    let whole = format!("^(?:{})$", expressions.join("|"));
    let mut wrong = Vec::new();
    let mut refused = 0;
    for host in HOSTS {
        let is_allowed = is_allowed(inquiry, host, &whole).await?;
        let is_refused = is_refused(inquiry, host).await?;
        refused += usize::from(is_refused);
        if is_refused == is_allowed {
            wrong.push(format!("{host} is {}", if is_refused { "refused" } else { "reached" }));
        }
    }
    let origin = "asked for tables there";
    Ok(if wrong.is_empty() {
        Finding::in_effect(configured, origin)
    } else if refused == 0 && inquiry.stand_in.0 {
        not_offered("its engine reaches every host")
    } else {
        Finding::differs(wrong.join(", "), origin)
    })
}

/// A host is allowed with its port or without.
async fn is_allowed(inquiry: Inquiry<'_>, host: &str, expression: &str) -> Result<bool, EngineError> {
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let matched: u8 = inquiry
        .service
        .query("SELECT arrayExists(host -> match(host, ?), [?, ?])")
        .bind(expression)
        .bind(host)
        .bind(name)
        .fetch_one()
        .await
        .map_err(inquiry.endpoint.failed("compare a host with the list"))?;
    Ok(matched == 1)
}

/// Makes a table that would read from `host`: the server looks at the name then, and at the host with the first read.
async fn is_refused(inquiry: Inquiry<'_>, host: &str) -> Result<bool, EngineError> {
    // A temporary table needs a session, and ends with it.
    let session = Scratch::new().name;
    let client = inquiry.service.clone().with_setting("session_id", &session);
    let action = format!("make a table that reads from {host}");
    let statement = format!("CREATE TEMPORARY TABLE {session} (a String) ENGINE = URL('http://{host}/', CSV)");
    match client::exception(inquiry.endpoint, &client, &action, &statement).await? {
        None => Ok(false),
        Some(exception) if exception.code == UNACCEPTABLE_URL => Ok(true),
        Some(exception) => Err(inquiry
            .endpoint
            .unexpected(&action, "a table or code 491", exception.words)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::proving::SettingVerdict;
    use super::*;

    #[test]
    fn the_native_port_tells_its_number_to_who_speaks_http() {
        let answer = "HTTP/1.0 400 Bad Request\r\n\r\nPort 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.\r\n";
        assert_eq!(native_port(answer), Some("9000"));
        assert_eq!(native_port("HTTP/1.0 404 Not Found\r\n\r\n"), None);
    }

    #[test]
    fn where_one_may_look_for_a_backup_is_told_by_the_code() {
        let exception = |code| Exception {
            code,
            words: String::new(),
        };
        assert_eq!(may_look(&exception(599), "backups").verdict, SettingVerdict::InEffect);
        assert!(matches!(
            may_look(&exception(36), "backups").verdict,
            SettingVerdict::Differs { .. }
        ));
    }
}
