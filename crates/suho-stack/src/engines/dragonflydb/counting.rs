//! Counts the keys of a logical database, with a sum of the hashes of their values.

use std::collections::HashSet;
use std::slice;

use futures::stream::{self, Stream, TryStreamExt};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisError, Value};
use sha2::{Digest, Sha256};

/// How many keys are asked for at once.
const PAGE: usize = 250;
/// How many pages of them are on their way.
const AHEAD: usize = 3;

/// The number of keys of the chosen database that do not expire, and a sum of the hashes of their values. The next pages
/// are on their way while one is hashed.
pub(super) async fn sum(connection: &MultiplexedConnection, some_expire: bool) -> Result<(u64, u128), RedisError> {
    let values = pages(connection).map_ok(|keys| values(connection.clone(), keys, some_expire));
    values
        .try_buffered(AHEAD)
        .try_fold((0, 0_u128), async |(mut count, mut sum), values| {
            for (key, kind, value) in values {
                count += 1;
                sum = sum.wrapping_add(hash(&key, &kind, value));
            }
            Ok((count, sum))
        })
        .await
}

/// The keys of the chosen database, each once.
fn pages(connection: &MultiplexedConnection) -> impl Stream<Item = Result<Vec<Vec<u8>>, RedisError>> {
    // A key may come twice while the table grows.
    let begun = (connection.clone(), Some("0".to_owned()), HashSet::new());
    stream::try_unfold(begun, async |(mut connection, cursor, mut seen)| {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let mut scan = redis::cmd("SCAN");
        scan.arg(&cursor).arg("COUNT").arg(PAGE);
        let (next, keys): (String, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
        let keys = keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
        Ok(Some((keys, (connection, Some(next).filter(|next| next != "0"), seen))))
    })
}

/// A key, its kind and its value.
type Entry = (Vec<u8>, String, Value);

/// Those of `keys` that do not expire, with their kinds and values.
async fn values(
    mut connection: MultiplexedConnection,
    mut keys: Vec<Vec<u8>>,
    some_expire: bool,
) -> Result<Vec<Entry>, RedisError> {
    if some_expire {
        keys = staying(&mut connection, keys).await?;
    }
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    let strings: Vec<Value> = redis::cmd("MGET").arg(&keys).query_async(&mut connection).await?;
    for (key, value) in keys.into_iter().zip(strings) {
        match value {
            // No string, or gone.
            Value::Nil => others.push(key),
            value => entries.push((key, "string".to_owned(), value)),
        }
    }
    entries.extend(collections(&mut connection, others).await?);
    Ok(entries)
}

/// Those of `keys` that do not expire.
async fn staying(connection: &mut MultiplexedConnection, keys: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, RedisError> {
    const STAYS: i64 = -1;
    let mut times = redis::pipe();
    for key in &keys {
        times.cmd("PTTL").arg(key);
    }
    let times: Vec<i64> = queried(&times, connection).await?;
    let staying = keys.into_iter().zip(times).filter(|(_, time)| *time == STAYS);
    Ok(staying.map(|(key, _)| key).collect())
}

/// The entries of `keys`, which are lists, sets, hashes, sorted sets and streams.
async fn collections(connection: &mut MultiplexedConnection, keys: Vec<Vec<u8>>) -> Result<Vec<Entry>, RedisError> {
    let mut kinds = redis::pipe();
    for key in &keys {
        kinds.cmd("TYPE").arg(key);
    }
    let kinds: Vec<String> = queried(&kinds, connection).await?;
    let mut reading = redis::pipe();
    let read = |(key, kind): &(Vec<u8>, String)| read(&mut reading, kind, key);
    let known: Vec<_> = keys.into_iter().zip(kinds).filter(read).collect();
    let values: Vec<Value> = queried(&reading, connection).await?;
    let entries = known.into_iter().zip(values);
    Ok(entries.map(|((key, kind), value)| (key, kind, value)).collect())
}

/// What is answered to each command of `pipe`, to none where there are none.
async fn queried<T: FromRedisValue>(
    pipe: &redis::Pipeline,
    connection: &mut MultiplexedConnection,
) -> Result<Vec<T>, RedisError> {
    if pipe.is_empty() {
        return Ok(Vec::new());
    }
    pipe.query_async(connection).await
}

/// Adds the command that reads a key of `kind`; false where there is none.
fn read(pipe: &mut redis::Pipeline, kind: &str, key: &[u8]) -> bool {
    match kind {
        "list" => pipe.cmd("LRANGE").arg(key).arg(0).arg(-1),
        "set" => pipe.cmd("SMEMBERS").arg(key),
        "hash" => pipe.cmd("HGETALL").arg(key),
        "zset" => pipe.cmd("ZRANGE").arg(key).arg(0).arg(-1).arg("WITHSCORES"),
        "stream" => pipe.cmd("XRANGE").arg(key).arg("-").arg("+"),
        _ => return false,
    };
    true
}

/// Of a key with its value. The members of sets and hashes come in any order, so that theirs are sorted.
fn hash(key: &[u8], kind: &str, value: Value) -> u128 {
    let mut members: Vec<Vec<u8>> = match (kind, value) {
        ("hash", Value::Array(fields)) => fields.chunks(2).map(bytes).collect(),
        (_, Value::Array(members)) => members.iter().map(|member| bytes(slice::from_ref(member))).collect(),
        (_, value) => vec![bytes(&[value])],
    };
    if matches!(kind, "hash" | "set") {
        members.sort();
    }
    let mut hasher = Sha256::new();
    hasher.update(key);
    for member in members {
        hasher.update(member);
    }
    hasher
        .finalize()
        .iter()
        .take(16)
        .fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

/// Of values, each after its length, so that no two lists of them are the same.
fn bytes(values: &[Value]) -> Vec<u8> {
    let mut all = Vec::new();
    for value in values {
        let own = match value {
            Value::BulkString(text) => text.clone(),
            Value::Array(values) => bytes(values),
            value => format!("{value:?}").into_bytes(),
        };
        all.extend_from_slice(&own.len().to_be_bytes());
        all.extend_from_slice(&own);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_set_is_no_matter_and_that_of_a_list_is() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let (ab, ba) = (vec![text("a"), text("b")], vec![text("b"), text("a")]);

        let [ab, ba] = [ab, ba].map(Value::Array);
        assert_eq!(hash(b"k", "set", ab.clone()), hash(b"k", "set", ba.clone()));
        assert_ne!(hash(b"k", "list", ab), hash(b"k", "list", ba));
        let apart = Value::Array(vec![text("a"), text("b")]);
        assert_ne!(
            hash(b"k", "list", apart),
            hash(b"k", "list", Value::Array(vec![text("ab")]))
        );
    }
}
