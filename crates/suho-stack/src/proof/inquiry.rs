//! Everything that is asked of a running stack, and how: all engines at once, restarts last and one by one.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::{join, join_all};
use tokio::time::timeout;

use super::{Check, Report, Row, SettingRow, Verdict};
use crate::{
    causes::in_full,
    deployment::Setting,
    engines::{
        self, Endpoint, Engine, EngineError, Evidence, Feature, Finding, Refusals, Restart, SettingVerdict, Subject,
    },
    stack::StackState,
};

/// A check that takes longer than this has failed: compaction and a restart are the slowest, and take half of it.
const CHECK_LIMIT: Duration = Duration::from_secs(60);

/// What is asked about an engine that runs.
#[derive(Debug, Clone)]
pub struct Present {
    /// How it is reached.
    pub endpoint: Endpoint,
    /// What the deployment sets for it.
    pub settings: Vec<Setting>,
}

/// An engine that is part of the deployment and cannot be had here.
#[derive(Debug, Clone)]
pub struct Missing {
    /// Why.
    pub reason: String,
    /// What the deployment sets for it.
    pub settings: Vec<Setting>,
}

/// Which parts of the proof are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// Connectivity, settings and features.
    #[default]
    Everything,
    /// Every setting is in effect.
    Settings,
    /// Every feature works.
    Features,
}

/// What is to be proved about a stack, ours or a deployed one.
#[derive(Clone, Default)]
pub struct Inquiry {
    /// The engines that run, by compose service.
    pub present: BTreeMap<String, Present>,
    /// Those that do not, by compose service.
    pub missing: BTreeMap<String, Missing>,
    /// Everything by default.
    pub scope: Scope,
    /// Only the engines of these services are asked; all by default. The others still serve as neighbours.
    pub only: Vec<String>,
    /// How engines are started anew; without it, checks that need it are not askable.
    pub restart: Option<Arc<dyn Restart>>,
}

impl Inquiry {
    /// Everything about a stack of ours.
    #[must_use]
    pub fn of(state: &StackState) -> Self {
        let present = state.members.iter().map(|member| {
            let present = Present {
                endpoint: member.endpoint.clone(),
                settings: member.settings.clone(),
            };
            (member.service.clone(), present)
        });
        let missing = state.absent.iter().map(|absent| {
            let missing = Missing {
                reason: absent.reason.clone(),
                settings: absent.settings.clone(),
            };
            (absent.service.clone(), missing)
        });
        Self {
            present: present.collect(),
            missing: missing.collect(),
            ..Self::default()
        }
    }

    /// Asks all engines at once, tells `tell` each row as it comes, and returns all of them, sorted.
    pub async fn run(&self, tell: impl Fn(&Row) + Send + Sync) -> Report {
        let began = Instant::now();
        let mut neighbours: BTreeMap<String, Endpoint> = self
            .present
            .iter()
            .map(|(service, present)| (service.clone(), present.endpoint.clone()))
            .collect();
        let told = |row: Row| {
            tell(&row);
            row
        };
        let asked = join_all(
            self.present
                .iter()
                .filter(|(service, _)| self.wants(service))
                .map(|(service, present)| self.ask(service, present, &neighbours, &told)),
        )
        .await;
        let mut report = Report::default();
        for (rows, settings) in asked {
            report.rows.extend(rows);
            report.settings.extend(settings);
        }
        for (service, feature) in self.restarting_features() {
            report
                .rows
                .push(told(self.restarted(service, feature, &mut neighbours).await));
        }
        for (service, missing) in self.missing.iter().filter(|(service, _)| self.wants(service)) {
            let reason = format!("absent: {}", missing.reason);
            report
                .rows
                .push(told(row(service, Check::RoundTrip, not_offered(&reason))));
            if self.scope != Scope::Features {
                let not_offered = SettingVerdict::NotOffered { reason };
                report
                    .settings
                    .extend(all_are(service, &missing.settings, &not_offered));
            }
        }
        report.sort();
        report.took = began.elapsed();
        report
    }

