//! Everything that is wrong with the configuration of a deployment, found before anything starts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::causes::in_full;
use crate::deployment::{
    AIRGAP_FILE, COMPOSE_FILE, Declarations, Deployment, DeploymentError, Edition, Files, HealthTest,
    MONITORING_AIRGAP_FILE, MONITORING_FILE, Mount, Service, Setting, SettingKind, Variables, declarations,
};
use crate::engines::{self, Engine, Objection, vocabulary::our_variables};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// Relative to the deployment's directory.
    pub file: String,
    /// From 1; none for a whole file.
    pub line: Option<usize>,
    /// The name of the setting; none where the file cannot be read as what it is.
    pub name: Option<String>,
    /// What is wrong, in words.
    pub message: String,
    /// The known name that may have been meant.
    pub nearest: Option<String>,
}

/// What was looked at, and what is wrong.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// How many settings each file has.
    pub files: BTreeMap<String, usize>,
    /// By file and line.
    pub complaints: Vec<Complaint>,
}

impl Complaint {
    /// `postgresql.conf:12`
    #[must_use]
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }

    /// `postgresql.conf:12: `, what is wrong, and the name that may have been meant.
    #[must_use]
    pub fn in_words(&self) -> String {
        let words = format!("{}: {}", self.place(), self.message);
        match &self.nearest {
            Some(nearest) => format!("{words}; did you mean `{nearest}`?"),
            None => words,
        }
    }

    fn about(setting: &Setting, objection: Objection) -> Self {
        Self {
            file: setting.file.clone(),
            line: Some(setting.line),
            name: Some(setting.key.clone()),
            message: objection.message,
            nearest: objection.nearest,
        }
    }

    /// A file that cannot be read as what it is.
    fn unreadable(file: &str, error: &DeploymentError) -> Self {
        let (file, line) = match error.position() {
            Some(at) => (at.file.clone(), Some(at.line)),
            None => (file.to_owned(), None),
        };
        let message = error.reason().map_or_else(|| in_full(error), str::to_owned);
        Self {
            file,
            line,
            name: None,
            message,
            nearest: None,
        }
    }
}

/// Checks every configuration of the deployment in `files`; asks no engine and no Docker.
///
/// Secrets that are not among `variables` are generated, as nothing depends on what they are.
#[must_use]
pub fn check(files: &Files, variables: Variables) -> Checked {
    let mut checked = Checked::default();
    if let Some(deployment) = checked.deployment(files, variables) {
        for service in deployment.services.values() {
            checked.service(files, service);
        }
        checked.declarations(files);
    }
    checked.complaints.sort_by(|one, other| {
        let place = |complaint: &Complaint| (complaint.file.clone(), complaint.line);
        place(one).cmp(&place(other))
    });
    checked.complaints.dedup();
    checked
}

impl Checked {
    /// The services of the compose file; those of its overrides are read too, for what is wrong there.
    fn deployment(&mut self, files: &Files, mut variables: Variables) -> Option<Deployment> {
        let mut read = |compose_files: &[&str]| {
            variables.generate_missing(Deployment::required_variables(files, compose_files)?);
            Deployment::read(files, compose_files, &variables)
        };
        let base = read(Edition::Upstream.compose_files(false));
        let overrides = [
            (AIRGAP_FILE, Edition::Airgap.compose_files(false)),
            (MONITORING_FILE, Edition::Upstream.compose_files(true)),
            (MONITORING_AIRGAP_FILE, Edition::Airgap.compose_files(true)),
        ];
        for (file, compose_files) in overrides.into_iter().filter(|(file, _)| files.get(file).is_some()) {
            if base.is_ok()
                && let Err(error) = read(compose_files)
            {
                self.complaints.push(Complaint::unreadable(file, &error));
            }
        }
        base.map_err(|error| self.complaints.push(Complaint::unreadable(COMPOSE_FILE, &error)))
            .ok()
    }

