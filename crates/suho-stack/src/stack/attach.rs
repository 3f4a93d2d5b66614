//! A stack that runs already, found again.

use std::collections::BTreeSet;

use super::{StackBuilder, StackError, StackState};
use crate::runtime::Docker;

impl StackBuilder {
    /// Finds the running stack of this name; `None` where there is none.
    ///
    /// A stack that was started from other files, images or ports, or of which a container no longer runs, is an error that says
    /// so: it is neither what was asked for nor to be thrown away unasked.
    pub async fn find(&self) -> Result<Option<StackState>, StackError> {
        let docker = Docker::connect().await?;
        let name = self.stack_name()?;
        let containers = docker.list_containers().await?;
        let own: Vec<_> = containers.iter().filter(|container| container.stack == name).collect();
        if own.is_empty() {
            return Ok(None);
        }
        let state = match StackState::load(&name) {
            // Left by a start that was killed, or started by somebody else: there is nothing to attach to.
            Err(StackError::Unknown { name, .. }) => return Err(StackError::Exists(name)),
            state => state?,
        };
        let running: BTreeSet<&str> = own
            .iter()
            .filter(|container| container.state == "running")
            .map(|container| container.service.as_str())
            .collect();
        let stopped: Vec<&str> = state
            .members
            .iter()
            .map(|member| member.service.as_str())
            .filter(|service| !running.contains(service))
            .collect();
        if !stopped.is_empty() {
            return Err(StackError::Stopped {
                name,
                services: stopped.join(", "),
            });
        }
        let changed = self.changes_since(&state)?;
        if !changed.is_empty() {
            return Err(StackError::Changed {
                name,
                changes: changed.join(", "),
            });
        }
        Ok(Some(state))
    }
}
