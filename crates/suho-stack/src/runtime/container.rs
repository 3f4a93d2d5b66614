//! One container: launched through testcontainers, then watched through its id.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{Stream, StreamExt, TryStreamExt};
use testcontainers::{
    ContainerRequest, CopyTargetOptions, GenericImage, ImageExt, ReuseDirective, TestcontainersError,
    bollard::{
        models::{
            ContainerInspectResponse, ContainerSummary, HostConfig, HostConfigLogConfig, PortBinding, PortMap,
            ResourcesUlimits,
        },
        query_parameters::{
            InspectContainerOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder, RestartContainerOptions,
            WaitContainerOptions,
        },
    },
    core::{Healthcheck, IntoContainerPort, Mount as ContainerMount},
    runners::AsyncRunner,
};
use tokio::time::sleep;

use super::{
    Docker, RuntimeError, SERVICE_LABEL, STACK_LABEL,
    docker::{is_absent, refused},
    sweep::labelled,
};
use crate::deployment::{Files, HealthCheck, HealthTest, Mount, Service};

/// The address that an exposed but unpublished port is given, so that the harness can reach it.
const LOOPBACK: &str = "127.0.0.1";
/// Creating and starting is a matter of a second; a busy machine gets this much.
const LAUNCH_TIMEOUT: Duration = Duration::from_secs(120);

/// Before a container that still runs is waited for again.
const PAUSE: Duration = Duration::from_millis(100);

/// Container port to host port.
pub type PublishedPorts = BTreeMap<u16, u16>;

/// A service of the deployment, about to be launched for a stack.
#[derive(Debug)]
pub struct Launch<'a> {
    /// What to run.
    pub service: &'a Service,
    /// Where the files that it mounts come from.
    pub files: &'a Files,
    /// The stack it is launched for; part of the container's name and its label.
    pub stack: &'a str,
    /// The network of the stack.
    pub network: &'a str,
}

/// A container of a stack.
#[derive(Debug, Clone)]
pub struct Container {
    /// The name: `suho-kafka-x7f3k2`.
    pub name: String,
    /// Where its ports are published.
    pub ports: PublishedPorts,
    docker: Docker,
}

/// How a container fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// `running`, `exited`, `paused` …, as the engine calls it.
    pub status: String,
    /// The exit code, once it has exited.
    pub exit_code: Option<i64>,
    /// True where the kernel killed it for its memory.
    pub out_of_memory: bool,
}

/// A container as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedContainer {
    /// Its name.
    pub name: String,
    /// The stack that its label names.
    pub stack: String,
    /// The compose service that it runs.
    pub service: String,
    /// `running`, `exited` …
    pub state: String,
}

impl Launch<'_> {
    /// The name that the container will have.
    #[must_use]
    pub fn container_name(&self) -> String {
        format!("{}-{}", self.service.name, self.stack)
    }

    /// Creates the volumes and the container, copies the mounted files in, and starts it.
    ///
    /// A future dropped half-way may leave a container behind, which the sweep of the stack finds by its label.
    pub async fn start(&self, docker: &Docker) -> Result<Container, RuntimeError> {
        for mount in &self.service.mounts {
            if let Mount::Volume { name, .. } = mount {
                docker.create_volume(&self.volume_name(name), self.stack).await?;
            }
        }
        let name = self.container_name();
        if let Err(source) = self.request(docker.grants_limits())?.start().await {
            let launch = |source| RuntimeError::launch(&name, source);
            if !refuses_limits(&source) {
                return Err(launch(source));
            }
            docker.note_refused_limits();
            docker.remove_container(&name).await?;
            self.request(false)?.start().await.map_err(launch)?;
        }
        let ports = docker.published_ports(&name).await?;
        Ok(Container {
            name,
            ports,
            docker: docker.clone(),
        })
    }

    fn volume_name(&self, volume: &str) -> String {
        format!("{volume}-{}", self.stack)
    }

    fn request(&self, with_limits: bool) -> Result<ContainerRequest<GenericImage>, RuntimeError> {
        let service = self.service;
        let image = GenericImage::new(service.image.repository(), &service.image.tag_with_digest());
        let image = match &service.entrypoint {
            Some(program) => image.with_entrypoint(program),
            None => image,
        };
        let image = service
            .container_ports()
            .fold(image, |image, port| image.with_exposed_port(port.tcp()))
            .with_container_name(self.container_name())
            // The network's DNS answers to the hostname, which is how services find each other.
            .with_hostname(&service.hostname)
            .with_network(self.network)
            .with_labels([(STACK_LABEL, self.stack), (SERVICE_LABEL, service.name.as_str())])
            .with_startup_timeout(LAUNCH_TIMEOUT)
            // Our own sweep ends containers, by their label; testcontainers must leave them when its handle drops.
            .with_reuse(ReuseDirective::Always)
            .with_host_config_modifier(host_config(service, with_limits));
        let image = if service.command.is_empty() {
            image
        } else {
            image.with_cmd(&service.command)
        };
        let image = service
            .environment
            .iter()
            .fold(image, |image, (name, value)| image.with_env_var(name, value.expose()));
        let image = match &service.health {
            Some(health) => image.with_health_check(health_check(health)),
            None => image,
        };
        service
            .mounts
            .iter()
            .try_fold(image, |image, mount| self.mount(image, mount))
    }

    /// A file travels into the container by copy, which works with a remote engine as well.
    fn mount(
        &self,
        image: ContainerRequest<GenericImage>,
        mount: &Mount,
    ) -> Result<ContainerRequest<GenericImage>, RuntimeError> {
        match mount {
            Mount::Volume { name, target } => {
                Ok(image.with_mount(ContainerMount::volume_mount(self.volume_name(name), target)))
            }
            Mount::File { source, target, .. } => {
                let content = self.files.get(source).ok_or_else(|| RuntimeError::MissingFile {
                    service: self.service.name.clone(),
                    file: source.clone(),
                })?;
                // Readable by the user that the engine runs as.
                Ok(image.with_copy_to(CopyTargetOptions::new(target).with_mode(0o644), content.to_vec()))
            }
        }
    }
}

