//! What a program does with its database.

use redis::aio::{MultiplexedConnection, PubSub};

use super::super::super::tenancy::{Room, Tenancy, WayIn};
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{DATABASE, LogicalDatabases, PASSWORD, USER, rights};

/// A tenant's logical database.
///
/// Its user does what it likes there, with keys of any name. What reaches further is refused: other databases, `FLUSHALL`,
/// `MOVE`, `COPY`, channels of others, what the server tells of all (`INFO`, `CLIENT LIST`, `MONITOR`) and functions, which are
/// every database's.
///
/// ```no_run
/// # async fn example(endpoint: suho_stack::engines::Endpoint, room: suho_stack::engines::tenancy::Room)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use suho_stack::engines::dragonflydb::DragonflydbTenant;
///
/// let cache = DragonflydbTenant::new(endpoint, room);
/// let mut connection = cache.connect().await?;
/// redis::cmd("SET").arg("XAU").arg("2412.50").exec_async(&mut connection).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DragonflydbTenant {
    endpoint: Endpoint,
    room: Room,
}

impl DragonflydbTenant {
    /// The tenant whose `room` was made at `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint, room: Room) -> Self {
        Self { endpoint, room }
    }

    /// `redis://t3f2a…:…@127.0.0.1:40003/5`, which leads into the database.
    pub fn url(&self) -> Result<String, EngineError> {
        Ok(self.way_in()?.url.expose().to_owned())
    }

    /// How programs and people get in.
    pub fn way_in(&self) -> Result<WayIn, EngineError> {
        LogicalDatabases.way_in(&self.endpoint, &self.room)
    }

    /// The number of the database.
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

    /// `name` as a channel of this tenant: channels know no databases, so a tenant's begin with its name.
    ///
    /// ```
    /// use suho_stack::engines::{Endpoint, Place, dragonflydb::DragonflydbTenant, tenancy::{Room, TenantName}};
    ///
    /// # let endpoint = Endpoint {
    /// #     service: "suho-dragonflydb".to_owned(),
    /// #     place: Place::Host,
    /// #     host: "127.0.0.1".to_owned(),
    /// #     ports: [(6379, 40003)].into(),
    /// #     environment: [].into(),
    /// # };
    /// let name = TenantName::random();
    /// let tenant = DragonflydbTenant::new(endpoint, Room::new(name.clone()));
    /// assert_eq!(tenant.channel("orders"), format!("{name}:orders"));
    /// ```
    #[must_use]
    pub fn channel(&self, name: &str) -> String {
        rights::channel(&self.room.tenant, name)
    }

    /// A connection to the database. It waits for an answer for as long as the server takes, so that reads may block.
    pub async fn connect(&self) -> Result<MultiplexedConnection, EngineError> {
        client::open_with(&self.endpoint, self.url()?, None).await
    }

    /// A connection that hears what is published on the tenant's channels, and the events of its database's keys.
    pub async fn subscriber(&self) -> Result<PubSub, EngineError> {
        client::subscribe(&self.endpoint, self.url()?).await
    }
}
