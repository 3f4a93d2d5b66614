//! How an engine lodges tenants: each with a room of its own, on an engine that all share.
//!
//! # Layout
//! - `migrations`: what a user wants every room to begin with.
//! - `name`: a tenant's name, which every engine takes.
//! - `places`: who has which of the places that an engine was started with.
//! - `room`: what there is to know of a room, and the way in.
//!
//! What a room is in one engine - a database, an account, a prefix - is told in that engine's own folder.

mod migrations;
mod name;
#[cfg(any(feature = "kafka", feature = "nats"))]
pub(super) mod places;
mod room;

use std::fmt::Debug;

use async_trait::async_trait;

pub use migrations::{Migrations, Outcome, Step};
pub use name::TenantName;
pub use room::{Room, WayIn};

use super::{Endpoint, EngineError};

/// Makes rooms for tenants in one engine.
///
/// Every operation may be asked for by several processes at the same moment, and cut off at any point: what is half made
/// is removed by [`Tenancy::remove`], which needs the tenant's name alone.
#[async_trait]
pub trait Tenancy: Debug + Send + Sync {
    /// Makes the room of `tenant`, with the schema of the deployment and then `migrations` applied.
    ///
    /// Where making it waits for a place that another tenant has to leave first, it waits, and says so by `tracing`.
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError>;

    /// Removes all that is `tenant`'s, also what was only half made; one that is gone already is no error.
    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError>;

    /// Keeps what is in `room` now under `label`, in place of what was kept under it before.
    ///
    /// [`EngineError::NotOffered`] where the engine cannot.
    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError>;

    /// Makes `room` what it was at the snapshot `label`, which stays.
    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError>;

    /// How programs and people get into `room`.
    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError>;
}
