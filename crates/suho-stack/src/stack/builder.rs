//! What a stack shall be.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures::future::try_join_all;
use rand::Rng;
use tokio::sync::{Mutex, watch};

use super::{
    ImageSource, Linger, Member, Ports, Progress, Stack, StackError, StackState, Timeline,
    guard::Guard,
    images::{Chooser, Chosen, Editions},
    start::{Start, Starting, Tell},
    state::valid_name,
};
use crate::{
    deployment::{Declarations, Deployment, Edition, Files, Fingerprint, Service, Variables},
    engines::{self, Engine},
    runtime::Docker,
};

/// A busy machine with cold caches starts the slowest engine in half of this.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// Describes a stack; [`StackBuilder::start`] launches it.
pub struct StackBuilder {
    pub(super) name: Option<String>,
    pub(super) engines: Vec<String>,
    pub(super) images: ImageSource,
    pub(super) ports: Ports,
    timeout: Duration,
    pub(super) files: Files,
    directory: Option<PathBuf>,
    monitoring: bool,
    pub(super) variables: Variables,
    pub(super) linger: Option<Linger>,
    lends: bool,
    pub(super) tell: Tell,
}

impl StackBuilder {
    pub(crate) fn new() -> Self {
        Self {
            name: None,
            engines: Vec::new(),
            images: ImageSource::default(),
            ports: Ports::default(),
            timeout: DEFAULT_TIMEOUT,
            files: Files::embedded(),
            directory: None,
            monitoring: false,
            variables: Variables::default(),
            linger: None,
            lends: false,
            tell: Arc::new(|progress| tracing::info!("{progress}")),
        }
    }

    /// The name by which commands call the stack; a random one by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only these engines and what they depend on, by their short names (`kafka`) or services (`suho-kafka`); all by default.
    #[must_use]
    pub fn engines<T: Into<String>>(mut self, engines: impl IntoIterator<Item = T>) -> Self {
        self.engines = engines.into_iter().map(Into::into).collect();
        self
    }

    /// Where the images come from; [`ImageSource::Auto`] by default.
    #[must_use]
    pub fn images(mut self, source: ImageSource) -> Self {
        self.images = source;
        self
    }

    /// Free ports or the platform's own; [`Ports::Ephemeral`] by default.
    #[must_use]
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// How long each engine may take from its launch until it serves; 120 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Other files than those embedded in this library.
    #[must_use]
    pub fn files(mut self, files: Files) -> Self {
        self.files = files;
        self.directory = None;
        self
    }

