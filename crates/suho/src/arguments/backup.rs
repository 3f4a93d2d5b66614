//! What `suho backup`, `suho backups` and `suho restore` take.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{DEFAULT_STACK, Target, service, stack_name};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Backup {
    #[command(subcommand)]
    pub command: Option<BackupCommand>,
    #[command(flatten)]
    pub of: Deployed,
    /// Only these engines: `kafka`, or their services, `suho-kafka`
    #[arg(long = "engine", value_name = "ENGINE", value_delimiter = ',', value_parser = service)]
    pub engines: Vec<String>,
    /// PostgreSQL by a base backup of its files with their write-ahead log, which is put back by hand, instead of dumps
    #[arg(long)]
    pub physical: bool,
    #[command(flatten)]
    pub place: Place,
    /// A word to find it by; part of its name
    #[arg(long)]
    pub label: Option<String>,
    /// Encrypt its files so that only this recipient of age (`age1…`, as `age-keygen` prints it) can open them
    #[arg(long, value_name = "RECIPIENT")]
    pub encrypt_to: Vec<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Remove the backups that no rule keeps; damaged ones are left alone
    #[command(
        after_help = "Examples:\n  suho backup prune --keep-last 3\n  suho backup prune --keep-daily 7 --keep-weekly 5 --dry-run"
    )]
    Prune(Prune),
}

#[derive(Debug, Args)]
pub struct Prune {
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub keep: Keep,
    /// Say what would go, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Keep {
    /// Keep the newest N
    #[arg(long = "keep-last", value_name = "N")]
    pub last: Option<usize>,
    /// Keep the newest of each of the last N days that have one
    #[arg(long = "keep-daily", value_name = "N")]
    pub daily: Option<usize>,
    /// Keep the newest of each of the last N weeks that have one
    #[arg(long = "keep-weekly", value_name = "N")]
    pub weekly: Option<usize>,
}

#[derive(Debug, Args)]
pub struct Backups {
    #[command(flatten)]
    pub place: Place,
    /// Read every file to its last byte and hold it against its hash
    #[arg(long)]
    pub verify: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// The backup: its name as `suho backups` lists it, or its directory
    pub backup: PathBuf,
    #[command(flatten)]
    pub of: Deployed,
    /// Start a new stack of that name with the engines of the backup, and restore into it
    #[arg(long, value_name = "STACK", value_parser = stack_name, conflicts_with_all = ["name", "target"])]
    pub into: Option<String>,
    /// Only these engines: `kafka`, or their services, `suho-kafka`
    #[arg(long = "engine", value_name = "ENGINE", value_delimiter = ',', value_parser = service)]
    pub engines: Vec<String>,
    /// What the engines hold now may go
    #[arg(long)]
    pub replace: bool,
    /// The file of `age-keygen` that opens an encrypted backup
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Where backups are; `backups` in the deployment's directory by default
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which stack.
#[derive(Debug, Args)]
pub struct Deployed {
    /// A stack of `suho up`
    #[arg(long, default_value = DEFAULT_STACK, value_parser = stack_name, conflicts_with = "target")]
    pub name: String,
    /// A deployment of `docker compose up` on this machine: its containers, the credentials of its .env
    #[arg(long, value_enum)]
    pub target: Option<Target>,
    /// The directory that holds docker-compose.yml and .env: this one, or else `compose`
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// Where backups are.
#[derive(Debug, Args)]
pub struct Place {
    /// Where backups are; `backups` in the deployment's directory by default
    #[arg(long = "to", visible_alias = "in", value_name = "DIR")]
    pub to: Option<PathBuf>,
}
