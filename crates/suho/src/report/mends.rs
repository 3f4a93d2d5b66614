//! What to do about a row that is not fine.

use suho_stack::{
    engines::SettingVerdict,
    proof::{Check, Row, SettingRow},
};

use crate::output;

/// What to look at where a check failed.
pub fn of_check(row: &Row) -> String {
    let engine = output::short(&row.service);
    match row.check {
        Check::RoundTrip => format!("see whether it runs and what it logs: suho ps, suho logs {engine}"),
        Check::Strangers => {
            "let nobody reach it until this is mended: look at its users, its listeners, and where it is published"
                .to_owned()
        }
        Check::Settings => "each of them is told below".to_owned(),
        Check::Feature { claim, .. } => {
            format!("it is not true that {claim}; the engine's log may say why: suho logs {engine}")
        }
    }
}

/// What to do where a setting is not in effect; nothing where it is.
pub fn of_setting(row: &SettingRow) -> Option<String> {
    let place = format!("{}:{}", row.file, row.line);
    let engine = output::short(&row.service);
    Some(match &row.verdict {
        SettingVerdict::Differs { .. } => {
            format!("start {engine} anew, if {place} was changed since; else look for what sets it elsewhere")
        }
        SettingVerdict::Unknown => format!("correct the spelling at {place}: {engine} knows no such key"),
        SettingVerdict::Overridden { by } => format!("take it away from {by}, or write that value at {place}"),
        SettingVerdict::PendingRestart => format!("start {engine} anew"),
        SettingVerdict::Failed { .. } => format!("see whether it runs and what it logs: suho ps, suho logs {engine}"),
        SettingVerdict::InEffect | SettingVerdict::NotAskable { .. } | SettingVerdict::NotOffered { .. } => {
            return None;
        }
    })
}
