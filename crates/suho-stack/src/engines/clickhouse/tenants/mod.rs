//! A database and a user for each tenant.
//!
//! # Layout
//! - `handle`: a tenant's room as its user sees it.
//! - `named`: a server that the user names by `CLICKHOUSE_URL`.
//! - `objects`: the tables and views of a database, and how they are made in another one.
//! - `snapshots`: copies of a tenant's database, which share its parts.
//! - `statements`: scripts and statements taken apart.
//!
//! A tenant's user has every right in its database and none in others. What a database begins with is made by its own user,
//! because views read with the rights of whoever made them.

mod handle;
mod named;
mod objects;
mod snapshots;
mod statements;

use async_trait::async_trait;
use clickhouse::Client;
use sha2::{Digest, Sha256};

use super::super::tenancy::{Migrations, Room, Step, TenantName, WayIn};
use super::super::{Endpoint, EngineError, Tenancy};
use super::client;
use crate::deployment::Secret;

pub use handle::ClickhouseTenant;
pub(super) use named::named;

const DATABASE: &str = "database";
const USER: &str = "user";
const PASSWORD: &str = "password";

/// The database that the deployment makes its tables in.
const SCHEMA: &str = "market";
/// The user's own choice of that database, in the endpoint that he named.
const NAMED_SCHEMA: &str = "SUHO_CLICKHOUSE_DATABASE";

/// `UNKNOWN_TABLE`: of the server's own logs, those that have nothing yet are not there.
const UNKNOWN_TABLE: u32 = 60;
/// `ACCESS_DENIED`.
const ACCESS_DENIED: u32 = 497;
/// `ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND`.
const NO_STORAGE: u32 = 514;

/// A database for each tenant.
#[derive(Debug)]
pub(super) struct Databases;

#[async_trait]
impl Tenancy for Databases {
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        let service = client::connect(endpoint)?;
        let action = format!("make the database {tenant}");
        client::run(endpoint, &service, &action, &format!("CREATE DATABASE {tenant}")).await?;
        let room = with_user(endpoint, &service, tenant).await?;
        copy_schema(endpoint, &service, &room).await?;
        for step in migrations.steps() {
            apply(endpoint, &room, step).await?;
        }
        Ok(room)
    }

    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        let service = client::connect(endpoint)?;
        let action = format!("remove the tenant {tenant}");
        // A statement goes on after whoever asked for it was cut off, and what it makes must not outlive the removal. Another
        // removal may.
        let ended = format!(
            "KILL QUERY WHERE (current_database = '{tenant}' OR position(query, '{tenant}') > 0)
            AND NOT match(query, '^(KILL|DROP) ') SYNC"
        );
        client::run(endpoint, &service, &action, &ended).await?;
        for database in snapshots::databases_of(endpoint, &service, tenant).await? {
            // Waits for the data to go: by default it would stay on the disk for minutes.
            let statement = format!("DROP DATABASE IF EXISTS {database} SYNC");
            client::run(endpoint, &service, &action, &statement).await?;
        }
        let statement = format!("DROP USER IF EXISTS {tenant}");
        match client::exception(endpoint, &service, &action, &statement).await? {
            Some(exception) if !makes_no_users(exception.code) => {
                Err(endpoint.unexpected(&action, "no user of that name", exception.words))
            }
            _ => Ok(()),
        }
    }

    /// One table after the other: what is written meanwhile may be in one and not in another.
    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::keep(endpoint, &room.tenant, label).await
    }

    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::restore(endpoint, room, label).await
    }

    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
        way_in(endpoint, room)
    }
}

fn way_in(endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
    let url = client::url(endpoint)?;
    let [database, user, password] = [DATABASE, USER, PASSWORD].map(|name| room.get(name));
    let command = format!("curl '{url}/?database={database}' --user '{user}:{password}' --data-binary 'SHOW TABLES'");
    let variables = [
        ("CLICKHOUSE_URL", url.as_str()),
        ("CLICKHOUSE_USER", user),
        ("CLICKHOUSE_PASSWORD", password),
        ("CLICKHOUSE_DATABASE", database),
    ];
    let (_, address) = url.split_once("://").unwrap_or_default();
    Ok(WayIn {
        url: Secret::new(format!("http://{user}:{password}@{address}/?database={database}")),
        command: Secret::new(command),
        variables: variables.map(|(name, value)| (name, Secret::new(value))).to_vec(),
    })
}

