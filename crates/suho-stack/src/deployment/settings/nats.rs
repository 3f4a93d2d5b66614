//! The configuration language of NATS.

use super::{DeploymentError, Files, Setting};

/// `nats-server.conf`: nested maps and lists, `key: value`, suffixes of sizes, variables.
pub fn nats(_files: &Files, _file: &str) -> Result<Vec<Setting>, DeploymentError> {
    Ok(Vec::new())
}
