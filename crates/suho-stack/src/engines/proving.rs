//! What an engine's room is asked to prove, and the words in which it answers.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use futures::future::BoxFuture;
use serde::Serialize;

use super::{Endpoint, EngineError};

/// An engine of a running stack, with the others around it.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The engine that is asked.
    pub endpoint: &'a Endpoint,
    /// Every endpoint of the stack by service, this one too.
    pub neighbours: &'a BTreeMap<String, Endpoint>,
    /// How the engine is started anew; `None` where that is not allowed.
    pub restart: Option<&'a dyn Restart>,
}

impl Subject<'_> {
    /// The endpoint of another engine of the stack, if it runs here.
    #[must_use]
    pub fn neighbour(&self, service: &str) -> Option<&Endpoint> {
        self.neighbours.get(service)
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("endpoint", self.endpoint)
            .field("restart", &self.restart.is_some())
            .finish_non_exhaustive()
    }
}

/// Starts a service anew, as its owner would.
#[async_trait]
pub trait Restart: Send + Sync {
    /// Stops the service, starts it again, and returns where it is reached now: Docker may have chosen other ports.
    ///
    /// Does not wait until the engine serves.
    async fn restart(&self, service: &str) -> Result<Endpoint, EngineError>;

    /// Where the service is reached since its last restart; `None` where there was none.
    async fn endpoint(&self, service: &str) -> Option<Endpoint>;
}

/// A feature that the platform relies on, and the check that proves it.
#[derive(Clone, Copy)]
pub struct Feature {
    /// Words of small letters with hyphens, as commands and tests name it: `max-deliver`.
    pub name: &'static str,
    /// What is proved, as a sentence: `a message published twice under one id is stored once`.
    pub claim: &'static str,
    /// The check restarts the engine: it runs alone, and only where that is allowed.
    pub restarts: bool,
    /// Runs the check under scratch names and removes what it made.
    pub check: for<'a> fn(&'a Subject<'a>) -> BoxFuture<'a, Result<Evidence, EngineError>>,
}

impl fmt::Debug for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feature")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a check that did not fail has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// The feature works; what was done, in words and numbers.
    Proved(String),
    /// It cannot be asked from here, and why.
    NotAskable(String),
    /// This edition or stand-in has no such feature, and how that was found out.
    NotOffered(String),
}

#[cfg_attr(
    not(feature = "full"),
    allow(dead_code, reason = "a build of some engines needs some of these words")
)]
impl Evidence {
    /// The feature works: `evidence` says in words and numbers what was done.
    #[expect(clippy::unnecessary_wraps, reason = "it is the last line of a check")]
    pub(super) fn proved(evidence: impl Into<String>) -> Result<Self, EngineError> {
        Ok(Self::Proved(evidence.into()))
    }

    /// This edition or stand-in has no such feature, because of `reason`.
    #[expect(clippy::unnecessary_wraps, reason = "it is the last line of a check")]
    pub(super) fn not_offered(reason: impl Into<String>) -> Result<Self, EngineError> {
        Ok(Self::NotOffered(reason.into()))
    }
}

/// What an engine says of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The value in effect, in the engine's own spelling; none where no view shows it.
    pub effective: Option<String>,
    /// Where the engine says that the value comes from, or how it was found out.
    pub origin: Option<String>,
    /// What came of the comparison.
    pub verdict: SettingVerdict,
}

/// Whether a configured setting is in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum SettingVerdict {
    /// The engine runs with it.
    InEffect,
    /// The engine runs with another value.
    Differs {
        /// The engine's own.
        effective: String,
    },
    /// The engine does not know the key: a typing error.
    Unknown,
    /// Something that counts more sets it: a command line, `ALTER SYSTEM`, a dynamic configuration.
    Overridden {
        /// What.
        by: String,
    },
    /// The engine has read it, and takes it on at its next start.
    PendingRestart,
    /// No view shows it and no behaviour proves it from here.
    NotAskable {
        /// Why.
        reason: String,
    },
    /// This edition or stand-in has no such setting.
    NotOffered {
        /// Why.
        reason: String,
    },
    /// The engine could not be asked.
    Failed {
        /// What was tried and what came of it.
        error: String,
    },
}

impl SettingVerdict {
    /// True where nothing has to be mended.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        matches!(self, Self::InEffect | Self::NotAskable { .. } | Self::NotOffered { .. })
    }
}

#[cfg_attr(
    not(feature = "full"),
    allow(dead_code, reason = "a build of some engines needs some of these words")
)]
impl Finding {
    /// In effect, with the value `effective` that `origin` tells.
    pub(super) fn in_effect(effective: impl Into<String>, origin: impl Into<String>) -> Self {
        Self {
            effective: Some(effective.into()),
            origin: Some(origin.into()),
            verdict: SettingVerdict::InEffect,
        }
    }

    /// Not in effect: `effective` is, as `origin` tells.
    pub(super) fn differs(effective: impl Into<String>, origin: impl Into<String>) -> Self {
        let effective = effective.into();
        Self {
            effective: Some(effective.clone()),
            origin: Some(origin.into()),
            verdict: SettingVerdict::Differs { effective },
        }
    }

    /// In effect if `is_equal`, else not.
    pub(super) fn compared(is_equal: bool, effective: impl Into<String>, origin: impl Into<String>) -> Self {
        if is_equal {
            Self::in_effect(effective, origin)
        } else {
            Self::differs(effective, origin)
        }
    }

    /// A verdict without a value.
    pub(super) fn without_value(verdict: SettingVerdict) -> Self {
        Self {
            effective: None,
            origin: None,
            verdict,
        }
    }

    /// No view shows it, because of `reason`.
    pub(super) fn not_askable(reason: impl Into<String>) -> Self {
        Self::without_value(SettingVerdict::NotAskable { reason: reason.into() })
    }

    /// There is no such setting here, because of `reason`.
    pub(super) fn not_offered(reason: impl Into<String>) -> Self {
        Self::without_value(SettingVerdict::NotOffered { reason: reason.into() })
    }
}
