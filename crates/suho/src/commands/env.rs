//! `suho env`: how the engines are reached.

use std::collections::BTreeSet;

use suho_stack::{
    engines,
    runtime::{Docker, RuntimeError},
    stack::StackState,
};

use crate::{Outcome, arguments::Env};

pub async fn run(arguments: Env) -> anyhow::Result<Outcome> {
    let state = StackState::load(&arguments.name)?;
    warn_of_the_dead(&state).await;
    let mut endpoints = state.endpoints();
    if arguments.network {
        for endpoint in endpoints.values_mut() {
            *endpoint = endpoint.as_on_network();
        }
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&endpoints)?);
        return Ok(Outcome::Fine);
    }
    for engine in engines::all().iter().chain(engines::watchers()) {
        if let Some(endpoint) = endpoints.get(engine.service()) {
            for (name, value) in engine.variables(endpoint)? {
                say!("export {name}='{value}'");
            }
        }
    }
    Ok(Outcome::Fine)
}

/// The state file outlives the containers: a shell that gets their addresses shall know that nobody answers there.
async fn warn_of_the_dead(state: &StackState) {
    match running().await {
        Ok(running) => {
            for member in state
                .members
                .iter()
                .filter(|member| !running.contains(&member.container))
            {
                note!("suho: warning: {} does not run", member.service);
            }
        }
        Err(error) => note!("suho: warning: {error}"),
    }
}

/// The containers that run, of any stack.
async fn running() -> Result<BTreeSet<String>, RuntimeError> {
    let containers = Docker::connect().await?.list_containers().await?;
    Ok(containers
        .into_iter()
        .filter(|it| it.state == "running")
        .map(|it| it.name)
        .collect())
}