impl Container {
    /// Resolves when the container has exited or is gone, or when nobody can tell.
    pub async fn died(&self) {
        loop {
            let mut wait = self
                .docker
                .client
                .wait_container(&self.name, None::<WaitContainerOptions>);
            wait.next().await;
            // An exit and a connection that broke end the wait in the same way; the state tells them apart.
            match self.state().await {
                Ok(Some(state)) if state.exit_code.is_none() => sleep(PAUSE).await,
                _ => return,
            }
        }
    }

    /// How the container fares; `None` where it is gone.
    pub async fn state(&self) -> Result<Option<ContainerState>, RuntimeError> {
        self.docker.container_state(&self.name).await
    }

    /// The last `count` lines of its log.
    pub async fn last_lines(&self, count: usize) -> Result<Vec<String>, RuntimeError> {
        let log = self.docker.logs(
            &self.name,
            LogRange {
                tail: Some(count),
                ..LogRange::default()
            },
        );
        let chunks: Vec<String> = log.try_collect().await?;
        Ok(chunks.concat().lines().map(str::to_owned).collect())
    }
}

/// Which part of a log is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogRange {
    /// At most this many lines from the end; all of them by default.
    pub tail: Option<usize>,
    /// Only what is younger than this many seconds since the epoch.
    pub since: Option<i32>,
    /// Go on until the container ends.
    pub follow: bool,
}

impl Docker {
    /// Stops a container, starts it again, and returns where its ports are published now.
    pub async fn restart(&self, container: &str) -> Result<PublishedPorts, RuntimeError> {
        self.client
            .restart_container(container, None::<RestartContainerOptions>)
            .await
            .map_err(refused(format!("restart container {container}")))?;
        self.published_ports(container).await
    }

    /// The log of a container, in pieces as the engine sends them.
    pub fn logs(&self, container: &str, range: LogRange) -> impl Stream<Item = Result<String, RuntimeError>> + use<> {
        let tail = range.tail.map_or_else(|| "all".to_owned(), |count| count.to_string());
        let mut options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .follow(range.follow)
            .tail(&tail);
        if let Some(since) = range.since {
            options = options.since(since);
        }
        let action = format!("show the log of {container}");
        self.client.logs(container, Some(options.build())).map(move |piece| {
            piece
                .map(|output| String::from_utf8_lossy(output.as_ref()).into_owned())
                .map_err(refused(action.clone()))
        })
    }

    /// How a container fares; `None` where there is none of that name.
    pub async fn container_state(&self, name: &str) -> Result<Option<ContainerState>, RuntimeError> {
        let Some(state) = self.inspect(name).await?.and_then(|inspected| inspected.state) else {
            return Ok(None);
        };
        let running = state.running.unwrap_or_default();
        Ok(Some(ContainerState {
            status: state.status.map(|status| status.to_string()).unwrap_or_default(),
            exit_code: state.exit_code.filter(|_| !running),
            out_of_memory: state.oom_killed.unwrap_or_default(),
        }))
    }

