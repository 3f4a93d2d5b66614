//! Streams that the consumers of a group share.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamPendingReply, StreamReadReply};
use redis::{AsyncCommands, FromRedisValue, RedisError};

use super::super::super::asking::prove_and_remove;
use super::super::super::proving::{Evidence, Subject};
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::delete;

/// Where a group begins that is to have everything.
pub const FROM_THE_BEGINNING: &str = "0";

const GROUP: &str = "workers";
/// What is written: a hundredth of each is a price.
const TICKS: [i64; 5] = [10_125, 10_130, 10_110, 10_140, 10_135];

/// A stream of ticks with a group, and a connection to both.
struct Bench<'a> {
    endpoint: &'a Endpoint,
    stream: &'a str,
    connection: MultiplexedConnection,
}

/// Writes five ticks, has two consumers of a group that begins at `start` read them, and acknowledges each.
pub async fn groups(subject: &Subject<'_>, start: &str) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let stream = Scratch::new().name;
    let proof = async {
        let mut bench = Bench::of(endpoint, &stream, start).await?;
        let first = bench.read("first", 2).await?;
        let second = bench.read("second", TICKS.len()).await?;
        endpoint.expect("read as the first consumer", &TICKS[..2].to_vec(), &prices(&first))?;
        endpoint.expect("read as the second consumer", &TICKS[2..].to_vec(), &prices(&second))?;
        endpoint.expect("count what is not acknowledged", &TICKS.len(), &bench.pending().await?)?;
        for (id, _) in first.iter().chain(&second) {
            endpoint.expect("acknowledge an entry", &1, &bench.acknowledge(id).await?)?;
        }
        endpoint.expect("count what is not acknowledged", &0, &bench.pending().await?)?;
        let again = bench.acknowledge(&first[0].0).await?;
        endpoint.expect("acknowledge an entry once more", &0, &again)
    };
    prove_and_remove(endpoint, proof, delete(endpoint, &[&stream])).await?;
    Evidence::proved(format!(
        "{} entries, 2 for one consumer and {} for the other, each acknowledged once",
        TICKS.len(),
        TICKS.len() - 2
    ))
}

/// Lets a consumer read and fall silent; another claims what has been idle for `idle`.
pub async fn claims(subject: &Subject<'_>, idle: Duration) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let stream = Scratch::new().name;
    let proof = async {
        let mut bench = Bench::of(endpoint, &stream, FROM_THE_BEGINNING).await?;
        let read = bench.read("silent", 3).await?;
        bench.acknowledge(&read[0].0).await?;
        let claimed = bench.claim("busy", idle).await?;
        endpoint.expect(
            "claim what a silent consumer has left",
            &TICKS[1..3].to_vec(),
            &prices(&claimed),
        )?;
        endpoint.expect(
            "count the deliveries of what was claimed",
            &vec![("busy".to_owned(), 2); 2],
            &bench.deliveries().await?,
        )
    };
    prove_and_remove(endpoint, proof, delete(endpoint, &[&stream])).await?;
    Evidence::proved("3 read and 1 acknowledged, the other 2 claimed and delivered twice")
}

type Entry = (String, i64);

fn prices(entries: &[Entry]) -> Vec<i64> {
    entries.iter().map(|(_, price)| *price).collect()
}

impl<'a> Bench<'a> {
    async fn of(endpoint: &'a Endpoint, stream: &'a str, start: &str) -> Result<Self, EngineError> {
        let mut connection = client::connect(endpoint).await?;
        for price in TICKS {
            let adding = connection.xadd(stream, "*", &[("price", price)]).await;
            let _id: String = adding.map_err(endpoint.failed("add to the stream"))?;
        }
        let creating = connection.xgroup_create(stream, GROUP, start).await;
        let () = creating.map_err(endpoint.failed("create the group"))?;
        Ok(Self {
            endpoint,
            stream,
            connection,
        })
    }

    async fn read(&mut self, consumer: &str, count: usize) -> Result<Vec<Entry>, EngineError> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(consumer).arg("COUNT").arg(count);
        command.arg("STREAMS").arg(self.stream).arg(">");
        let reply: Option<StreamReadReply> = self.ask(&command, "read as a consumer").await?;
        let streams = reply.unwrap_or_default().keys;
        Ok(streams
            .iter()
            .flat_map(|stream| &stream.ids)
            .filter_map(entry)
            .collect())
    }

    async fn acknowledge(&mut self, id: &str) -> Result<usize, EngineError> {
        let answer = self.connection.xack(self.stream, GROUP, &[id]).await;
        answer.map_err(self.endpoint.failed("acknowledge an entry"))
    }

    async fn pending(&mut self) -> Result<usize, EngineError> {
        let answer: Result<StreamPendingReply, RedisError> = self.connection.xpending(self.stream, GROUP).await;
        let reply = answer.map_err(self.endpoint.failed("count what is not acknowledged"))?;
        Ok(reply.count())
    }

    async fn claim(&mut self, consumer: &str, idle: Duration) -> Result<Vec<Entry>, EngineError> {
        let mut command = redis::cmd("XAUTOCLAIM");
        command
            .arg(self.stream)
            .arg(GROUP)
            .arg(consumer)
            .arg(idle.as_secs() * 1_000)
            .arg("0-0");
        let reply: StreamAutoClaimReply = self.ask(&command, "claim what a silent consumer has left").await?;
        Ok(reply.claimed.iter().filter_map(entry).collect())
    }

    /// Who has each entry that is not acknowledged, and how often it was delivered.
    async fn deliveries(&mut self) -> Result<Vec<(String, i64)>, EngineError> {
        let mut command = redis::cmd("XPENDING");
        command.arg(self.stream).arg(GROUP).arg("-").arg("+").arg(TICKS.len());
        let rows: Vec<(String, String, i64, i64)> = self.ask(&command, "list what is not acknowledged").await?;
        Ok(rows
            .into_iter()
            .map(|(_, consumer, _, times)| (consumer, times))
            .collect())
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd, action: &str) -> Result<T, EngineError> {
        let answer = command.query_async(&mut self.connection).await;
        answer.map_err(self.endpoint.failed(action))
    }
}

fn entry(entry: &redis::streams::StreamId) -> Option<Entry> {
    Some((entry.id.clone(), entry.get("price")?))
}
