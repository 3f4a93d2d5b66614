//! Sealed clones of a tenant's database.

use super::super::super::tenancy::TenantName;
use super::super::super::{Endpoint, EngineError};
use super::cluster::Cluster;
use super::names::{in_the_making, quoted, snapshot};
use super::{jobs, opened};

/// Clones the tenant's database, from which everybody is sent away for that.
pub(super) async fn keep(endpoint: &Endpoint, tenant: &TenantName, label: &str) -> Result<(), EngineError> {
    let database = tenant.as_str();
    let kept = snapshot(tenant, label);
    let making = in_the_making(&kept);
    let cluster = Cluster::of(endpoint).await?;
    cluster.hold(database).await?;
    cluster.drop_database(&making).await?;
    let had_jobs = !cluster.workers_in(database).await?.is_empty();
    cluster.seal(database).await?;
    let cloned = cluster.clone_for_tenant(database, &making).await;
    let open = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", quoted(database));
    cluster.run(&format!("open the database {database}"), &open).await?;
    cloned?;
    if had_jobs {
        jobs::start(endpoint, database).await?;
    }
    cluster.drop_database(&kept).await?;
    cluster.rename(&making, &kept).await
}

/// Puts a clone of the snapshot in the place of the tenant's database, which is there until the clone is whole.
pub(super) async fn restore(endpoint: &Endpoint, tenant: &TenantName, label: &str) -> Result<(), EngineError> {
    let database = tenant.as_str();
    let kept = snapshot(tenant, label);
    let making = in_the_making(database);
    let cluster = Cluster::of(endpoint).await?;
    cluster.hold(database).await?;
    if !cluster.has(&kept).await? {
        let action = format!("restore the tenant {tenant}");
        return Err(endpoint.unexpected(&action, format!("a snapshot {label:?}"), "none of that label"));
    }
    cluster.drop_database(&making).await?;
    cluster.clone_for_tenant(&kept, &making).await?;
    cluster.drop_database(database).await?;
    cluster.rename(&making, database).await?;
    let action = format!("let {tenant} into its database");
    cluster.run(&action, &opened(database, database)).await
}
