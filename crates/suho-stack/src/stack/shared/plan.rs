//! Which stack is meant: known before anything is started, and the same in every process that asks for the same.

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Linger, paths::Paths};
use crate::{
    deployment::{Deployment, Edition, Files, Fingerprint, Variables},
    engines::{self, Endpoint, Engine},
    runtime::docker,
    stack::{
        ImageSource, StackBuilder, StackError,
        builder::engine,
        images::Editions,
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
    /// Of all that the plan was made of.
    key: String,
    /// Where the plan is noted when its stack is started.
    note: PathBuf,
}

/// The plan of the stack that was started last by a builder of this name and these engines.
///
/// It says what has changed since, and spares who asks for the same to read the deployment: that takes longer than to ask all
/// engines.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    key: String,
    name: String,
    fingerprint: Fingerprint,
    wanted: Vec<String>,
}

impl Plan {
    /// What `builder` describes, completed by the environment.
    pub fn of(builder: &StackBuilder) -> Result<Self, StackError> {
        let asked = builder.asked()?;
        let foreign = foreign(&asked)?;
        let key = key(builder, &asked, &foreign);
        let path = note(builder, &asked);
        let noted = read(&path).filter(|note| note.key == key);
        let Note {
            key,
            name,
            fingerprint,
            wanted,
        } = match noted {
            Some(note) => note,
            None => Note::of(builder, &asked, &foreign, key)?,
        };
        Ok(Self {
            name,
            fingerprint,
            wanted,
            foreign,
            linger: linger(builder.linger)?,
            key,
            note: path,
        })
    }

    /// What is different from the stack that was started last, and its name; then this one is the last.
    pub fn follow_the_last(&self) -> Result<Option<(String, Vec<String>)>, StackError> {
        let before = read(&self.note).filter(|before| before.name != self.name);
        let this = Note {
            key: self.key.clone(),
            name: self.name.clone(),
            fingerprint: self.fingerprint.clone(),
            wanted: self.wanted.clone(),
        };
        write(&self.note, &this).map_err(failed("write", &self.note))?;
        Ok(before.map(|before| {
            let differences = before.fingerprint.differences(&self.fingerprint);
            (before.name, differences)
        }))
    }

    pub fn paths(&self) -> Result<Paths, StackError> {
        Paths::of(&self.name).map_err(failed("make", &state::directory()))
    }
}