    /// The files of a directory such as `compose/`, which is also where air-gap images are built.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Result<Self, StackError> {
        let directory = directory.into();
        self.files = Files::from_directory(&directory)?;
        self.directory = Some(directory);
        Ok(self)
    }

    /// With Prometheus, Grafana and the exporters beside the engines; without by default.
    ///
    /// They watch the whole: an engine that was not asked for counts as one that is down.
    #[must_use]
    pub fn monitoring(mut self, monitoring: bool) -> Self {
        self.monitoring = monitoring;
        self
    }

    /// Values for the variables of the compose files; secrets that are not among them are generated.
    #[must_use]
    pub fn variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// How long a shared stack stays after its last user; [`Linger::from_environment`] by default, and where the environment
    /// asks for a time in so many words, that wins.
    #[must_use]
    pub fn linger(mut self, linger: Linger) -> Self {
        self.linger = Some(linger);
        self
    }

    /// Prepares the engines for tenants, with what they read at their start alone; a shared stack always is.
    #[must_use]
    pub fn lending_to_tenants(mut self) -> Self {
        self.lends = true;
        self
    }

    /// Is told what happens while one waits.
    #[must_use]
    pub fn on_progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.tell = Arc::new(tell);
        self
    }

    /// Launches the stack: everything in parallel that does not depend on each other.
    ///
    /// A failure, a dropped future and a panic leave nothing behind.
    pub async fn start(self) -> Result<Stack, StackError> {
        let docker = Docker::connect().await?;
        let name = self.stack_name()?;
        self.start_as(docker, name).await
    }

    pub(super) async fn start_as(mut self, docker: Docker, name: String) -> Result<Stack, StackError> {
        // Before minutes go by with images; the claim of the name asks again, with nobody beside it.
        if docker.list_stacks().await?.contains(&name) {
            return Err(StackError::Exists(name));
        }
        let editions = self.editions()?;
        let wanted = self.wanted(&editions)?;
        let mut chosen = self.chosen(&docker, &editions, &wanted).await?;
        if chosen.services.is_empty() {
            let reasons: Vec<_> = chosen.absent.iter().map(|absent| absent.reason.as_str()).collect();
            return Err(StackError::AllAbsent(reasons.join("; ")));
        }
        if self.lends {
            self.lend(&mut chosen)?;
        }
        self.launch(docker, name, &editions.upstream, chosen).await
    }

    /// Gives the engines what they read at their start alone and need for tenants.
    fn lend(&mut self, chosen: &mut Chosen) -> Result<(), StackError> {
        for (service, _) in &mut chosen.services {
            let lent = engine(&service.name)?.lend(service, self.files.clone());
            self.files = lent.map_err(|error| StackError::Lend {
                service: service.name.clone(),
                error: Box::new(error),
            })?;
        }
        Ok(())
    }

    /// The wanted services with their images chosen and present, for whoever launches them without a stack.
    pub(crate) async fn obtained(&self) -> Result<Chosen, StackError> {
        let docker = Docker::connect().await?;
        let editions = self.editions()?;
        let wanted = self.wanted(&editions)?;
        self.chosen(&docker, &editions, &wanted).await
    }

    async fn chosen(&self, docker: &Docker, editions: &Editions, wanted: &[String]) -> Result<Chosen, StackError> {
        let chooser = Chooser {
            docker,
            source: self.images,
            editions,
            files: &self.files,
            directory: self.directory.as_deref(),
            monitoring: self.monitoring,
            tell: &*self.tell,
            reached: Mutex::default(),
        };
        chooser.choose(wanted).await
    }

    /// The deployment on the ports of this stack, with secrets that nobody misreads.
    fn editions(&self) -> Result<Editions, StackError> {
        let mut variables = self.variables.clone();
        let compose_files = Edition::Airgap.compose_files(self.monitoring);
        self.ports.fill(&mut variables, &self.files, compose_files)?;
        let editions = Editions::read_with(&self.files, variables, self.monitoring)?;
        for secret in Deployment::required_variables(&self.files, compose_files)? {
            if !editions.variables.get(&secret).is_some_and(is_plain) {
                return Err(StackError::BadSecret(secret));
            }
        }
        Ok(editions)
    }

    /// The services to run: engines with their dependencies, and those of the watchers that this deployment has.
    fn wanted(&self, editions: &Editions) -> Result<Vec<String>, StackError> {
        let mut wanted = self.wanted_engines(&editions.upstream)?;
        wanted.extend(engines::watchers_of(&editions.airgap).map(|watcher| watcher.service().to_owned()));
        Ok(wanted)
    }

    fn wanted_engines(&self, deployment: &Deployment) -> Result<Vec<String>, StackError> {
        if self.engines.is_empty() {
            return Ok(engines::all()
                .iter()
                .map(|engine| engine.service().to_owned())
                .collect());
        }
        let asked = self
            .engines
            .iter()
            .map(|asked| engine(asked).map(Engine::service))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(deployment.with_dependencies(&asked)?)
    }

    pub(super) fn stack_name(&self) -> Result<String, StackError> {
        match &self.name {
            Some(name) => valid_name(name).map(str::to_owned),
            None => Ok(random_name()),
        }
    }

    /// What differs between a running stack and what this builder would start, in words.
    pub(super) fn changes_since(&self, state: &StackState) -> Result<Vec<String>, StackError> {
        let editions = self.editions()?;
        let Editions { upstream, airgap, .. } = &editions;
        let (offered, otherwise) = match self.images {
            ImageSource::Auto => (airgap, upstream),
            ImageSource::Upstream => (upstream, upstream),
            ImageSource::Airgap => (airgap, airgap),
        };
        let mut services = Vec::new();
        let mut moved = Vec::new();
        for member in &state.members {
            let Some(mut service) = offered.services.get(&member.service).cloned() else {
                moved.push(format!("{} is not asked for now", member.service));
                continue;
            };
            if service.image.to_string() != member.image
                && let Some(other) = otherwise.services.get(&member.service)
            {
                service = other.clone();
            }
            let loaded = service.image.loaded();
            if let Some(loaded) = loaded.filter(|loaded| loaded.to_string() == member.image) {
                service.image = loaded;
            }
            if self.ports == Ports::Platform && !is_published_as_described(&service, member) {
                moved.push(format!("{} is published on other ports", member.service));
            }
            services.push(service);
        }
        let mut changes = state
            .fingerprint
            .differences(&Fingerprint::of(&self.files, &services, &BTreeMap::new()));
        changes.extend(moved);
        let missing = self
            .wanted(&editions)?
            .into_iter()
            .filter(|service| !state.knows(service));
        changes.extend(missing.map(|service| format!("{service} was not asked for then")));
        Ok(changes)
    }

    async fn launch(
        self,
        docker: Docker,
        name: String,
        deployment: &Deployment,
        chosen: Chosen,
    ) -> Result<Stack, StackError> {
        let declarations = Declarations::read(&self.files)?;
        let starting = queue(&chosen)?;
        let network = format!("{}-{name}", deployment.network);
        let timeline = Timeline::begin();
        let guard = Guard::claim(docker.clone(), name.clone(), &network).await?;
        let start = Start {
            docker: &docker,
            guard: &guard,
            stack: &name,
            network: &network,
            files: &self.files,
            declarations: &declarations,
            timeout: self.timeout,
            timeline: &timeline,
            tell: self.tell.clone(),
        };
        let members = try_join_all(starting.into_iter().map(|service| start.service(service))).await?;
        if !docker.grants_limits() {
            (self.tell)(Progress::LimitsRefused);
        }
        let services = chosen.services.iter().map(|(service, _)| service);
        let fingerprint = Fingerprint::of(&self.files, services, &BTreeMap::new());
        let state = StackState {
            name,
            network,
            fingerprint,
            members,
            absent: chosen.absent,
            phases: timeline.phases(),
        };
        let dependencies = chosen
            .services
            .iter()
            .map(|(service, _)| (service.name.clone(), service.depends_on.keys().cloned().collect()))
            .collect();
        Ok(Stack {
            state,
            timeline,
            dependencies,
            docker,
            tenants: OnceLock::new(),
            guard,
        })
    }
}

