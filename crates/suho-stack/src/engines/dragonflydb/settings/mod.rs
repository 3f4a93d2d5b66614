//! Every flag and variable against what the live server says; the password by logging in.
//!
//! # Layout
//! - here: who serves, and the password.
//! - [`dragonfly`]: the flags of the real server, and those that its state shows to be in effect.
//! - [`valkey`]: what the stand-in calls the flags that it honours.
//! - [`values`]: sizes, switches and sets of letters, as the server reads them.

mod dragonfly;
mod valkey;
mod values;

use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use super::client;
use crate::deployment::{Setting, SettingKind};

/// Dragonfly reads a flag from the variable of this beginning too.
const VARIABLE: &str = "DFLY_";
const PASSWORD: &str = "requirepass";

/// Whoever serves, with what is known of its configuration.
enum View {
    Dragonfly(dragonfly::View),
    Valkey(valkey::View),
}

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    let view = View::ask(endpoint).await?;
    let mut findings = Vec::with_capacity(settings.len());
    for setting in settings {
        let finding = match flag(setting) {
            Some(PASSWORD) => password(endpoint, setting).await?,
            Some(flag) => view.find(flag, setting.value.expose()),
            None => Finding::without_value(SettingVerdict::Unknown),
        };
        findings.push(finding);
    }
    Ok(findings)
}

/// The flag that `setting` sets; none for a variable that Dragonfly does not read.
fn flag(setting: &Setting) -> Option<&str> {
    match setting.kind {
        SettingKind::File => Some(&setting.key),
        SettingKind::Environment => setting.key.strip_prefix(VARIABLE),
    }
}

async fn password(endpoint: &Endpoint, setting: &Setting) -> Result<Finding, EngineError> {
    let shown = setting.value.to_string();
    Ok(match client::refusal_of(endpoint, setting.value.expose()).await? {
        None => Finding::in_effect(shown, "this password was let in"),
        Some(refusal) => Finding::differs("another password", format!("the server refused this one: {refusal}")),
    })
}

impl View {
    async fn ask(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let mut connection = client::connect(endpoint).await?;
        let info = client::info(endpoint, &mut connection).await?;
        Ok(if client::is_dragonfly(&info) {
            Self::Dragonfly(dragonfly::View::ask(endpoint, info).await?)
        } else {
            Self::Valkey(valkey::View::ask(endpoint, &mut connection).await?)
        })
    }

    fn find(&self, flag: &str, configured: &str) -> Finding {
        match self {
            Self::Dragonfly(view) => view.find(flag, configured),
            Self::Valkey(view) => view.find(flag, configured),
        }
    }
}
