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

use std::{collections::BTreeMap, fmt, time::Duration};

use suho_stack::{
    deployment::{AIRGAP_FILE, COMPOSE_FILE, Deployment, Files, Secret, Setting, SettingValue, Variables},
    engines::{self, SettingVerdict, Subject},
    stack::{ImageSource, Stack, StackError},
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

/// In the place of another value: with any other, nobody could ask the engine and the start itself fails, or it would reach
/// out to its maker.
pub const UNREACHABLE: &str = "(the engine would be reached nowhere)";

/// The value of the first of `values` that is for the key of `setting`, to be expected where it cannot be configured.
pub fn expected<'a>(values: &'a [(&'a str, &'a str)]) -> impl Fn(&Setting) -> Option<SettingValue> + 'a {
    move |setting| {
        let (_, value) = values.iter().find(|(key, _)| *key == setting.key)?;
        Some(SettingValue::Plain((*value).to_owned()))
    }
}

/// One setting and what is done to its line; several of them make a lot, which one start of the engine carries.
pub struct Mutant {
    /// As the untouched deployment has it.
    pub setting: Setting,
    /// What stands in its line instead; nothing where the line is to go.
    pub line: String,
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

/// What makes a mutant of a setting and its line; none where this mutation of it is not tried.
type Mutate<'a> = &'a dyn Fn(&Setting, &str) -> Option<String>;

/// The mutants of `settings`, dealt into `lots` so that neighbours in a file come into different ones.
pub fn lots(settings: &[Setting], lots: usize, mutate: Mutate<'_>) -> Vec<Vec<Mutant>> {
    let files = Files::embedded();
    let mut dealt: Vec<Vec<Mutant>> = (0..lots).map(|_| Vec::new()).collect();
    let mutants = settings.iter().filter_map(|setting| {
        let line = files
            .text(&setting.file)
            .unwrap()
            .lines()
            .nth(setting.line - 1)
            .unwrap();
        let line = mutate(setting, line)?;
        let setting = setting.clone();
        Some(Mutant { setting, line })
    });
    for (index, mutant) in mutants.enumerate() {
        dealt[index % lots].push(mutant);
    }
    dealt.retain(|lot| !lot.is_empty());
    dealt
}

/// What a setting is called where it stands: the end of its path, without an index.
pub fn name_of(setting: &Setting) -> &str {
    let name = setting.key.rsplit('.').next().unwrap();
    name.split_once('[').map_or(name, |(name, _)| name)
}

/// Nothing instead of the line, whatever the setting.
#[expect(clippy::unnecessary_wraps, reason = "all mutations have one signature")]
pub fn left_out(_setting: &Setting, _line: &str) -> Option<String> {
    Some(String::new())
}

/// The line with one letter more in its key.
#[expect(clippy::unnecessary_wraps, reason = "all mutations have one signature")]
pub fn misspelt(setting: &Setting, line: &str) -> Option<String> {
    let key = setting.key.rsplit('.').next().unwrap();
    Some(line.replacen(key, &format!("{key}x"), 1))
}

/// The line with another value, as `values` has it for its key.
pub fn changed<'a>(values: &'a [(&'a str, &'a str)]) -> impl Fn(&Setting, &str) -> Option<String> + 'a {
    move |setting, line| {
        if setting.value.is_secret() {
            return None;
        }
        let (_, value) = values
            .iter()
            .find(|(key, _)| *key == setting.key)
            .unwrap_or_else(|| panic!("{} has no other value to try", setting.key));
        if *value == UNREACHABLE {
            return None;
        }
        let key = setting.key.rsplit('.').next().unwrap();
        let (key, after) = line.split_at(line.find(key).unwrap() + key.len());
        let changed = after.replacen(setting.value.expose(), value, 1);
        assert_ne!(changed, after, "{line} does not hold {}", setting.value);
        Some(format!("{key}{changed}"))
    }
}

/// The deployment with every mutant's line in the place of the original; line numbers stay.
fn mutated(lot: &[Mutant]) -> Files {
    let mut files = Files::embedded();
    for mutant in lot {
        let text = files.text(&mutant.setting.file).unwrap();
        let lines: Vec<&str> = text
            .lines()
            .enumerate()
            .map(|(index, line)| {
                if index + 1 == mutant.setting.line {
                    mutant.line.as_str()
                } else {
                    line
                }
            })
            .collect();
        let text = lines.join("\n") + "\n";
        files = files.with(mutant.setting.file.clone(), text);
    }
    files
}

/// Starts `service` on `files`; its last words where it refuses.
async fn start(service: &str, files: Files) -> Result<Stack, String> {
    let builder = Stack::builder().engines([service]).images(ImageSource::Airgap);
    match builder.files(files).timeout(Duration::from_secs(30)).start().await {
        Ok(stack) => Ok(stack),
        Err(StackError::Died { last, .. }) => Err(last.log),
        Err(error) => panic!("{service}: {error}"),
    }
}

/// What `verify`, which expects `settings`, says of each of them on this stack.
pub async fn verdicts(stack: &Stack, service: &str, settings: &[Setting]) -> Vec<SettingVerdict> {
    let neighbours = stack.endpoints();
    let subject = Subject {
        endpoint: &neighbours[service],
        neighbours: &neighbours,
        restart: None,
    };
    let engine = engines::by_service(service).unwrap();
    let findings = engine.prove_settings(&subject, settings).await.unwrap();
    assert_eq!(findings.len(), settings.len());
    findings.into_iter().map(|finding| finding.verdict).collect()
}

