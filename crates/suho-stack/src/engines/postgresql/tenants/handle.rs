//! A tenant's room as its user sees it.

use tokio_postgres::Client;

use super::super::super::tenancy::{Room, WayIn};
use super::super::super::{Endpoint, EngineError};
use super::{DATABASE, PASSWORD, USER, jobs, login, way_in};
use crate::deployment::Secret;

/// A tenant's database of `PostgreSQL` with `TimescaleDB`.
///
/// It begins with the schema of the deployment and the migrations. The tenant may there what the services may, all things with
/// what migrations have made and granted to nobody, and makes tables and schemas of its own, of which it is the owner. Its
/// statements are under the limits of the services' role, `statement_timeout` and others.
///
/// A snapshot and a restore end its sessions, since a database with sessions can be neither cloned nor replaced.
///
/// ```no_run
/// use suho_stack::engines::postgresql::PostgresqlTenant;
///
/// async fn count_orders(tenant: &PostgresqlTenant) -> Result<i64, Box<dyn std::error::Error>> {
///     let client = tenant.connect().await?;
///     Ok(client.query_one("SELECT count(*) FROM trading.orders", &[]).await?.get(0))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresqlTenant {
    endpoint: Endpoint,
    room: Room,
}

impl PostgresqlTenant {
    /// The tenant of `room`, on the server at `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint, room: Room) -> Self {
        Self { endpoint, room }
    }

    /// For every client that takes one: `postgres://t3f2a…:…@127.0.0.1:40123/t3f2a…`.
    ///
    /// ```no_run
    /// # fn f(tenant: &suho_stack::engines::postgresql::PostgresqlTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// let config: tokio_postgres::Config = tenant.url()?.expose().parse()?;
    /// # Ok(()) }
    /// ```
    pub fn url(&self) -> Result<Secret, EngineError> {
        login(&self.room).url(&self.endpoint).map(Secret::new)
    }

    /// A session of the tenant's, in the runtime of the caller. There can be several.
    pub async fn connect(&self) -> Result<Client, EngineError> {
        let answer = login(&self.room).try_in(&self.endpoint).await?;
        answer.map_err(self.endpoint.failed(format!("log in as {}", self.user())))
    }

    /// The name of its database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.room.get(DATABASE)
    }

    /// The role that it logs in as.
    #[must_use]
    pub fn user(&self) -> &str {
        self.room.get(USER)
    }

    /// That role's password.
    #[must_use]
    pub fn password(&self) -> &str {
        self.room.get(PASSWORD)
    }

    /// Where the server is reached: `127.0.0.1`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.endpoint.host
    }

    /// On which port.
    pub fn port(&self) -> Result<u16, EngineError> {
        self.endpoint.port(super::PORT)
    }

    /// How programs and people get in.
    ///
    /// ```no_run
    /// # fn f(tenant: &suho_stack::engines::postgresql::PostgresqlTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// println!("to paste: {}", tenant.way_in()?.command.expose());
    /// # Ok(()) }
    /// ```
    pub fn way_in(&self) -> Result<WayIn, EngineError> {
        way_in(&self.endpoint, login(&self.room))
    }

    /// Lets the scheduler of `TimescaleDB` run the jobs of this database: refresh, compression, retention.
    ///
    /// No tenant has one before it asks: it takes one of the server's background workers, and each running job another.
    ///
    /// ```no_run
    /// # async fn f(tenant: &suho_stack::engines::postgresql::PostgresqlTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// tenant.start_jobs().await?;
    /// // … wait for a policy to do its work …
    /// tenant.stop_jobs().await?;
    /// # Ok(()) }
    /// ```
    pub async fn start_jobs(&self) -> Result<(), EngineError> {
        jobs::start(&self.endpoint, self.database()).await
    }

    /// Stops them again.
    pub async fn stop_jobs(&self) -> Result<(), EngineError> {
        jobs::stop(&self.endpoint, self.database()).await
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
        let handle = PostgresqlTenant::new(local("suho-postgresql", &[(5432, 40001)], &[]), room);

        let way_in = handle.way_in().unwrap();

        let url = "postgres://t0123456789abcdef:pw1@127.0.0.1:40001/t0123456789abcdef";
        assert_eq!(handle.url().unwrap().expose(), url);
        assert_eq!(way_in.url.expose(), url);
        assert_eq!(way_in.command.expose(), format!("psql {url}"));
        assert!(
            way_in
                .variables
                .iter()
                .any(|(name, value)| (*name, value.expose()) == ("PGPORT", "40001"))
        );
        assert!(!format!("{handle:?}").contains("pw1"));
    }
}
