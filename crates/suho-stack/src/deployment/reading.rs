//! From the shape of the compose files to the deployment: variables filled in, values read, overrides applied.

use std::borrow::Cow;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};
use serde_saphyr::granit_parser::{Event, Parser};
use serde_saphyr::localizer::Localizer;
use serde_saphyr::{DefaultMessageFormatter, Location, Spanned};

use super::compose::{
    Assignment, Build, Condition, Deployment, HealthCheck, HealthTest, Logging, Mount, PublishedPort, Restart, Service,
    Ulimit,
};
use super::error::{DeploymentError, Position};
use super::files::Files;
use super::image::ImageReference;
use super::interpolation::{Template, VariableUse, interpolate};
use super::secret::Secret;
use super::shape::{BuildShape, FileShape, HealthCheckShape, LoggingShape, Scalar, ServiceShape};
use super::variables::Variables;

/// Reads `compose_files` one after the other, each into what those before it left.
pub(super) fn read(
    files: &Files,
    compose_files: &[&str],
    variables: &Variables,
) -> Result<Deployment, DeploymentError> {
    let mut draft = Draft::default();
    for &file in compose_files {
        let reader = Reader { file, files, variables };
        draft.apply(&reader, shape_of(files, file)?)?;
    }
    draft.finish()
}

/// The variables that a compose file names anywhere, one entry for each time.
pub(super) fn variables_of(files: &Files, file: &str) -> Result<Vec<VariableUse>, DeploymentError> {
    let mut uses = Vec::new();
    for event in Parser::new_from_str(files.text(file)?) {
        let (event, span) = event.map_err(|error| DeploymentError::Yaml {
            at: position(file, error.marker().line(), error.marker().col() + 1),
            message: error.info().clone(),
        })?;
        if let Event::Scalar(text, ..) = event {
            let template = Template::parse(&text).map_err(|reason| DeploymentError::Interpolation {
                at: position(file, span.start.line(), span.start.col() + 1),
                reason,
            })?;
            uses.extend(template.variables());
        }
    }
    Ok(uses)
}

/// The variables that are a number by default and stand in `ports`.
pub(super) fn port_variables_of(files: &Files, file: &str) -> Result<Vec<String>, DeploymentError> {
    let mut names = Vec::new();
    for service in shape_of(files, file)?.services.values() {
        for port in &service.value.ports {
            let template = Template::parse(&port.value).map_err(|reason| DeploymentError::Interpolation {
                at: place(file, port.defined),
                reason,
            })?;
            let numbers = template.variables().into_iter().filter(|variable| {
                let default = variable.default.as_deref().unwrap_or_default();
                default.parse::<u16>().is_ok()
            });
            names.extend(numbers.map(|variable| variable.name));
        }
    }
    Ok(names)
}

fn shape_of(files: &Files, file: &str) -> Result<FileShape, DeploymentError> {
    serde_saphyr::from_str(files.text(file)?).map_err(|error| {
        let location = error.locations().map(|locations| locations.defined_location);
        let formatter = DefaultMessageFormatter.with_localizer(&Unplaced);
        DeploymentError::Yaml {
            at: place(file, location.unwrap_or(Location::UNKNOWN)),
            message: error.without_snippet().render_with_formatter(&formatter),
        }
    })
}

/// Words an error without its place, which ours begin with.
struct Unplaced;

impl Localizer for Unplaced {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        base
    }
}

fn position(file: &str, line: usize, column: usize) -> Position {
    Position {
        file: file.to_owned(),
        line,
        column: Some(column),
    }
}

fn place(file: &str, location: Location) -> Position {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    position(file, number(location.line()), number(location.column()))
}

/// The deployment as the files read so far describe it.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    /// Key to name.
    networks: IndexMap<String, String>,
    volumes: IndexSet<String>,
    /// Id to the host's file.
    secrets: IndexMap<String, String>,
    services: IndexMap<String, Service>,
    /// Where each dependency is written, to complain about those that are no services once all files are read.
    dependencies: Vec<(String, Position)>,
}

