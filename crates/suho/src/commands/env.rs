//! `suho env`: how the engines are reached.

use suho_stack::{engines, stack::StackState};

use crate::{Outcome, arguments::Env};

pub fn run(arguments: &Env) -> anyhow::Result<Outcome> {
    let state = StackState::load(&arguments.name)?;
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
    for engine in engines::all() {
        if let Some(endpoint) = endpoints.get(engine.service()) {
            for (name, value) in engine.variables(endpoint)? {
                say!("export {name}='{value}'");
            }
        }
    }
    Ok(Outcome::Fine)
}
