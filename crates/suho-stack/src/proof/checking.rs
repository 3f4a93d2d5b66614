//! One question to one engine, and the row that comes of its answer.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{Check, Row, SettingRow, Verdict};
use crate::{
    causes::in_full,
    deployment::Setting,
    engines::{Endpoint, Engine, EngineError, Evidence, Feature, Finding, Refusals, SettingVerdict, Subject},
};

/// A check that takes longer than this has failed: compaction and a restart are the slowest, and take half of it.
const CHECK_LIMIT: Duration = Duration::from_secs(60);

/// Whether an engine serves its user, or whether it refuses strangers.
pub(super) async fn connectivity(engine: &dyn Engine, check: Check, endpoint: &Endpoint) -> Row {
    let verdict = async {
        if check == Check::RoundTrip {
            engine.round_trip(endpoint).await.map_or_else(verdict_of, passed)
        } else {
            engine.refuse_strangers(endpoint).await.map_or_else(verdict_of, refused)
        }
    };
    timed(engine.service(), check, verdict).await
}

/// Whether a feature works.
pub(super) async fn feature(service: &str, feature: &Feature, subject: &Subject<'_>) -> Row {
    timed(service, Check::of(feature), prove(feature, subject)).await
}

/// Whether all settings are in effect, in one row, and each of them in a row of its own.
pub(super) async fn settings(
    engine: &dyn Engine,
    subject: &Subject<'_>,
    settings: &[Setting],
) -> (Row, Vec<SettingRow>) {
    let began = Instant::now();
    let rows = setting_rows(engine, subject, settings).await;
    let row = Row {
        service: engine.service().to_owned(),
        check: Check::Settings,
        verdict: summary(&rows),
        took: began.elapsed(),
    };
    (row, rows)
}

/// What comes of the settings of an engine together.
fn summary(rows: &[SettingRow]) -> Verdict {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| !row.verdict.is_fine())
        .map(|row| format!("{} ({}:{})", row.key, row.file, row.line))
        .collect();
    if !wrong.is_empty() {
        let error = format!("{} of {} not in effect: {}", wrong.len(), rows.len(), wrong.join(", "));
        return Verdict::Failed { error };
    }
    let in_effect = rows
        .iter()
        .filter(|row| row.verdict == SettingVerdict::InEffect)
        .count();
    match rows.first().map(|row| &row.verdict) {
        Some(SettingVerdict::NotAskable { reason }) if in_effect == 0 => not_askable(reason),
        Some(SettingVerdict::NotOffered { reason }) if in_effect == 0 => not_offered(reason),
        None => not_askable("what is configured is not known here"),
        _ => passed(format!("{in_effect} of {} in effect", rows.len())),
    }
}

async fn prove(feature: &Feature, subject: &Subject<'_>) -> Verdict {
    match timeout(CHECK_LIMIT, (feature.check)(subject)).await {
        Ok(Ok(Evidence::Proved(evidence))) => passed(evidence),
        Ok(Ok(Evidence::NotAskable(reason))) => Verdict::NotAskable { reason },
        Ok(Ok(Evidence::NotOffered(reason))) => Verdict::NotOffered { reason },
        Ok(Err(error)) => verdict_of(error),
        Err(_) => Verdict::Failed {
            error: format!("the check did not end within {CHECK_LIMIT:?}"),
        },
    }
}

/// One row for each setting, whatever comes of it.
async fn setting_rows(engine: &dyn Engine, subject: &Subject<'_>, settings: &[Setting]) -> Vec<SettingRow> {
    let service = engine.service();
    let proving = timeout(CHECK_LIMIT, engine.prove_settings(subject, settings));
    let failed = |error: String| all_are(service, settings, &SettingVerdict::Failed { error });
    match proving.await {
        Ok(Ok(findings)) if findings.len() == settings.len() => settings
            .iter()
            .zip(findings)
            .map(|(setting, finding)| setting_row(service, setting, finding))
            .collect(),
        Ok(Ok(findings)) => failed(format!(
            "{} findings came back for {} settings",
            findings.len(),
            settings.len()
        )),
        Ok(Err(EngineError::NotPublished { service, port })) => all_are(
            &service,
            settings,
            &SettingVerdict::NotAskable {
                reason: not_published(&service, port),
            },
        ),
        Ok(Err(error)) => failed(format!("failed to {}", in_full(&error))),
        Err(_) => failed(format!("the settings were not told within {CHECK_LIMIT:?}")),
    }
}

