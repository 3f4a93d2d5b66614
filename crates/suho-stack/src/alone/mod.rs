//! One engine of the deployment alone, as an image of testcontainers.
//!
//! # Layout
//! - here: the image, and the way to an engine that serves.
//! - `error`: why there is none.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use suho_stack::alone;
//! use testcontainers::{ImageExt, runners::AsyncRunner};
//!
//! let image = alone::image("postgresql").await?.with_network("orders-under-test");
//! let container = image.start().await?;
//! let endpoint = alone::serving(&container).await?;
//! println!("{}", endpoint.address(5432)?);
//! # Ok(())
//! # }
//! ```

mod error;

use std::borrow::Cow;
use std::time::Duration;

use testcontainers::core::{CmdWaitFor, ContainerPort, ContainerState, ExecCommand, IntoContainerPort, WaitFor};
use testcontainers::{ContainerAsync, CopyTargetOptions, CopyToContainer, Image, TestcontainersError};
use tokio::time::timeout;

pub use error::AloneError;

use crate::{
    deployment::{Files, HealthTest, Mount, Service},
    engines::{Endpoint, Engine, Place, Waiting},
    stack::{Absent, Chosen, ImageSource, StackBuilder, engine},
};

/// What the engine is given to serve its user, once its container is ready.
const SERVING_LIMIT: Duration = Duration::from_secs(60);

/// One service of the deployment: its image, environment, command and files, with secrets of its own.
///
/// It is ready when the health check of the deployment says so. Its data is the container's: no volume outlives it. The
/// deployment's limits of memory and processors are not set, and what it declares - streams, topics - is not made.
#[derive(Debug, Clone)]
pub struct Alone {
    service: Service,
    engine: &'static dyn Engine,
    tag: String,
    ports: Vec<ContainerPort>,
    files: Vec<CopyToContainer>,
}

/// The engine `name` (`postgresql` or `suho-postgresql`) of the deployment that is embedded in this library.
///
/// The image is the pinned upstream one where it can be had, else the air-gap image, which is built where it is not present.
/// An engine that needs another one beside it is an error.
pub async fn image(name: &str) -> Result<Alone, AloneError> {
    image_from(name, ImageSource::Auto).await
}

/// The same with an image from `source`.
pub async fn image_from(name: &str, source: ImageSource) -> Result<Alone, AloneError> {
    let engine = engine(name)?;
    let files = Files::embedded();
    let builder = StackBuilder::new().engines([name]).images(source).files(files.clone());
    let service = only(engine, builder.obtained().await?)?;
    let copied = copies(&service, &files)?;
    Ok(Alone {
        tag: service.image.tag_with_digest(),
        ports: service.container_ports().map(IntoContainerPort::tcp).collect(),
        files: copied,
        service,
        engine,
    })
}

/// The one service that was chosen for `engine`, if it needs no other.
fn only(engine: &dyn Engine, mut chosen: Chosen) -> Result<Service, AloneError> {
    let service = engine.service().to_owned();
    if let Some(Absent { reason, .. }) = chosen.absent.pop() {
        return Err(AloneError::Absent { service, reason });
    }
    let is_it = |(chosen, _): &(Service, _)| chosen.name == service;
    let position = chosen.services.iter().position(is_it);
    let found = position.map(|position| chosen.services.remove(position).0);
    let others: Vec<_> = chosen.services.iter().map(|(other, _)| other.name.as_str()).collect();
    match found {
        Some(found) if others.is_empty() => Ok(found),
        _ => Err(AloneError::NeedsOthers {
            service,
            others: others.join(", "),
        }),
    }
}

/// Where the engine in `container` is reached from this machine, once it serves its user.
pub async fn serving(container: &ContainerAsync<Alone>) -> Result<Endpoint, AloneError> {
    let alone = container.image();
    let mut endpoint = Endpoint {
        place: Place::Host,
        host: container.get_host().await?.to_string(),
        ..Endpoint::on_network(&alone.service)
    };
    let published = container.ports().await?;
    endpoint.ports = alone
        .service
        .container_ports()
        .filter_map(|port| Some((port, published.map_to_host_port_ipv4(port)?)))
        .collect();
    let waiting = Waiting::new();
    match timeout(SERVING_LIMIT, alone.engine.ready(&endpoint, &waiting)).await {
        Ok(_version) => Ok(endpoint),
        Err(_) => Err(AloneError::NotServing {
            service: alone.service.name.clone(),
            reason: waiting.reason(),
        }),
    }
}

/// The files that the service mounts, which travel by copy.
fn copies(service: &Service, files: &Files) -> Result<Vec<CopyToContainer>, AloneError> {
    let mounted = service.mounts.iter().filter_map(|mount| match mount {
        Mount::File { source, target, .. } => Some((source, target)),
        Mount::Volume { .. } => None,
    });
    mounted
        .map(|(source, target)| {
            let content = files.get(source).ok_or_else(|| AloneError::MissingFile {
                service: service.name.clone(),
                file: source.clone(),
            })?;
            // Readable by the user that the engine runs as.
            let target = CopyTargetOptions::new(target).with_mode(0o644);
            Ok(CopyToContainer::new(content.to_vec(), target))
        })
        .collect()
}

impl Image for Alone {
    fn name(&self) -> &str {
        self.service.image.repository()
    }

    fn tag(&self) -> &str {
        &self.tag
    }

    fn ready_conditions(&self) -> Vec<WaitFor> {
        Vec::new()
    }

    fn env_vars(&self) -> impl IntoIterator<Item = (impl Into<Cow<'_, str>>, impl Into<Cow<'_, str>>)> {
        let variables = self.service.environment.iter();
        variables.map(|(name, value)| (name.as_str(), value.expose()))
    }

    fn copy_to_sources(&self) -> impl IntoIterator<Item = &CopyToContainer> {
        &self.files
    }

    fn cmd(&self) -> impl IntoIterator<Item = impl Into<Cow<'_, str>>> {
        self.service.command.iter().map(String::as_str)
    }

    fn expose_ports(&self) -> &[ContainerPort] {
        &self.ports
    }

    /// An image has no say in its container's health check, so the same test is made in the container.
    fn exec_before_ready(&self, _state: ContainerState) -> Result<Vec<ExecCommand>, TestcontainersError> {
        let test = self.service.health.as_ref().map(|health| until_passed(&health.test));
        let test = test.map(|script| {
            ExecCommand::new(["sh".to_owned(), "-c".to_owned(), script])
                .with_cmd_ready_condition(CmdWaitFor::exit_code(0))
        });
        Ok(test.into_iter().collect())
    }
}

/// A script that ends when `test` has succeeded.
fn until_passed(test: &HealthTest) -> String {
    let test = match test {
        HealthTest::Shell(line) => line.clone(),
        HealthTest::Exec(words) => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    };
    format!("until {{ {test}; }} >/dev/null 2>&1; do sleep 0.1; done")
}

/// `word` as a shell reads it back.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_test_is_made_until_it_has_succeeded() {
        let line = until_passed(&HealthTest::Shell("a | b".to_owned()));
        assert_eq!(line, "until { a | b; } >/dev/null 2>&1; do sleep 0.1; done");

        let words = until_passed(&HealthTest::Exec(vec!["say".to_owned(), "it's".to_owned()]));
        assert_eq!(words, r"until { 'say' 'it'\''s'; } >/dev/null 2>&1; do sleep 0.1; done");
    }
}