/// Who starts, and who waits for whom; what is absent is waited for by nobody.
fn queue(chosen: &Chosen) -> Result<Vec<Starting<'_>>, StackError> {
    let serves: BTreeMap<&str, watch::Sender<bool>> = chosen
        .services
        .iter()
        .map(|(service, _)| (service.name.as_str(), watch::Sender::new(false)))
        .collect();
    chosen
        .services
        .iter()
        .map(|(service, facts)| {
            Ok(Starting {
                service,
                facts,
                engine: engines::by_service(&service.name).ok_or_else(|| unknown(&service.name))?,
                dependencies: service
                    .depends_on
                    .keys()
                    .filter_map(|dependency| serves.get(dependency.as_str()).map(watch::Sender::subscribe))
                    .collect(),
                serves: serves[service.name.as_str()].clone(),
            })
        })
        .collect()
}

/// An engine by its short name or its service.
pub(crate) fn engine(name: &str) -> Result<&'static dyn Engine, StackError> {
    let known = engines::all();
    known
        .iter()
        .copied()
        .find(|engine| engine.name() == name || engine.service() == name)
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> StackError {
    let known: Vec<_> = engines::all().iter().map(|engine| engine.name()).collect();
    StackError::UnknownEngine {
        name: name.to_owned(),
        known: known.join(", "),
    }
}

fn is_published_as_described(service: &Service, member: &Member) -> bool {
    service
        .ports
        .iter()
        // 0 is any free port.
        .filter(|port| port.host_port != 0)
        .all(|port| member.endpoint.ports.get(&port.container_port) == Some(&port.host_port))
}

/// Letters and digits, a letter first: what every configuration language and every URL reads as it stands.
fn is_plain(secret: &str) -> bool {
    secret.starts_with(|first: char| first.is_ascii_alphabetic()) && secret.chars().all(|c| c.is_ascii_alphanumeric())
}

fn random_name() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = rand::rng();
    (0..6)
        .map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]))
        .collect()
}

impl fmt::Debug for StackBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackBuilder")
            .field("name", &self.name)
            .field("engines", &self.engines)
            .field("images", &self.images)
            .field("ports", &self.ports)
            .field("timeout", &self.timeout)
            .field("linger", &self.linger)
            .field("monitoring", &self.monitoring)
            .finish_non_exhaustive()
    }
}
