//! `suho ps`: the stacks and their containers.

use std::collections::BTreeMap;

use serde_json::json;
use suho_stack::{
    runtime::Docker,
    stack::{Linger, StackError, Usage},
};

use crate::{Outcome, arguments::Listing, output};

pub async fn run(arguments: Listing) -> anyhow::Result<Outcome> {
    let docker = Docker::connect().await?;
    let containers = docker.list_containers().await?;
    let mut remains = docker.list_stacks().await?;
    remains.retain(|stack| containers.iter().all(|container| container.stack != *stack));
    let shared = usages()?;
    if arguments.json {
        let rows: Vec<_> = containers
            .iter()
            .map(|container| {
                let shared = shared.get(&container.stack).map(|usage| {
                    json!({
                        "in_use": usage.in_use, "is_starting": usage.is_starting,
                        "linger": usage.linger, "has_reaper": usage.has_reaper,
                    })
                });
                json!({
                    "stack": container.stack, "service": container.service,
                    "container": container.name, "state": container.state, "shared": shared,
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
    for (stack, usage) in &shared {
        say!("stack {stack} is shared: {}", in_words(usage));
    }
    for stack in remains {
        say!("stack {stack} has no container, but a network or volumes: `suho down {stack}` removes them");
    }
    Ok(Outcome::Fine)
}

fn usages() -> Result<BTreeMap<String, Usage>, StackError> {
    let mut usages = BTreeMap::new();
    for stack in Usage::stacks()? {
        if let Some(usage) = Usage::of(&stack)? {
            usages.insert(stack, usage);
        }
    }
    Ok(usages)
}

fn in_words(usage: &Usage) -> String {
    let state = match (usage.is_starting, usage.in_use) {
        (true, _) => "being started",
        (false, true) => "in use",
        (false, false) => "not in use",
    };
    let end = match (usage.linger, usage.has_reaper) {
        (Linger::Forever, _) => "it stays until `suho down`".to_owned(),
        (linger, true) => format!("it goes when nobody has used it for {linger}"),
        (_, false) => "nobody watches it, so that it goes with the next start of a shared stack".to_owned(),
    };
    format!("{state}; {end}")
}
