//! Which database is whose, told by the server itself, so that every process reads the same.
//!
//! A database of the server's own numbers is set aside for that. It is not the first one, where every connection begins.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ExistenceCheck, SetExpiry, SetOptions};
use tokio::time::{Instant, sleep};

use super::super::super::tenancy::TenantName;
use super::super::super::{Endpoint, EngineError};
use super::super::client;

/// The database that holds what is written here; those after it are for tenants.
const REGISTRY: u32 = 1;
/// A hash: each tenant's database.
const TENANTS: &str = "suho:tenants";
/// A set: databases that tenants have left.
const LEFT: &str = "suho:left";
/// The highest number that was ever given.
const HIGHEST: &str = "suho:highest";
/// Before a number that nobody has looked at: whatever is in that database is not ours to remove.
const UNSEEN: char = '?';

/// The number that a tenant has, or one that somebody left, or the next; nothing where all are taken.
const TAKE: &str = "
    local number = redis.call('HGET', KEYS[1], ARGV[1])
    if number then return number end
    number = redis.call('SPOP', KEYS[2])
    if not number then
        number = tonumber(redis.call('GET', KEYS[3]) or ARGV[2]) + 1
        if number > tonumber(ARGV[3]) then return false end
        redis.call('SET', KEYS[3], number)
    end
    number = '?' .. string.format('%d', tonumber(number))
    redis.call('HSET', KEYS[1], ARGV[1], number)
    return number";

/// For how long a tenant is waited for to leave, where every database is taken.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// What one who removes a tenant has for it, in milliseconds: each of the few commands takes five seconds at most.
const LEAVING: u64 = 60_000;

/// A connection to the database that tells whose the others are.
pub(super) async fn open(endpoint: &Endpoint) -> Result<MultiplexedConnection, EngineError> {
    client::connect_to(endpoint, REGISTRY).await
}

/// An empty database for `tenant`, or the one that it has already.
pub(super) async fn take(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
) -> Result<u32, EngineError> {
    let last = last(endpoint, registry).await?;
    let deadline = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        match next(endpoint, registry, tenant, last).await? {
            Some(number) => {
                if let Some(number) = looked_at(endpoint, registry, tenant, &number).await? {
                    return Ok(number);
                }
            }
            None if Instant::now() < deadline => {
                if !told {
                    tracing::warn!(%tenant, "waits for a logical database: all {} are taken", last - REGISTRY);
                    told = true;
                }
                sleep(PAUSE).await;
            }
            None => {
                return Err(EngineError::TimedOut {
                    service: endpoint.service.clone(),
                    action: format!(
                        "find a free logical database for {tenant}: all {} are taken, drop tenants that are not used",
                        last - REGISTRY
                    ),
                    limit: PATIENCE,
                });
            }
        }
    }
}

async fn next(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
    last: u32,
) -> Result<Option<String>, EngineError> {
    redis::cmd("EVAL")
        .arg(TAKE)
        .arg(3)
        .arg(&[TENANTS, LEFT, HIGHEST])
        .arg(tenant.as_str())
        .arg(REGISTRY)
        .arg(last)
        .query_async(registry)
        .await
        .map_err(endpoint.failed("take a logical database"))
}

/// The number, if that database is empty. One that is not belongs to somebody who knows nothing of tenants.
async fn looked_at(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
    number: &str,
) -> Result<Option<u32>, EngineError> {
    let action = "look into a logical database";
    let (unseen, number) = match number.strip_prefix(UNSEEN) {
        Some(number) => (true, number),
        None => (false, number),
    };
    let database: u32 = number.parse().map_err(endpoint.failed(action))?;
    if !unseen {
        return Ok(Some(database));
    }
    let (keys,): (u64,) = within(database)
        .cmd("DBSIZE")
        .cmd("SELECT")
        .arg(REGISTRY)
        .ignore()
        .query_async(registry)
        .await
        .map_err(endpoint.failed(action))?;
    // The user's own is not a tenant's, even while it is empty.
    let is_free = keys == 0 && client::database(endpoint) != Some(database);
    let mut note = redis::pipe();
    note.atomic();
    if is_free {
        note.hset(TENANTS, tenant.as_str(), database);
    } else {
        tracing::warn!(database, keys, "passes over a logical database that is in use");
        note.hset(TENANTS, format!("somebody in {database}"), database)
            .hdel(TENANTS, tenant.as_str());
    }
    note.exec_async(registry)
        .await
        .map_err(endpoint.failed("note whose a logical database is"))?;
    Ok(is_free.then_some(database))
}

/// Waits until nobody else removes `tenant`: one who comes late would empty the database of whoever has it next.
pub(super) async fn begin_to_leave(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
) -> Result<(), EngineError> {
    let options = SetOptions::default()
        .conditional_set(ExistenceCheck::NX)
        .with_expiration(SetExpiry::PX(LEAVING));
    loop {
        let begun: Option<String> = redis::cmd("SET")
            .arg(leaving(tenant))
            .arg("")
            .arg(&options)
            .query_async(registry)
            .await
            .map_err(endpoint.failed(format!("begin to remove {tenant}")))?;
        if begun.is_some() {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

/// Empties the database of `tenant`, if it has one.
pub(super) async fn empty(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
) -> Result<(), EngineError> {
    let action = format!("empty the database of {tenant}");
    // One that nobody has looked into is no number, and stays as it is.
    let Some(Ok(database)) = given(endpoint, registry, tenant).await?.map(|number| number.parse()) else {
        return Ok(());
    };
    within(database)
        .cmd("FLUSHDB")
        .ignore()
        .cmd("SELECT")
        .arg(REGISTRY)
        .ignore()
        .exec_async(registry)
        .await
        .map_err(endpoint.failed(action))
}

/// Leaves the database to whoever comes next.
pub(super) async fn leave(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
) -> Result<(), EngineError> {
    let mut note = redis::pipe();
    note.atomic();
    if let Some(number) = given(endpoint, registry, tenant).await? {
        note.sadd(LEFT, number.trim_start_matches(UNSEEN))
            .hdel(TENANTS, tenant.as_str());
    }
    note.del(leaving(tenant))
        .exec_async(registry)
        .await
        .map_err(endpoint.failed(format!("free the database of {tenant}")))
}

async fn given(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
) -> Result<Option<String>, EngineError> {
    redis::cmd("HGET")
        .arg(TENANTS)
        .arg(tenant.as_str())
        .query_async(registry)
        .await
        .map_err(endpoint.failed(format!("look up the database of {tenant}")))
}

/// The highest number that a database may have.
async fn last(endpoint: &Endpoint, registry: &mut MultiplexedConnection) -> Result<u32, EngineError> {
    let asking = "ask how many logical databases there are";
    let (_, count): (String, u32) = redis::cmd("CONFIG")
        .arg("GET")
        .arg("databases")
        .query_async(registry)
        .await
        .map_err(endpoint.failed(asking))?;
    Ok(count.saturating_sub(1))
}

/// Commands in `database`.
fn within(database: u32) -> redis::Pipeline {
    let mut commands = redis::pipe();
    commands.cmd("SELECT").arg(database).ignore();
    commands
}

fn leaving(tenant: &TenantName) -> String {
    format!("suho:leaving:{tenant}")
}