    /// Every container of every stack, running or not, sorted by name.
    pub async fn list_containers(&self) -> Result<Vec<ListedContainer>, RuntimeError> {
        let found = self.containers(&labelled(STACK_LABEL)).await?;
        let mut listed: Vec<ListedContainer> = found
            .into_iter()
            .map(|container| {
                let labels = container.labels.unwrap_or_default();
                let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
                ListedContainer {
                    name: container
                        .names
                        .unwrap_or_default()
                        .first()
                        .map(|name| name.trim_start_matches('/').to_owned())
                        .unwrap_or_default(),
                    stack: label(STACK_LABEL),
                    service: label(SERVICE_LABEL),
                    state: container.state.map(|state| state.to_string()).unwrap_or_default(),
                }
            })
            .collect();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// The containers of `stack` that run, by their names.
    pub async fn running(&self, stack: &str) -> Result<BTreeSet<String>, RuntimeError> {
        let found = self.containers(&labelled(&format!("{STACK_LABEL}={stack}"))).await?;
        let running = |container: &ContainerSummary| {
            let state = container.state.as_ref().map(ToString::to_string);
            state.as_deref() == Some("running")
        };
        let names = found
            .into_iter()
            .filter(running)
            .filter_map(|container| container.names?.into_iter().next());
        Ok(names.map(|name| name.trim_start_matches('/').to_owned()).collect())
    }

    async fn remove_container(&self, name: &str) -> Result<(), RuntimeError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        self.client
            .remove_container(name, Some(options))
            .await
            .map_err(refused(format!("remove container {name}")))
    }

    async fn published_ports(&self, container: &str) -> Result<PublishedPorts, RuntimeError> {
        let inspected = self.inspect(container).await?;
        let ports = inspected
            .and_then(|inspected| inspected.network_settings)
            .and_then(|settings| settings.ports)
            .unwrap_or_default();
        Ok(read_ports(&ports))
    }

    async fn inspect(&self, container: &str) -> Result<Option<ContainerInspectResponse>, RuntimeError> {
        match self
            .client
            .inspect_container(container, None::<InspectContainerOptions>)
            .await
        {
            Ok(inspected) => Ok(Some(inspected)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(refused(format!("inspect container {container}"))(error)),
        }
    }
}

/// True where the engine itself may not raise its limits, as inside another container.
fn refuses_limits(error: &TestcontainersError) -> bool {
    error.to_string().contains("setting rlimit")
}

fn read_ports(ports: &PortMap) -> PublishedPorts {
    ports
        .iter()
        .filter_map(|(container_port, bindings)| {
            let container_port = container_port.strip_suffix("/tcp")?.parse().ok()?;
            let host_port = bindings.as_ref()?.first()?.host_port.as_ref()?.parse().ok()?;
            Some((container_port, host_port))
        })
        .collect()
}

/// What testcontainers has no word for: limits, and ports bound to one address.
///
/// Without `with_limits` the container gets the engine's own limits of files and locked memory.
fn host_config(service: &Service, with_limits: bool) -> impl Fn(&mut HostConfig) + Send + Sync + 'static {
    let bindings = port_bindings(service);
    let memory = service.memory.and_then(|bytes| i64::try_from(bytes).ok());
    let shm_size = service.shm_size.and_then(|bytes| i64::try_from(bytes).ok());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a number of processors, in billionths, is far below the limit"
    )]
    let nano_cpus = service.cpus.map(|cpus| (cpus * 1e9) as i64);
    let ulimits: Vec<ResourcesUlimits> = service
        .ulimits
        .iter()
        .filter(|_| with_limits)
        .map(|(name, limit)| ResourcesUlimits {
            name: Some(name.clone()),
            soft: Some(limit.soft),
            hard: Some(limit.hard),
        })
        .collect();
    let log_config = service.logging.as_ref().map(|logging| HostConfigLogConfig {
        typ: Some(logging.driver.clone()),
        config: Some(logging.options.clone().into_iter().collect()),
    });
    move |config| {
        config.publish_all_ports = Some(false);
        config.port_bindings = Some(bindings.clone());
        config.memory = memory;
        config.nano_cpus = nano_cpus;
        config.shm_size = shm_size;
        config.ulimits = Some(ulimits.clone());
        config.log_config.clone_from(&log_config);
    }
}

fn port_bindings(service: &Service) -> PortMap {
    let published = service
        .ports
        .iter()
        .map(|port| (port.container_port, port.address.clone(), port.host_port.to_string()));
    // The engine chooses the host port of what is exposed but not published.
    let exposed = service
        .expose
        .iter()
        .map(|port| (*port, LOOPBACK.to_owned(), String::new()));
    published
        .chain(exposed)
        .map(|(container_port, address, host_port)| {
            let binding = PortBinding {
                host_ip: Some(address),
                host_port: Some(host_port),
            };
            (format!("{container_port}/tcp"), Some(vec![binding]))
        })
        .collect()
}

fn health_check(health: &HealthCheck) -> Healthcheck {
    let check = match &health.test {
        HealthTest::Shell(command) => Healthcheck::cmd_shell(command),
        HealthTest::Exec(command) => Healthcheck::cmd(command),
    };
    check
        .with_interval(health.interval)
        .with_timeout(health.timeout)
        .with_retries(health.retries)
        .with_start_period(health.start_period)
}
