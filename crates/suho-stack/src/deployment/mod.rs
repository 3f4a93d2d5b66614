//! What the stack is: read from the compose files and their configuration, changed by nothing.
//!
//! # Layout
//! - [`files`]: the deployment's files, embedded in this library or read from a directory.
//! - [`variables`]: what fills `${NAME}` in the compose files; generated secrets.
//! - [`interpolation`]: `${NAME:-default}` and its siblings.
//! - [`compose`]: services, ports, mounts, limits, health checks as typed values.
//! - [`image`]: image references with digests.
//! - [`declarations`]: the streams and topics that the platform needs.
//! - [`settings`]: the configuration files as file, line, key and value.
//! - [`fingerprint`]: one hash over all of it that can say which part changed.

pub mod compose;
pub mod declarations;
pub mod files;
pub mod fingerprint;
pub mod image;
pub mod interpolation;
pub mod secret;
pub mod settings;
pub mod variables;

mod error;

pub use compose::{Condition, Deployment, HealthCheck, HealthTest, Mount, PublishedPort, Service, Ulimit};
pub use declarations::{Declarations, StreamDeclaration, TopicDeclaration};
pub use error::DeploymentError;
pub use files::Files;
pub use fingerprint::Fingerprint;
pub use image::ImageReference;
pub use secret::Secret;
pub use variables::Variables;