    fn service(&mut self, files: &Files, service: &Service) {
        let mut settings = Vec::new();
        for file in Setting::files_of(service) {
            let (read, faults) = Setting::in_file_and_faults(files, file);
            self.complaints
                .extend(faults.iter().map(|error| Complaint::unreadable(file, error)));
            self.count(file, read.len());
            settings.extend(read);
        }
        let variables = Setting::in_environment_of(service);
        for (file, number) in in_each_file(&variables) {
            self.count(file, number);
        }
        let (ours, theirs): (Vec<_>, Vec<_>) = variables.into_iter().partition(is_ours);
        settings.extend(theirs);
        if let Some(engine) = engines::by_service(&service.name) {
            self.engine(engine, &settings);
        }
        self.our_variables(files, service, &ours);
    }

    fn engine(&mut self, engine: &dyn Engine, settings: &[Setting]) {
        let objections = settings.iter().zip(engine.object(settings));
        let complaints = objections.filter_map(|(setting, objection)| Some(Complaint::about(setting, objection?)));
        self.complaints.extend(complaints);
    }

    /// A variable of ours is read by something that the service runs or mounts, or it is misspelt.
    fn our_variables(&mut self, files: &Files, service: &Service, variables: &[Setting]) {
        let texts = texts_of(files, service);
        let read = our_variables(texts.iter().map(String::as_str));
        for setting in variables.iter().filter(|setting| !read.contains(setting.key.as_str())) {
            let message = format!("nothing that {} runs or mounts reads `{}`", service.name, setting.key);
            let nearest = most_like(&setting.key, &read);
            self.complaints
                .push(Complaint::about(setting, Objection { message, nearest }));
        }
    }

    fn declarations(&mut self, files: &Files) {
        let file = declarations::FILE;
        let declared = match Declarations::read(files) {
            Ok(declared) => declared,
            Err(error) => {
                self.complaints.push(Complaint::unreadable(file, &error));
                return;
            }
        };
        self.count(file, declared.streams.len() + declared.topics.len());
        for engine in engines::all() {
            for (name, objection) in engine.object_to_declarations(&declared) {
                self.complaints.push(Complaint {
                    file: file.to_owned(),
                    line: line_of_declaration(files, file, &name),
                    name: Some(name),
                    message: objection.message,
                    nearest: objection.nearest,
                });
            }
        }
    }

    fn count(&mut self, file: &str, settings: usize) {
        *self.files.entry(file.to_owned()).or_default() += settings;
    }
}

/// True for a variable that nothing but this deployment knows.
fn is_ours(setting: &Setting) -> bool {
    setting.kind == SettingKind::Environment && setting.key.starts_with("SUHO_")
}

/// What the service runs and mounts, as text.
fn texts_of(files: &Files, service: &Service) -> Vec<String> {
    let mounted = service.mounts.iter().filter_map(|mount| match mount {
        Mount::File { source, .. } => files.text(source).ok().map(str::to_owned),
        Mount::Volume { .. } => None,
    });
    let health = service.health.as_ref().map(|health| match &health.test {
        HealthTest::Shell(line) => line.clone(),
        HealthTest::Exec(command) => command.join(" "),
    });
    mounted.chain(health).chain([service.command.join(" ")]).collect()
}

fn in_each_file(settings: &[Setting]) -> BTreeMap<&str, usize> {
    let mut numbers = BTreeMap::new();
    for setting in settings {
        *numbers.entry(setting.file.as_str()).or_default() += 1;
    }
    numbers
}

fn most_like(name: &str, known: &BTreeSet<&str>) -> Option<String> {
    let likeness = |known: &&&str| strsim::normalized_damerau_levenshtein(name, known);
    let nearest = known
        .iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    nearest.map(|known| (*known).to_owned())
}

fn line_of_declaration(files: &Files, file: &str, topic: &str) -> Option<usize> {
    let text = files.text(file).ok()?;
    let declares = |line: &str| {
        let mut words = line.split_whitespace();
        words.next() == Some("topic") && words.next() == Some(topic)
    };
    text.lines().position(declares).map(|index| index + 1)
}

// What is wrong with a setting is known with its engine.
#[cfg(all(test, feature = "full"))]
#[path = "tests/check.rs"]
mod tests;