    fn wants(&self, service: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == service)
    }

    /// Everything about one engine that does not restart it, at once.
    async fn ask(
        &self,
        service: &str,
        present: &Present,
        neighbours: &BTreeMap<String, Endpoint>,
        told: &(impl Fn(Row) -> Row + Sync),
    ) -> (Vec<Row>, Vec<SettingRow>) {
        let Some(engine) = engines::by_service(service) else {
            let reason = "this build has no client for it";
            let settings = all_are(
                service,
                &present.settings,
                &SettingVerdict::NotOffered {
                    reason: reason.to_owned(),
                },
            );
            return (
                vec![told(row(service, Check::RoundTrip, not_offered(reason)))],
                settings,
            );
        };
        let subject = Subject {
            endpoint: &present.endpoint,
            neighbours,
            restart: None,
        };
        let rows = join(
            join_all(self.connectivity().map(|check| async move {
                told(checked(service, check, connectivity(engine, check, &present.endpoint)).await)
            })),
            join_all(
                self.features(engine)
                    .filter(|feature| !feature.restarts)
                    .map(|feature| async move {
                        told(checked(service, of_feature(feature), prove(feature, &subject)).await)
                    }),
            ),
        );
        let settings = async {
            if self.scope == Scope::Features {
                Vec::new()
            } else {
                settings(engine, &subject, &present.settings).await
            }
        };
        let ((mut rows, features), settings) = join(rows, settings).await;
        rows.extend(features);
        (rows, settings)
    }

    fn connectivity(&self) -> impl Iterator<Item = Check> + use<> {
        let wanted = self.scope == Scope::Everything;
        [Check::RoundTrip, Check::Strangers].into_iter().filter(move |_| wanted)
    }

    fn features(&self, engine: &dyn Engine) -> impl Iterator<Item = &'static Feature> + use<> {
        let wanted = self.scope != Scope::Settings;
        engine.features().iter().filter(move |_| wanted)
    }

    fn restarting_features(&self) -> Vec<(&str, &'static Feature)> {
        self.present
            .keys()
            .filter(|service| self.wants(service))
            .filter_map(|service| Some((service.as_str(), engines::by_service(service)?)))
            .flat_map(|(service, engine)| self.features(engine).map(move |feature| (service, feature)))
            .filter(|(_, feature)| feature.restarts)
            .collect()
    }

    async fn restarted(&self, service: &str, feature: &Feature, neighbours: &mut BTreeMap<String, Endpoint>) -> Row {
        let Some(restart) = &self.restart else {
            let reason = "it restarts the engine; --allow-restart asks it";
            return row(
                service,
                of_feature(feature),
                Verdict::NotAskable {
                    reason: reason.to_owned(),
                },
            );
        };
        let row = checked(
            service,
            of_feature(feature),
            prove(
                feature,
                &Subject {
                    endpoint: &neighbours[service],
                    neighbours,
                    restart: Some(restart.as_ref()),
                },
            ),
        )
        .await;
        if let Some(endpoint) = restart.endpoint(service).await {
            neighbours.insert(service.to_owned(), endpoint);
        }
        row
    }
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry")
            .field("present", &self.present.keys())
            .field("missing", &self.missing.keys())
            .field("scope", &self.scope)
            .field("only", &self.only)
            .field("restart", &self.restart.is_some())
            .finish()
    }
}

async fn connectivity(engine: &dyn Engine, check: Check, endpoint: &Endpoint) -> Verdict {
    if check == Check::RoundTrip {
        engine.round_trip(endpoint).await.map_or_else(verdict_of, passed)
    } else {
        engine.refuse_strangers(endpoint).await.map_or_else(verdict_of, refused)
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
async fn settings(engine: &dyn Engine, subject: &Subject<'_>, settings: &[Setting]) -> Vec<SettingRow> {
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

fn all_are(service: &str, settings: &[Setting], verdict: &SettingVerdict) -> Vec<SettingRow> {
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

async fn checked(service: &str, check: Check, verdict: impl Future<Output = Verdict>) -> Row {
    let began = Instant::now();
    let verdict = verdict.await;
    Row {
        service: service.to_owned(),
        check,
        verdict,
        took: began.elapsed(),
    }
}

fn of_feature(feature: &Feature) -> Check {
    Check::Feature {
        name: feature.name,
        claim: feature.claim,
    }
}

/// A row that nothing was asked for.
fn row(service: &str, check: Check, verdict: Verdict) -> Row {
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

fn not_offered(reason: &str) -> Verdict {
    Verdict::NotOffered {
        reason: reason.to_owned(),
    }
}

fn not_published(service: &str, port: u16) -> String {
    format!("port {port} of {service} is not published; ask from a container on its network")
}

fn verdict_of(error: EngineError) -> Verdict {
    match error {
        EngineError::NotPublished { service, port } => Verdict::NotAskable {
            reason: not_published(&service, port),
        },
        error => Verdict::Failed {
            error: format!("failed to {}", error.in_full()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::Place;

    #[tokio::test]
    async fn absent_engines_are_rows_and_unreachable_ones_are_failures() {
        let unreachable = Endpoint {
            service: "suho-nats-server".to_owned(),
            place: Place::Host,
            host: "127.0.0.1".to_owned(),
            ports: BTreeMap::from([(4222, 1)]),
            environment: BTreeMap::new(),
        };
        let present = Present {
            endpoint: unreachable,
            settings: Vec::new(),
        };
        let missing = Missing {
            reason: "no package".to_owned(),
            settings: Vec::new(),
        };
        let inquiry = Inquiry {
            present: BTreeMap::from([("suho-nats-server".to_owned(), present)]),
            missing: BTreeMap::from([("suho-arangodb".to_owned(), missing)]),
            ..Inquiry::default()
        };

        let report = inquiry.run(|_| ()).await;

        assert_eq!(report.rows[0].verdict, not_offered("absent: no package"));
        assert!(!report.is_fine());
    }
}