/// One row for each setting, all with the same verdict.
pub(super) fn all_are(service: &str, settings: &[Setting], verdict: &SettingVerdict) -> Vec<SettingRow> {
    settings
        .iter()
        .map(|setting| {
            let finding = Finding {
                effective: None,
                origin: None,
                verdict: verdict.clone(),
            };
            setting_row(service, setting, finding)
        })
        .collect()
}

fn setting_row(service: &str, setting: &Setting, finding: Finding) -> SettingRow {
    let is_secret = setting.value.is_secret();
    let hidden = |value: String| if is_secret { "(secret)".to_owned() } else { value };
    let verdict = match finding.verdict {
        SettingVerdict::Differs { effective } => SettingVerdict::Differs {
            effective: hidden(effective),
        },
        verdict => verdict,
    };
    SettingRow {
        service: service.to_owned(),
        file: setting.file.clone(),
        line: setting.line,
        key: setting.key.clone(),
        configured: setting.value.to_string(),
        effective: finding.effective.map(hidden),
        origin: finding.origin,
        verdict,
    }
}

async fn timed(service: &str, check: Check, verdict: impl Future<Output = Verdict>) -> Row {
    let began = Instant::now();
    let verdict = verdict.await;
    Row {
        service: service.to_owned(),
        check,
        verdict,
        took: began.elapsed(),
    }
}

/// A row that nothing was asked for.
pub(super) fn row(service: &str, check: Check, verdict: Verdict) -> Row {
    Row {
        service: service.to_owned(),
        check,
        verdict,
        took: Duration::ZERO,
    }
}

fn passed(evidence: String) -> Verdict {
    Verdict::Passed { evidence }
}

fn refused(refusals: Refusals) -> Verdict {
    match refusals {
        Refusals::Refused { wrong, missing } if wrong == missing => passed(wrong),
        Refusals::Refused { wrong, missing } => passed(format!("{wrong} | {missing}")),
        Refusals::NotOffered(reason) => not_offered(reason),
    }
}

pub(super) fn not_offered(reason: &str) -> Verdict {
    Verdict::NotOffered {
        reason: reason.to_owned(),
    }
}

pub(super) fn not_askable(reason: &str) -> Verdict {
    Verdict::NotAskable {
        reason: reason.to_owned(),
    }
}

fn not_published(service: &str, port: u16) -> String {
    format!("port {port} of {service} is not published; ask from a container on its network")
}

fn verdict_of(error: EngineError) -> Verdict {
    match error {
        EngineError::NotPublished { service, port } => not_askable(&not_published(&service, port)),
        error => Verdict::Failed {
            error: format!("failed to {}", error.in_full()),
        },
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn in_effect() -> SettingVerdict {
        SettingVerdict::InEffect
    }

    fn silent() -> SettingVerdict {
        SettingVerdict::NotAskable {
            reason: "silent".to_owned(),
        }
    }

    fn row_of(verdict: SettingVerdict) -> SettingRow {
        SettingRow {
            service: "suho-kafka".to_owned(),
            file: "kafka.properties".to_owned(),
            line: 7,
            key: "broker.id".to_owned(),
            configured: "1".to_owned(),
            effective: None,
            origin: None,
            verdict,
        }
    }

    #[rstest]
    #[case::all_in_effect(vec![in_effect(), in_effect()], passed("2 of 2 in effect".to_owned()))]
    #[case::one_that_nobody_can_ask(vec![silent(), in_effect()], passed("1 of 2 in effect".to_owned()))]
    #[case::none_that_anybody_can_ask(vec![silent(), silent()], not_askable("silent"))]
    #[case::none_at_all(vec![], not_askable("what is configured is not known here"))]
    #[case::one_unknown(
        vec![in_effect(), SettingVerdict::Unknown],
        Verdict::Failed { error: "1 of 2 not in effect: broker.id (kafka.properties:7)".to_owned() }
    )]
    fn the_settings_together_hold_if_each_does(#[case] verdicts: Vec<SettingVerdict>, #[case] expected: Verdict) {
        let rows: Vec<_> = verdicts.into_iter().map(row_of).collect();

        assert_eq!(summary(&rows), expected);
    }
}
