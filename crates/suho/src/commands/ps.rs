//! `suho ps`: the stacks and their containers.

use serde_json::json;
use suho_stack::runtime::Docker;

use crate::{Outcome, arguments::Listing, output};

pub async fn run(arguments: Listing) -> anyhow::Result<Outcome> {
    let containers = Docker::connect().await?.list_containers().await?;
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
    } else if containers.is_empty() {
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
    Ok(Outcome::Fine)
}
