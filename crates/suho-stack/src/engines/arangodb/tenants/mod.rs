//! Tenants: each has a database, and a user who sees no other.
//!
//! # Layout
//! - [`handle`]: what a program does with its database.
//! - `tests`: against recorded answers.

mod handle;
#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    reason = "a test server that cannot be started is a failed test"
)]
mod tests;

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde_json::json;

pub use handle::ArangodbTenant;

use super::super::tenancy::{Migrations, Room, Tenancy, TenantName, WayIn};
use super::super::{Endpoint, EngineError, migrating};
use super::client;
use crate::deployment::Secret;

/// What a room tells of itself.
const DATABASE: &str = "database";
const USER: &str = "user";
const PASSWORD: &str = "password";

/// Databases are created and dropped from within this one alone.
const ALL_DATABASES: &str = "/_db/_system/_api/database";
const ALL_USERS: &str = "/_db/_system/_api/user";

/// Lodges tenants in the databases of one server.
#[derive(Debug)]
pub(super) struct Databases;

#[async_trait]
impl Tenancy for Databases {
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        migrating::functions_only(endpoint, migrations)?;
        let room = Room::new(tenant.clone())
            .with(DATABASE, tenant.as_str())
            .with(USER, tenant.as_str())
            .with(PASSWORD, format!("p{:032x}", rand::random::<u128>()));
        let users = json!([{"username": room.get(USER), "passwd": room.get(PASSWORD), "active": true}]);
        let database = json!({"name": room.get(DATABASE), "users": users});
        let creating = format!("create the database {tenant}");
        client::connect(endpoint)?
            .post(ALL_DATABASES, &database, &creating)
            .await?;
        migrating::run_functions(endpoint, migrations, &self.way_in(endpoint, &room)?).await?;
        Ok(room)
    }

    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        let caller = client::connect(endpoint)?;
        // First, so that nobody is in the database when it goes.
        for all in [ALL_USERS, ALL_DATABASES] {
            let removing = format!("remove {tenant}");
            let request = caller.request(Method::DELETE, &format!("{all}/{tenant}"));
            let (status, answer) = caller.exchange(request, &removing).await?;
            if !status.is_success() && status != StatusCode::NOT_FOUND {
                return Err(endpoint.failed(removing)(format!("{status}: {answer}")));
            }
        }
        Ok(())
    }

    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        Err(snapshots_not_offered(endpoint, room, "take", label))
    }

    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        Err(snapshots_not_offered(endpoint, room, "restore", label))
    }

    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
        let address = client::url(endpoint)?;
        let (database, user, password) = (room.get(DATABASE), room.get(USER), room.get(PASSWORD));
        Ok(WayIn {
            url: Secret::new(format!("{address}/_db/{database}")),
            command: Secret::new(format!(
                "arangosh --server.endpoint {} --server.database {database} --server.username {user} \
                 --server.password {password}",
                address.replacen("http", "tcp", 1),
            )),
            variables: vec![
                ("ARANGODB_URL", Secret::new(address)),
                ("ARANGODB_DATABASE", Secret::new(database)),
                ("ARANGODB_USER", Secret::new(user)),
                ("ARANGODB_PASSWORD", Secret::new(password)),
            ],
        })
    }
}

fn snapshots_not_offered(endpoint: &Endpoint, room: &Room, verb: &str, label: &str) -> EngineError {
    EngineError::NotOffered {
        service: endpoint.service.clone(),
        action: format!("{verb} the snapshot `{label}` of {}", room.tenant),
        reason: "the server copies no database by itself, and no copy of one tenant's is made here".to_owned(),
    }
}
