//! Which compose files describe the deployment, by where its images come from.

use super::{AIRGAP_FILE, COMPOSE_FILE, MONITORING_AIRGAP_FILE, MONITORING_FILE};

/// Where the images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// Pinned, out of container registries.
    Upstream,
    /// Built out of package registries.
    Airgap,
}

impl Edition {
    /// Its compose files, in the order in which the later override the earlier; with those of the watchers where there is to
    /// be `monitoring`.
    ///
    /// ```
    /// use suho_stack::deployment::Edition;
    ///
    /// let files = Edition::Upstream.compose_files(true);
    /// assert_eq!(files, ["docker-compose.yml", "docker-compose.monitoring.yml"]);
    /// ```
    #[must_use]
    pub const fn compose_files(self, monitoring: bool) -> &'static [&'static str] {
        match (self, monitoring) {
            (Self::Upstream, false) => &[COMPOSE_FILE],
            (Self::Upstream, true) => &[COMPOSE_FILE, MONITORING_FILE],
            (Self::Airgap, false) => &[COMPOSE_FILE, AIRGAP_FILE],
            (Self::Airgap, true) => &[COMPOSE_FILE, AIRGAP_FILE, MONITORING_FILE, MONITORING_AIRGAP_FILE],
        }
    }
}
