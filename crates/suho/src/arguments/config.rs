//! What `suho config` takes.

use std::path::PathBuf;

use clap::Subcommand;

use super::Source;

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Find what no engine would understand: files that cannot be read as what they are, unknown names, wrong kinds
    #[command(
        after_help = "Asks no engine and no Docker. Names are held against the lists that this program has of each engine.\n\n\
                      Examples:\n  suho config check\n  suho config check --directory compose\n  suho config check --json | jq '.complaints[].message'\n\n\
                      Exit codes: 0 nothing is wrong; 1 something is; 2 the directory cannot be read."
    )]
    Check {
        #[command(flatten)]
        source: Source,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a copy of the deployment's directory with other settings, each where it stands
    #[command(
        after_help = "The settings are JSON: file, name, value. Names are those that `suho verify --all` prints; a variable of a service's\n\
                      environment is SERVICE.VARIABLE of docker-compose.yml. A null removes the setting.\n\n\
                      Examples:\n  suho config merge --settings my.json --output /tmp/compose\n  echo '{\"postgresql.conf\": {\"shared_buffers\": \"2GB\"}, \"docker-compose.yml\": {\"suho-weaviate.LOG_LEVEL\": \"debug\"}}' | suho config merge --settings - --output /tmp/compose\n  suho up --directory /tmp/compose\n\n\
                      Nothing is written where a file or a name is unknown, or where a value cannot be written as asked."
    )]
    Merge {
        /// The settings as JSON; `-` reads standard input
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
        /// Where the copy is written; must be empty or not exist yet
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
        #[command(flatten)]
        source: Source,
    },
}
