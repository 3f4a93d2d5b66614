//! What the broker's process runs with: its command line, and the files that it was started on.
//!
//! No request of Kafka's asks for these, but a configuration may name what is elsewhere (`${directory:/proc/self:cmdline}`),
//! and a broker that is asked to validate such a one refuses it with the value that it found there. Nothing is changed; the
//! refusal stands in the broker's log, which is why nothing secret is asked for in this way.

use std::collections::BTreeMap;
use std::io;

use super::super::super::proving::{Finding, SettingVerdict};
use super::super::wire::Wire;
use super::broker;
use crate::deployment::{Setting, SettingKind};

/// Those who look values up, brought along with the request: the broker's own are asked at its start alone.
const PROVIDERS: &[(&str, &str)] = &[
    ("config.providers", "suhofile,suhodirectory"),
    (
        "config.providers.suhofile.class",
        "org.apache.kafka.common.config.provider.FileConfigProvider",
    ),
    (
        "config.providers.suhodirectory.class",
        "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
    ),
];
/// A key that may be changed while the broker runs, and of which few values are legal.
const QUOTED_BY: &str = "compression.type";
const COMMAND_LINE: &str = "${suhodirectory:/proc/self:cmdline}";
/// Stands in no value.
const SEPARATOR: char = '\u{1f}';
const LOGGING_FILE: &str = "-Dlog4j.configuration=file:";

/// What the broker's process was started with.
pub(super) struct Process {
    words: Vec<String>,
    /// By the deployment's file and the key: the value in the file that the process was started on, as it is now.
    lines: BTreeMap<(String, String), String>,
}

/// True for the keys of the file that configures the broker's log.
pub(super) fn is_about_logging(setting: &Setting) -> bool {
    setting.key.starts_with("log4j.")
}

impl Process {
    /// Asks for the command line, and then for those of `settings` that only the broker's files tell.
    pub(super) async fn ask(wire: &mut Wire, broker: &str, settings: &[Setting]) -> io::Result<Self> {
        let command_line = look_up(wire, broker, &[COMMAND_LINE.to_owned()]).await?;
        let words: Vec<String> = command_line
            .iter()
            .flat_map(|line| line.split('\0'))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let mut process = Self {
            words,
            lines: BTreeMap::new(),
        };
        let asked: Vec<_> = settings
            .iter()
            .filter_map(|setting| Some((setting, process.variable(setting)?)))
            .collect();
        let variables: Vec<_> = asked.iter().map(|(_, variable)| variable.clone()).collect();
        let values = look_up(wire, broker, &variables).await?;
        process.lines = asked
            .into_iter()
            .zip(values)
            .filter(|((_, variable), value)| value != variable)
            .map(|((setting, _), value)| ((setting.file.clone(), setting.key.clone()), value))
            .collect();
        Ok(process)
    }

    /// Under which name the file's value of `setting` is looked up; none for what a file does not tell or must not.
    fn variable(&self, setting: &Setting) -> Option<String> {
        if setting.kind != SettingKind::File {
            return None;
        }
        let file = if is_about_logging(setting) {
            self.logging_file()?
        } else if broker::is_told_by_the_file(&setting.key) {
            // What the program itself is given: the broker's file comes first.
            self.words
                .iter()
                .find(|word| word.ends_with(".properties") && !word.starts_with('-'))?
        } else {
            return None;
        };
        Some(format!("${{suhofile:{file}:{}}}", setting.key))
    }

    fn logging_file(&self) -> Option<&str> {
        self.words.iter().rev().find_map(|word| word.strip_prefix(LOGGING_FILE))
    }

    /// The value of `setting` in the file that the process was started on, as it is now.
    pub(super) fn line(&self, setting: &Setting) -> Option<&str> {
        let line = self.lines.get(&(setting.file.clone(), setting.key.clone()));
        line.map(String::as_str)
    }

    /// Whether a logger of the file that configures the log writes to `appender`.
    pub(super) fn logs_to(&self, appender: &str) -> bool {
        let loggers = self.lines.iter().filter(|((_, key), _)| {
            let key = key.trim_start_matches("log4j.");
            key == "rootLogger" || key.starts_with("logger.")
        });
        // The level comes first.
        let mut appenders = loggers.flat_map(|(_, value)| value.split(',').skip(1));
        appenders.any(|name| name.trim() == appender)
    }

