//! Tenants: the collections of each begin with its prefix, and where the server knows users of its own, each has one.
//!
//! # Layout
//! - [`access`]: a tenant's user, and what it may do.
//! - [`collections`]: all that begin with a prefix; one copied into another.
//! - [`handle`]: what a program does with its collections.
//! - [`names`]: which name is whose.
//! - [`snapshots`]: what was in a tenant's collections, kept in others.
//! - [`turns`]: one key after the other.

mod access;
mod collections;
mod handle;
mod names;
mod snapshots;
mod turns;

use async_trait::async_trait;

pub(super) use access::know_users;
pub use handle::WeaviateTenant;

use super::super::tenancy::{Migrations, Room, Tenancy, TenantName, WayIn};
use super::super::{Endpoint, EngineError, migrating};
use super::client;
use crate::deployment::Secret;

/// What a room tells of itself.
const PREFIX: &str = "prefix";
const API_KEY: &str = "api_key";

/// Lodges tenants in the collections of one server.
#[derive(Debug)]
pub(super) struct Collections;

#[async_trait]
impl Tenancy for Collections {
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        migrating::functions_only(endpoint, migrations)?;
        let caller = client::connect(endpoint)?;
        let room = Room::new(tenant.clone()).with(PREFIX, names::prefix(tenant));
        let room = match access::grant(&caller, tenant).await? {
            Some(key) => room.with(API_KEY, key).without(
                "every tenant may read the definitions of all collections, which GraphQL asks for; never their objects",
            ),
            None => room.with(API_KEY, client::key(endpoint)?).without(
                "tenants are kept apart by the names of their collections alone: this server knows no users but those of \
                 its start, so all have one key",
            ),
        };
        migrating::run_functions(endpoint, migrations, &self.way_in(endpoint, &room)?).await?;
        Ok(room)
    }

    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        let caller = client::connect(endpoint)?;
        // First, so that nothing is made after all is deleted.
        access::withdraw(&caller, tenant).await?;
        for prefix in [names::prefix(tenant), names::kept_prefix(tenant)] {
            collections::delete_all(&caller, &prefix).await?;
        }
        Ok(())
    }

    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::take(&client::connect(endpoint)?, &room.tenant, label).await
    }

    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::restore(&client::connect(endpoint)?, &room.tenant, label).await
    }

    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
        let (url, key) = (client::url(endpoint)?, room.get(API_KEY));
        Ok(WayIn {
            command: Secret::new(format!("curl -H 'Authorization: Bearer {key}' {url}/v1/schema")),
            variables: vec![
                ("WEAVIATE_URL", Secret::new(url.as_str())),
                ("WEAVIATE_API_KEY", Secret::new(key)),
                ("WEAVIATE_COLLECTION_PREFIX", Secret::new(room.get(PREFIX))),
            ],
            url: Secret::new(url),
        })
    }
}