impl Draft {
    fn apply(&mut self, reader: &Reader<'_>, shape: FileShape) -> Result<(), DeploymentError> {
        if let Some(name) = &shape.name {
            self.name = Some(reader.text(name)?);
        }
        for (key, network) in &shape.networks {
            let name = reader.text(&network.name)?;
            self.networks.insert(key.clone(), name);
            if self.networks.len() > 1 {
                let message = "all services share one network; remove the second".to_owned();
                return Err(reader.inconsistent(network.name.defined, message));
            }
        }
        for (id, secret) in &shape.secrets {
            self.secrets.insert(id.clone(), reader.text(&secret.file)?);
        }
        self.volumes.extend(shape.volumes.into_keys());
        for (name, service) in shape.services {
            self.service(reader, &name, &service)?;
        }
        Ok(())
    }

    fn service(
        &mut self,
        reader: &Reader<'_>,
        name: &str,
        shape: &Spanned<ServiceShape>,
    ) -> Result<(), DeploymentError> {
        let mut service = match self.services.get(name) {
            Some(service) => service.clone(),
            None => reader.new_service(name, shape)?,
        };
        service.described_in.push(reader.file.to_owned());
        self.overlay(reader, &mut service, &shape.value)?;
        self.services.insert(name.to_owned(), service);
        Ok(())
    }

    /// Lets what the file says about the service win over what was said before.
    fn overlay(
        &mut self,
        reader: &Reader<'_>,
        service: &mut Service,
        shape: &ServiceShape,
    ) -> Result<(), DeploymentError> {
        reader.what_runs(service, shape)?;
        reader.limits(service, shape)?;
        reader.life(service, shape)?;
        if let Some(build) = &shape.build {
            let mut build = self.build(reader, build)?;
            // As compose does: the later file adds to the secrets of the earlier.
            build
                .secrets
                .extend(service.build.take().into_iter().flat_map(|before| before.secrets));
            service.build = Some(build);
        }
        for network in shape.networks.iter().flatten() {
            let key = reader.text(network)?;
            if !self.networks.contains_key(&key) {
                return Err(reader.inconsistent(
                    network.defined,
                    format!("there is no network `{key}`; declare it under networks"),
                ));
            }
        }
        for volume in &shape.volumes {
            let mount = self.mount(reader, volume)?;
            match service.mounts.iter_mut().find(|known| known.target() == mount.target()) {
                Some(known) => *known = mount,
                None => service.mounts.push(mount),
            }
        }
        for port in &shape.ports {
            let port = reader.parsed(
                port,
                "ADDRESS:HOST_PORT:CONTAINER_PORT, such as 127.0.0.1:5432:5432",
                published_port,
            )?;
            if !service.ports.contains(&port) {
                service.ports.push(port);
            }
        }
        for port in &shape.expose {
            let port = reader.number(port, "a port between 1 and 65535")?;
            if !service.expose.contains(&port) {
                service.expose.push(port);
            }
        }
        for (dependency, shape) in &shape.depends_on {
            let at = reader.place(shape.condition.defined);
            self.dependencies.push((dependency.clone(), at));
            let condition = reader.parsed(
                &shape.condition,
                "service_started, service_healthy or service_completed_successfully",
                condition,
            )?;
            service.depends_on.insert(dependency.clone(), condition);
        }
        Ok(())
    }

    fn build(&self, reader: &Reader<'_>, shape: &BuildShape) -> Result<Build, DeploymentError> {
        let context = reader.text(&shape.context)?;
        let mut secrets = IndexMap::new();
        for id in &shape.secrets {
            let file = self.secrets.get(&id.value).ok_or_else(|| {
                let message = format!("there is no secret `{}`; declare it under secrets", id.value);
                reader.inconsistent(id.defined, message)
            })?;
            secrets.insert(id.value.clone(), file.clone());
        }
        Ok(Build { context, secrets })
    }

