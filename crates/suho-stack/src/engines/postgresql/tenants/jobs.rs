//! The background workers of a tenant's database, which run when they are asked to.
//!
//! A scheduler is a process, of which the server allows `timescaledb.max_background_workers`.

use super::super::super::{Endpoint, EngineError};
use super::cluster::Cluster;
use super::names::quoted;

/// Starts the scheduler of `database`, if the extension is there.
pub(super) async fn start(endpoint: &Endpoint, database: &str) -> Result<(), EngineError> {
    mark(endpoint, database, false).await?;
    tell(endpoint, database, "start_background_workers").await
}

/// Stops the scheduler of `database` and its jobs.
pub(super) async fn stop(endpoint: &Endpoint, database: &str) -> Result<(), EngineError> {
    tell(endpoint, database, "stop_background_workers").await?;
    mark(endpoint, database, true).await
}

/// The extension starts a scheduler in every database that is no template, within a minute.
async fn mark(endpoint: &Endpoint, database: &str, is_template: bool) -> Result<(), EngineError> {
    let statement = format!("ALTER DATABASE {} IS_TEMPLATE {is_template}", quoted(database));
    let cluster = Cluster::of(endpoint).await?;
    cluster.run(&format!("mark the database {database}"), &statement).await
}

async fn tell(endpoint: &Endpoint, database: &str, function: &str) -> Result<(), EngineError> {
    let statement = format!(
        "DO $$ BEGIN
            IF to_regproc('_timescaledb_functions.{function}') IS NOT NULL THEN
                PERFORM _timescaledb_functions.{function}();
            END IF;
        END $$"
    );
    let session = Cluster::within(endpoint, database).await?;
    session.run(&format!("call {function} in {database}"), &statement).await
}
