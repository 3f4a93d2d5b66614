//! A tenant's rooms as the users of each engine see them.

use super::{Tenant, TenantError};
#[cfg(feature = "arangodb")]
use crate::engines::arangodb::ArangodbTenant;
#[cfg(feature = "clickhouse")]
use crate::engines::clickhouse::ClickhouseTenant;
#[cfg(feature = "dragonflydb")]
use crate::engines::dragonflydb::DragonflydbTenant;
#[cfg(feature = "kafka")]
use crate::engines::kafka::KafkaTenant;
#[cfg(feature = "nats")]
use crate::engines::nats::NatsTenant;
#[cfg(feature = "postgresql")]
use crate::engines::postgresql::PostgresqlTenant;
#[cfg(feature = "weaviate")]
use crate::engines::weaviate::WeaviateTenant;
use crate::engines::{Endpoint, tenancy::Room};

impl Tenant {
    /// Its database in `PostgreSQL`.
    ///
    /// ```no_run
    /// # async fn example(tenant: suho_stack::stack::Tenant) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = tenant.postgresql().await?.connect().await?;
    /// client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY)").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "postgresql")]
    pub async fn postgresql(&self) -> Result<PostgresqlTenant, TenantError> {
        let (endpoint, room) = self.lodged("postgresql").await?;
        Ok(PostgresqlTenant::new(endpoint, room))
    }

    /// Its database in `ClickHouse`.
    #[cfg(feature = "clickhouse")]
    pub async fn clickhouse(&self) -> Result<ClickhouseTenant, TenantError> {
        let (endpoint, room) = self.lodged("clickhouse").await?;
        Ok(ClickhouseTenant::new(endpoint, room))
    }

    /// Its logical database in Dragonfly.
    #[cfg(feature = "dragonflydb")]
    pub async fn dragonflydb(&self) -> Result<DragonflydbTenant, TenantError> {
        let (endpoint, room) = self.lodged("dragonflydb").await?;
        Ok(DragonflydbTenant::new(endpoint, room))
    }

    /// Its collections in Weaviate.
    #[cfg(feature = "weaviate")]
    pub async fn weaviate(&self) -> Result<WeaviateTenant, TenantError> {
        let (endpoint, room) = self.lodged("weaviate").await?;
        Ok(WeaviateTenant::new(endpoint, room))
    }

    /// Its database in `ArangoDB`.
    #[cfg(feature = "arangodb")]
    pub async fn arangodb(&self) -> Result<ArangodbTenant, TenantError> {
        let (endpoint, room) = self.lodged("arangodb").await?;
        Ok(ArangodbTenant::new(endpoint, room))
    }

    /// Its account in NATS.
    #[cfg(feature = "nats")]
    pub async fn nats(&self) -> Result<NatsTenant, TenantError> {
        let (endpoint, room) = self.lodged("nats").await?;
        Ok(NatsTenant::new(endpoint, room))
    }

    /// Its topics and groups in Kafka.
    #[cfg(feature = "kafka")]
    pub async fn kafka(&self) -> Result<KafkaTenant, TenantError> {
        let (endpoint, room) = self.lodged("kafka").await?;
        Ok(KafkaTenant::new(endpoint, room))
    }

    /// Its room in `engine`, and where that is.
    async fn lodged(&self, engine: &str) -> Result<(Endpoint, Room), TenantError> {
        let room = self.room(engine).await?;
        Ok((self.place(engine)?.kind.lodging.endpoint.clone(), room))
    }
}
