//! When each engine was last backed up, as a comment on the administrator's role: an object of JSON, a time per service.
//!
//! A comment on a role belongs to no database: a restore does not put it back to what it was, the exporter reads it without a
//! right to any table, and a volume that has existed for long needs nothing made first.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::super::backup::Taken;
use super::super::{Endpoint, EngineError};
use super::client::Account;

const ACTION: &str = "remember the backup";
/// Two backups that end together are both remembered.
const ALONE: &str = "BEGIN; SELECT pg_advisory_xact_lock(hashtext('suho backups'))";
/// The statement that adds `$2` to the comment on the role `$1`. What else may stand there is no memory of ours, and goes.
const COMMENT: &str = "
    SELECT format('COMMENT ON ROLE %I IS %L', rolname,
                  CASE WHEN before IS JSON OBJECT THEN before::jsonb ELSE '{}' END || $2::text::jsonb)
    FROM pg_roles, shobj_description(oid, 'pg_authid') AS before
    WHERE rolname = $1::text";

/// Adds `taken` to what the role of the session `admin` remembers.
pub(super) async fn remember(endpoint: &Endpoint, admin: &Client, taken: &Taken) -> Result<(), EngineError> {
    let at = taken.at.to_rfc3339();
    let times: BTreeMap<&str, &str> = taken
        .services
        .iter()
        .map(|service| (service.as_str(), at.as_str()))
        .collect();
    let times = serde_json::to_string(&times).map_err(endpoint.failed(ACTION))?;
    admin.batch_execute(ALONE).await.map_err(endpoint.failed(ACTION))?;
    let role = Account::Administrator.role();
    let row = admin.query_one(COMMENT, &[&role, &times]).await;
    let statement: String = row.and_then(|row| row.try_get(0)).map_err(endpoint.failed(ACTION))?;
    let commit = format!("{statement}; COMMIT");
    admin.batch_execute(&commit).await.map_err(endpoint.failed(ACTION))
}
