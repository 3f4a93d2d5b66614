//! A tenant's room as its user sees it.

use clickhouse::Client;

use super::super::super::tenancy::{Room, WayIn};
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{DATABASE, PASSWORD, USER, connect, way_in};

/// A tenant's database of `ClickHouse`.
///
/// It begins with the tables and views of the deployment, empty, under their names without a database: `ticks`, `candles_1m`.
/// The tenant's user has all rights in it and none in others; what an edition does not keep apart is told by
/// [`Room::not_offered`]. A snapshot takes one table after the other: what is written meanwhile may be in one and not in another.
///
/// ```no_run
/// use suho_stack::engines::clickhouse::ClickhouseTenant;
///
/// async fn count_ticks(tenant: &ClickhouseTenant) -> Result<u64, Box<dyn std::error::Error>> {
///     let client = tenant.connect().await?;
///     Ok(client.query("SELECT count() FROM ticks").fetch_one().await?)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct ClickhouseTenant {
    endpoint: Endpoint,
    room: Room,
}

impl ClickhouseTenant {
    /// The tenant of `room`, on the server at `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint, room: Room) -> Self {
        Self { endpoint, room }
    }

    /// The base of every request: `http://127.0.0.1:40124`. It names neither user nor database.
    ///
    /// ```no_run
    /// # fn f(tenant: &suho_stack::engines::clickhouse::ClickhouseTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = clickhouse::Client::default()
    ///     .with_url(tenant.url()?)
    ///     .with_user(tenant.user())
    ///     .with_password(tenant.password())
    ///     .with_database(tenant.database());
    /// # Ok(()) }
    /// ```
    pub fn url(&self) -> Result<String, EngineError> {
        client::url(&self.endpoint)
    }

    /// The official client in the tenant's database, in the runtime of the caller, once the server has let it in.
    pub async fn connect(&self) -> Result<Client, EngineError> {
        let client = connect(&self.endpoint, &self.room)?;
        let action = format!("log in to the database {}", self.database());
        client::run(&self.endpoint, &client, &action, "SELECT 1 FORMAT Null").await?;
        Ok(client)
    }

    /// The name of its database, which is that of its client when a statement names none.
    #[must_use]
    pub fn database(&self) -> &str {
        self.room.get(DATABASE)
    }

    /// Who it logs in as.
    #[must_use]
    pub fn user(&self) -> &str {
        self.room.get(USER)
    }

    /// That user's password.
    #[must_use]
    pub fn password(&self) -> &str {
        self.room.get(PASSWORD)
    }

    /// How programs and people get in.
    ///
    /// ```no_run
    /// # fn f(tenant: &suho_stack::engines::clickhouse::ClickhouseTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// println!("to paste: {}", tenant.way_in()?.command.expose());
    /// # Ok(()) }
    /// ```
    pub fn way_in(&self) -> Result<WayIn, EngineError> {
        way_in(&self.endpoint, &self.room)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::super::super::super::endpoint::tests::local;
    use super::super::super::super::tenancy::TenantName;
    use super::*;

    #[test]
    fn the_ways_in_lead_to_the_room_and_the_handle_shows_no_password() {
        let tenant = TenantName::parse("t0123456789abcdef").unwrap();
        let room = Room::new(tenant.clone())
            .with(DATABASE, tenant.as_str())
            .with(USER, tenant.as_str())
            .with(PASSWORD, "pw1");
        let handle = ClickhouseTenant::new(local("suho-clickhouse", &[(8123, 40002)], &[]), room);

        let way_in = handle.way_in().unwrap();

        assert_eq!(handle.url().unwrap(), "http://127.0.0.1:40002");
        assert_eq!(
            way_in.url.expose(),
            "http://t0123456789abcdef:pw1@127.0.0.1:40002/?database=t0123456789abcdef"
        );
        assert!(way_in.command.expose().contains("--user 't0123456789abcdef:pw1'"));
        assert!(
            way_in
                .variables
                .iter()
                .any(|(name, value)| (*name, value.expose()) == ("CLICKHOUSE_USER", tenant.as_str()))
        );
        assert!(!format!("{handle:?}").contains("pw1"));
    }
}
