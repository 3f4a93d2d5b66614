//! Every variable against what the live server says of its configuration, and against what it does.
//!
//! Weaviate reads a variable that it does not know, or a value that it cannot make sense of, without a word.
//!
//! # Layout
//! - here: what is told and what is seen, put together; what the server does has the last word.
//! - [`console`]: the configuration that the server runs with.
//! - [`access`]: who is let in, under which name, and who may write.
//! - [`conduct`]: what the server loads, refuses and assumes.

mod access;
mod conduct;
mod console;

use access::Access;
use conduct::Conduct;
use console::Console;

use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use crate::deployment::Setting;

/// What is known of the live server.
struct View {
    access: Access,
    conduct: Conduct,
    console: Console,
}

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    // Each to its end, whatever fails beside it: some remove what they have made to ask with.
    let (access, conduct, console) = tokio::join!(
        Access::ask(endpoint, settings),
        Conduct::ask(endpoint, settings),
        Console::ask(endpoint),
    );
    let view = View {
        access: access?,
        conduct: conduct?,
        console: console?,
    };
    Ok(settings.iter().map(|setting| view.find(setting)).collect())
}

impl View {
    fn find(&self, setting: &Setting) -> Finding {
        let seen = self.access.find(setting).or_else(|| self.conduct.find(setting));
        let told = self.console.find(setting);
        match (seen, told) {
            (Some(seen), _) if !seen.verdict.is_fine() => seen,
            (_, Some(told)) if !told.verdict.is_fine() => told,
            (Some(seen), Some(told)) if is_silent(&seen) => told,
            (Some(finding), _) | (None, Some(finding)) => finding,
            (None, None) => Finding::without_value(SettingVerdict::Unknown),
        }
    }
}

fn is_silent(finding: &Finding) -> bool {
    matches!(finding.verdict, SettingVerdict::NotAskable { .. })
}

/// The value of the variable `key`, if the deployment sets it.
fn value_of<'a>(settings: &'a [Setting], key: &str) -> Option<&'a str> {
    settings
        .iter()
        .find(|setting| setting.key == key)
        .map(|setting| setting.value.expose())
}

/// As Weaviate reads a switch: anything else is off.
fn switch(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "on" | "enabled" | "1" | "true")
}

/// `configured`, read as a switch, against whether it `is_on`.
fn switched(configured: &str, is_on: bool, origin: &str) -> Finding {
    Finding::compared(switch(configured) == is_on, is_on.to_string(), origin)
}
