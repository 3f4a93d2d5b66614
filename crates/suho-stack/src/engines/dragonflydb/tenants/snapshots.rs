//! What was in a database, kept in the one that is nobody's: a hash of keys with their dumps and the rest of their lives.
//!
//! It is read and written page by page, so nobody should write meanwhile.

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError};

use super::super::super::tenancy::TenantName;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::places;

/// Keys that travel together.
const PAGE: usize = 128;
/// Before each key, so that the field of a snapshot without keys is none of them.
const KEY: u8 = b'=';
/// The field that every snapshot has.
const SEAL: &str = "seal";
/// The end of life of a key that has none.
const FOREVER: i64 = -1;

type Bytes = Vec<u8>;

/// Keeps what is in `database` under `label`.
pub(super) async fn take(
    endpoint: &Endpoint,
    tenant: &TenantName,
    database: u32,
    label: &str,
) -> Result<(), EngineError> {
    let action = format!("take the snapshot `{label}` of {tenant}");
    let mut source = client::connect_to(endpoint, database).await?;
    let mut registry = places::open(endpoint).await?;
    let taking = async {
        let unfinished = format!("{}:unfinished", place(tenant));
        redis::pipe()
            .unlink(&unfinished)
            .sadd(labels(tenant), label)
            .hset(&unfinished, SEAL, database)
            .exec_async(&mut registry)
            .await?;
        let mut cursor = 0;
        loop {
            let keys: Vec<Bytes>;
            (cursor, keys) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("COUNT")
                .arg(PAGE)
                .query_async(&mut source)
                .await?;
            keep(&mut source, &keys, &mut registry, &unfinished).await?;
            if cursor == 0 {
                break;
            }
        }
        // The former snapshot of this label goes when the new one is whole.
        redis::cmd("RENAME")
            .arg(unfinished)
            .arg(kept(tenant, label))
            .exec_async(&mut registry)
            .await
    };
    taking.await.map_err(endpoint.failed::<RedisError>(action))
}

async fn keep(
    source: &mut MultiplexedConnection,
    keys: &[Bytes],
    registry: &mut MultiplexedConnection,
    unfinished: &str,
) -> Result<(), RedisError> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut reading = Pipeline::with_capacity(keys.len() * 2);
    // A dump and the life that belongs to it.
    reading.atomic();
    for key in keys {
        reading.cmd("DUMP").arg(key).cmd("PTTL").arg(key);
    }
    let answers: Vec<redis::Value> = reading.query_async(source).await?;
    let mut writing = Pipeline::with_capacity(keys.len());
    for (key, answer) in keys.iter().zip(answers.chunks_exact(2)) {
        let dump: Option<Bytes> = redis::from_redis_value_ref(&answer[0])?;
        let life: i64 = redis::from_redis_value_ref(&answer[1])?;
        // None where the key's end came between the scan and the dump.
        if let Some(dump) = dump {
            writing.hset(unfinished, field(key), entry(life, &dump)).ignore();
        }
    }
    execute(&writing, registry).await
}

/// Makes `database` what it was at the snapshot `label`.
pub(super) async fn restore(
    endpoint: &Endpoint,
    tenant: &TenantName,
    database: u32,
    label: &str,
) -> Result<(), EngineError> {
    let action = format!("restore the snapshot `{label}` of {tenant}");
    let mut target = client::connect_to(endpoint, database).await?;
    let mut registry = places::open(endpoint).await?;
    let kept = kept(tenant, label);
    let is_there: bool = redis::cmd("EXISTS")
        .arg(&kept)
        .query_async(&mut registry)
        .await
        .map_err(endpoint.failed(&*action))?;
    if !is_there {
        return Err(endpoint.unexpected(&action, "a snapshot of that label", "none, take it first"));
    }
    let restoring = async {
        redis::cmd("FLUSHDB").exec_async(&mut target).await?;
        let mut cursor = 0;
        loop {
            let entries: Vec<(Bytes, Bytes)>;
            (cursor, entries) = redis::cmd("HSCAN")
                .arg(&kept)
                .arg(cursor)
                .arg("COUNT")
                .arg(PAGE)
                .query_async(&mut registry)
                .await?;
            put_back(&entries, &mut target).await?;
            if cursor == 0 {
                break Ok(());
            }
        }
    };
    restoring.await.map_err(endpoint.failed::<RedisError>(action))
}

async fn put_back(entries: &[(Bytes, Bytes)], target: &mut MultiplexedConnection) -> Result<(), RedisError> {
    let mut writing = Pipeline::with_capacity(entries.len());
    for (field, entry) in entries {
        let (Some((&KEY, key)), Some((life, dump))) = (field.split_first(), read_entry(entry)) else {
            continue;
        };
        // To RESTORE, no end of life is zero.
        let life = if life == FOREVER { 0 } else { life.max(1) };
        writing
            .cmd("RESTORE")
            .arg(key)
            .arg(life)
            .arg(dump)
            .arg("REPLACE")
            .ignore();
    }
    execute(&writing, target).await
}

/// To the client, no commands are an error.
async fn execute(commands: &Pipeline, connection: &mut MultiplexedConnection) -> Result<(), RedisError> {
    if commands.is_empty() {
        Ok(())
    } else {
        commands.exec_async(connection).await
    }
}

/// Removes all snapshots of `tenant`, also an unfinished one.
pub(super) async fn forget(
    endpoint: &Endpoint,
    registry: &mut MultiplexedConnection,
    tenant: &TenantName,
) -> Result<(), EngineError> {
    let forgetting = async {
        let labels_taken: Vec<String> = redis::cmd("SMEMBERS").arg(labels(tenant)).query_async(registry).await?;
        let mut removal = redis::pipe();
        for label in labels_taken {
            removal.unlink(kept(tenant, &label));
        }
        removal
            .unlink(format!("{}:unfinished", place(tenant)))
            .unlink(labels(tenant))
            .exec_async(registry)
            .await
    };
    forgetting
        .await
        .map_err(endpoint.failed::<RedisError>(format!("remove the snapshots of {tenant}")))
}

fn field(key: &[u8]) -> Bytes {
    [&[KEY], key].concat()
}

/// The life in milliseconds, then the dump.
fn entry(life: i64, dump: &[u8]) -> Bytes {
    [&life.to_le_bytes(), dump].concat()
}

fn read_entry(entry: &[u8]) -> Option<(i64, &[u8])> {
    let (life, dump) = entry.split_first_chunk()?;
    Some((i64::from_le_bytes(*life), dump))
}

fn place(tenant: &TenantName) -> String {
    format!("suho:snapshots:{tenant}")
}

/// A set: all labels under which something may be kept.
fn labels(tenant: &TenantName) -> String {
    format!("{}:labels", place(tenant))
}

fn kept(tenant: &TenantName, label: &str) -> String {
    format!("{}:kept:{label}", place(tenant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        assert_eq!(read_entry(&entry(1_500, b"dump")), Some((1_500, &b"dump"[..])));
        assert_eq!(read_entry(&entry(FOREVER, b"")), Some((FOREVER, &b""[..])));
        assert_eq!(read_entry(b"short"), None);
    }
}
