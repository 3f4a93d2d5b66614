//! `suho down`: removes a stack to its last volume.

use std::collections::BTreeSet;

use suho_stack::{
    runtime::Docker,
    stack::{StackError, Usage, shared},
};

use crate::{Outcome, arguments::Down};

pub async fn run(arguments: Down) -> anyhow::Result<Outcome> {
    let docker = Docker::connect().await?;
    let names = if arguments.all {
        let mut names = docker.list_stacks().await?;
        names.extend(Usage::stacks()?);
        names
    } else {
        BTreeSet::from([arguments.name])
    };
    for name in names {
        remove(&docker, &name).await?;
    }
    Ok(Outcome::Fine)
}

async fn remove(docker: &Docker, name: &str) -> Result<(), StackError> {
    let swept = shared::remove(docker, name).await?;
    if swept.is_empty() {
        say!("stack {name}: nothing runs");
    } else {
        say!(
            "stack {name}: removed {} containers, {} networks, {} volumes",
            swept.containers,
            swept.networks,
            swept.volumes
        );
    }
    Ok(())
}
