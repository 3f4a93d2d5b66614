//! Which stack is meant: known before anything is started, and the same in every process that asks for the same.

use std::{collections::BTreeMap, env, fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Linger, paths::Paths};
use crate::{
    deployment::{Deployment, Files, Fingerprint, Variables},
    engines::{self, Endpoint, Engine},
    runtime::docker,
    stack::{
        ImageSource, StackBuilder, StackError,
        builder::engine,
        images::{BOTH_FILES, Editions},
        state::{self, failed},
    },
};

/// What a warm stack is called where its builder has no name.
const PREFIX: &str = "shared";

/// What is to be attached to or started.
#[derive(Debug)]
pub(super) struct Plan {
    /// `shared-` and the beginning of the fingerprint.
    pub name: String,
    /// Of the files, the images, the engines and the options.
    pub fingerprint: Fingerprint,
    /// The services that are ours to run.
    pub wanted: Vec<String>,
    /// The engines that the environment names.
    pub foreign: BTreeMap<String, Endpoint>,
    /// For how long it stays after its last user.
    pub linger: Linger,
}

impl Plan {
    /// What `builder` describes, completed by the environment.
    pub fn of(builder: &StackBuilder) -> Result<Self, StackError> {
        let asked = builder.asked()?;
        let foreign = foreign(&asked)?;
        let variables = given(&builder.files, &builder.variables)?;
        let editions = Editions::read(&builder.files, builder.variables.clone())?;
        let wanted = wanted(&editions.upstream, &asked, &foreign)?;
        let mut options = variables;
        options.insert("engines".to_owned(), wanted.join(" "));
        options.insert("images".to_owned(), source(builder.images).to_owned());
        options.insert("ports".to_owned(), format!("{:?}", builder.ports));
        options.insert("docker engine".to_owned(), docker::address());
        options.insert("state directory".to_owned(), state::directory().display().to_string());
        // What it lends to tenants is as this library has it.
        options.insert("suho-stack".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let edition = match builder.images {
            ImageSource::Upstream => &editions.upstream,
            ImageSource::Airgap | ImageSource::Auto => &editions.airgap,
        };
        let services = wanted.iter().map(|name| edition.service(name));
        let services = services.collect::<Result<Vec<_>, _>>()?;
        let fingerprint = Fingerprint::of(&builder.files, services, &options);
        let prefix = builder.name.as_deref().unwrap_or(PREFIX);
        Ok(Self {
            name: state::valid_name(&format!("{prefix}-{}", fingerprint.short()))?.to_owned(),
            fingerprint,
            wanted,
            foreign,
            linger: linger(builder.linger)?,
        })
    }

    /// What is different from the warm stack of the same engines that was started last, and its name; then this one is the
    /// last.
    pub fn follow_the_last(&self) -> Result<Option<(String, Vec<String>)>, StackError> {
        let path = last(&self.wanted);
        let before = fs::read(&path).ok();
        let before: Option<Last> = before.and_then(|content| serde_json::from_slice(&content).ok());
        let this = Last {
            name: self.name.clone(),
            fingerprint: self.fingerprint.clone(),
        };
        write(&path, &this).map_err(failed("write", &path))?;
        let before = before.filter(|before| before.name != self.name);
        Ok(before.map(|before| {
            let differences = before.fingerprint.differences(&self.fingerprint);
            (before.name, differences)
        }))
    }

    pub fn paths(&self) -> Result<Paths, StackError> {
        Paths::of(&self.name).map_err(failed("make", &state::directory()))
    }
}

/// The warm stack that was started last, to say what has changed since.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    name: String,
    fingerprint: Fingerprint,
}

fn last(wanted: &[String]) -> PathBuf {
    let engines: Vec<_> = wanted
        .iter()
        .map(|service| service.trim_start_matches("suho-"))
        .collect();
    state::directory()
        .join("fingerprints")
        .join(format!("{}.json", engines.join("+")))
}

fn write(path: &PathBuf, last: &Last) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    fs::write(&draft, serde_json::to_vec(last)?)?;
    fs::rename(draft, path)
}

/// What the environment asks for in so many words, else what the builder does, else as it is usual here.
fn linger(asked: Option<Linger>) -> Result<Linger, StackError> {
    match Linger::wished()?.or(asked) {
        Some(linger) => Ok(linger),
        None => Ok(Linger::from_environment()?),
    }
}

/// The engines of `asked` that the environment names.
fn foreign(asked: &[&'static dyn Engine]) -> Result<BTreeMap<String, Endpoint>, StackError> {
    let mut foreign = BTreeMap::new();
    for engine in asked {
        let named = engine.named_by(&|name| env::var(name).ok().filter(|value| !value.is_empty()));
        let named = named.map_err(|error| StackError::Foreign {
            service: engine.service().to_owned(),
            error: Box::new(error),
        })?;
        if let Some(endpoint) = named {
            foreign.insert(engine.service().to_owned(), endpoint);
        }
    }
    Ok(foreign)
}

/// The services that are ours to run: without those that are foreign, and those that only foreign ones need.
fn wanted(
    deployment: &Deployment,
    asked: &[&'static dyn Engine],
    foreign: &BTreeMap<String, Endpoint>,
) -> Result<Vec<String>, StackError> {
    let is_foreign = |service: &str| foreign.contains_key(service);
    let serves_foreign_alone = |service: &str| {
        let mut users = engines::all()
            .iter()
            .map(|engine| engine.service())
            .filter(|user| {
                deployment
                    .services
                    .get(*user)
                    .is_some_and(|user| user.depends_on.contains_key(service))
            })
            .peekable();
        users.peek().is_some() && users.all(is_foreign)
    };
    let own: Vec<&str> = asked
        .iter()
        .map(|engine| engine.service())
        .filter(|service| !is_foreign(service) && !serves_foreign_alone(service))
        .collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    Ok(deployment.with_dependencies(&own)?)
}

/// The variables of the deployment that were given, by their names; what is generated is no part of what is meant.
fn given(files: &Files, variables: &Variables) -> Result<BTreeMap<String, String>, StackError> {
    if variables.iter().next().is_none() {
        return Ok(BTreeMap::new());
    }
    let uses = Deployment::variables(files, &BOTH_FILES)?;
    let given = uses.into_iter().filter_map(|used| {
        let value = variables.get(&used.name)?.to_owned();
        Some((used.name, value))
    });
    Ok(given.collect())
}

fn source(images: ImageSource) -> &'static str {
    match images {
        ImageSource::Auto => "auto",
        ImageSource::Upstream => "upstream",
        ImageSource::Airgap => "airgap",
    }
}

impl StackBuilder {
    /// The engines that were asked for, without what they depend on; all where none was.
    fn asked(&self) -> Result<Vec<&'static dyn Engine>, StackError> {
        if self.engines.is_empty() {
            return Ok(engines::all().to_vec());
        }
        self.engines.iter().map(|asked| engine(asked)).collect()
    }
}
