//! Rows of checks, settings and verdicts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::Serialize;

use crate::engines::{Feature, SettingVerdict};

/// What was asked of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A value written by its user is read back.
    RoundTrip,
    /// A wrong password and none are refused by the engine's own word.
    Strangers,
    /// Every configured setting is in effect.
    Settings,
    /// A feature that the platform relies on.
    Feature {
        /// As a command line names it.
        name: &'static str,
        /// What is proved, as a sentence.
        claim: &'static str,
    },
}

impl Check {
    /// The check of a feature.
    #[must_use]
    pub fn of(feature: &Feature) -> Self {
        Self::Feature {
            name: feature.name,
            claim: feature.claim,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Passed {
        /// What was done, or what the engine said.
        evidence: String,
    },
    /// It cannot be asked from here.
    NotAskable {
        /// Why.
        reason: String,
    },
    /// This engine, edition or stand-in has no such thing.
    NotOffered {
        /// Why.
        reason: String,
    },
    /// It does not hold, or could not be found out.
    Failed {
        /// What was tried and what came of it.
        error: String,
    },
}

/// One check of one engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The compose service.
    pub service: String,
    /// What was asked.
    pub check: Check,
    /// What came of it.
    pub verdict: Verdict,
    /// How long the answer took.
    pub took: Duration,
}

/// One setting of one engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettingRow {
    /// The compose service.
    pub service: String,
    /// Where it is written, relative to the deployment's directory.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// As the file names it.
    pub key: String,
    /// As the file has it; a secret is not shown.
    pub configured: String,
    /// As the engine has it, where it tells.
    pub effective: Option<String>,
    /// Where the engine has it from, or how it was found out.
    pub origin: Option<String>,
    /// What came of it.
    pub verdict: SettingVerdict,
}

/// Everything that was asked, by service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Sorted by service, then by check. An absent engine is a row as well.
    pub rows: Vec<Row>,
    /// One for each setting of the deployment, in the order of the files.
    pub settings: Vec<SettingRow>,
    /// What each engine is: version, edition, stand-in, or why it is absent.
    pub identities: BTreeMap<String, String>,
    /// How long the whole of it took.
    pub took: Duration,
}

/// What was asked of one engine.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The compose service.
    pub service: &'a str,
    /// What it is; empty where nobody has asked it.
    pub identity: &'a str,
    /// Its checks.
    pub rows: Vec<&'a Row>,
    /// Its settings.
    pub settings: Vec<&'a SettingRow>,
}

impl Report {
    /// True where any engine was asked anything: only then does a fine report prove something.
    #[must_use]
    pub fn has_asked(&self) -> bool {
        self.rows
            .iter()
            .any(|row| matches!(row.verdict, Verdict::Passed { .. } | Verdict::Failed { .. }))
            || self.settings.iter().any(|row| {
                !matches!(
                    row.verdict,
                    SettingVerdict::NotAskable { .. } | SettingVerdict::NotOffered { .. }
                )
            })
    }

    /// True where nothing failed and every setting that could be asked for is in effect.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.settings.iter().all(|row| row.verdict.is_fine())
            && !self
                .rows
                .iter()
                .any(|row| matches!(row.verdict, Verdict::Failed { .. }))
    }

    /// Engine by engine, in the order of their names.
    #[must_use]
    pub fn parts(&self) -> Vec<Part<'_>> {
        let services: BTreeSet<&str> = self.rows.iter().map(|row| row.service.as_str()).collect();
        services
            .into_iter()
            .map(|service| Part {
                service,
                identity: self.identities.get(service).map_or("", String::as_str),
                rows: self.rows.iter().filter(|row| row.service == service).collect(),
                settings: self.settings.iter().filter(|row| row.service == service).collect(),
            })
            .collect()
    }

    pub(super) fn sort(&mut self) {
        self.rows
            .sort_by(|a, b| (&a.service, a.check).cmp(&(&b.service, b.check)));
        self.settings.sort_by(|a, b| a.service.cmp(&b.service));
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoundTrip => "write and read",
            Self::Strangers => "refuses strangers",
            Self::Settings => "settings",
            Self::Feature { name, .. } => name,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { evidence } => write!(f, "passed: {evidence}"),
            Self::NotAskable { reason } => write!(f, "not askable: {reason}"),
            Self::NotOffered { reason } => write!(f, "not offered: {reason}"),
            Self::Failed { error } => write!(f, "FAILED: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Verdict::Passed { evidence: "set a key".into() }, true)]
    #[case(Verdict::NotAskable { reason: "not published".into() }, true)]
    #[case(Verdict::NotOffered { reason: "stand-in".into() }, true)]
    #[case(Verdict::Failed { error: "connection refused".into() }, false)]
    fn only_a_failure_is_not_fine(#[case] verdict: Verdict, #[case] fine: bool) {
        let row = Row {
            service: "suho-kafka".into(),
            check: Check::RoundTrip,
            verdict,
            took: Duration::ZERO,
        };

        let report = Report {
            rows: vec![row],
            ..Report::default()
        };
        assert_eq!(report.is_fine(), fine);
    }
}