    fn mount(&self, reader: &Reader<'_>, scalar: &Scalar) -> Result<Mount, DeploymentError> {
        let mount = reader.parsed(scalar, "./FILE:/TARGET:ro or VOLUME:/TARGET", mount)?;
        match &mount {
            // Docker would make an empty directory of it.
            Mount::File { source, .. } if reader.files.get(source).is_none() => Err(reader.inconsistent(
                scalar.defined,
                format!("there is no file `{source}` among the deployment's files"),
            )),
            Mount::Volume { name, .. } if !self.volumes.contains(name) => Err(reader.inconsistent(
                scalar.defined,
                format!("there is no volume `{name}`; declare it under volumes, or write ./{name} for a file"),
            )),
            _ => Ok(mount),
        }
    }

    fn finish(mut self) -> Result<Deployment, DeploymentError> {
        for (dependency, at) in self.dependencies {
            if !self.services.contains_key(&dependency) {
                return Err(DeploymentError::Inconsistent {
                    at,
                    message: format!("there is no service `{dependency}` to depend on"),
                });
            }
        }
        let one_shots: IndexSet<String> = self
            .services
            .values()
            .flat_map(|service| &service.depends_on)
            .filter(|(_, condition)| **condition == Condition::CompletedSuccessfully)
            .map(|(dependency, _)| dependency.clone())
            .collect();
        for service in self.services.values_mut() {
            service.one_shot = one_shots.contains(&service.name);
        }
        Ok(Deployment {
            name: self.name.unwrap_or_default(),
            services: self.services,
            network: self.networks.into_values().next().unwrap_or_default(),
            volumes: self.volumes,
        })
    }
}

/// Reads the values of one compose file.
struct Reader<'a> {
    file: &'a str,
    files: &'a Files,
    variables: &'a Variables,
}

