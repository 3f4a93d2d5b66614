//! Every line of `postgresql.conf` and every variable against what the live server says.
//!
//! # Layout
//! - here: the rows of `pg_settings`, which name file and line of what is in effect.
//! - [`values`]: units and spellings, as the server reads them.
//! - [`environment`]: the variables, by their effects.

mod environment;
mod values;

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use super::client::{self, Account};
use crate::deployment::{Setting, SettingKind};

/// The file that the server was started with, as the compose file mounts it.
const CONFIG_FILE: &str = "/etc/postgresql/postgresql.conf";

/// A placeholder that nobody registered is not in this view, though the server accepted it without a word.
const PG_SETTINGS: &str = "
    SELECT lower(name), setting, unit, vartype, source, sourcefile, sourceline, pending_restart
    FROM pg_catalog.pg_settings";

/// What an edition lacks, as the init scripts found out and noted.
const LEFT_OUT: &str = "SELECT lower(feature), reason FROM infra.left_out";

/// A row of `pg_settings`.
#[derive(Debug, Clone)]
struct InForce {
    setting: String,
    unit: Option<String>,
    vartype: String,
    source: String,
    file: Option<String>,
    line: Option<i32>,
    pending_restart: bool,
}

/// What the server says of itself.
struct View {
    in_force: BTreeMap<String, InForce>,
    left_out: BTreeMap<String, String>,
}

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    // The monitoring role sees the files of all settings, and only a database with the extension has TimescaleDB's.
    let reader = client::connect_as(endpoint, Account::Reader).await?;
    let view = View::ask(endpoint, &reader).await?;
    let environment = environment::Effects::ask(endpoint, &reader, settings).await?;
    Ok(settings
        .iter()
        .map(|setting| match setting.kind {
            SettingKind::File => view.find(setting),
            SettingKind::Environment => environment.find(setting, &view),
        })
        .collect())
}

impl View {
    async fn ask(endpoint: &Endpoint, reader: &Client) -> Result<Self, EngineError> {
        let action = "read pg_settings";
        // TimescaleDB registers its own settings at the first query that needs it.
        let left_out = reader.query(LEFT_OUT, &[]).await.map_err(endpoint.failed(action))?;
        let rows = reader.query(PG_SETTINGS, &[]).await.map_err(endpoint.failed(action))?;
        let in_force = rows.iter().map(|row| {
            let in_force = InForce {
                setting: row.get(1),
                unit: row.get(2),
                vartype: row.get(3),
                source: row.get(4),
                file: row.get(5),
                line: row.get(6),
                pending_restart: row.get(7),
            };
            (row.get(0), in_force)
        });
        Ok(Self {
            in_force: in_force.collect(),
            left_out: left_out.iter().map(|row| (row.get(0), row.get(1))).collect(),
        })
    }

    fn find(&self, setting: &Setting) -> Finding {
        let key = setting.key.to_lowercase();
        match (self.in_force.get(&key), self.left_out.get(&key)) {
            (Some(in_force), _) => in_force.against(setting),
            (None, Some(reason)) => Finding::not_offered(reason.clone()),
            (None, None) => Finding::without_value(SettingVerdict::Unknown),
        }
    }
}

impl InForce {
    fn against(&self, setting: &Setting) -> Finding {
        let is_equal = values::is_equal(setting.value.expose(), self);
        let verdict = if self.pending_restart {
            SettingVerdict::PendingRestart
        } else if self.comes_from(setting) {
            if is_equal {
                SettingVerdict::InEffect
            } else {
                SettingVerdict::Differs {
                    effective: self.shown(),
                }
            }
        } else {
            SettingVerdict::Overridden { by: self.origin() }
        };
        Finding {
            effective: Some(self.shown()),
            origin: Some(self.origin()),
            verdict,
        }
    }

    /// True where the server took it from the very line: a line of the same file that comes later counts more.
    fn comes_from(&self, setting: &Setting) -> bool {
        self.source == "configuration file"
            && self.file.as_deref() == Some(CONFIG_FILE)
            && self.line.and_then(|line| usize::try_from(line).ok()) == Some(setting.line)
    }

    fn origin(&self) -> String {
        match (&self.file, self.line, self.source.as_str()) {
            (Some(file), Some(line), _) => format!("{file}:{line}"),
            (_, _, "default") => "the server's default: no file sets it".to_owned(),
            (_, _, source) => source.to_owned(),
        }
    }

    /// `131072 × 8kB`, as the server counts.
    fn shown(&self) -> String {
        match &self.unit {
            Some(unit) if unit.starts_with(|first: char| first.is_ascii_digit()) => {
                format!("{} × {unit}", self.setting)
            }
            Some(unit) => format!("{}{unit}", self.setting),
            None => self.setting.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::deployment::SettingValue;

    fn setting(key: &str, value: &str, line: usize) -> Setting {
        Setting {
            file: "postgresql.conf".to_owned(),
            line,
            key: key.to_owned(),
            value: SettingValue::Plain(value.to_owned()),
            kind: SettingKind::File,
        }
    }

    fn shared_buffers() -> InForce {
        InForce {
            setting: "131072".to_owned(),
            unit: Some("8kB".to_owned()),
            vartype: "integer".to_owned(),
            source: "configuration file".to_owned(),
            file: Some(CONFIG_FILE.to_owned()),
            line: Some(30),
            pending_restart: false,
        }
    }

    #[rstest]
    #[case::as_written(shared_buffers(), SettingVerdict::InEffect)]
    #[case::another_value(
        InForce { setting: "16384".to_owned(), ..shared_buffers() },
        SettingVerdict::Differs { effective: "16384 × 8kB".to_owned() }
    )]
    #[case::a_later_line(
        InForce { line: Some(99), ..shared_buffers() },
        SettingVerdict::Overridden { by: "/etc/postgresql/postgresql.conf:99".to_owned() }
    )]
    #[case::alter_system(
        InForce { file: Some("/data/postgresql.auto.conf".to_owned()), line: Some(3), ..shared_buffers() },
        SettingVerdict::Overridden { by: "/data/postgresql.auto.conf:3".to_owned() }
    )]
    #[case::a_command_line(
        InForce { source: "command line".to_owned(), file: None, line: None, ..shared_buffers() },
        SettingVerdict::Overridden { by: "command line".to_owned() }
    )]
    #[case::nobody(
        InForce { source: "default".to_owned(), file: None, line: None, ..shared_buffers() },
        SettingVerdict::Overridden { by: "the server's default: no file sets it".to_owned() }
    )]
    #[case::not_yet(InForce { pending_restart: true, ..shared_buffers() }, SettingVerdict::PendingRestart)]
    fn a_setting_is_in_effect_if_it_comes_from_its_very_line(
        #[case] in_force: InForce,
        #[case] verdict: SettingVerdict,
    ) {
        assert_eq!(in_force.against(&setting("shared_buffers", "1GB", 30)).verdict, verdict);
    }

    #[test]
    fn a_key_that_the_server_does_not_list_is_unknown_unless_the_edition_lacks_it() {
        let view = View {
            in_force: BTreeMap::new(),
            left_out: BTreeMap::from([("timescaledb.telemetry_level".to_owned(), "no telemetry".to_owned())]),
        };

        let misspelt = view.find(&setting("timescaledb.telemetri_level", "off", 1));
        let lacking = view.find(&setting("timescaledb.telemetry_level", "off", 1));

        assert_eq!(misspelt.verdict, SettingVerdict::Unknown);
        assert!(matches!(lacking.verdict, SettingVerdict::NotOffered { .. }));
    }
}
