//! The report as one page for a browser: no other file, no network, light and dark.

use std::time::Duration;

use anyhow::Context;
use askama::Template;
use chrono::{SecondsFormat, Utc};
use suho_stack::{
    engines::SettingVerdict,
    proof::{Check, Part, Report, Row, SettingRow, Verdict},
    stack::Phase,
};

use super::{mends, terminal};
use crate::output;

/// The whole page; `started` are the phases of the stack's start, where they are known.
pub fn page(report: &Report, started: &[Phase]) -> anyhow::Result<String> {
    Page::of(report, started)
        .render()
        .context("failed to write the report as a page")
}

/// What the template is filled with.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    is_fine: bool,
    conclusion: String,
    made_at: String,
    engines: Vec<Engine>,
    start: Option<Start>,
}

struct Engine {
    name: String,
    identity: String,
    tone: Tone,
    checks: String,
    settings: String,
    slowest: String,
    check_rows: Vec<CheckRow>,
    setting_rows: Vec<Line>,
}

struct CheckRow {
    name: String,
    claim: &'static str,
    took: String,
    /// Of the slowest check of the report.
    percent: u64,
    tone: Tone,
    word: &'static str,
    words: String,
    mend: Option<String>,
}

/// A setting.
struct Line {
    place: String,
    key: String,
    configured: String,
    effective: String,
    origin: String,
    tone: Tone,
    word: &'static str,
    words: String,
    mend: Option<String>,
}

/// The colour of a verdict, and the class of its style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tone {
    Fine,
    Open,
    Wrong,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Open => "open",
            Self::Wrong => "wrong",
        }
    }
}

/// The start as a picture: a lane per service, its phases in a row.
struct Start {
    took: String,
    height: u64,
    lanes: Vec<Lane>,
    seconds: Vec<Tick>,
}

struct Lane {
    service: String,
    text_at: u64,
    bars_at: u64,
    bars: Vec<Bar>,
}

struct Bar {
    name: String,
    from: u64,
    width: u64,
    words: String,
}

struct Tick {
    at: u64,
    label: String,
}

/// Of the picture: the names of the services, then the time.
const NAMES: u64 = 130;
const TIME: u64 = 820;
const LANE: u64 = 26;

impl Page {
    fn of(report: &Report, started: &[Phase]) -> Self {
        let slowest = report.rows.iter().map(|row| row.took).max().unwrap_or_default();
        Self {
            is_fine: report.is_fine(),
            conclusion: terminal::conclusion(report),
            made_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            engines: report.parts().iter().map(|part| Engine::of(part, slowest)).collect(),
            start: Start::of(started),
        }
    }
}

impl Engine {
    fn of(part: &Part<'_>, slowest: Duration) -> Self {
        let [_, checks, settings, own_slowest] = terminal::counts(part);
        let check_rows: Vec<_> = part.rows.iter().map(|row| CheckRow::of(row, slowest)).collect();
        let setting_rows: Vec<_> = part.settings.iter().map(|row| Line::of(row)).collect();
        let tones = check_rows.iter().map(|row| row.tone);
        let is_wrong = tones.chain(setting_rows.iter().map(|row| row.tone)).max() == Some(Tone::Wrong);
        let is_asked = check_rows.iter().any(|row| row.tone == Tone::Fine);
        Self {
            name: output::short(part.service).to_owned(),
            identity: part.identity.to_owned(),
            tone: if is_wrong {
                Tone::Wrong
            } else if is_asked {
                Tone::Fine
            } else {
                Tone::Open
            },
            checks,
            settings,
            slowest: own_slowest,
            check_rows,
            setting_rows,
        }
    }
}

impl CheckRow {
    fn of(row: &Row, slowest: Duration) -> Self {
        let (tone, words) = match &row.verdict {
            Verdict::Passed { evidence } => (Tone::Fine, evidence),
            Verdict::NotAskable { reason } | Verdict::NotOffered { reason } => (Tone::Open, reason),
            Verdict::Failed { error } => (Tone::Wrong, error),
        };
        Self {
            name: row.check.to_string(),
            claim: claim(row.check),
            took: output::seconds(row.took),
            percent: share(row.took, slowest, 100),
            tone,
            word: terminal::word_of_check(&row.verdict),
            words: words.clone(),
            mend: (tone == Tone::Wrong).then(|| mends::of_check(row)),
        }
    }
}