    /// Whether each word of `options` stands in the command line, and nothing after it takes it back.
    pub(super) fn runs_with(&self, options: &str) -> Finding {
        let origin = "the command line of the broker's process";
        let mut effective = Vec::new();
        for option in options.split_whitespace() {
            let name = name_of(option);
            let last = self.words.iter().rev().find(|word| name_of(word) == name);
            match last {
                Some(last) if last != option && self.words.iter().any(|word| word == option) => {
                    return Finding::without_value(SettingVerdict::Overridden {
                        by: format!("{last}, which follows it on the command line"),
                    });
                }
                Some(last) => effective.push(last.as_str()),
                None => {}
            }
        }
        let effective = effective.join(" ");
        let is_equal = options.split_whitespace().eq(effective.split_whitespace());
        let shown = if effective.is_empty() {
            "nothing of it".to_owned()
        } else {
            effective
        };
        Finding::compared(is_equal, shown, origin)
    }
}

/// What the JVM calls an option, without its value: of two that have one name, the last counts.
fn name_of(option: &str) -> &str {
    if let Some(flag) = option.strip_prefix("-XX:") {
        let flag = flag.strip_prefix(['+', '-']).unwrap_or(flag);
        return flag.split('=').next().unwrap_or(flag);
    }
    for sized in ["-Xms", "-Xmx", "-Xmn", "-Xss"] {
        if option.starts_with(sized) {
            return sized;
        }
    }
    let end = option.find('=').or_else(|| option.find(':'));
    end.map_or(option, |end| &option[..end])
}

/// What the broker finds under `variables`; one under which there is nothing comes back as it is.
async fn look_up(wire: &mut Wire, broker: &str, variables: &[String]) -> io::Result<Vec<String>> {
    let asked = variables.join(&SEPARATOR.to_string());
    let configs = [PROVIDERS, &[(QUOTED_BY, &asked)]].concat();
    let refusal = wire.refusal_of(broker, &configs).await?;
    let refusal = refusal.ok_or_else(|| io::Error::other(format!("{QUOTED_BY} may be anything")))?;
    let quoted = quoted(&refusal).ok_or_else(|| io::Error::other(refusal.clone()))?;
    Ok(quoted.split(SEPARATOR).map(str::to_owned).collect())
}

/// `x` of `Invalid value x for configuration compression.type: String must be one of: …`.
fn quoted(refusal: &str) -> Option<&str> {
    let (value, _) = refusal.rsplit_once(&format!(" for configuration {QUOTED_BY}"))?;
    value.strip_prefix("Invalid value ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn process(command_line: &str) -> Process {
        Process {
            words: command_line.split_whitespace().map(str::to_owned).collect(),
            lines: BTreeMap::new(),
        }
    }

    #[rstest]
    #[case("-Xms512m -Xmx1g", SettingVerdict::InEffect)]
    #[case("-Xmx1g", SettingVerdict::InEffect)]
    #[case("-XX:+UseG1GC -XX:MaxGCPauseMillis=20", SettingVerdict::InEffect)]
    #[case("-Xlog:gc=warning", SettingVerdict::InEffect)]
    #[case("-Xmx2g", SettingVerdict::Differs { effective: "-Xmx1g".into() })]
    #[case("-XX:-UseG1GC", SettingVerdict::Differs { effective: "-XX:+UseG1GC".into() })]
    #[case("-XX:MaxGCPauseMillis=200", SettingVerdict::Differs { effective: "-XX:MaxGCPauseMillis=20".into() })]
    #[case("-Dlog4j.configuration=file:/a", SettingVerdict::Differs { effective: "nothing of it".into() })]
    fn options_are_held_against_the_command_line(#[case] options: &str, #[case] expected: SettingVerdict) {
        let process = process("java -Xms512m -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -Xlog:gc=warning kafka.Kafka");

        assert_eq!(process.runs_with(options).verdict, expected);
    }

    #[rstest]
    #[case("java -Xmx1g -Xms512m -Xmx2g kafka.Kafka", "-Xmx1g", "-Xmx2g")]
    #[case("java -XX:+UseG1GC -XX:-UseG1GC kafka.Kafka", "-XX:+UseG1GC", "-XX:-UseG1GC")]
    #[case("java -Da.b=1 -Da.b=2 kafka.Kafka", "-Da.b=1", "-Da.b=2")]
    fn an_option_that_a_later_one_takes_back_is_overridden(
        #[case] command_line: &str,
        #[case] option: &str,
        #[case] later: &str,
    ) {
        let verdict = process(command_line).runs_with(option).verdict;

        assert!(
            matches!(&verdict, SettingVerdict::Overridden { by } if by.starts_with(later)),
            "{verdict:?}"
        );
    }

    #[rstest]
    #[case(
        "Invalid value [%d] %p for configuration x for configuration compression.type: String must be one of: zstd",
        Some("[%d] %p for configuration x")
    )]
    #[case("Cluster authorization failed.", None)]
    fn a_refusal_quotes_what_was_found(#[case] refusal: &str, #[case] expected: Option<&str>) {
        assert_eq!(quoted(refusal), expected);
    }
}
