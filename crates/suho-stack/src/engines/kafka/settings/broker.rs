//! The keys of `kafka.properties`.

use super::super::super::proving::{Finding, SettingVerdict};
use super::super::wire::{Config, Kind, Source};
use super::{View, values};
use crate::deployment::Setting;

/// Keys of the authorizer, which the broker hands on and does not know itself.
const AUTHORIZER_KEYS: [&str; 2] = ["super.users", "allow.everyone.if.no.acl.found"];
const PROVIDERS: &str = "config.providers";
/// What a provider of the environment may be told.
const PROVIDER_PARTS: [&str; 2] = ["class", "param.allowlist.pattern"];
/// Which keys count for more than another, the strongest first.
const STRONGER: &[(&str, &[&str])] = &[
    ("log.retention.hours", &["log.retention.ms", "log.retention.minutes"]),
    ("log.retention.minutes", &["log.retention.ms"]),
    ("log.roll.hours", &["log.roll.ms"]),
];

/// True for a key that is read by others than the broker, whose value therefore no view shows.
pub(super) fn is_told_by_the_file(key: &str) -> bool {
    AUTHORIZER_KEYS.contains(&key) || is_about_providers(key)
}

fn is_about_providers(key: &str) -> bool {
    key == PROVIDERS
        || key
            .strip_prefix("config.providers.")
            .and_then(|key| key.split_once('.'))
            .is_some_and(|(_, part)| PROVIDER_PARTS.contains(&part))
}

impl View<'_> {
    /// A key of the broker's own file.
    pub(super) fn broker(&self, setting: &Setting) -> Finding {
        let key = setting.key.as_str();
        if let Some(finding) = self.logins.of_listener(key) {
            return finding;
        }
        if is_told_by_the_file(key) {
            return self.handed_on(setting);
        }
        match self.configs.get(key) {
            Some(config) if config.kind != Kind::Unknown => self.known(setting, config),
            // The broker repeats what it does not know, without a value.
            _ => Finding::without_value(SettingVerdict::Unknown),
        }
    }

    fn known(&self, setting: &Setting, config: &Config) -> Finding {
        let shown = config.value.clone().unwrap_or_else(|| "nothing".to_owned());
        if let Some(by) = self.overriding(&setting.key, config) {
            return Finding {
                effective: Some(shown),
                origin: Some(format!("DescribeConfigs: {by}")),
                verdict: SettingVerdict::Overridden { by },
            };
        }
        if config.source != Source::File {
            return Finding::differs(shown, "DescribeConfigs: the broker's default, no file sets it");
        }
        let configured = self.environment.fill(setting.value.expose());
        let is_equal = values::is_equal(config.kind, &configured, &shown) && self.is_told_to_clients(setting, &shown);
        Finding::compared(
            is_equal,
            shown,
            "DescribeConfigs: the file that the broker was started with",
        )
    }

    /// What counts for more than the file's line.
    fn overriding(&self, key: &str, config: &Config) -> Option<String> {
        if let Some(by) = dynamic(config.source) {
            return Some(by.to_owned());
        }
        let (_, stronger) = STRONGER.iter().find(|(weaker, _)| *weaker == key)?;
        stronger.iter().find_map(|key| {
            let config = self.configs.get(*key)?;
            let value = config.value.as_ref()?;
            let by = dynamic(config.source).unwrap_or("the same file");
            Some(format!("{key}={value}, {by}"))
        })
    }

    /// Where clients are to go on, they are told so by the listener that they ask.
    fn is_told_to_clients(&self, setting: &Setting, shown: &str) -> bool {
        setting.key != "advertised.listeners"
            || self.cluster.brokers.iter().all(|broker| {
                let told = format!("://{}:{}", broker.host, broker.port);
                shown.split(',').any(|listener| listener.ends_with(&told))
            })
    }

    /// A key that the broker hands on: it says whether it was started with it, and its file says with which value.
    fn handed_on(&self, setting: &Setting) -> Finding {
        let origin = "the file that the broker was started on, as it is now";
        let shown = self
            .process
            .line(setting)
            .filter(|_| self.configs.contains_key(&setting.key));
        let Some(shown) = shown else {
            return Finding::differs("nothing", format!("DescribeConfigs: it is not in {origin}"));
        };
        let is_equal = setting.value.expose() == shown;
        Finding::compared(is_equal, shown, origin)
    }
}

fn dynamic(source: Source) -> Option<&'static str> {
    match source {
        Source::ThisBroker => Some("a dynamic configuration of this broker"),
        Source::AllBrokers => Some("a dynamic configuration of all brokers"),
        Source::File | Source::Default | Source::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("super.users", true)]
    #[case("super.usersx", false)]
    #[case("config.providers", true)]
    #[case("config.providersx", false)]
    #[case("config.providers.env.class", true)]
    #[case("config.providers.env.classx", false)]
    #[case("config.providers.env.param.allowlist.pattern", true)]
    #[case("config.providers.env", false)]
    #[case("broker.id", false)]
    fn only_keys_of_others_are_told_by_the_file(#[case] key: &str, #[case] expected: bool) {
        assert_eq!(is_told_by_the_file(key), expected);
    }
}