/// The tenant's own client.
fn connect(endpoint: &Endpoint, room: &Room) -> Result<Client, EngineError> {
    let client = client::connect_as(endpoint, room.get(USER), room.get(PASSWORD))?;
    Ok(client.with_database(room.get(DATABASE)))
}

/// The room with a user of its own, who is as the service user is; with the service user himself where none can be made.
async fn with_user(endpoint: &Endpoint, service: &Client, tenant: &TenantName) -> Result<Room, EngineError> {
    let action = format!("make the user {tenant}");
    let room = Room::new(tenant.clone()).with(DATABASE, tenant.as_str());
    let profiles: String = service
        .query("SELECT arrayStringConcat(arrayMap(name -> concat('PROFILE `', name, '`'), currentProfiles()), ', ')")
        .fetch_one()
        .await
        .map_err(endpoint.failed(&action))?;
    let password = format!("p{:032x}", rand::random::<u128>());
    // Hashed here, so that the password itself is in no statement, and in no log of statements.
    let hash = format!("{:x}", Sha256::digest(&password));
    let user = format!(
        "CREATE USER {tenant} IDENTIFIED WITH sha256_hash BY '{hash}' DEFAULT DATABASE {tenant} SETTINGS {profiles}"
    );
    match client::exception(endpoint, service, &action, &user).await? {
        Some(exception) if makes_no_users(exception.code) => {
            return Ok(room
                .with(USER, client::user(endpoint))
                .with(PASSWORD, client::password(endpoint)?)
                .without(format!(
                    "a user of its own: code {}, so the tenant is the service user, and the databases of others are open to it",
                    exception.code
                )));
        }
        Some(exception) => return Err(endpoint.unexpected(&action, "a user", exception.words)),
        None => {}
    }
    // The sources ask for credentials of their own; others would lead to the server's files and to other users.
    for grant in [
        format!("GRANT ALL ON {tenant}.* TO {tenant}"),
        format!("GRANT TABLE ENGINE ON * TO {tenant}"),
        format!("GRANT KAFKA, NATS, POSTGRES ON *.* TO {tenant}"),
    ] {
        client::run(endpoint, service, &action, &grant).await?;
    }
    let room = room.with(USER, tenant.as_str()).with(PASSWORD, password);
    without_log(endpoint, room).await
}

/// There is no place for accounts, or none for the service user's.
fn makes_no_users(code: u32) -> bool {
    [NO_STORAGE, ACCESS_DENIED].contains(&code)
}

/// Tells whether the tenant reads the log of everybody's statements, which is open where the configuration says nothing.
async fn without_log(endpoint: &Endpoint, room: Room) -> Result<Room, EngineError> {
    let tenant = connect(endpoint, &room)?;
    let reading = "SELECT 1 FROM system.query_log LIMIT 1 FORMAT Null";
    match client::exception(endpoint, &tenant, "ask for the log of statements", reading).await? {
        Some(exception) if exception.code != UNKNOWN_TABLE => Ok(room),
        _ => Ok(room.without(
            "a log of its own: the server lets everybody read system.query_log, and in it the statements of other tenants",
        )),
    }
}

/// Makes what the deployment's database has, without rows, in the tenant's.
async fn copy_schema(endpoint: &Endpoint, service: &Client, room: &Room) -> Result<(), EngineError> {
    let source = endpoint.credential(NAMED_SCHEMA).unwrap_or(SCHEMA);
    let objects = objects::of(endpoint, service, source).await?;
    let (source, target) = (source, room.get(DATABASE));
    let moved = objects.into_iter().map(|object| object.moved(source, target)).collect();
    objects::make(endpoint, &connect(endpoint, room)?, moved).await
}

async fn apply(endpoint: &Endpoint, room: &Room, step: &Step) -> Result<(), EngineError> {
    match step {
        Step::Script { name, text } => {
            let action = format!("apply the migration {name}");
            // One session, so that what a script sets holds until its end.
            let session = format!("suho-{:016x}", rand::random::<u64>());
            let tenant = connect(endpoint, room)?.with_setting("session_id", session);
            for statement in statements::split(text) {
                client::run(endpoint, &tenant, &action, statement).await?;
            }
            Ok(())
        }
        Step::Function { name, run, .. } => {
            let applied = run(way_in(endpoint, room)?).await;
            applied.map_err(endpoint.failed(format!("apply the migration {name}")))
        }
    }
}