/// What is proved, as a sentence.
fn claim(check: Check) -> &'static str {
    match check {
        Check::RoundTrip => "what its user writes is read back",
        Check::Strangers => "a wrong password and none are refused",
        Check::Settings => "everything that is configured is in effect",
        Check::Feature { claim, .. } => claim,
    }
}

impl Line {
    fn of(row: &SettingRow) -> Self {
        let (tone, words) = match &row.verdict {
            SettingVerdict::InEffect => (Tone::Fine, String::new()),
            SettingVerdict::NotAskable { reason } | SettingVerdict::NotOffered { reason } => {
                (Tone::Open, reason.clone())
            }
            _ => (Tone::Wrong, terminal::told(row)),
        };
        Self {
            place: format!("{}:{}", row.file, row.line),
            key: row.key.clone(),
            configured: row.configured.clone(),
            effective: row.effective.clone().unwrap_or_default(),
            origin: row.origin.clone().unwrap_or_default(),
            tone,
            word: terminal::word_of_setting(&row.verdict),
            words,
            mend: mends::of_setting(row),
        }
    }
}

impl Start {
    fn of(phases: &[Phase]) -> Option<Self> {
        let took = phases.iter().map(|phase| phase.end).max()?;
        let mut lanes: Vec<Lane> = Vec::new();
        let mut by_begin: Vec<&Phase> = phases.iter().collect();
        by_begin.sort_by_key(|phase| phase.begin);
        for phase in by_begin {
            let service = output::short(&phase.service);
            let at = lanes
                .iter()
                .position(|lane| lane.service == service)
                .unwrap_or_else(|| {
                    lanes.push(Lane::new(service, lanes.len() as u64));
                    lanes.len() - 1
                });
            lanes[at].bars.push(Bar::of(phase, took));
        }
        let seconds = (0..=took.as_secs()).map(|second| Tick {
            at: NAMES + share(Duration::from_secs(second), took, TIME),
            label: format!("{second} s"),
        });
        Some(Self {
            took: output::seconds(took),
            height: LANE * (lanes.len() as u64 + 1),
            lanes,
            seconds: seconds.collect(),
        })
    }
}

impl Lane {
    fn new(service: &str, number: u64) -> Self {
        Self {
            service: service.to_owned(),
            text_at: LANE * number + 17,
            bars_at: LANE * number + 5,
            bars: Vec::new(),
        }
    }
}

impl Bar {
    fn of(phase: &Phase, took: Duration) -> Self {
        let length = phase.end.saturating_sub(phase.begin);
        Self {
            name: phase.name.clone(),
            from: NAMES + share(phase.begin, took, TIME),
            width: share(length, took, TIME).max(1),
            words: format!("{} {}", phase.name, output::seconds(length)),
        }
    }
}

/// How much of `whole` the `part` of `all` is.
fn share(part: Duration, all: Duration, whole: u64) -> u64 {
    let share = part.as_millis() * u128::from(whole) / all.as_millis().max(1);
    u64::try_from(share).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn phase(name: &str, begin: u64, end: u64) -> Phase {
        Phase {
            service: "suho-kafka".to_owned(),
            name: name.to_owned(),
            begin: Duration::from_millis(begin),
            end: Duration::from_millis(end),
        }
    }

    #[test]
    fn the_page_holds_every_row_escaped_and_asks_for_nothing_else() -> anyhow::Result<()> {
        let page = page(
            &example::report(),
            &[phase("launch", 0, 500), phase("ready", 500, 2_000)],
        )?;

        for word in [
            "max_payload",
            "max_connections",
            "deduplication",
            "absent: no package",
            "2097152",
            "<svg",
        ] {
            assert!(page.contains(word), "{word}");
        }
        assert!(!page.contains("<twice>"));
        for outside in ["http://", "https://", "src=", "href=\"//", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        Ok(())
    }

    #[test]
    fn a_phase_is_drawn_where_and_as_long_as_it_was() -> anyhow::Result<()> {
        let start = Start::of(&[phase("ready", 500, 2_000), phase("launch", 0, 500)]).context("no picture")?;

        let bars: Vec<_> = start.lanes[0].bars.iter().map(|bar| (bar.from, bar.width)).collect();
        assert_eq!(bars, [(NAMES, TIME / 4), (NAMES + TIME / 4, TIME * 3 / 4)]);
        assert_eq!(start.seconds.len(), 3);
        Ok(())
    }

    #[test]
    fn without_a_start_there_is_no_picture() -> anyhow::Result<()> {
        assert!(!page(&example::report(), &[])?.contains("<svg"));
        Ok(())
    }
}
