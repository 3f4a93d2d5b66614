//! The flags of the real server, and those that its state shows to be in effect.

use std::collections::BTreeMap;

use super::super::super::http::{Caller, Credentials};
use super::super::super::proving::{Finding, SettingVerdict};
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::values::is_equal;

/// Every flag with its value. A query behind it, even an empty one, would set a flag.
const FLAGS: &str = "/flagz";
const USER: &str = "default";
const CONSOLE: &str = "primary_port_http_enabled";

/// Fields of `INFO` that show what a flag has brought about; the flag itself may say 0 for "as many as there are".
const SHOWN: &[(&str, &str)] = &[
    ("maxmemory", "maxmemory"),
    ("port", "tcp_port"),
    ("proactor_threads", "thread_count"),
    ("cache_mode", "cache_mode"),
];

/// What the server says of itself.
pub(super) struct View {
    /// By name; the reason where the console does not answer.
    flags: Result<BTreeMap<String, String>, String>,
    info: String,
}

impl View {
    pub(super) async fn ask(endpoint: &Endpoint, info: String) -> Result<Self, EngineError> {
        let login = Credentials::Basic(USER, client::password(endpoint)?);
        let caller = Caller::new(endpoint, client::console(endpoint)?, Some(login))?;
        let text = caller.text(FLAGS, "read the flags").await;
        let flags = text.map(|text| flags(&text)).map_err(|error| error.in_full());
        Ok(Self { flags, info })
    }

    pub(super) fn find(&self, flag: &str, configured: &str) -> Finding {
        match &self.flags {
            Ok(flags) => match flags.get(flag) {
                Some(value) => self.compare(flag, configured, value),
                None => Finding::without_value(SettingVerdict::Unknown),
            },
            Err(_) if flag == CONSOLE => {
                Finding::compared(configured == "false", "false", "the port does not answer HTTP")
            }
            Err(reason) => Finding::not_askable(format!("only the console shows the flags: failed to {reason}")),
        }
    }

    fn compare(&self, flag: &str, configured: &str, value: &str) -> Finding {
        if let Some((field, shown)) = self.shown(flag) {
            return Finding::compared(is_equal(flag, configured, &shown), shown, format!("{field} of INFO"));
        }
        Finding::compared(is_equal(flag, configured, value), value, FLAGS)
    }

    /// The field of `INFO` for `flag`, and its value as the flag would spell it.
    fn shown(&self, flag: &str) -> Option<(&'static str, String)> {
        let (_, field) = SHOWN.iter().find(|(name, _)| *name == flag)?;
        let value = client::field(&self.info, field)?;
        let value = match value {
            "cache" => "true",
            "store" => "false",
            other => other,
        };
        Some((*field, value.to_owned()))
    }
}

/// Reads `--name: value` lines. The password is among them, and is not kept.
fn flags(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("--")?.split_once(':'))
        .filter(|(name, _)| *name != super::PASSWORD)
        .map(|(name, value)| (name.to_owned(), value.strip_prefix(' ').unwrap_or(value).to_owned()))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::deployment::{Files, settings};

    /// As v1.40.1 answers, with flags that take after ours and some that do not.
    const FLAGZ: &str = "\
--admin_port: 0
--bind: 0.0.0.0
--cache_mode: false
--dbfilename: dump
--dbnum: 1024
--dir: /data
--maxclients: 4000
--maxmemory: 768.00MiB
--memcached_port: 0
--notify_keyspace_events: Ex
--port: 6379
--primary_port_http_enabled: true
--proactor_threads: 2
--requirepass: df1
--snapshot_cron: */5 * * * *
--tcp_keepalive: 60
--tls: false
--version_check: false
";
    const INFO: &str = "\
# Server\r\ndragonfly_version:df-v1.40.1\r\ntcp_port:6379\r\nthread_count:2\r\n\
# Memory\r\nmaxmemory:805306368\r\ncache_mode:store\r\n";

    fn view(flagz: &str, info: &str) -> View {
        View {
            flags: Ok(flags(flagz)),
            info: info.to_owned(),
        }
    }

    #[test]
    fn every_flag_of_the_deployment_is_found_in_effect() {
        let view = view(FLAGZ, INFO);

        for flag in settings::flags(&Files::embedded(), "dragonfly.flags").unwrap() {
            let finding = view.find(&flag.key, flag.value.expose());
            assert_eq!(finding.verdict, SettingVerdict::InEffect, "{}", flag.key);
        }
    }

    #[rstest]
    #[case::another_value("--dbnum: 1024", "--dbnum: 16", "dbnum", "16")]
    #[case::the_default(
        "--dbfilename: dump",
        "--dbfilename: dump-{timestamp}",
        "dbfilename",
        "dump-{timestamp}"
    )]
    #[case::no_value("--snapshot_cron: */5 * * * *", "--snapshot_cron: ", "snapshot_cron", "")]
    fn a_flag_with_another_value_differs(
        #[case] original: &str,
        #[case] changed: &str,
        #[case] flag: &str,
        #[case] effective: &str,
    ) {
        let configured = original.split_once(": ").unwrap().1;

        let finding = view(&FLAGZ.replace(original, changed), INFO).find(flag, configured);

        let effective = effective.to_owned();
        assert_eq!(finding.verdict, SettingVerdict::Differs { effective });
    }

    #[test]
    fn what_a_flag_has_brought_about_counts_more_than_the_flag() {
        let view = view(FLAGZ, &INFO.replace("thread_count:2", "thread_count:1"));

        let finding = view.find("proactor_threads", "2");

        let effective = "1".to_owned();
        assert_eq!(finding.verdict, SettingVerdict::Differs { effective });
        assert_eq!(finding.origin.as_deref(), Some("thread_count of INFO"));
    }

    #[test]
    fn a_flag_that_the_server_does_not_list_is_unknown() {
        assert_eq!(
            view(FLAGZ, INFO).find("maxmemry", "768mb").verdict,
            SettingVerdict::Unknown
        );
    }

    #[test]
    fn the_password_is_not_kept() {
        assert!(!flags(FLAGZ).contains_key("requirepass"));
    }

    #[test]
    fn without_the_console_its_own_flag_differs_and_the_others_cannot_be_asked() {
        let view = View {
            flags: Err("read the flags on suho-dragonflydb: connection closed".to_owned()),
            info: INFO.to_owned(),
        };

        let console = view.find(CONSOLE, "true").verdict;
        assert!(matches!(console, SettingVerdict::Differs { .. }));
        let other = view.find("dbnum", "1024").verdict;
        assert!(matches!(other, SettingVerdict::NotAskable { .. }));
    }
}