/// The settings of the untouched deployment, with the secrets and ports that `stack` was started with.
pub fn expected_of(stack: &Stack, service: &str) -> Vec<Setting> {
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

/// Starts `service` once on all of `lot` and notes which of its mutants are named.
///
/// A row that was not touched has to stay as it is; `follow` lists the keys that may turn because another one did.
pub async fn try_lot(score: &mut Score, service: &str, mutation: Mutation, lot: &[Mutant], follow: &[&str]) {
    let stack = match start(service, mutated(lot)).await {
        Ok(stack) => stack,
        Err(log) => {
            for mutant in lot {
                let key = name_of(&mutant.setting);
                assert!(
                    log.contains(key),
                    "{service} refused to start without a word of {key}:\n{log}"
                );
                score.note(mutation, &mutant.setting, true);
            }
            return;
        }
    };
    judge(score, &stack, service, mutation, lot, follow).await;
    stack.stop().await.unwrap();
}

/// Notes which mutants of `lot`, on which `stack` runs, are named; `follow` as in [`try_lot`].
async fn judge(score: &mut Score, stack: &Stack, service: &str, mutation: Mutation, lot: &[Mutant], follow: &[&str]) {
    let settings = expected_of(stack, service);
    let found = verdicts(stack, service, &settings).await;
    if mutation == Mutation::Misspelt {
        expect_unknown(stack, service, lot).await;
    }
    for (setting, verdict) in settings.iter().zip(&found) {
        let is_mutant = lot
            .iter()
            .any(|mutant| mutant.setting.file == setting.file && mutant.setting.key == setting.key);
        if is_mutant {
            match verdict {
                SettingVerdict::NotAskable { reason } | SettingVerdict::NotOffered { reason } => {
                    score.untold(mutation, setting, reason);
                }
                verdict => score.note(mutation, setting, !verdict.is_fine()),
            }
        } else if !follow.contains(&setting.key.as_str()) {
            assert!(
                verdict.is_fine(),
                "{mutation:?}: {} {} was not touched and is {verdict:?}",
                setting.place(),
                setting.key
            );
        }
    }
}

/// Where `verify` expects what the file says, misspelt as it is, it has to say that the engine knows no such key.
async fn expect_unknown(stack: &Stack, service: &str, lot: &[Mutant]) {
    let misspelt: Vec<Setting> = lot
        .iter()
        .map(|mutant| {
            let mut setting = mutant.setting.clone();
            setting.key.push('x');
            setting
        })
        .collect();
    let verdicts = verdicts(stack, service, &misspelt).await;
    for (setting, verdict) in misspelt.iter().zip(verdicts) {
        assert_eq!(verdict, SettingVerdict::Unknown, "{}", setting.key);
    }
}

/// Lets `verify` expect other secrets than those that `service` was started with; `follow` as in [`try_lot`].
pub async fn try_other_secrets(score: &mut Score, service: &str, follow: &[&str]) {
    let another = |setting: &Setting| {
        let secret = || SettingValue::Secret(Secret::new("another1another1another1"));
        setting.value.is_secret().then(secret)
    };
    try_other_expectations(score, service, &another, follow).await;
}

/// Lets `verify` expect the value that `another` has for a setting, where `service` was started with its own.
pub async fn try_other_expectations(
    score: &mut Score,
    service: &str,
    another: &dyn Fn(&Setting) -> Option<SettingValue>,
    follow: &[&str],
) {
    let stack = start(service, Files::embedded()).await.unwrap();
    let own = expected_of(&stack, service);
    let mut settings = own.clone();
    for setting in &mut settings {
        if let Some(value) = another(setting) {
            setting.value = value;
        }
    }
    let verdicts = verdicts(&stack, service, &settings).await;
    stack.stop().await.unwrap();
    for ((setting, own), verdict) in settings.iter().zip(&own).zip(&verdicts) {
        if setting.value != own.value {
            score.note(Mutation::Changed, setting, !verdict.is_fine());
        } else if !follow.contains(&setting.key.as_str()) {
            assert!(verdict.is_fine(), "{} was not touched and is {verdict:?}", setting.key);
        }
    }
}

/// What became of every mutation of one engine.
#[derive(Default)]
pub struct Score {
    caught: Vec<(Mutation, String)>,
    survived: Vec<(Mutation, String)>,
    /// Those of which the engine tells nothing, with the reason.
    untold: Vec<(Mutation, String, String)>,
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

    /// Notes that the engine tells nothing of `setting`, for `reason`: neither caught nor survived.
    fn untold(&mut self, mutation: Mutation, setting: &Setting, reason: &str) {
        let place = format!("{} {}", setting.place(), setting.key);
        self.untold.push((mutation, place, reason.to_owned()));
    }

    /// Prints the score; every survivor needs its reason in `excused`, and every excuse its survivor.
    ///
    /// An excuse names the mutation, the key and why nothing can tell.
    pub fn settle(&self, engine: &str, excused: &[(Mutation, &str, &str)]) {
        println!("{engine}: {self}");
        for (mutation, place, reason) in &self.untold {
            println!("  not told: {place} {mutation:?}: {reason}");
        }
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
        write!(f, "{} of {tried} mutations caught", self.caught.len())?;
        write!(f, ", {} not told", self.untold.len())
    }
}
