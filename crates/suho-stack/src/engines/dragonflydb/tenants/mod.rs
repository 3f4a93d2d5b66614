//! Tenants: each has a logical database, and a user who cannot leave it.
//!
//! # Layout
//! - [`handle`]: what a program does with its database.
//! - [`places`]: which database is whose, told by the server itself.
//! - [`rights`]: what a tenant's user may do.
//! - [`snapshots`]: what was in a database, kept beside all of them.

mod handle;
mod places;
mod rights;
mod snapshots;

use async_trait::async_trait;

pub use handle::DragonflydbTenant;

use super::super::tenancy::{Migrations, Room, Tenancy, TenantName, WayIn};
use super::super::{Endpoint, EngineError, migrating};
use super::client;
use crate::deployment::Secret;

/// What a room tells of itself.
const DATABASE: &str = "database";
const USER: &str = "user";
const PASSWORD: &str = "password";

/// Lodges tenants in the logical databases of one server.
#[derive(Debug)]
pub(super) struct LogicalDatabases;

#[async_trait]
impl Tenancy for LogicalDatabases {
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        migrating::functions_only(endpoint, migrations)?;
        let mut registry = places::open(endpoint).await?;
        let is_dragonfly = client::is_dragonfly(&client::who_serves(endpoint, &mut registry).await?);
        let database = places::take(endpoint, &mut registry, tenant).await?;
        let password = format!("p{:032x}", rand::random::<u128>());
        rights::grant(endpoint, &mut registry, tenant, &password, database, is_dragonfly).await?;

        let room = Room::new(tenant.clone())
            .with(DATABASE, database.to_string())
            .with(USER, tenant.as_str())
            .with(PASSWORD, password)
            .without("memory has one limit for all: where a tenant fills it, writes of every other are refused");
        let room = if is_dragonfly {
            room
        } else {
            room.without(
                "database 0 is open to every tenant that does not choose its own: connections begin there, and Valkey \
                 8.1 has no rights by database; what the URL leads to is the tenant's alone",
            )
        };
        migrating::run_functions(endpoint, migrations, &self.way_in(endpoint, &room)?).await?;
        Ok(room)
    }

    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        let mut registry = places::open(endpoint).await?;
        places::begin_to_leave(endpoint, &mut registry, tenant).await?;
        // First, so that nothing is written after the database is emptied: the server ends the user's connections.
        rights::withdraw(endpoint, &mut registry, tenant).await?;
        places::empty(endpoint, &mut registry, tenant).await?;
        snapshots::forget(endpoint, &mut registry, tenant).await?;
        places::leave(endpoint, &mut registry, tenant).await
    }

    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::take(endpoint, &room.tenant, database(endpoint, room)?, label).await
    }

    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::restore(endpoint, &room.tenant, database(endpoint, room)?, label).await
    }

    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
        let base = client::url_for(endpoint, room.get(USER), room.get(PASSWORD))?;
        let url = format!("{base}/{}", database(endpoint, room)?);
        Ok(WayIn {
            command: Secret::new(format!("redis-cli -u {url}")),
            variables: vec![("REDIS_URL", Secret::new(url.as_str()))],
            url: Secret::new(url),
        })
    }
}

/// The number of the room's database.
fn database(endpoint: &Endpoint, room: &Room) -> Result<u32, EngineError> {
    let number = room.get(DATABASE);
    number
        .parse()
        .map_err(endpoint.failed(format!("read the database of {}: `{number}`", room.tenant)))
}
