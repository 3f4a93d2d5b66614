//! A snapshot in the format RDB, which both Dragonfly and its stand-in write and load.

use std::collections::HashSet;
use std::slice;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::{self, Stream, TryStreamExt};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::super::asking::until_answered;
use super::super::backup::{
    self as keeping, Account, Backup, Instance, Origin, Packing, Reads, Shelf, Tally, Vault, compare, older, settled,
};
use super::super::{Endpoint, EngineError, Waiting};
use super::client;

/// The snapshot.
const CONTENT: &str = "dump.rdb";
/// What Dragonfly is asked to write and load: its own snapshots have another name.
const DRAGONFLY_FILE: &str = "suho-backup.rdb";
/// How long a snapshot may take.
const PATIENCE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(25);
/// How many keys are asked for at once.
const PAGE: usize = 250;
/// How many times as many are on their way.
const AHEAD: usize = 3;

/// `SAVE` and a start on what was saved.
#[derive(Debug)]
pub(super) struct Snapshot;

/// A connection, and who is at its other end.
struct Server<'a> {
    endpoint: &'a Endpoint,
    connection: MultiplexedConnection,
    is_dragonfly: bool,
}

#[async_trait]
impl Backup for Snapshot {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let mut server = Server::connect(instance.endpoint).await?;
        let before = server.count().await?;
        let path = server.save().await?;
        let content = instance.tools.file(&path).await?;
        let file = vault.create(CONTENT, Packing::Compressed).await?;
        let ((), after) = tokio::try_join!(keeping::fill(file, content), server.count())?;
        let (tallies, mut notes) = settled(&before, after);
        if server.is_dragonfly {
            instance.tools.ask(&["rm", "-f", &path]).await?;
        }
        notes.push("keys that expire are in it, and not counted: some may be gone at a restore".to_owned());
        Ok(Account { tallies, notes })
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        let mut server = Server::connect(instance.endpoint).await?;
        let databases = server.databases().await?;
        Ok(databases
            .iter()
            .map(|(database, keys)| format!("{keys} keys in the database {database}"))
            .collect())
    }

    fn objection(&self, stored: &Origin, live: &Origin) -> Option<String> {
        if stored.stand_in.is_some() != live.stand_in.is_some() {
            return Some(format!(
                "the backup was made by {}, and {} runs here: whether the one reads all that the other writes was never tried",
                stored.version, live.version
            ));
        }
        older(&stored.version, &live.version)
    }

    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let mut server = Server::connect(instance.endpoint).await?;
        let tallies = if server.is_dragonfly {
            server.load(instance, store).await?
        } else {
            server.start_on(instance, store).await?
        };
        compare(instance.endpoint, &account.tallies, &tallies)?;
        Ok(tallies)
    }
}

impl<'a> Server<'a> {
    async fn connect(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        let mut connection = client::connect(endpoint).await?;
        let info = client::info(endpoint, &mut connection).await?;
        Ok(Self {
            endpoint,
            connection,
            is_dragonfly: client::is_dragonfly(&info),
        })
    }

    async fn ask(&mut self, action: &str, words: &[&str]) -> Result<Value, EngineError> {
        let answer = command(words).query_async(&mut self.connection).await;
        answer.map_err(self.endpoint.failed(action))
    }

    /// Writes a snapshot, and returns where in the container it is.
    async fn save(&mut self) -> Result<String, EngineError> {
        const ACTION: &str = "write a snapshot";
        let directory = self.setting("dir").await?;
        if self.is_dragonfly {
            let name = DRAGONFLY_FILE.trim_end_matches(".rdb");
            self.ask(ACTION, &["SAVE", "RDB", name]).await?;
            return Ok(format!("{directory}/{DRAGONFLY_FILE}"));
        }
        let begun = Instant::now();
        // One that is being written began before now.
        while let Err(error) = command(&["BGSAVE"]).query_async::<Value>(&mut self.connection).await {
            if !is_busy(&error) || begun.elapsed() > PATIENCE {
                return Err(self.endpoint.failed(ACTION)(error));
            }
            sleep(PAUSE).await;
        }
        loop {
            let info = client::info(self.endpoint, &mut self.connection).await?;
            let field = |name: &str| client::field(&info, name).unwrap_or_default().to_owned();
            if field("rdb_bgsave_in_progress") == "0" {
                self.endpoint
                    .expect(ACTION, "ok", field("rdb_last_bgsave_status").as_str())?;
                return Ok(format!("{directory}/{}", self.setting("dbfilename").await?));
            }
            if begun.elapsed() > PATIENCE {
                return Err(self.endpoint.failed(ACTION)("it does not end"));
            }
            sleep(PAUSE).await;
        }
    }

    async fn setting(&mut self, name: &str) -> Result<String, EngineError> {
        let action = format!("read the setting {name}");
        let pair: Result<Vec<String>, _> = command(&["CONFIG", "GET", name])
            .query_async(&mut self.connection)
            .await;
        let pair = pair.map_err(self.endpoint.failed(&action))?;
        let value = pair.into_iter().nth(1);
        value.ok_or_else(|| self.endpoint.unexpected(&action, "a value", "none"))
    }

