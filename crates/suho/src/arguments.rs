//! The command line, its help and its examples.
//!
//! # Layout
//! - [`backup`]: what `suho backup`, `suho backups` and `suho restore` take.
//! - [`config`]: what `suho config` takes.
//! - [`images`]: what `suho images` takes.
//! - [`tenants`]: what `suho tenants` takes.
//! - [`verify`]: what `suho verify` takes.

mod backup;
mod config;
mod images;
mod tenants;
mod verify;

pub use backup::{Backup, BackupCommand, Backups, Deployed, Prune, Restore};
pub use config::Config;
pub use images::{Bundle, Images, Load, Lock, Update};
pub use tenants::{DropTenants, Tenants, TenantsCommand};
pub use verify::{Target, Verify};

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use suho_stack::{
    deployment::{DeploymentError, Files},
    engines,
    stack::{ImageSource, Linger, Ports, StackError, state::valid_name},
};

/// The name of the stack that commands mean where none is given.
pub const DEFAULT_STACK: &str = "suho";

/// Launches, shows and proves the suho data layer: seven engines as one deployment.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 fine; 1 an engine, a proof or a check of the machine failed;\n\
                  2 the command could not be carried out; 130 interrupted.\n\
                  RUST_LOG=suho_stack=debug tells more; RUST_LOG=debug tells everything, secrets too."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Launch a stack, prove each engine by a write and a read, and leave it running
    #[command(
        after_help = "Examples:\n  suho up\n  suho up nats kafka --name orders\n  suho up --ports platform --timeline start.json\n  suho up --shared --linger 1h\n  suho up --monitoring --ports platform\n  suho up --verify --html report.html"
    )]
    Up(Up),
    /// List the stacks, their containers, and who uses those that are shared
    Ps(Listing),
    /// Show what an engine logs
    #[command(after_help = "Examples:\n  suho logs kafka\n  suho logs postgresql -f --since 5m")]
    Logs(Logs),
    /// Print how the engines are reached, as lines for a shell
    #[command(after_help = "Examples:\n  eval \"$(suho env)\" && psql \"$DATABASE_URL\"\n  suho env --json")]
    Env(Env),
    /// Prove that every setting is in effect and every feature works, by asking the live engines
    #[command(
        after_help = "Examples:\n  suho verify\n  suho verify --engine nats,kafka --only config --all\n  suho verify --allow-restart --html report.html --junit report.xml\n  suho verify --target compose --monitoring\n  suho verify --target compose-airgap --directory compose --network\n  suho verify --endpoints endpoints.json --directory compose --json\n\n\
                      Exit codes: 0 all is fine or not offered here; 1 something differs or failed; 2 it could not be asked."
    )]
    Verify(Verify),
    /// Write what the engines hold into a directory of its own, each by its own consistent means
    #[command(
        after_help = "Examples:\n  suho backup\n  suho backup --engine postgresql,nats --label before-migration\n  suho backup --engine postgresql --physical\n  suho backup --target compose --directory compose --to backups\n  suho backup --encrypt-to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n  suho backup prune --keep-daily 7\n\n\
                      A backup appears whole or not at all. Its name begins with its time; its files are those of the engines' own\n\
                      tools, behind zstd and age; `sha256sum --check SHA256SUMS` verifies it without suho."
    )]
    Backup(Backup),
    /// List the backups, and verify them
    #[command(after_help = "Examples:\n  suho backups\n  suho backups --verify --in backups")]
    Backups(Backups),
    /// Put a backup back: everything is checked first, and counted after
    #[command(
        after_help = "Examples:\n  suho restore 2026-12-01T06-00-00Z --into drill\n  suho restore 2026-12-01T06-00-00Z --engine postgresql --replace\n  suho restore backups/2026-12-01T06-00-00Z --target compose --replace --identity key.txt\n\n\
                      Nothing is touched where a check fails: a hash, a version, an engine that holds data while --replace was not\n\
                      said. Exit codes: 0 restored and equal; 1 refused, or an engine failed; 2 it could not be carried out."
    )]
    Restore(Restore),
    /// Remove a stack: its containers, its network, its volumes
    #[command(after_help = "Examples:\n  suho down\n  suho down orders\n  suho down --all")]
    Down(Down),
    /// List who has rooms of his own on the stacks, or remove some
    #[command(after_help = "Examples:\n  suho tenants\n  suho tenants --show-secrets\n  suho tenants drop --kept")]
    Tenants(Tenants),
    /// Build, list, lock, bundle or load the images
    #[command(
        subcommand,
        after_help = "Examples:\n  suho images ls --monitoring\n  suho images build --directory compose\n  suho images lock --update nats=2.14.8-alpine\n  suho images bundle -o images.tar\n  suho images load images.tar --env"
    )]
    Images(Images),
    /// Check the configuration of the deployment without any engine, or change a copy of it
    #[command(
        subcommand,
        after_help = "Examples:\n  suho config check\n  suho config check --directory compose --json\n  suho config merge --settings my.json --output /tmp/compose"
    )]
    Config(Config),
    /// Check what this machine offers, and say how to mend what it lacks
    Doctor(Doctor),
    /// Write the manual pages: one of suho, and one of each command
    #[command(
        after_help = "Examples:\n  suho manual ~/.local/share/man/man1\n  suho manual man\n  man -l man/suho-up.1"
    )]
    Manual {
        /// Is made where it does not exist
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Print the completions of a shell
    #[command(after_help = "Example:\n  source <(suho completions bash)")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// Which files describe the deployment.
#[derive(Debug, Args)]
pub struct Source {
    /// The directory that holds docker-compose.yml; the files inside this program by default
    #[arg(long, value_name = "DIR", env = "SUHO_COMPOSE_DIR")]
    pub directory: Option<PathBuf>,
}

impl Source {
    /// What describes the deployment.
    pub fn files(&self) -> Result<Files, DeploymentError> {
        match &self.directory {
            Some(directory) => Files::from_directory(directory),
            None => Ok(Files::embedded()),
        }
    }
}

#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub source: Source,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Up {
    /// Only these engines and what they depend on, as `kafka` or by their services, `suho-kafka`; all by default
    pub engines: Vec<String>,
    /// The name of the stack
    #[arg(long, default_value = DEFAULT_STACK, value_parser = stack_name)]
    pub name: String,
    /// Attach to the warm stack that tests share, or start it, and leave it lingering for them
    #[arg(long, conflicts_with_all = ["name", "ports", "timeline"])]
    pub shared: bool,
    /// How long the shared stack stays after its last user: 90s, 15m, 2h, 0 or forever; 10m by default; `SUHO_LINGER` wins
    #[arg(long, value_name = "TIME", requires = "shared")]
    pub linger: Option<Linger>,
    /// Where the images come from
    #[arg(long, value_enum, default_value_t)]
    pub images: ImagesFrom,
    /// On which ports the engines are published on 127.0.0.1
    #[arg(long, value_enum, default_value_t)]
    pub ports: PublishedOn,
    /// How many seconds each engine may take until it serves
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    pub timeout: Duration,
    /// Write the start as a trace for the viewers of Chrome and Perfetto
    #[arg(long, value_name = "FILE")]
    pub timeline: Option<PathBuf>,
    /// With Prometheus, Grafana and the exporters, which watch the whole
    #[arg(long, conflicts_with_all = ["engines", "shared"])]
    pub monitoring: bool,
    /// Prove the whole, as `suho verify` does; restarts included where the stack has just come up
    #[arg(long)]
    pub verify: bool,
    #[command(flatten)]
    pub reports: Reports,
    #[command(flatten)]
    pub source: Source,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Where the report of a proof is written.
#[derive(Debug, Args)]
pub struct Reports {
    /// Write the report as a page for a browser, in one file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the report as JUnit's XML, for CI
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Listing {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// The engine: `kafka`, or its service `suho-kafka`
    pub engine: String,
    /// The stack
    #[arg(long, default_value = DEFAULT_STACK, value_parser = stack_name)]
    pub name: String,
    /// Go on until the engine ends
    #[arg(short, long)]
    pub follow: bool,
    /// Only what is younger: 30s, 5m, 2h
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub since: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct Env {
    /// The stack
    #[arg(long, default_value = DEFAULT_STACK, value_parser = stack_name)]
    pub name: String,
    /// Print endpoints and credentials as JSON, as `suho verify --endpoints` reads it
    #[arg(long)]
    pub json: bool,
    /// As seen from a container on the stack's network, instead of from this machine
    #[arg(long)]
    pub network: bool,
}

#[derive(Debug, Args)]
pub struct Down {
    /// The stack
    #[arg(default_value = DEFAULT_STACK, value_parser = stack_name)]
    pub name: String,
    /// Every stack, and what a killed start has left
    #[arg(long, conflicts_with = "name")]
    pub all: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum ImagesFrom {
    /// The pinned upstream images where they are present or can be pulled, else the air-gap images
    #[default]
    Auto,
    /// The pinned upstream images
    Upstream,
    /// Images built out of package registries
    Airgap,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum PublishedOn {
    /// Free ones, so that stacks run side by side
    #[default]
    Ephemeral,
    /// The platform's own: 5432, 8123, 6379 …
    Platform,
}

impl From<ImagesFrom> for ImageSource {
    fn from(images: ImagesFrom) -> Self {
        match images {
            ImagesFrom::Auto => Self::Auto,
            ImagesFrom::Upstream => Self::Upstream,
            ImagesFrom::Airgap => Self::Airgap,
        }
    }
}

impl From<PublishedOn> for Ports {
    fn from(ports: PublishedOn) -> Self {
        match ports {
            PublishedOn::Ephemeral => Self::Ephemeral,
            PublishedOn::Platform => Self::Platform,
        }
    }
}

/// Prints the completions of `shell`.
pub fn print_completions(shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "suho", &mut script);
    say!("{}", String::from_utf8_lossy(&script));
}

/// Writes the manual pages into `directory`.
pub fn write_manual(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Arguments::command(), directory)
}

fn stack_name(text: &str) -> Result<String, StackError> {
    valid_name(text).map(str::to_owned)
}

/// The compose service of an engine or of one who watches them, by either of its names.
fn service(text: &str) -> Result<String, String> {
    let known = engines::all();
    let found = known
        .iter()
        .chain(engines::watchers())
        .find(|engine| engine.name() == text || engine.service() == text);
    found.map(|engine| engine.service().to_owned()).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|engine| engine.name()).collect();
        format!("there is no such engine; known are {}", names.join(", "))
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("a whole number of seconds, at least 1".to_owned()),
    }
}

fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "a number and a unit: 30s, 5m, 2h".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use suho_stack::engines;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_is_understood() {
        let mut examples = 0;
        let commands = Arguments::command();
        let nested = commands.get_subcommands().flat_map(clap::Command::get_subcommands);
        for command in commands.get_subcommands().chain(nested) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter(|line| line.starts_with("  suho ")) {
                let arguments = Arguments::try_parse_from(line.split_whitespace().take_while(|word| *word != "|"));
                assert!(arguments.is_ok(), "{line}: {arguments:?}");
                if let Ok(Arguments {
                    command: Command::Up(up),
                }) = arguments
                {
                    let known = |name: &String| engines::all().iter().any(|engine| engine.name() == name);
                    assert!(up.engines.iter().all(known), "{line}");
                }
                examples += 1;
            }
        }
        assert!(examples > 20, "{examples}");
    }

    #[test]
    fn one_thing_is_verified_at_a_time() {
        let verify = |arguments: &str| Arguments::try_parse_from(format!("suho verify {arguments}").split(' ')).is_ok();

        assert!(verify("--name orders --json"));
        assert!(verify("--target compose --directory deployed --network --json"));
        assert!(!verify("--target compose --endpoints -"));
        assert!(!verify("--name orders --target compose"));
        assert!(!verify("--network"));
    }

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        assert_eq!(age("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(age("30s"), Ok(Duration::from_secs(30)));
        assert!(age("5").is_err());
        assert!(age("5mm").is_err());
        assert!(age("5é").is_err());
        assert!(age("m").is_err());
        assert!(age("").is_err());
    }
}
