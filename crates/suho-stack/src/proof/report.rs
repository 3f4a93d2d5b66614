//! Rows of checks and verdicts.

use std::{fmt, time::Duration};

use serde::Serialize;

/// What was asked of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A value written by its user is read back.
    RoundTrip,
    /// A wrong password and none are refused by the engine's own word.
    Strangers,
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

/// Everything that was asked, by service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Sorted by service, then by check. An absent engine is a row as well.
    pub rows: Vec<Row>,
}

impl Report {
    /// True where any engine was asked anything: only then does a fine report prove something.
    #[must_use]
    pub fn has_asked(&self) -> bool {
        self.rows
            .iter()
            .any(|row| matches!(row.verdict, Verdict::Passed { .. } | Verdict::Failed { .. }))
    }

    /// True where nothing failed.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        !self
            .rows
            .iter()
            .any(|row| matches!(row.verdict, Verdict::Failed { .. }))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoundTrip => "write and read",
            Self::Strangers => "refuses strangers",
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

        assert_eq!(Report { rows: vec![row] }.is_fine(), fine);
    }
}
