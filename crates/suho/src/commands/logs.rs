//! `suho logs`: what an engine logs.

use std::{
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use futures::TryStreamExt;
use suho_stack::runtime::{Docker, container::LogRange};

use crate::{Outcome, arguments::Logs, output};

pub async fn run(arguments: Logs) -> anyhow::Result<Outcome> {
    let docker = Docker::connect().await?;
    let container = container(&docker, &arguments).await?;
    let since = match arguments.since {
        Some(age) => {
            let moment = SystemTime::now().checked_sub(age).context("--since is too long ago")?;
            let since = moment.duration_since(UNIX_EPOCH).context("--since is too long ago")?;
            Some(i32::try_from(since.as_secs())?)
        }
        None => None,
    };
    let mut log = std::pin::pin!(docker.logs(
        &container,
        LogRange {
            since,
            follow: arguments.follow,
            tail: None
        }
    ));
    let mut output = io::stdout().lock();
    while let Some(piece) = log.try_next().await? {
        match output.write_all(piece.as_bytes()).and_then(|()| output.flush()) {
            // `suho logs kafka | head` has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    Ok(Outcome::Fine)
}

/// The container of the engine, running or not.
async fn container(docker: &Docker, arguments: &Logs) -> anyhow::Result<String> {
    let containers = docker.list_containers().await?;
    let mut of_stack = containers
        .into_iter()
        .filter(|container| container.stack == arguments.name)
        .peekable();
    if of_stack.peek().is_none() {
        anyhow::bail!("no stack named {} runs; `suho ps` lists those that do", arguments.name);
    }
    let engine = &arguments.engine;
    of_stack
        .find(|container| [output::short(&container.service), &container.service].contains(&engine.as_str()))
        .map(|container| container.name)
        .with_context(|| {
            format!(
                "stack {} runs no {engine}; `suho ps` lists what it runs",
                arguments.name
            )
        })
}
