//! `suho`: launches, shows and proves the suho data layer.
//!
//! # Layout
//! - [`arguments`]: the command line, its help and its examples.
//! - [`commands`]: a file per command.
//! - [`output`]: progress lines and tables.
//! - [`report`]: a proof on a terminal, as a page, as a file for CI.
//!
//! The command line adds no knowledge of its own: what it does is in the library `suho-stack`.

#[macro_use]
mod output;

mod arguments;
mod commands;
mod report;

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use tracing_subscriber::EnvFilter;

use arguments::{Arguments, Command};

/// Something that was asked failed: an engine died, a proof did not hold.
const FAILED: u8 = 1;
/// The command could not be carried out at all.
const COULD_NOT_RUN: u8 = 2;
/// Interrupted from the keyboard, as shells count it.
const INTERRUPTED: u8 = 130;

/// How a command ended, where it ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fine,
    Failed,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off,suho=warn,suho_stack=warn")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return explain(&error.into()),
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            // In this order: as long as a command blocks on its input, a signal ends the process by itself.
            biased;
            outcome = run(arguments.command) => Some(outcome),
            () = interrupted() => None,
        }
    });
    match ended {
        Some(Ok(Outcome::Fine)) => ExitCode::SUCCESS,
        Some(Ok(Outcome::Failed)) => ExitCode::from(FAILED),
        Some(Err(error)) => explain(&error),
        // The future was dropped, and with it went what it was starting.
        None => {
            note!("suho: interrupted");
            ExitCode::from(INTERRUPTED)
        }
    }
}

async fn run(command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::Up(arguments) => commands::up::run(arguments).await,
        Command::Ps(arguments) => commands::ps::run(arguments).await,
        Command::Logs(arguments) => commands::logs::run(arguments).await,
        Command::Env(arguments) => commands::env::run(arguments).await,
        Command::Verify(arguments) => commands::verify::run(arguments).await,
        Command::Backup(arguments) => commands::backup::run(arguments).await,
        Command::Backups(arguments) => commands::backup::list(arguments).await,
        Command::Restore(arguments) => commands::backup::restore(arguments).await,
        Command::Down(arguments) => commands::down::run(arguments).await,
        Command::Tenants(arguments) => commands::tenants::run(arguments).await,
        Command::Images(arguments) => commands::images::run(arguments).await,
        Command::Config(arguments) => commands::config::run(&arguments),
        Command::Doctor(arguments) => commands::doctor::run(arguments).await,
        Command::Manual { directory } => commands::manual::run(&directory),
        Command::Completions { shell } => {
            arguments::print_completions(shell);
            Ok(Outcome::Fine)
        }
    }
}

/// Resolves on the first SIGINT or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("signals cannot be caught; an interrupted start will leave containers behind");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn explain(error: &anyhow::Error) -> ExitCode {
    note!("suho: {}", commands::in_words(error));
    ExitCode::from(if commands::is_failure(error) {
        FAILED
    } else {
        COULD_NOT_RUN
    })
}
