//! The report on a terminal: counts per engine, every row that is not fine with its mend, the reasons for what was not asked.

use std::{collections::BTreeMap, time::Duration};

use suho_stack::{
    engines::SettingVerdict,
    proof::{Part, Report, Row, SettingRow, Verdict},
};

use super::mends;
use crate::output;

/// How many of the slowest checks are named.
const SLOWEST: usize = 3;
/// How many checks that were not asked for one reason are named; more are counted.
const NAMED: usize = 3;

/// Prints the report; with `all` also every row that is fine.
pub fn print(report: &Report, all: bool) {
    let parts = report.parts();
    if all {
        print_checks(&report.rows);
        print_settings(&report.settings);
    }
    say!("");
    output::table(
        ["ENGINE", "CHECKS", "SETTINGS", "SLOWEST"],
        &parts.iter().map(counts).collect::<Vec<_>>(),
    );
    print_reasons(&parts);
    print_wrong(report);
    say!("\n{}", conclusion(report));
}

/// `12 passed, 2 not offered`
pub(super) fn counts(part: &Part<'_>) -> [String; 4] {
    let checks = part.rows.iter().map(|row| word_of_check(&row.verdict));
    let settings = part.settings.iter().map(|row| word_of_setting(&row.verdict));
    let slowest = part.rows.iter().map(|row| row.took).max().unwrap_or_default();
    [
        output::short(part.service).to_owned(),
        counted(checks),
        counted(settings),
        output::seconds(slowest),
    ]
}

pub(super) fn word_of_check(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed { .. } => "passed",
        Verdict::NotAskable { .. } => "not askable",
        Verdict::NotOffered { .. } => "not offered",
        Verdict::Failed { .. } => "FAILED",
    }
}

pub(super) fn word_of_setting(verdict: &SettingVerdict) -> &'static str {
    match verdict {
        SettingVerdict::InEffect => "in effect",
        SettingVerdict::NotAskable { .. } => "not askable",
        SettingVerdict::NotOffered { .. } => "not offered",
        SettingVerdict::Differs { .. } => "DIFFER",
        SettingVerdict::Unknown => "UNKNOWN",
        SettingVerdict::Overridden { .. } => "OVERRIDDEN",
        SettingVerdict::PendingRestart => "PENDING A RESTART",
        SettingVerdict::Failed { .. } => "FAILED",
    }
}

/// In the order in which the words first come, so that what is fine comes first in a fine report.
pub(super) fn counted(words: impl Iterator<Item = &'static str>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(counted, _)| *counted == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    if counts.is_empty() {
        "-".to_owned()
    } else {
        counts.join(", ")
    }
}

/// Why something was not asked, once for all that it holds for.
fn print_reasons(parts: &[Part<'_>]) {
    let rows: Vec<_> = parts.iter().flat_map(reasons).collect();
    if !rows.is_empty() {
        say!("");
        output::table(["ENGINE", "NOT ASKED", "BECAUSE"], &rows);
    }
}

fn reasons(part: &Part<'_>) -> Vec<[String; 3]> {
    let mut reasons: BTreeMap<&str, (Vec<String>, usize)> = BTreeMap::new();
    for row in &part.rows {
        if let Verdict::NotAskable { reason } | Verdict::NotOffered { reason } = &row.verdict {
            reasons.entry(reason).or_default().0.push(row.check.to_string());
        }
    }
    for row in &part.settings {
        if let SettingVerdict::NotAskable { reason } | SettingVerdict::NotOffered { reason } = &row.verdict {
            reasons.entry(reason).or_default().1 += 1;
        }
    }
    reasons
        .into_iter()
        .map(|(reason, (checks, settings))| {
            [
                output::short(part.service).to_owned(),
                what(&checks, settings),
                output::brief(reason),
            ]
        })
        .collect()
}

/// `compaction, 12 settings`
fn what(checks: &[String], settings: usize) -> String {
    let checks = match checks.len() {
        0 => None,
        few if few <= NAMED => Some(checks.join(", ")),
        many => Some(format!("{many} checks")),
    };
    let settings = match settings {
        0 => None,
        1 => Some("1 setting".to_owned()),
        many => Some(format!("{many} settings")),
    };
    [checks, settings].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn print_wrong(report: &Report) {
    for row in report
        .rows
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Failed { .. }))
    {
        say!("\n{} {}: {}", output::short(&row.service), row.check, row.verdict);
        say!("  {}", mends::of_check(row));
    }
    for row in &report.settings {
        if let Some(mend) = mends::of_setting(row) {
            say!("\n{} {}", output::short(&row.service), told(row));
            say!("  {mend}");
        }
    }
}

