//! A warm stack that runs already: asked whether it serves, never believed.

use std::{collections::BTreeMap, fs};

use futures::future::{join_all, try_join_all};

use super::paths::Paths;
use crate::{
    causes::in_full,
    engines::{self, Endpoint},
    runtime::Docker,
    stack::{StackError, StackState},
};

/// What there is of a stack.
#[derive(Debug)]
pub(super) enum Found {
    /// All of it runs, and every engine serves.
    Serving(Box<StackState>),
    /// Some of it does not.
    Broken {
        /// What, in words.
        reason: String,
        /// The state file that was believed so far.
        file: Vec<u8>,
    },
    /// It is not there, or not ready yet.
    Nothing,
}

/// Looks for the stack: its file, its containers, its engines.
pub(super) async fn look_for(paths: &Paths) -> Result<Found, StackError> {
    let Ok(file) = fs::read(paths.state()) else {
        return Ok(Found::Nothing);
    };
    let state: StackState = match serde_json::from_slice(&file) {
        Ok(state) => state,
        Err(error) => {
            let reason = format!("failed to read {}: {error}", paths.state().display());
            return Ok(Found::Broken { reason, file });
        }
    };
    let docker = Docker::at_hand().await?;
    let (stopped, silent) = tokio::try_join!(stopped(&docker, &state), silent(&state))?;
    // A container that does not run says more than its engine's silence.
    Ok(match stopped.or(silent) {
        Some(reason) => Found::Broken { reason, file },
        None => Found::Serving(Box::new(state)),
    })
}

/// Asks each engine that the environment names whether it serves.
pub(super) async fn ask_foreign(foreign: &BTreeMap<String, Endpoint>) -> Result<(), StackError> {
    try_join_all(foreign.iter().filter_map(|(service, endpoint)| {
        let engine = engines::by_service(service)?;
        Some(async move {
            engine.serving(endpoint).await.map_err(|error| StackError::Foreign {
                service: service.clone(),
                error: Box::new(error),
            })
        })
    }))
    .await?;
    Ok(())
}

async fn stopped(docker: &Docker, state: &StackState) -> Result<Option<String>, StackError> {
    let running = docker.running(&state.name).await?;
    let stopped: Vec<&str> = state
        .members
        .iter()
        .filter(|member| !running.contains(&member.container))
        .map(|member| member.container.as_str())
        .collect();
    Ok((!stopped.is_empty()).then(|| format!("{} does not run any more", stopped.join(", "))))
}

async fn silent(state: &StackState) -> Result<Option<String>, StackError> {
    let asked = state.members.iter().filter_map(|member| {
        let engine = engines::by_service(&member.service)?;
        Some(engine.serving(&member.endpoint))
    });
    let mut refusals = join_all(asked).await.into_iter().filter_map(Result::err);
    Ok(refusals.next().map(|error| format!("failed to {}", in_full(&error))))
}
