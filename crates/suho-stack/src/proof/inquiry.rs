//! Everything that is asked of a running stack, and in which order: all engines at once, restarts last and one by one.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Instant};

use futures::{
    StreamExt,
    future::{join, join_all},
    stream,
};

use super::{
    Check, Report, Row, SettingRow,
    checking::{self, all_are, not_offered, row},
    whole,
};
use crate::{
    deployment::Setting,
    engines::{self, Endpoint, Engine, Feature, Restart, SettingVerdict, Subject},
    stack::{Member, StackState},
};

/// How many features of one engine are asked for at a time: a deployed one has other clients, too, and its connections have
/// a limit.
const AT_ONCE: usize = 8;

/// What is asked about an engine that runs.
#[derive(Debug, Clone)]
pub struct Present {
    /// How it is reached.
    pub endpoint: Endpoint,
    /// What the deployment sets for it.
    pub settings: Vec<Setting>,
    /// Version, edition, stand-in: what its image says of itself; empty where nobody has asked it.
    pub identity: String,
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
    /// Every engine serves its user and refuses strangers.
    Connectivity,
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
                identity: identity(member),
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

    /// Every check that [`Inquiry::run`] will tell a row of, with its service.
    #[must_use]
    pub fn checks(&self) -> Vec<(String, Check)> {
        let of_engines = self
            .present
            .keys()
            .chain(self.missing.keys())
            .filter(|service| self.wants(service))
            .flat_map(|service| {
                let checks = self.checks_of(engines::by_service(service));
                checks.into_iter().map(|check| (service.clone(), check))
            });
        let of_the_whole = self.features_of_the_whole().iter().map(Check::of);
        of_engines
            .chain(of_the_whole.map(|check| (whole::SERVICE.to_owned(), check)))
            .collect()
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
        let mut report = Report::default();
        for (service, missing) in self.missing.iter().filter(|(service, _)| self.wants(service)) {
            let (rows, settings) = self.tell_missing(service, missing);
            report.rows.extend(rows.into_iter().map(told));
            report.settings.extend(settings);
        }
        let asking = self
            .present
            .iter()
            .filter(|(service, _)| self.wants(service))
            .map(|(service, present)| self.ask(service, present, &neighbours, &told));
        let (asked, together) = join(join_all(asking), self.ask_the_whole(&neighbours, &told)).await;
        report.rows.extend(together);
        for (rows, settings) in asked {
            report.rows.extend(rows);
            report.settings.extend(settings);
        }
        for (service, feature) in self.restarting_features() {
            let row = self.restarted(service, feature, &mut neighbours).await;
            report.rows.push(told(row));
        }
        report.identities = self.identities();
        report.sort();
        report.took = began.elapsed();
        report
    }

