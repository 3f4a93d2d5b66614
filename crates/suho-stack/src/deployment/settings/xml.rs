//! The configuration files of ClickHouse.

use super::{DeploymentError, Files, Setting};

/// A leaf element is a setting; its key is its path below the root: `query_cache.max_size_in_bytes`.
pub fn xml(_files: &Files, _file: &str) -> Result<Vec<Setting>, DeploymentError> {
    Ok(Vec::new())
}
