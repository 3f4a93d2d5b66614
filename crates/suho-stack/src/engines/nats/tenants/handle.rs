use async_nats::Client;
use async_nats::jetstream::{self, Context};

use super::super::super::login::{Login, PASSWORD, USER};
use super::super::super::tenancy::{Room, WayIn};
use super::super::super::{Endpoint, EngineError, Tenancy};
use super::super::client;
use super::{ACCOUNT, NatsTenancy, STREAM_PREFIX, SUBJECT_PREFIX};

/// A tenant's account in NATS, with the streams that the deployment declares, empty.
///
/// Streams, buckets and subjects of the same names in two accounts never meet. The server is the one named by `NATS_URL` where
/// the user names one: then the account is shared, and [`NatsTenant::subject`] and [`NatsTenant::stream`] keep names apart.
///
/// ```no_run
/// # async fn example(tenant: suho_stack::engines::nats::NatsTenant) -> Result<(), Box<dyn std::error::Error>> {
/// let jetstream = tenant.jetstream().await?;
/// jetstream.publish(tenant.subject("orders.new"), "an order".into()).await?.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct NatsTenant {
    endpoint: Endpoint,
    room: Room,
}

impl NatsTenant {
    /// The tenant that has `room` on the server at `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint, room: Room) -> Self {
        Self { endpoint, room }
    }

    /// `nats://user:password@host:port`; `async-nats` takes neither from a URL, so it is given both by its `ConnectOptions`.
    ///
    /// ```no_run
    /// # fn example(tenant: suho_stack::engines::nats::NatsTenant) -> Result<(), suho_stack::engines::EngineError> {
    /// println!("NATS_URL={}", tenant.url()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn url(&self) -> Result<String, EngineError> {
        client::url_of(&self.endpoint, Login::of_room(&self.room).as_ref())
    }

    /// A connection of the tenant's, in the runtime of the caller.
    ///
    /// ```no_run
    /// # async fn example(tenant: suho_stack::engines::nats::NatsTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = tenant.connect().await?;
    /// client.publish(tenant.subject("greetings"), "hello".into()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(&self) -> Result<Client, EngineError> {
        client::connect_with(&self.endpoint, Login::of_room(&self.room).as_ref()).await
    }

    /// The `JetStream` of the tenant's account, over a connection of its own.
    ///
    /// ```no_run
    /// # async fn example(tenant: suho_stack::engines::nats::NatsTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// use suho_stack::engines::nats::async_nats::jetstream::stream::Config;
    ///
    /// let jetstream = tenant.jetstream().await?;
    /// let config = Config {
    ///     name: tenant.stream("FILLS"),
    ///     subjects: vec![tenant.subject("fills.>")],
    ///     ..Config::default()
    /// };
    /// jetstream.create_stream(config).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn jetstream(&self) -> Result<Context, EngineError> {
        Ok(jetstream::new(self.connect().await?))
    }

    /// `TENANT_07`; empty where the server has none for tenants.
    #[must_use]
    pub fn account(&self) -> &str {
        self.room.get(ACCOUNT)
    }

    /// `tenant_07`; empty where the server asks for nobody.
    #[must_use]
    pub fn user(&self) -> &str {
        self.room.get(USER)
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self) -> &str {
        self.room.get(PASSWORD)
    }

    /// What every subject begins with; empty in an account of its own.
    #[must_use]
    pub fn subject_prefix(&self) -> &str {
        self.room.get(SUBJECT_PREFIX)
    }

    /// `subject` as this tenant has it: as it is in an account of its own.
    #[must_use]
    pub fn subject(&self, subject: &str) -> String {
        format!("{}{subject}", self.subject_prefix())
    }

    /// The name of a stream, a bucket or an object store as this tenant has it: as it is in an account of its own.
    #[must_use]
    pub fn stream(&self, name: &str) -> String {
        format!("{}{name}", self.room.get(STREAM_PREFIX))
    }

    /// What there is to know of the room.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// How programs and people get in.
    pub fn way_in(&self) -> Result<WayIn, EngineError> {
        NatsTenancy.way_in(&self.endpoint, &self.room)
    }
}