impl Reader<'_> {
    fn new_service(&self, name: &str, shape: &Spanned<ServiceShape>) -> Result<Service, DeploymentError> {
        let missing = |what| {
            let message = format!("the service {name} has no {what}, and no file before this one gives it one");
            self.inconsistent(shape.defined, message)
        };
        let image = shape.value.image.as_ref().ok_or_else(|| missing("`image`"))?;
        // Without it compose would put the service on a network of its own.
        shape.value.networks.as_ref().ok_or_else(|| missing("`networks`"))?;
        Ok(Service {
            name: name.to_owned(),
            container_name: name.to_owned(),
            hostname: name.to_owned(),
            image: self.image(image)?,
            build: None,
            absent: None,
            profiles: Vec::new(),
            entrypoint: None,
            command: Vec::new(),
            environment: IndexMap::new(),
            environment_at: IndexMap::new(),
            mounts: Vec::new(),
            ports: Vec::new(),
            expose: Vec::new(),
            health: None,
            depends_on: IndexMap::new(),
            memory: None,
            cpus: None,
            shm_size: None,
            ulimits: IndexMap::new(),
            stop_grace_period: None,
            stop_signal: None,
            restart: Restart::No,
            scale: 1,
            logging: None,
            described_in: Vec::new(),
            one_shot: false,
        })
    }

    fn what_runs(&self, service: &mut Service, shape: &ServiceShape) -> Result<(), DeploymentError> {
        if let Some(image) = &shape.image {
            service.image = self.image(image)?;
        }
        if let Some(name) = &shape.container_name {
            service.container_name = self.text(name)?;
        }
        if let Some(name) = &shape.hostname {
            service.hostname = self.text(name)?;
        }
        if let Some(reason) = &shape.absent {
            service.absent = Some(self.text(reason)?);
        }
        for profile in &shape.profiles {
            service.profiles.push(self.text(profile)?);
        }
        if let Some(entrypoint) = &shape.entrypoint {
            service.entrypoint = Some(self.program(entrypoint)?);
        }
        if let Some(command) = &shape.command {
            service.command = self.texts(command)?;
        }
        for (name, value) in &shape.environment {
            service.environment.insert(name.clone(), Secret::new(self.text(value)?));
            service.environment_at.insert(name.clone(), self.assignment(value));
        }
        Ok(())
    }

    /// The harness can replace the program alone.
    fn program(&self, entrypoint: &[Scalar]) -> Result<String, DeploymentError> {
        match entrypoint {
            [program] => self.text(program),
            words => {
                let at = words.first().map_or(Location::UNKNOWN, |word| word.defined);
                let message = "an entrypoint is one program; write its arguments under command".to_owned();
                Err(self.inconsistent(at, message))
            }
        }
    }

    /// Where `scalar` stands, and whether it holds what only `make env` knows.
    fn assignment(&self, scalar: &Scalar) -> Assignment {
        let variables = Template::parse(&scalar.value).map(|template| template.variables());
        Assignment {
            at: self.place(scalar.defined),
            is_secret: variables.is_ok_and(|variables| variables.iter().any(|variable| variable.required)),
        }
    }

    fn limits(&self, service: &mut Service, shape: &ServiceShape) -> Result<(), DeploymentError> {
        const SIZE: &str = "a size such as 1536m or 4g";
        if let Some(memory) = &shape.mem_limit {
            service.memory = Some(self.parsed(memory, SIZE, bytes)?);
        }
        if let Some(size) = &shape.shm_size {
            service.shm_size = Some(self.parsed(size, SIZE, bytes)?);
        }
        if let Some(cpus) = &shape.cpus {
            service.cpus = Some(self.parsed(cpus, "a number of processors such as 1.5", processors)?);
        }
        for (name, limit) in &shape.ulimits {
            let number = |text: &String| {
                let scalar = Spanned::new(text.clone(), limit.referenced, limit.defined);
                self.number(&scalar, "a number, -1 being unlimited")
            };
            let limit = Ulimit {
                soft: number(&limit.value.soft)?,
                hard: number(&limit.value.hard)?,
            };
            service.ulimits.insert(name.clone(), limit);
        }
        Ok(())
    }

    fn life(&self, service: &mut Service, shape: &ServiceShape) -> Result<(), DeploymentError> {
        if let Some(health) = &shape.healthcheck {
            service.health = Some(self.health(health)?);
        }
        if let Some(period) = &shape.stop_grace_period {
            service.stop_grace_period = Some(self.duration(period)?);
        }
        if let Some(signal) = &shape.stop_signal {
            service.stop_signal = Some(self.text(signal)?);
        }
        if let Some(policy) = &shape.restart {
            service.restart = self.parsed(policy, "no, on-failure, unless-stopped or always", restart)?;
        }
        if let Some(scale) = &shape.scale {
            service.scale = self.number(scale, "a number of containers")?;
        }
        if let Some(logging) = &shape.logging {
            service.logging = Some(self.logging(logging)?);
        }
        Ok(())
    }

    fn health(&self, shape: &HealthCheckShape) -> Result<HealthCheck, DeploymentError> {
        let words = self.texts(&shape.test.value)?;
        let test = match words.split_first() {
            Some((kind, [line])) if kind == "CMD-SHELL" => HealthTest::Shell(line.clone()),
            Some((kind, command)) if kind == "CMD" && !command.is_empty() => HealthTest::Exec(command.to_vec()),
            _ => {
                return Err(DeploymentError::Value {
                    at: self.place(shape.test.defined),
                    value: words.join(", "),
                    expected: "[CMD-SHELL, 'a line for the shell'] or [CMD, program, arguments…]".to_owned(),
                });
            }
        };
        Ok(HealthCheck {
            test,
            interval: self.duration(&shape.interval)?,
            timeout: self.duration(&shape.timeout)?,
            retries: self.number(&shape.retries, "a number of failures")?,
            start_period: self.duration(&shape.start_period)?,
        })
    }

    fn logging(&self, shape: &LoggingShape) -> Result<Logging, DeploymentError> {
        let mut options = IndexMap::new();
        for (name, value) in &shape.options {
            options.insert(name.clone(), self.text(value)?);
        }
        Ok(Logging {
            driver: self.text(&shape.driver)?,
            options,
        })
    }

    fn image(&self, scalar: &Scalar) -> Result<ImageReference, DeploymentError> {
        self.text(scalar)?.parse().map_err(|reason| DeploymentError::Image {
            at: self.place(scalar.defined),
            reason,
        })
    }

    fn duration(&self, scalar: &Scalar) -> Result<Duration, DeploymentError> {
        self.parsed(scalar, "a duration such as 5s or 1m30s", duration)
    }

    fn number<T: std::str::FromStr>(&self, scalar: &Scalar, expected: &str) -> Result<T, DeploymentError> {
        self.parsed(scalar, expected, |text| text.parse().ok())
    }

    fn texts(&self, scalars: &[Scalar]) -> Result<Vec<String>, DeploymentError> {
        scalars.iter().map(|scalar| self.text(scalar)).collect()
    }

    fn parsed<T>(
        &self,
        scalar: &Scalar,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, DeploymentError> {
        let text = self.text(scalar)?;
        parse(&text).ok_or_else(|| DeploymentError::Value {
            at: self.place(scalar.defined),
            value: text,
            expected: expected.to_owned(),
        })
    }

    fn text(&self, scalar: &Scalar) -> Result<String, DeploymentError> {
        interpolate(&scalar.value, &|name| self.variables.get(name)).map_err(|reason| DeploymentError::Interpolation {
            at: self.place(scalar.defined),
            reason,
        })
    }

    fn inconsistent(&self, location: Location, message: String) -> DeploymentError {
        DeploymentError::Inconsistent {
            at: self.place(location),
            message,
        }
    }

    fn place(&self, location: Location) -> Position {
        place(self.file, location)
    }
}