impl Note {
    /// Reads the deployment.
    fn of(
        builder: &StackBuilder,
        asked: &[&'static dyn Engine],
        foreign: &BTreeMap<String, Endpoint>,
        key: String,
    ) -> Result<Self, StackError> {
        let editions = Editions::read(&builder.files, builder.variables.clone())?;
        let wanted = wanted(&editions.upstream, asked, foreign)?;
        let mut options = given(&builder.files, &builder.variables)?;
        let circumstances = circumstances(builder).map(|(name, value)| (name.to_owned(), value));
        options.extend(circumstances);
        options.insert("engines".to_owned(), wanted.join(" "));
        let edition = match builder.images {
            ImageSource::Upstream => &editions.upstream,
            ImageSource::Airgap | ImageSource::Auto => &editions.airgap,
        };
        let services = wanted.iter().map(|name| edition.service(name));
        let services = services.collect::<Result<Vec<_>, _>>()?;
        let fingerprint = Fingerprint::of(&builder.files, services, &options);
        Ok(Self {
            key,
            name: state::valid_name(&format!("{}-{}", prefix(builder), fingerprint.short()))?.to_owned(),
            fingerprint,
            wanted,
        })
    }
}

fn prefix(builder: &StackBuilder) -> &str {
    builder.name.as_deref().unwrap_or(PREFIX)
}

/// What makes a stack another one besides what it is described by.
fn circumstances(builder: &StackBuilder) -> [(&'static str, String); 5] {
    [
        ("images", format!("{:?}", builder.images)),
        ("ports", format!("{:?}", builder.ports)),
        ("docker engine", docker::address()),
        ("state directory", state::directory().display().to_string()),
        // What it lends to tenants is as this library has it.
        ("suho-stack", env!("CARGO_PKG_VERSION").to_owned()),
    ]
}

/// A hash over everything that a plan is made of.
fn key(builder: &StackBuilder, asked: &[&'static dyn Engine], foreign: &BTreeMap<String, Endpoint>) -> String {
    let mut hasher = Sha256::new();
    let mut add = |part: &[u8]| {
        // Each with its length before it, so that no two lists read the same.
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    };
    add(prefix(builder).as_bytes());
    for engine in asked {
        add(engine.service().as_bytes());
    }
    for service in foreign.keys() {
        add(service.as_bytes());
    }
    for (name, value) in circumstances(builder) {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    for (name, value) in builder.variables.iter() {
        add(name.as_bytes());
        add(value.expose().as_bytes());
    }
    if let Some(hash) = builder.files.embedded_hash() {
        add(hash.as_bytes());
    } else {
        for (name, bytes) in builder.files.iter() {
            add(name.as_bytes());
            add(bytes);
        }
    }
    format!("{:x}", hasher.finalize())
}

fn note(builder: &StackBuilder, asked: &[&'static dyn Engine]) -> PathBuf {
    let engines: Vec<_> = asked.iter().map(|engine| engine.name()).collect();
    let name = format!("{}.{}.json", prefix(builder), engines.join("+"));
    state::directory().join("fingerprints").join(name)
}

/// One that cannot be read is none.
fn read(path: &Path) -> Option<Note> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(path: &Path, note: &Note) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    fs::write(&draft, serde_json::to_vec(note)?)?;
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
    let uses = Deployment::variables(files, Edition::Airgap.compose_files(false))?;
    let given = uses.into_iter().filter_map(|used| {
        let value = variables.get(&used.name)?.to_owned();
        Some((used.name, value))
    });
    Ok(given.collect())
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

#[cfg(all(test, feature = "kafka", feature = "nats"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{deployment::Secret, engines::Place, stack::Stack};

    fn plan(builder: &StackBuilder) -> Note {
        let asked = builder.asked().unwrap();
        let none = BTreeMap::new();
        let key = key(builder, &asked, &none);
        Note::of(builder, &asked, &none, key).unwrap()
    }

    #[test]
    fn the_same_builder_means_the_same_stack_although_its_secrets_and_ports_are_chosen_anew() {
        let builder = || Stack::builder().engines(["kafka"]);

        let (one, other) = (plan(&builder()), plan(&builder()));

        assert_eq!((&one.key, &one.name), (&other.key, &other.name));
        assert!(one.name.starts_with("shared-"));
        assert_eq!(one.wanted, ["suho-zookeeper", "suho-kafka"]);
    }

    #[test]
    fn a_byte_an_image_an_engine_an_option_and_a_variable_are_another_stack_and_each_is_named() {
        let builder = || Stack::builder().engines(["nats"]);
        let variable = |name: &str, value: &str| {
            let mut variables = Variables::default();
            variables.set(name, Secret::new(value));
            builder().variables(variables)
        };
        let before = plan(&builder());
        for (other, change) in [
            (
                builder().files(Files::embedded().with("nats-server.conf", "#")),
                "nats-server.conf changed",
            ),
            (builder().engines(["nats", "kafka"]), "option engines changed"),
            (builder().images(ImageSource::Airgap), "option images changed"),
            (variable("SUHO_NATS_PASSWORD", "abc"), "option SUHO_NATS_PASSWORD added"),
            (
                variable("SUHO_NATS_SERVER_IMAGE", "nats:2.15.1-alpine"),
                "option SUHO_NATS_SERVER_IMAGE added",
            ),
        ] {
            let other = plan(&other);
            let differences = before.fingerprint.differences(&other.fingerprint);
            assert!(differences.contains(&change.to_owned()), "{change}: {differences:?}");
            assert!(other.name != before.name && other.key != before.key, "{change}");
        }
    }

    #[test]
    fn what_is_foreign_is_not_ours_to_run_nor_what_it_alone_needs() {
        let editions = Editions::read(&Files::embedded(), Variables::default()).unwrap();
        let foreign = |services: &[&str]| -> BTreeMap<String, Endpoint> {
            let endpoint = |service: &&str| Endpoint {
                service: (*service).to_owned(),
                place: Place::Host,
                host: "elsewhere".to_owned(),
                ports: BTreeMap::new(),
                environment: BTreeMap::new(),
            };
            let named = services
                .iter()
                .map(|service| ((*service).to_owned(), endpoint(service)));
            named.collect()
        };
        let left = |asked: &[&str], named: &[&str]| {
            let asked: Vec<_> = asked.iter().map(|asked| engine(asked).unwrap()).collect();
            wanted(&editions.upstream, &asked, &foreign(named)).unwrap()
        };

        assert_eq!(left(&["nats", "kafka"], &["suho-kafka"]), ["suho-nats-server"]);
        assert_eq!(left(&["zookeeper", "kafka"], &["suho-kafka"]), Vec::<String>::new());
        assert_eq!(left(&["kafka"], &[]), ["suho-zookeeper", "suho-kafka"]);
    }
}
