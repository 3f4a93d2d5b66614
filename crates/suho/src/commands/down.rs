//! `suho down`: removes a stack to its last volume.

use std::collections::BTreeSet;

use suho_stack::{
    runtime::Docker,
    stack::{StackError, StackState},
};

use crate::{Outcome, arguments::Down};

pub async fn run(arguments: Down) -> anyhow::Result<Outcome> {
    let docker = Docker::connect().await?;
    let names = if arguments.all {
        docker.list_stacks().await?
    } else {
        BTreeSet::from([arguments.name])
    };
    for name in names {
        remove(&docker, &name).await?;
    }
    Ok(Outcome::Fine)
}

async fn remove(docker: &Docker, name: &str) -> Result<(), StackError> {
    let swept = docker.sweep(name).await?;
    StackState::forget(name)?;
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
