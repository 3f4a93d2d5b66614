//! What a program does with its database.

use reqwest::Method;
use serde_json::Value;

use super::super::super::http::{Caller, Credentials};
use super::super::super::tenancy::{Room, Tenancy, WayIn};
use super::super::super::{Endpoint, EngineError};
use super::{DATABASE, Databases, PASSWORD, USER};

/// A tenant's database.
///
/// ```no_run
/// # async fn example(endpoint: suho_stack::engines::Endpoint, room: suho_stack::engines::tenancy::Room)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use suho_stack::engines::arangodb::{ArangodbTenant, Method};
///
/// let graph = ArangodbTenant::new(endpoint, room);
/// let venues = json!({"name": "venues"});
/// graph.request(Method::POST, "/_api/collection", Some(&venues)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ArangodbTenant {
    endpoint: Endpoint,
    room: Room,
}

impl ArangodbTenant {
    /// The tenant whose `room` was made at `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint, room: Room) -> Self {
        Self { endpoint, room }
    }

    /// The base of requests to the database: `http://127.0.0.1:40005/_db/t3f2a…`.
    pub fn url(&self) -> Result<String, EngineError> {
        Ok(self.way_in()?.url.expose().to_owned())
    }

    /// How programs and people get in.
    pub fn way_in(&self) -> Result<WayIn, EngineError> {
        Databases.way_in(&self.endpoint, &self.room)
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.room.get(DATABASE)
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        self.room.get(USER)
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self) -> &str {
        self.room.get(PASSWORD)
    }

    /// Asks the database at `path`, which is `/_api/…`, as the tenant; the JSON of an answer of success, null where it has no
    /// body.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, EngineError> {
        let credentials = Credentials::Basic(self.user(), self.password());
        let caller = Caller::new(&self.endpoint, self.url()?, Some(credentials))?;
        caller.ask(method, path, body).await
    }
}
