//! Every stream with its consumers by `JetStream`'s own snapshots, in the files that `nats stream restore` reads.

use std::time::Duration;

use async_nats::{Client, Request};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::super::backup::{
    self as keeping, Account, Backup, Instance, Packing, Pieces, Shelf, Tally, Vault, compare, file_name, settled,
};
use super::super::{Endpoint, EngineError};
use super::client::{self, SERVICE};

/// What a piece of a snapshot may hold: half of what a message may.
const PIECE: usize = 512 * 1024;
/// A server that says nothing for so long has forgotten the snapshot.
const SILENCE: Duration = Duration::from_secs(30);
/// Configuration and state of a stream, as the server tells them at the snapshot.
const ABOUT: &str = "backup.json";
/// The snapshot.
const CONTENT: &str = "stream.tar.s2";

/// `$JS.API.STREAM.SNAPSHOT` and `$JS.API.STREAM.RESTORE`.
#[derive(Debug)]
pub(super) struct Snapshots;

/// A connection of the service user's, for requests to `JetStream` that the client has no words for.
struct Api<'a> {
    endpoint: &'a Endpoint,
    client: Client,
}

#[async_trait]
impl Backup for Snapshots {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let api = Api::connect(instance.endpoint).await?;
        let mut account = Account::default();
        for name in api.streams().await? {
            let about = api.snapshot(vault, &name).await?;
            // What came in meanwhile may be in it or not.
            let before = vec![tally(&about), api.consumers(&name).await?];
            let after = vec![tally(&api.stream(&name).await?), api.consumers(&name).await?];
            let (tallies, notes) = settled(&before, after);
            account.tallies.extend(tallies);
            account.notes.extend(notes);
        }
        Ok(account)
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        let api = Api::connect(instance.endpoint).await?;
        let mut occupied = Vec::new();
        for name in api.streams().await? {
            let messages = api.stream(&name).await?["state"]["messages"]
                .as_u64()
                .unwrap_or_default();
            if messages > 0 {
                occupied.push(format!("{messages} messages in the stream {name}"));
            }
        }
        Ok(occupied)
    }

    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let endpoint = instance.endpoint;
        let api = Api::connect(endpoint).await?;
        let present = api.streams().await?;
        let mut tallies = Vec::new();
        for about in store.names().iter().filter(|name| name.ends_with(ABOUT)) {
            let content = about.replace(ABOUT, CONTENT);
            let about = keeping::read(store, about).await?;
            let about: Value = serde_json::from_slice(&about).map_err(endpoint.failed("read what a stream was"))?;
            let name = about["config"]["name"].as_str().unwrap_or_default();
            if present.iter().any(|stream| stream == name) {
                api.ask(&format!("STREAM.DELETE.{name}"), &Value::Null).await?;
            }
            api.restore(name, &about, store.open(&content).await?).await?;
            tallies.extend([tally(&api.stream(name).await?), api.consumers(name).await?]);
            api.age_again(name, &about["config"]).await?;
        }
        compare(endpoint, &account.tallies, &tallies)?;
        Ok(tallies)
    }
}

/// What the server counts of a stream.
fn tally(about: &Value) -> Tally {
    let state = &about["state"];
    let number = |field: &str| state[field].as_u64().unwrap_or_default();
    let checksum = match number("messages") {
        // Where nothing is, the server tells a first sequence one way or another.
        0 => format!("last sequence {}", number("last_seq")),
        _ => format!(
            "{} bytes, sequences {} to {}, {} subjects, {} deleted",
            number("bytes"),
            number("first_seq"),
            number("last_seq"),
            number("num_subjects"),
            number("num_deleted"),
        ),
    };
    let name = about["config"]["name"].as_str().unwrap_or_default();
    Tally::sum(format!("messages of the stream {name}"), number("messages"), checksum)
}

impl<'a> Api<'a> {
    async fn connect(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        let client = client::connect_as(endpoint, SERVICE).await?;
        Ok(Self { endpoint, client })
    }

