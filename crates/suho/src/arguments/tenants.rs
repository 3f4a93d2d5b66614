//! What `suho tenants` takes.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Tenants {
    #[command(subcommand)]
    pub command: Option<TenantsCommand>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Tell the way in to each room as well: a command to paste, password included
    #[arg(long)]
    pub show_secrets: bool,
}

#[derive(Debug, Subcommand)]
pub enum TenantsCommand {
    /// Remove tenants with all that is theirs; one that a living process uses stays
    #[command(
        after_help = "Examples:\n  suho tenants drop t0123456789abcdef\n  suho tenants drop --kept\n  suho tenants drop --all"
    )]
    Drop(DropTenants),
}

#[derive(Debug, Args)]
pub struct DropTenants {
    /// Tenants or single rooms, by their names in the list
    #[arg(required_unless_present_any = ["kept", "all"])]
    pub names: Vec<String>,
    /// Those that were kept for somebody to look at
    #[arg(long, conflicts_with_all = ["names", "all"])]
    pub kept: bool,
    /// Everything that nobody uses, rooms that are ready included
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
}
