//! What a snapshot keeps, and what a full memory does.

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisError};

use super::super::super::asking::{prove_and_remove, until_answered};
use super::super::super::proving::{Evidence, Subject};
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError, Waiting};
use super::super::{ask, client};
use super::delete;

/// Reads the limit and what happens at it: to fill the memory of a server that others use would be no proof but harm.
pub async fn memory_limit(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let mut connection = client::connect(endpoint).await?;
    let info = client::info(endpoint, &mut connection).await?;
    let field = |name| client::field(&info, name).unwrap_or("nothing");
    let limit = field("maxmemory");
    if limit.parse::<u64>().unwrap_or_default() == 0 {
        return Err(endpoint.unexpected("limit the memory", "a number of bytes", limit));
    }
    endpoint.expect(
        "keep every key when memory is full",
        "noeviction",
        field("maxmemory_policy"),
    )?;
    endpoint.expect("keep every key so far", "0", field("evicted_keys"))?;
    Evidence::proved(format!("{limit} bytes at most, noeviction, 0 keys evicted"))
}

/// One key of each kind.
struct Keys {
    text: String,
    list: String,
    hash: String,
    sorted: String,
    stream: String,
}

/// What is in them.
#[derive(Debug, PartialEq, Eq)]
struct Contents {
    text: String,
    list: Vec<u32>,
    hash: BTreeMap<String, u32>,
    sorted: Vec<(String, u32)>,
    entries: u32,
}

/// Writes a key of each kind, takes a snapshot, has the server started anew, and reads all of them.
pub async fn snapshots(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let Some(restart) = subject.restart else {
        return Ok(Evidence::NotAskable("nobody may restart the server".to_owned()));
    };
    let keys = Keys::new();
    let proof = async {
        let mut connection = client::connect(endpoint).await?;
        keys.write(endpoint, &mut connection).await?;
        let saving = redis::cmd("SAVE").exec_async(&mut connection).await;
        saving.map_err(endpoint.failed("take a snapshot"))?;
        let moved = restart.restart(&endpoint.service).await?;
        until_answered(&Waiting::new(), || ask(&moved)).await;
        let found = keys.read(&moved).await?;
        endpoint.expect("find everything after a restart", &Contents::written(), &found)
    };
    let removal = async {
        let moved = restart.endpoint(&endpoint.service).await;
        delete(moved.as_ref().unwrap_or(endpoint), &keys.all()).await
    };
    prove_and_remove(endpoint, proof, removal).await?;
    Evidence::proved("a text, a list, a hash, a sorted set and a stream were back after a snapshot and a restart")
}

impl Keys {
    fn new() -> Self {
        let name = Scratch::new().name;
        let of = |kind: &str| format!("{name}.{kind}");
        Self {
            text: of("text"),
            list: of("list"),
            hash: of("hash"),
            sorted: of("sorted"),
            stream: of("stream"),
        }
    }

    fn all(&self) -> [&str; 5] {
        [&self.text, &self.list, &self.hash, &self.sorted, &self.stream]
    }

    async fn write(&self, endpoint: &Endpoint, connection: &mut MultiplexedConnection) -> Result<(), EngineError> {
        let Contents {
            text,
            list,
            hash,
            sorted,
            entries,
        } = Contents::written();
        let mut pipeline = redis::pipe();
        pipeline.set(&self.text, text).rpush(&self.list, list);
        for (field, value) in hash {
            pipeline.hset(&self.hash, field, value);
        }
        for (member, score) in sorted {
            pipeline.zadd(&self.sorted, member, score);
        }
        for number in 0..entries {
            pipeline.xadd(&self.stream, "*", &[("number", number)]);
        }
        let writing = pipeline.exec_async(connection).await;
        writing.map_err(endpoint.failed("write a key of each kind"))
    }

    async fn read(&self, endpoint: &Endpoint) -> Result<Contents, EngineError> {
        let mut connection = client::connect(endpoint).await?;
        let failed = || endpoint.failed::<RedisError>("read a key of each kind");
        let sorted = ["0", "-1", "WITHSCORES"];
        let text: Option<String> = get(&mut connection, "GET", &self.text, &[]).await.map_err(failed())?;
        Ok(Contents {
            text: text.unwrap_or_default(),
            list: get(&mut connection, "LRANGE", &self.list, &["0", "-1"])
                .await
                .map_err(failed())?,
            hash: get(&mut connection, "HGETALL", &self.hash, &[])
                .await
                .map_err(failed())?,
            sorted: get(&mut connection, "ZRANGE", &self.sorted, &sorted)
                .await
                .map_err(failed())?,
            entries: get(&mut connection, "XLEN", &self.stream, &[])
                .await
                .map_err(failed())?,
        })
    }
}

async fn get<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    command: &str,
    key: &str,
    arguments: &[&str],
) -> Result<T, RedisError> {
    redis::cmd(command)
        .arg(key)
        .arg(arguments)
        .query_async(connection)
        .await
}

impl Contents {
    fn written() -> Self {
        Self {
            text: "suho".to_owned(),
            list: vec![3, 1, 2],
            hash: BTreeMap::from([("bid".to_owned(), 101), ("ask".to_owned(), 102)]),
            sorted: vec![("low".to_owned(), 1), ("high".to_owned(), 2)],
            entries: 3,
        }
    }
}