    /// What `JetStream` answers to `body`.
    async fn ask(&self, subject: &str, body: &Value) -> Result<Value, EngineError> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.request(format!("$JS.API.{subject}"), body.into(), subject).await
    }

    async fn request(&self, subject: String, body: Bytes, action: &str) -> Result<Value, EngineError> {
        let action = || format!("ask JetStream for {action}");
        let request = Request::new().payload(body).timeout(Some(SILENCE));
        let answer = self.client.send_request(subject, request).await;
        let answer = answer.map_err(self.endpoint.failed(action()))?;
        if answer.payload.is_empty() {
            return Ok(Value::Null);
        }
        let answer: Value = serde_json::from_slice(&answer.payload).map_err(self.endpoint.failed(action()))?;
        match answer["error"]["description"].as_str() {
            Some(words) => Err(self.endpoint.failed(action())(words.to_owned())),
            None => Ok(answer),
        }
    }

    /// The names of all streams, those of buckets too.
    async fn streams(&self) -> Result<Vec<String>, EngineError> {
        let mut names = Vec::new();
        loop {
            let page = self.ask("STREAM.NAMES", &json!({"offset": names.len()})).await?;
            let found = page["streams"].as_array().map(Vec::as_slice).unwrap_or_default();
            names.extend(found.iter().filter_map(|name| name.as_str().map(str::to_owned)));
            if found.is_empty() || names.len() as u64 >= page["total"].as_u64().unwrap_or_default() {
                return Ok(names);
            }
        }
    }

    async fn stream(&self, name: &str) -> Result<Value, EngineError> {
        self.ask(&format!("STREAM.INFO.{name}"), &Value::Null).await
    }

    /// The durable consumers of a stream, and how far each has come.
    async fn consumers(&self, stream: &str) -> Result<Tally, EngineError> {
        let mut positions = Vec::new();
        let mut offset = 0;
        loop {
            let page = self
                .ask(&format!("CONSUMER.LIST.{stream}"), &json!({"offset": offset}))
                .await?;
            let found = page["consumers"].as_array().map(Vec::as_slice).unwrap_or_default();
            offset += found.len();
            let durable = found
                .iter()
                .filter(|consumer| consumer["config"]["durable_name"].is_string());
            positions.extend(durable.map(|consumer| {
                format!(
                    "{} at {}, acknowledged {}",
                    consumer["name"].as_str().unwrap_or_default(),
                    consumer["delivered"]["stream_seq"],
                    consumer["ack_floor"]["stream_seq"],
                )
            }));
            if found.is_empty() || offset as u64 >= page["total"].as_u64().unwrap_or_default() {
                break;
            }
        }
        positions.sort();
        let count = positions.len() as u64;
        Ok(Tally::sum(
            format!("consumers of the stream {stream}"),
            count,
            positions.join("; "),
        ))
    }

    /// Writes the snapshot of a stream, and returns what the server says of it.
    async fn snapshot(&self, vault: &dyn Vault, name: &str) -> Result<Value, EngineError> {
        let action = format!("take the snapshot of the stream {name}");
        let inbox = self.client.new_inbox();
        let mut pieces = self
            .client
            .subscribe(inbox.clone())
            .await
            .map_err(self.endpoint.failed(&action))?;
        let asked = json!({"deliver_subject": inbox, "chunk_size": PIECE, "no_consumers": false, "jsck": false});
        let about = self.ask(&format!("STREAM.SNAPSHOT.{name}"), &asked).await?;
        let folder = file_name(name);
        keeping::write(vault, &format!("{folder}/{ABOUT}"), about.to_string()).await?;
        let mut file = vault.create(&format!("{folder}/{CONTENT}"), Packing::AsIs).await?;
        loop {
            let piece = timeout(SILENCE, pieces.next())
                .await
                .map_err(self.endpoint.failed(&action))?;
            let ended = || self.endpoint.failed(action.as_str())("the connection ended before the snapshot");
            let piece = piece.ok_or_else(ended)?;
            if piece.payload.is_empty() {
                // The end carries a status where it is none: `408 No Interest`.
                let words = piece
                    .description
                    .filter(|_| piece.status.is_some_and(|status| status.as_u16() >= 400));
                if let Some(words) = words {
                    return Err(self.endpoint.failed(action)(words));
                }
                break;
            }
            file.write(piece.payload).await?;
            if let Some(reply) = piece.reply {
                // The server sends on once it hears that this one has come.
                let heard = self.client.publish(reply, Bytes::new()).await;
                heard.map_err(self.endpoint.failed(&action))?;
            }
        }
        file.finish().await?;
        Ok(about)
    }

    /// Sends a snapshot back; the stream does not age until it is counted.
    async fn restore(&self, name: &str, about: &Value, mut pieces: Pieces) -> Result<(), EngineError> {
        let mut config = about["config"].clone();
        config["max_age"] = json!(0);
        let asked = json!({"config": config, "state": about["state"]});
        let answer = self.ask(&format!("STREAM.RESTORE.{name}"), &asked).await?;
        let subject = answer["deliver_subject"].as_str().unwrap_or_default().to_owned();
        let action = format!("the stream {name}, out of its snapshot");
        while let Some(piece) = pieces.try_next().await? {
            for chunk in piece.chunks(PIECE) {
                self.request(subject.clone(), piece.slice_ref(chunk), &action).await?;
            }
        }
        self.request(subject, Bytes::new(), &action).await.map(drop)
    }

    /// Gives a restored stream the age that its messages may have.
    async fn age_again(&self, name: &str, config: &Value) -> Result<(), EngineError> {
        if config["max_age"].as_u64().unwrap_or_default() == 0 {
            return Ok(());
        }
        self.ask(&format!("STREAM.UPDATE.{name}"), config).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_counted_by_its_messages_and_the_rest_of_its_state() {
        let about = json!({
            "config": {"name": "ORDERS"},
            "state": {"messages": 2, "bytes": 90, "first_seq": 4, "last_seq": 5, "num_subjects": 1},
        });

        assert_eq!(
            tally(&about),
            Tally::sum(
                "messages of the stream ORDERS",
                2,
                "90 bytes, sequences 4 to 5, 1 subjects, 0 deleted"
            )
        );
    }
}
