//! The keys of `kafka-log4j.properties`.

use super::super::super::proving::{Finding, SettingVerdict};
use super::View;
use crate::deployment::Setting;

/// Loggers that Kafka's code asks for by a name that is no class's.
const NAMED: [&str; 3] = ["state.change.logger", "kafka.request.logger", "kafka.authorizer.logger"];
const ROOT: &str = "root";

/// What a line is about.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    /// The level of a logger, and for the root also where it writes.
    Logger(&'a str),
    /// Where and how an appender writes.
    Appender(&'a str),
}

impl View<'_> {
    /// A key of the file that configures the log: levels as the broker tells them, all else as the process' file does.
    pub(super) fn logging(&self, setting: &Setting) -> Finding {
        match line(&setting.key) {
            Some(Line::Logger(ROOT)) => self.root(setting),
            Some(Line::Logger(name)) if self.is_used(name) => self.level(setting, name),
            Some(Line::Appender(name)) if self.process.logs_to(name) => self.written(setting),
            Some(Line::Logger(_) | Line::Appender(_)) | None => Finding::without_value(SettingVerdict::Unknown),
        }
    }

    /// A logger of the file's alone is a typing error: no code writes by that name or below.
    fn is_used(&self, name: &str) -> bool {
        let below = format!("{name}.");
        NAMED.contains(&name) || self.loggers.keys().any(|logger| logger.starts_with(&below))
    }

    fn level(&self, setting: &Setting, logger: &str) -> Finding {
        let level = self.loggers.get(logger).or_else(|| self.loggers.get(ROOT));
        let level = level.map_or("nothing", String::as_str);
        let is_equal = setting.value.expose().trim().eq_ignore_ascii_case(level);
        Finding::compared(is_equal, level, "DescribeConfigs: the broker's loggers")
    }

    /// `INFO, stdout`: the level is the broker's word; where it writes is in the file that its process was started on.
    fn root(&self, setting: &Setting) -> Finding {
        let level = self.loggers.get(ROOT).map_or("nothing", String::as_str);
        let configured = setting.value.expose();
        let is_level = configured
            .split(',')
            .next()
            .is_some_and(|configured| configured.trim().eq_ignore_ascii_case(level));
        if is_level {
            self.written(setting)
        } else {
            Finding::differs(level, "DescribeConfigs: the broker's loggers")
        }
    }

    fn written(&self, setting: &Setting) -> Finding {
        let origin = "the file that the broker's command line names for its log, as it is now";
        let shown = self.process.line(setting).unwrap_or("nothing");
        Finding::compared(shown == setting.value.expose(), shown, origin)
    }
}

/// What log4j takes `key` for; none where it takes it for nothing.
fn line(key: &str) -> Option<Line<'_>> {
    let key = key.strip_prefix("log4j.")?;
    if key == "rootLogger" {
        return Some(Line::Logger(ROOT));
    }
    if let Some(name) = key.strip_prefix("logger.") {
        return Some(Line::Logger(name));
    }
    let appender = key.strip_prefix("appender.")?;
    let (name, part) = appender.split_once('.').unwrap_or((appender, ""));
    // All that a console and its pattern have.
    matches!(part, "" | "target" | "layout" | "layout.ConversionPattern").then_some(Line::Appender(name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("log4j.rootLogger", Some(Line::Logger(ROOT)))]
    #[case("log4j.rootLoggerx", None)]
    #[case("log4j.logger.org.apache.zookeeper", Some(Line::Logger("org.apache.zookeeper")))]
    #[case("log4j.appender.stdout", Some(Line::Appender("stdout")))]
    #[case("log4j.appender.stdout.layout.ConversionPattern", Some(Line::Appender("stdout")))]
    #[case("log4j.appender.stdout.layout.ConversionPatternx", None)]
    #[case("log4j.appenderx.stdout", None)]
    #[case("rootLogger", None)]
    fn a_key_is_what_log4j_takes_it_for(#[case] key: &str, #[case] expected: Option<Line<'_>>) {
        assert_eq!(line(key), expected);
    }
}
