//! Every setting is changed, misspelt and left out in turn, and `verify`, which expects the original, has to name that very row.
//!
//! # Layout
//! - here: the mutations of a setting, what became of each, the score.
//! - A file per engine: other legal values for its settings, and how many mutations one start of it can carry.

mod clickhouse;
mod dragonflydb;
mod kafka;
mod nats;
mod postgresql;
mod weaviate;
mod zookeeper;

use std::{collections::BTreeMap, fmt};

use suho_stack::{
    deployment::{Deployment, Files, Setting, Variables},
    engines::{self, SettingVerdict, Subject},
    stack::{
        ImageSource, Stack, StackError,
        images::{AIRGAP_FILE, COMPOSE_FILE},
    },
};

/// What is done to a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// Another legal value.
    Changed,
    /// A key that the engine does not know.
    Misspelt,
    /// Not in the file.
    Missing,
}

/// What came of a start on mutated files.
pub enum Outcome {
    /// The engine serves: the verdict on each setting of the untouched deployment.
    Answered(Vec<(Setting, SettingVerdict)>),
    /// The engine refused to start, in its own words.
    Refused(String),
}

/// Every setting of `service` in the untouched deployment.
pub fn settings_of(service: &str) -> Vec<Setting> {
    let files = Files::embedded();
    let mut variables = Variables::default();
    let compose_files = [COMPOSE_FILE, AIRGAP_FILE];
    variables.generate_missing(Deployment::required_variables(&files, &compose_files).unwrap());
    let deployment = Deployment::read(&files, &compose_files, &variables).unwrap();
    Setting::of(deployment.service(service).unwrap(), &files).unwrap()
}

/// `files` with the line of `setting` replaced by what `edit` makes of it; none where `edit` leaves nothing.
pub fn edited(files: Files, setting: &Setting, edit: impl Fn(&str) -> Option<String>) -> Files {
    let text = files.text(&setting.file).unwrap();
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            if index + 1 == setting.line {
                // Lines keep their numbers, so that many edits of one file can follow each other.
                Some(edit(line).unwrap_or_default())
            } else {
                Some(line.to_owned())
            }
        })
        .collect();
    let text = lines.join("\n") + "\n";
    files.with(setting.file.clone(), text)
}

/// Starts `service` on `files` and asks for every setting of the untouched deployment.
///
/// Secrets are those of the start: they are new for each stack, and not what is mutated.
pub async fn ask(service: &str, files: Files) -> Outcome {
    let started = Stack::builder()
        .engines([service])
        .images(ImageSource::Airgap)
        .files(files)
        .start()
        .await;
    let stack = match started {
        Ok(stack) => stack,
        Err(StackError::Died { last, .. }) => return Outcome::Refused(last.log),
        Err(StackError::TimedOut { last, reason, .. }) => return Outcome::Refused(format!("{reason}\n{}", last.log)),
        Err(error) => panic!("{service}: {error}"),
    };
    let settings = expected_of(&stack, service);
    let neighbours = stack.endpoints();
    let subject = Subject {
        endpoint: &neighbours[service],
        neighbours: &neighbours,
        restart: None,
    };
    let findings = engines::by_service(service)
        .unwrap()
        .prove_settings(&subject, &settings)
        .await
        .unwrap();
    assert_eq!(findings.len(), settings.len());
    stack.stop().await.unwrap();
    let verdicts = findings.into_iter().map(|finding| finding.verdict);
    Outcome::Answered(settings.into_iter().zip(verdicts).collect())
}

/// The settings of the untouched deployment, with the secrets and ports that `stack` was started with.
fn expected_of(stack: &Stack, service: &str) -> Vec<Setting> {
    let started = &stack.state().member(service).unwrap().settings;
    let own: BTreeMap<(&str, &str), &Setting> = started
        .iter()
        .map(|setting| ((setting.file.as_str(), setting.key.as_str()), setting))
        .collect();
    let mut settings = settings_of(service);
    for setting in &mut settings {
        let is_own = setting.value.is_secret() || setting.key.ends_with("_PORT");
        if let (true, Some(started)) = (is_own, own.get(&(setting.file.as_str(), setting.key.as_str()))) {
            setting.value = started.value.clone();
        }
    }
    settings
}

/// What became of every mutation of one engine.
#[derive(Default)]
pub struct Score {
    caught: Vec<(Mutation, String)>,
    survived: Vec<(Mutation, String)>,
}

impl Score {
    /// Notes whether `mutation` of `setting` was named.
    pub fn note(&mut self, mutation: Mutation, setting: &Setting, was_caught: bool) {
        let entry = (mutation, format!("{} {}", setting.place(), setting.key));
        if was_caught {
            self.caught.push(entry);
        } else {
            self.survived.push(entry);
        }
    }

    /// Prints the score; every survivor needs its reason in `excused`, and every excuse its survivor.
    ///
    /// An excuse names the mutation, the key and why nothing can tell.
    pub fn settle(&self, engine: &str, excused: &[(Mutation, &str, &str)]) {
        println!("{engine}: {self}");
        let reason_of = |mutation: &Mutation, place: &str| {
            excused
                .iter()
                .find(|(excused, key, _)| excused == mutation && place.ends_with(&format!(" {key}")))
                .map(|(_, _, reason)| reason)
        };
        let mut unexcused = Vec::new();
        for (mutation, place) in &self.survived {
            match reason_of(mutation, place) {
                Some(reason) => println!("  survived: {place} {mutation:?}: {reason}"),
                None => unexcused.push(format!("{place} {mutation:?}")),
            }
        }
        assert!(unexcused.is_empty(), "nobody noticed: {unexcused:#?}");
        assert_eq!(
            self.survived.len(),
            excused.len(),
            "an excuse has lost its survivor: {:#?}",
            self.survived
        );
        assert!(!self.caught.is_empty());
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = self.caught.len() + self.survived.len();
        write!(f, "{} of {tried} mutations caught", self.caught.len())
    }
}
