//! What `suho verify` takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use suho_stack::{deployment::Edition, proof::Scope};

use super::{DEFAULT_STACK, Reports, service, stack_name};

#[derive(Debug, Args)]
#[group(skip)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Verify {
    /// A stack of `suho up`
    #[arg(long, group = "what", default_value = DEFAULT_STACK, value_parser = stack_name)]
    pub name: String,
    /// A deployment of `docker compose up`: its published ports, the credentials of its .env
    #[arg(long, group = "what", value_enum)]
    pub target: Option<Target>,
    /// A file of endpoints as `suho env --json` prints it; `-` reads standard input
    #[arg(long, group = "what", value_name = "FILE")]
    pub endpoints: Option<PathBuf>,
    /// With --target, where this runs inside a container on the deployment's network: by the names of the services
    #[arg(long, requires = "target")]
    pub network: bool,
    /// With --target, also Prometheus, Grafana and the exporters, where the deployment was brought up with them; of a stack
    /// of `suho up --monitoring` they are proved anyway
    #[arg(long, requires = "target")]
    pub monitoring: bool,
    /// The directory that holds docker-compose.yml and .env: with --target this one, or else `compose`; with --endpoints
    /// what the settings are held against, which are not asked for without it
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Only these engines: `kafka`, or their services, `suho-kafka`
    #[arg(long = "engine", value_name = "ENGINE", value_delimiter = ',', value_parser = service)]
    pub engines: Vec<String>,
    /// Only this part of the proof
    #[arg(long, value_enum)]
    pub only: Option<Part>,
    /// Also the checks that restart an engine: what has to survive that, survives
    #[arg(long)]
    pub allow_restart: bool,
    /// List every check and every setting, also those that are fine
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub reports: Reports,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Part {
    /// Every setting of every file and variable is in effect
    Config,
    /// Every feature works
    Features,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Target {
    /// A deployment of `docker compose up`
    Compose,
    /// The same with the images of docker-compose.airgap.yml
    ComposeAirgap,
}

impl From<Target> for Edition {
    fn from(target: Target) -> Self {
        match target {
            Target::Compose => Self::Upstream,
            Target::ComposeAirgap => Self::Airgap,
        }
    }
}

impl From<Part> for Scope {
    fn from(part: Part) -> Self {
        match part {
            Part::Config => Self::Settings,
            Part::Features => Self::Features,
        }
    }
}
