//! Copies of a tenant's database, which share its parts.

use clickhouse::Client;
use sha2::{Digest, Sha256};

use super::super::super::tenancy::{Room, TenantName};
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::connect;
use super::objects::{self, Object, Rows};

/// The table of a snapshot that says how its tables and views were made.
const OBJECTS: &str = "`.suho objects`";

/// The tenant's database and its snapshots, also those that were not finished.
pub(super) async fn databases_of(
    endpoint: &Endpoint,
    service: &Client,
    tenant: &TenantName,
) -> Result<Vec<String>, EngineError> {
    let query = "SELECT name FROM system.databases WHERE name = ? OR startsWith(name, concat(?, '_'))";
    let found = service
        .query(query)
        .bind(tenant.as_str())
        .bind(tenant.as_str())
        .fetch_all()
        .await;
    found.map_err(endpoint.failed(format!("list the databases of {tenant}")))
}

/// Copies every table of the tenant's into the snapshot `label`.
pub(super) async fn keep(endpoint: &Endpoint, tenant: &TenantName, label: &str) -> Result<(), EngineError> {
    let service = client::connect(endpoint)?;
    let objects = objects::of(endpoint, &service, tenant.as_str()).await?;
    if let Some(reason) = objects.iter().find_map(Object::objection) {
        return Err(EngineError::NotOffered {
            service: endpoint.service.clone(),
            action: format!("take a snapshot of {tenant}"),
            reason,
        });
    }
    let kept = snapshot(tenant, label);
    let making = format!("{kept}_making");
    let mut statements = vec![
        format!("DROP DATABASE IF EXISTS {making} SYNC"),
        format!("CREATE DATABASE {making}"),
        format!(
            "CREATE TABLE {making}.{OBJECTS} ENGINE = MergeTree ORDER BY tuple() AS SELECT name, engine,
            create_table_query AS definition FROM system.tables WHERE database = '{tenant}' AND NOT is_temporary"
        ),
    ];
    for object in &objects {
        statements.extend(copies(object, tenant.as_str(), &making));
    }
    statements.push(format!("DROP DATABASE IF EXISTS {kept} SYNC"));
    statements.push(format!("RENAME DATABASE {making} TO {kept}"));
    run(endpoint, &service, &format!("take a snapshot of {tenant}"), &statements).await
}

/// Makes the tenant's database anew from the snapshot `label`.
pub(super) async fn restore(endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
    let service = client::connect(endpoint)?;
    let tenant = &room.tenant;
    let action = format!("restore the tenant {tenant}");
    let kept = snapshot(tenant, label);
    if !databases_of(endpoint, &service, tenant).await?.contains(&kept) {
        return Err(endpoint.unexpected(&action, format!("a snapshot {label:?}"), "none of that label"));
    }
    let query = format!("SELECT name, engine, definition FROM {kept}.{OBJECTS} ORDER BY engine LIKE '%View', name");
    let objects: Vec<Object> = service
        .query(&query)
        .fetch_all()
        .await
        .map_err(endpoint.failed(&action))?;
    let database = [
        format!("DROP DATABASE IF EXISTS {tenant} SYNC"),
        format!("CREATE DATABASE {tenant}"),
    ];
    run(endpoint, &service, &action, &database).await?;
    // What reads from tables, or fills them, comes after their rows.
    let (tables, others): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .map(|object| object.moved(tenant.as_str(), tenant.as_str()))
        .partition(|object| object.rows() != Rows::None);
    let maker = connect(endpoint, room)?;
    objects::make(endpoint, &maker, tables.clone()).await?;
    let rows: Vec<_> = tables
        .iter()
        .map(|table| filling(table, &kept, tenant.as_str()))
        .collect();
    run(endpoint, &service, &action, &rows).await?;
    objects::make(endpoint, &maker, others).await
}

/// The statements that copy `object`, if it has rows.
fn copies(object: &Object, from: &str, to: &str) -> Vec<String> {
    let name = quoted(&object.name);
    match object.rows() {
        Rows::Parts => vec![format!("CREATE TABLE {to}.{name} CLONE AS {from}.{name}")],
        Rows::Own => vec![
            format!("CREATE TABLE {to}.{name} AS {from}.{name}"),
            filling(object, from, to),
        ],
        Rows::None => Vec::new(),
    }
}

/// The statement that fills the table in `to` with the rows of the one in `from`.
fn filling(table: &Object, from: &str, to: &str) -> String {
    let name = quoted(&table.name);
    match table.rows() {
        Rows::Parts => format!("ALTER TABLE {to}.{name} ATTACH PARTITION ALL FROM {from}.{name}"),
        Rows::Own | Rows::None => format!("INSERT INTO {to}.{name} SELECT * FROM {from}.{name}"),
    }
}

async fn run(endpoint: &Endpoint, service: &Client, action: &str, statements: &[String]) -> Result<(), EngineError> {
    for statement in statements {
        client::run(endpoint, service, action, statement).await?;
    }
    Ok(())
}

/// The database of the snapshot `label`, which may be any text.
fn snapshot(tenant: &TenantName, label: &str) -> String {
    let mut hash = format!("{:x}", Sha256::digest(label));
    hash.truncate(12);
    format!("{tenant}_{hash}")
}

/// `name` as an identifier of SQL.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_does_not_end_a_name() {
        assert_eq!(quoted("a`; DROP \\"), "`a\\`; DROP \\\\`");
    }

    #[test]
    fn another_label_is_another_database() {
        let tenant = TenantName::random();
        assert_ne!(snapshot(&tenant, "a"), snapshot(&tenant, "b"));
        assert!(snapshot(&tenant, "'; DROP").starts_with(&format!("{tenant}_")));
    }
}
