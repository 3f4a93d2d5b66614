//! Tenants: each in an account of its own, with its own streams, subjects and limits.
//!
//! # Layout
//! - here: a room made, removed, entered.
//! - [`accounts`]: the accounts that the server is started with.
//! - [`handle`]: a room for its user.
//! - [`register`]: the log by which processes agree on who has which account.
//! - [`snapshots`]: a room's streams, kept and brought back.
//! - [`streams`]: those of a room, and those that it begins with.
//!
//! A server that is not ours has no accounts for us: there a room is a prefix in the account of the login that was given.

mod accounts;
mod handle;
mod register;
mod snapshots;
mod streams;

use async_nats::jetstream::{self, Context};
use async_trait::async_trait;

pub(super) use accounts::lend;
pub use handle::NatsTenant;

use super::super::login::{Login, PASSWORD, USER};
use super::super::tenancy::places::{self, Register};
use super::super::tenancy::{Migrations, Room, TenantName, WayIn};
use super::super::{Endpoint, EngineError, Tenancy, migrating};
use super::client;
use crate::deployment::Secret;
use register::Entries;

/// The coordinates of a room.
const ACCOUNT: &str = "account";
const SUBJECT_PREFIX: &str = "subject_prefix";
const STREAM_PREFIX: &str = "stream_prefix";

/// How NATS lodges tenants.
#[derive(Debug)]
pub(super) struct NatsTenancy;

#[async_trait]
impl Tenancy for NatsTenancy {
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        migrating::functions_only(endpoint, migrations)?;
        let platform = client::connect(endpoint).await?;
        let room = match places::count(endpoint, accounts::variable) {
            0 => guest_room(endpoint, tenant)?,
            count => {
                let place = register(endpoint, &platform, count).await?.take(tenant).await?;
                let room = accounts::room(endpoint, tenant, place)?;
                let jetstream = enter(endpoint, &room).await?;
                // What a killed process has left in the account after its tenant was removed.
                streams::delete_all(endpoint, &jetstream, "").await?;
                streams::copy(endpoint, &platform, &jetstream).await?;
                room
            }
        };
        migrating::run_functions(endpoint, migrations, &self.way_in(endpoint, &room)?).await?;
        Ok(room)
    }

    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        let platform = client::connect(endpoint).await?;
        match places::count(endpoint, accounts::variable) {
            0 => streams::delete_all(endpoint, &platform, &stream_prefix(tenant)).await?,
            count => {
                let mut register = register(endpoint, &platform, count).await?;
                if let Some(place) = register.place_of(tenant).await? {
                    accounts::hang_up(endpoint, place).await?;
                    let room = accounts::room(endpoint, tenant, place)?;
                    let jetstream = enter(endpoint, &room).await?;
                    streams::delete_all(endpoint, &jetstream, "").await?;
                }
                register.leave(tenant).await?;
            }
        }
        snapshots::forget(endpoint, &platform, tenant).await
    }

    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::keep(endpoint, room, label).await
    }

    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::bring_back(endpoint, room, label).await
    }

    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
        let url = client::url_of(endpoint, Login::of_room(room).as_ref())?;
        Ok(WayIn {
            command: Secret::new(format!("nats --server {url} stream ls --all")),
            variables: vec![
                ("NATS_URL", Secret::new(&url)),
                ("NATS_USER", Secret::new(room.get(USER))),
                ("NATS_PASSWORD", Secret::new(room.get(PASSWORD))),
                ("NATS_SUBJECT_PREFIX", Secret::new(room.get(SUBJECT_PREFIX))),
            ],
            url: Secret::new(url),
        })
    }
}

/// A room in an account that others use as well.
fn guest_room(endpoint: &Endpoint, tenant: &TenantName) -> Result<Room, EngineError> {
    let room = Room::new(tenant.clone())
        .with(SUBJECT_PREFIX, format!("{tenant}."))
        .with(STREAM_PREFIX, stream_prefix(tenant))
        .without("an account of its own: the server was not started with any for tenants, so names and subjects have a prefix")
        .without("the declared streams: their subjects can be another stream's in this account");
    Ok(match client::PROGRAMS.login(endpoint)? {
        Some(login) => login.enters(room),
        None => room,
    })
}

/// All names are of one length, so no tenant's begins with another's.
fn stream_prefix(tenant: &TenantName) -> String {
    format!("{tenant}_")
}

/// The `JetStream` of the account that `room` is in.
async fn enter(endpoint: &Endpoint, room: &Room) -> Result<Context, EngineError> {
    Ok(jetstream::new(
        client::connect_with(endpoint, Login::of_room(room).as_ref()).await?,
    ))
}

async fn register<'a>(
    endpoint: &'a Endpoint,
    platform: &'a Context,
    count: usize,
) -> Result<Register<Entries<'a>>, EngineError> {
    let entries = Entries::open(endpoint, platform).await?;
    Ok(Register::new(entries, endpoint, count))
}