fn mount(text: &str) -> Option<Mount> {
    let (source, target) = text.split_once(':')?;
    let (target, read_only) = match target.strip_suffix(":ro") {
        Some(target) => (target, true),
        None => (target, false),
    };
    if source.is_empty() || !target.starts_with('/') || target.contains(':') {
        return None;
    }
    let target = target.to_owned();
    match source.strip_prefix("./") {
        Some(file) => Some(Mount::File {
            source: file.to_owned(),
            target,
            read_only,
        }),
        None if read_only || source.contains(['/', '.', '~']) => None,
        None => Some(Mount::Volume {
            name: source.to_owned(),
            target,
        }),
    }
}

/// All three parts: without an address Docker would publish to every network that the host is in.
fn published_port(text: &str) -> Option<PublishedPort> {
    let (rest, container_port) = text.rsplit_once(':')?;
    let (address, host_port) = rest.rsplit_once(':')?;
    let address = address.trim_start_matches('[').trim_end_matches(']');
    address.parse::<std::net::IpAddr>().ok()?;
    Some(PublishedPort {
        address: address.to_owned(),
        host_port: host_port.parse().ok()?,
        container_port: container_port.parse().ok()?,
    })
}

fn condition(text: &str) -> Option<Condition> {
    match text {
        "service_started" => Some(Condition::Started),
        "service_healthy" => Some(Condition::Healthy),
        "service_completed_successfully" => Some(Condition::CompletedSuccessfully),
        _ => None,
    }
}

fn restart(text: &str) -> Option<Restart> {
    match text {
        "no" => Some(Restart::No),
        "on-failure" => Some(Restart::OnFailure),
        "unless-stopped" => Some(Restart::UnlessStopped),
        "always" => Some(Restart::Always),
        _ => None,
    }
}

fn processors(text: &str) -> Option<f64> {
    text.parse().ok().filter(|cpus: &f64| cpus.is_finite() && *cpus > 0.0)
}

/// `1536m`: units are powers of 1024.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// `1m30s`: numbers with units, one after the other.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let part = match &rest[..letters] {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(part)?;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests;
