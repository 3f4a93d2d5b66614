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

use super::super::tenancy::places::{self, Register};
use super::super::tenancy::{Migrations, Room, Step, TenantName, WayIn};
use super::super::{Endpoint, EngineError, Tenancy};
use super::client::{self, Login};
use crate::deployment::Secret;
use register::Entries;

/// The coordinates of a room.
const ACCOUNT: &str = "account";
const USER: &str = "user";
const PASSWORD: &str = "password";
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
        self.migrate(endpoint, &room, migrations).await?;
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
        let url = client::url_of(endpoint, login(room).as_ref())?;
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

impl NatsTenancy {
    async fn migrate(&self, endpoint: &Endpoint, room: &Room, migrations: &Migrations) -> Result<(), EngineError> {
        for step in migrations.steps() {
            match step {
                Step::Function { name, run, .. } => run(self.way_in(endpoint, room)?)
                    .await
                    .map_err(endpoint.failed(format!("migrate {} by {name}", room.tenant)))?,
                Step::Script { name, .. } => {
                    return Err(EngineError::NotOffered {
                        service: endpoint.service.clone(),
                        action: format!("run the script {name}"),
                        reason: "NATS reads no scripts; give a function".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// A room in an account that others use as well.
fn guest_room(endpoint: &Endpoint, tenant: &TenantName) -> Result<Room, EngineError> {
    let room = Room::new(tenant.clone())
        .with(SUBJECT_PREFIX, format!("{tenant}."))
        .with(STREAM_PREFIX, stream_prefix(tenant))
        .without("an account of its own: the server was not started with any for tenants, so names and subjects have a prefix")
        .without("the declared streams: their subjects can be another stream's in this account");
    Ok(match Login::of_service(endpoint)? {
        Some(Login { user, password }) => room.with(USER, user).with(PASSWORD, password.expose()),
        None => room,
    })
}

/// All names are of one length, so no tenant's begins with another's.
fn stream_prefix(tenant: &TenantName) -> String {
    format!("{tenant}_")
}

fn login(room: &Room) -> Option<Login> {
    let user = room.get(USER);
    (!user.is_empty()).then(|| Login {
        user: user.to_owned(),
        password: Secret::new(room.get(PASSWORD)),
    })
}

/// The `JetStream` of the account that `room` is in.
async fn enter(endpoint: &Endpoint, room: &Room) -> Result<Context, EngineError> {
    Ok(jetstream::new(
        client::connect_with(endpoint, login(room).as_ref()).await?,
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
