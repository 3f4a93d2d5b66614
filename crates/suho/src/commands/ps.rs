//! `suho ps`: the stacks and their containers.

use serde_json::json;
use suho_stack::runtime::Docker;

use crate::{Outcome, arguments::Listing, output};

pub async fn run(arguments: Listing) -> anyhow::Result<Outcome> {
    let docker = Docker::connect().await?;
    let containers = docker.list_containers().await?;
    let mut remains = docker.list_stacks().await?;
    remains.retain(|stack| containers.iter().all(|container| container.stack != *stack));
    if arguments.json {
        let rows: Vec<_> = containers
            .iter()
            .map(|container| {
                json!({
                    "stack": container.stack, "service": container.service,
                    "container": container.name, "state": container.state,
                })
            })
            .collect();
        say!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(Outcome::Fine);
    }
    if containers.is_empty() {
        say!("no stack runs; `suho up` starts one");
    } else {
        let rows: Vec<_> = containers
            .into_iter()
            .map(|container| {
                [
                    container.stack,
                    output::short(&container.service).to_owned(),
                    container.name,
                    container.state,
                ]
            })
            .collect();
        output::table(["STACK", "ENGINE", "CONTAINER", "STATE"], &rows);
    }
    for stack in remains {
        say!("stack {stack} has no container, but a network or volumes: `suho down {stack}` removes them");
    }
    Ok(Outcome::Fine)
}
