//! The containers of a deployment of `docker compose up`, which carry the labels of compose instead of ours.

use std::{collections::BTreeMap, path::Path};

use super::{Docker, RuntimeError, sweep::labelled};

const DIRECTORY_LABEL: &str = "com.docker.compose.project.working_dir";
const SERVICE_LABEL: &str = "com.docker.compose.service";

impl Docker {
    /// The names of the containers that were started from the compose files of `directory`, by their services.
    pub async fn composed_containers(&self, directory: &Path) -> Result<BTreeMap<String, String>, RuntimeError> {
        let deployment = labelled(&format!("{DIRECTORY_LABEL}={}", directory.display()));
        let found = self.containers(&deployment).await?;
        Ok(found
            .into_iter()
            .filter_map(|container| {
                let service = container.labels?.remove(SERVICE_LABEL)?;
                let name = container.names?.first()?.trim_start_matches('/').to_owned();
                Some((service, name))
            })
            .collect())
    }
}
