//! Containers, networks, volumes and images of a stack. No engine's name appears here.
//!
//! Containers are launched through testcontainers; what it lacks is asked of the engine through the client that it
//! re-exports. Everything made here carries the label `suho.stack`, so that it is found and removed by it.
//!
//! # Layout
//! - [`docker`]: the connection to the Docker engine.
//! - [`container`]: launch, state, logs, death.
//! - `composed`: the containers of a deployment of `docker compose up`.
//! - [`image`]: present, pulled, described by its labels.
//! - [`inside`]: programs run inside a container.
//! - `files`: files inside a container.
//! - [`load`]: images out of an archive.
//! - [`registry`]: whether images can be pulled at all.
//! - [`build`]: the air-gap images, built with progress.
//! - [`sweep`]: the network and the volumes of a stack, and the removal of all that carries its label.

pub mod build;
pub mod container;
pub mod docker;
pub mod image;
pub mod inside;
pub mod load;
pub mod registry;
pub mod sweep;

mod composed;
mod error;
mod files;

pub use build::{BuildProgress, ImageBuild};
pub use container::{Container, ContainerState, Launch, PublishedPorts};
pub use docker::Docker;
pub use error::RuntimeError;
pub use image::ImageFacts;

/// The label that says to which stack a container, network or volume belongs.
pub const STACK_LABEL: &str = "suho.stack";
/// The label that says which compose service a container runs.
pub const SERVICE_LABEL: &str = "suho.service";