    fn wants(&self, service: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == service)
    }

    fn wants_connectivity(&self) -> bool {
        matches!(self.scope, Scope::Everything | Scope::Connectivity)
    }

    fn wants_settings(&self) -> bool {
        matches!(self.scope, Scope::Everything | Scope::Settings)
    }

    fn wants_features(&self) -> bool {
        matches!(self.scope, Scope::Everything | Scope::Features)
    }

    /// What there is to ask about an engine; one that this build has no client for cannot even be written to.
    fn checks_of(&self, engine: Option<&'static dyn Engine>) -> Vec<Check> {
        let Some(engine) = engine else {
            return vec![Check::RoundTrip];
        };
        let mut checks = self.connectivity();
        if self.wants_settings() {
            checks.push(Check::Settings);
        }
        checks.extend(self.features(engine).map(Check::of));
        checks
    }

    fn connectivity(&self) -> Vec<Check> {
        if self.wants_connectivity() {
            vec![Check::RoundTrip, Check::Strangers]
        } else {
            Vec::new()
        }
    }

    fn features(&self, engine: &dyn Engine) -> impl Iterator<Item = &'static Feature> + use<> {
        let wanted = self.wants_features();
        engine.features().iter().filter(move |_| wanted)
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
            let settings = all_are(service, &present.settings, &not_offered_setting(reason));
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
        let connectivity = join_all(
            self.connectivity()
                .into_iter()
                .map(|check| async move { told(checking::connectivity(engine, check, &present.endpoint).await) }),
        );
        let asking = self
            .features(engine)
            .filter(|feature| !feature.restarts)
            .map(|feature| async move { told(checking::feature(service, feature, &subject).await) });
        let features = stream::iter(asking).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        let settings = async {
            if !self.wants_settings() {
                return (None, Vec::new());
            }
            let (row, settings) = checking::settings(engine, &subject, &present.settings).await;
            (Some(told(row)), settings)
        };
        let ((mut rows, features), (of_settings, settings)) = join(join(connectivity, features), settings).await;
        rows.extend(features);
        rows.extend(of_settings);
        (rows, settings)
    }

    /// What the engines do together.
    async fn ask_the_whole(
        &self,
        neighbours: &BTreeMap<String, Endpoint>,
        told: &(impl Fn(Row) -> Row + Sync),
    ) -> Vec<Row> {
        // Of the whole no engine is asked more than another.
        let Some(endpoint) = neighbours.values().next() else {
            return Vec::new();
        };
        let subject = Subject {
            endpoint,
            neighbours,
            restart: None,
        };
        let asking = self
            .features_of_the_whole()
            .iter()
            .map(|feature| async move { told(checking::feature(whole::SERVICE, feature, &subject).await) });
        join_all(asking).await
    }

    /// Those who ask for some engines alone do not ask for the whole.
    fn features_of_the_whole(&self) -> &'static [Feature] {
        if self.wants_features() && self.only.is_empty() && !self.present.is_empty() {
            whole::FEATURES
        } else {
            &[]
        }
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
            return row(service, Check::of(feature), checking::not_askable(reason));
        };
        let subject = Subject {
            endpoint: &neighbours[service],
            neighbours,
            restart: Some(restart.as_ref()),
        };
        let row = checking::feature(service, feature, &subject).await;
        if let Some(endpoint) = restart.endpoint(service).await {
            neighbours.insert(service.to_owned(), endpoint);
        }
        row
    }

    /// An absent engine is as many rows as one that is there.
    fn tell_missing(&self, service: &str, missing: &Missing) -> (Vec<Row>, Vec<SettingRow>) {
        let reason = format!("absent: {}", missing.reason);
        let rows = self
            .checks_of(engines::by_service(service))
            .into_iter()
            .map(|check| row(service, check, not_offered(&reason)))
            .collect();
        let settings = if self.wants_settings() {
            all_are(service, &missing.settings, &not_offered_setting(&reason))
        } else {
            Vec::new()
        };
        (rows, settings)
    }

    /// What each engine is, or why it is not there.
    fn identities(&self) -> BTreeMap<String, String> {
        let present = self
            .present
            .iter()
            .map(|(service, present)| (service.clone(), present.identity.clone()));
        let missing = self
            .missing
            .iter()
            .map(|(service, missing)| (service.clone(), format!("absent: {}", missing.reason)));
        present
            .chain(missing)
            .filter(|(service, _)| self.wants(service))
            .collect()
    }
}

/// `26.9.2.1, a stand-in: the real engine behind …`
fn identity(member: &Member) -> String {
    let stand_in = member.facts.stand_in.as_ref().map(|what| format!("a stand-in: {what}"));
    let kind = stand_in.or_else(|| member.facts.edition.clone());
    std::iter::once(member.version.clone())
        .chain(kind)
        .collect::<Vec<_>>()
        .join(", ")
}

fn not_offered_setting(reason: &str) -> SettingVerdict {
    SettingVerdict::NotOffered {
        reason: reason.to_owned(),
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
            identity: String::new(),
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