    /// Has Valkey start on the snapshot, as it loads one at a start alone.
    async fn start_on(&mut self, instance: &Instance<'_>, store: &dyn Shelf) -> Result<Vec<Tally>, EngineError> {
        const ACTION: &str = "keep the server from writing another snapshot";
        let path = format!("{}/{}", self.setting("dir").await?, self.setting("dbfilename").await?);
        write_file(instance, store, &format!("{path}.restored")).await?;
        // Until it has started anew; then the deployment's own settings count again.
        for setting in [["save", ""], ["shutdown-on-sigterm", "nosave"]] {
            self.ask(ACTION, &["CONFIG", "SET", setting[0], setting[1]]).await?;
        }
        let rename = r#"chown --reference="$(dirname "$0")" "$0.restored" && mv -f "$0.restored" "$0""#;
        instance.tools.ask(&["sh", "-c", rename, &path]).await?;
        let moved = instance.restart.restart(&self.endpoint.service).await?;
        until_answered(&Waiting::new(), || super::ask(&moved)).await;
        Server::connect(&moved).await?.count().await
    }

    /// Has Dragonfly load the snapshot.
    async fn load(&mut self, instance: &Instance<'_>, store: &dyn Shelf) -> Result<Vec<Tally>, EngineError> {
        const ACTION: &str = "load a snapshot";
        let path = format!("{}/{DRAGONFLY_FILE}", self.setting("dir").await?);
        write_file(instance, store, &path).await?;
        instance.tools.ask(&["chmod", "0644", &path]).await?;
        self.ask(ACTION, &["FLUSHALL"]).await?;
        let loaded = self.ask(ACTION, &["DFLY", "LOAD", DRAGONFLY_FILE]).await;
        instance.tools.ask(&["rm", "-f", &path]).await?;
        loaded?;
        self.count().await
    }

    /// The databases that have keys, with the number of them.
    async fn databases(&mut self) -> Result<Vec<(u32, u64)>, EngineError> {
        let info = client::info(self.endpoint, &mut self.connection).await?;
        Ok(info.lines().filter_map(database).collect())
    }

    /// The keys of each database that do not expire, with a sum of the hashes of their values.
    async fn count(&mut self) -> Result<Vec<Tally>, EngineError> {
        let mut tallies = Vec::new();
        for (database, _) in self.databases().await? {
            self.ask("choose a database", &["SELECT", &database.to_string()])
                .await?;
            let summed = sum(&self.connection).await;
            let (count, sum) = summed.map_err(self.endpoint.failed("count the keys"))?;
            tallies.push(Tally::sum(
                format!("keys of the database {database}"),
                count,
                format!("{sum:032x}"),
            ));
        }
        Ok(tallies)
    }
}

/// The number of keys of the chosen database that do not expire, and a sum of the hashes of their values. The next pages
/// are on their way while one is hashed.
async fn sum(connection: &MultiplexedConnection) -> Result<(u64, u128), RedisError> {
    let values = pages(connection).map_ok(|keys| values(connection.clone(), keys));
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
        let scan = command(&["SCAN", &cursor, "COUNT", &PAGE.to_string()]);
        let (next, keys): (String, Vec<Vec<u8>>) = scan.query_async(&mut connection).await?;
        let keys = keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
        Ok(Some((keys, (connection, Some(next).filter(|next| next != "0"), seen))))
    })
}

/// Those of `keys` that do not expire, with their kinds and values.
async fn values(
    mut connection: MultiplexedConnection,
    keys: Vec<Vec<u8>>,
) -> Result<Vec<(Vec<u8>, String, Value)>, RedisError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut about = redis::pipe();
    for key in &keys {
        about.cmd("PTTL").arg(key).cmd("TYPE").arg(key);
    }
    let about: Vec<Value> = about.query_async(&mut connection).await?;
    let mut asked = Vec::new();
    let mut values = redis::pipe();
    for (key, about) in keys.into_iter().zip(about.chunks(2)) {
        let kind: String = redis::from_redis_value(about[1].clone())?;
        // -1: it stays.
        if about[0] == Value::Int(-1) && read(&mut values, &kind, &key) {
            asked.push((key, kind));
        }
    }
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<Value> = values.query_async(&mut connection).await?;
    let with_values = asked.into_iter().zip(values);
    Ok(with_values.map(|((key, kind), value)| (key, kind, value)).collect())
}

fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command
}

fn is_busy(error: &RedisError) -> bool {
    error.to_string().contains("already in progress")
}

/// Adds the command that reads a key of `kind`; false where there is none.
fn read(pipe: &mut redis::Pipeline, kind: &str, key: &[u8]) -> bool {
    match kind {
        "string" => pipe.cmd("GET").arg(key),
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

/// `db3:keys=12,expires=0,…` as 3 and 12.
fn database(line: &str) -> Option<(u32, u64)> {
    let (database, rest) = line.strip_prefix("db")?.split_once(":keys=")?;
    Some((database.parse().ok()?, rest.split(',').next()?.trim().parse().ok()?))
}

/// Writes the snapshot of `store` into the container.
async fn write_file(instance: &Instance<'_>, store: &dyn Shelf, path: &str) -> Result<(), EngineError> {
    let cat = instance
        .tools
        .start(&["sh", "-c", r#"exec cat > "$0""#, path], Reads::Input)
        .await?;
    cat.fed(store.open(CONTENT).await?).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_with_keys_is_read_from_what_the_server_says() {
        assert_eq!(database("db3:keys=12,expires=1,avg_ttl=0"), Some((3, 12)));
        assert_eq!(database("db_size:0"), None);
    }

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