/// `max_payload at nats-server.conf:12 is 2097152 and not 1MB, as varz tells`
pub(super) fn told(row: &SettingRow) -> String {
    let setting = format!("{} at {}:{}", row.key, row.file, row.line);
    let configured = &row.configured;
    let origin = row
        .origin
        .as_ref()
        .map(|origin| format!(" ({origin})"))
        .unwrap_or_default();
    match &row.verdict {
        SettingVerdict::Differs { effective } => format!("{setting} is {effective} and not {configured}{origin}"),
        SettingVerdict::Unknown => format!("{setting} is unknown to the engine"),
        SettingVerdict::Overridden { by } => match &row.effective {
            Some(effective) => format!("{setting} is {effective} and not {configured}: {by} overrides it"),
            None => format!("{setting} is overridden by {by}"),
        },
        SettingVerdict::PendingRestart => format!("{setting} waits for a restart"),
        SettingVerdict::Failed { error } => format!("{setting}: {error}"),
        SettingVerdict::InEffect => format!("{setting} is in effect{origin}"),
        SettingVerdict::NotAskable { reason } => format!("{setting} is not askable: {reason}"),
        SettingVerdict::NotOffered { reason } => format!("{setting} is not offered: {reason}"),
    }
}

fn print_checks(rows: &[Row]) {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            [
                output::short(&row.service).to_owned(),
                row.check.to_string(),
                output::seconds(row.took),
                output::brief(&row.verdict.to_string()),
            ]
        })
        .collect();
    say!("");
    output::table(["ENGINE", "CHECK", "TOOK", "VERDICT"], &rows);
}

fn print_settings(rows: &[SettingRow]) {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            [
                output::short(&row.service).to_owned(),
                format!("{}:{}", row.file, row.line),
                row.key.clone(),
                output::brief(&row.configured),
                row.effective.as_deref().map_or_else(|| "-".to_owned(), output::brief),
                word_of_setting(&row.verdict).to_owned(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        say!("");
        output::table(["ENGINE", "AT", "KEY", "CONFIGURED", "EFFECTIVE", "VERDICT"], &rows);
    }
}

/// `all fine: 96 checks and 312 settings in 8.3 s; the slowest: kafka compaction 6.2 s, …`
pub(super) fn conclusion(report: &Report) -> String {
    let fine = if report.is_fine() { "all fine" } else { "NOT FINE" };
    let mut slowest: Vec<&Row> = report.rows.iter().collect();
    slowest.sort_by_key(|row| std::cmp::Reverse(row.took));
    let slowest: Vec<String> = slowest
        .iter()
        .take(SLOWEST)
        .filter(|row| row.took > Duration::ZERO)
        .map(|row| {
            format!(
                "{} {} {}",
                output::short(&row.service),
                row.check,
                output::seconds(row.took)
            )
        })
        .collect();
    format!(
        "{fine}: {} checks, {} settings in {}; the slowest: {}",
        report.rows.len(),
        report.settings.len(),
        output::seconds(report.took),
        slowest.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::report::example;

    fn row(verdict: SettingVerdict) -> SettingRow {
        example::setting(12, "max_payload", verdict)
    }

    #[rstest]
    #[case(
        SettingVerdict::Differs { effective: "2097152".to_owned() },
        "max_payload at nats-server.conf:12 is 2097152 and not 1MB (varz)",
        "start nats anew, if nats-server.conf:12 was changed since"
    )]
    #[case(
        SettingVerdict::Unknown,
        "max_payload at nats-server.conf:12 is unknown to the engine",
        "correct the spelling at nats-server.conf:12"
    )]
    #[case(
        SettingVerdict::Overridden { by: "the command line".to_owned() },
        "max_payload at nats-server.conf:12 is 2097152 and not 1MB: the command line overrides it",
        "take it away from the command line"
    )]
    fn what_is_not_fine_is_told_with_its_mend(
        #[case] verdict: SettingVerdict,
        #[case] words: &str,
        #[case] mend: &str,
    ) {
        let row = row(verdict);

        assert_eq!(told(&row), words);
        assert!(mends::of_setting(&row).is_some_and(|words| words.starts_with(mend)));
    }

    #[test]
    fn what_is_fine_needs_no_mend() {
        assert_eq!(mends::of_setting(&row(SettingVerdict::InEffect)), None);
        assert_eq!(
            mends::of_setting(&row(SettingVerdict::NotOffered {
                reason: "edition".to_owned()
            })),
            None
        );
    }

    #[test]
    fn verdicts_are_counted_by_their_words() {
        assert_eq!(
            counted(["in effect", "in effect", "UNKNOWN"].into_iter()),
            "2 in effect, 1 UNKNOWN"
        );
        assert_eq!(counted(std::iter::empty()), "-");
        assert_eq!(what(&["compaction".to_owned()], 12), "compaction, 12 settings");
        assert_eq!(what(&["a".to_owned(), "b".to_owned()], 1), "a, b, 1 setting");
        assert_eq!(what(&vec!["a".to_owned(); 4], 0), "4 checks");
    }
}
