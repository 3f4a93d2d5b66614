//! What the stack is: read from the compose files and their configuration, changed by nothing.
//!
//! # Layout
//! - [`files`]: the deployment's files, embedded in this library or read from a directory.
//! - [`edition`]: which compose files describe it, by where its images come from.
//! - [`variables`]: what fills `${NAME}` in the compose files; generated secrets.
//! - [`interpolation`]: `${NAME:-default}` and its siblings.
//! - [`compose`]: services, ports, mounts, limits, health checks as typed values.
//! - [`image`]: image references with digests.
//! - [`pins`]: which pinned images a compose file names, and by which variables.
//! - [`declarations`]: the streams and topics that the platform needs.
//! - [`settings`]: the configuration files as file, line, key and value.
//! - [`fingerprint`]: one hash over all of it that can say which part changed.
//! - [`secret`]: a value that must not be printed.
//! - `shape`, `reading`: from the YAML of a compose file to those values, each error with its line.
//! - `selection`: which files of a directory belong to the deployment.

pub mod compose;
pub mod declarations;
pub mod edition;
pub mod files;
pub mod fingerprint;
pub mod image;
pub mod interpolation;
pub mod pins;
pub mod secret;
pub mod settings;
pub mod variables;

mod error;
mod reading;
mod selection;
mod shape;

pub use compose::{
    Assignment, Build, Condition, Deployment, HealthCheck, HealthTest, Logging, Mount, PublishedPort, Restart, Service,
    Ulimit,
};
pub use declarations::{Declarations, StreamDeclaration, TopicDeclaration};
pub use edition::Edition;
pub use error::{DeploymentError, Position};
pub use files::{AIRGAP_FILE, COMPOSE_FILE, Files, MONITORING_AIRGAP_FILE, MONITORING_FILE};
pub use fingerprint::Fingerprint;
pub use image::ImageReference;
pub use pins::Pin;
pub use secret::Secret;
pub use settings::{Setting, SettingKind, SettingValue};
pub use variables::Variables;
