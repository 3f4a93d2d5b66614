//! Messages to subscribers, and keys that announce their end.

use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use redis::{AsyncTypedCommands, Msg, SetExpiry, SetOptions};
use tokio::time::{sleep, timeout};

use super::super::super::asking::prove_and_remove;
use super::super::super::proving::{Evidence, Subject};
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::delete;

/// The life of a key whose end is waited for, in milliseconds.
pub const SHORT: SetExpiry = SetExpiry::PX(150);

/// A message that is not heard, or a key that has not gone, until then is one too late.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// How many messages are published to each channel.
const MESSAGES: usize = 100;

/// Publishes to two channels, `ticks.eur` and `orders.eur`, and subscribes to those that are like `pattern`.
pub async fn publish_subscribe(subject: &Subject<'_>, pattern: &str) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let prefix = Scratch::new().name;
    let mut subscriber = client::subscriber(endpoint).await?;
    let subscribing = subscriber.psubscribe(format!("{prefix}.{pattern}")).await;
    subscribing.map_err(endpoint.failed("subscribe"))?;

    publish(endpoint, &prefix).await?;
    let expected: Vec<_> = (0..MESSAGES)
        .map(|number| (format!("{prefix}.ticks.eur"), number.to_string()))
        .collect();
    let mut messages = subscriber.on_message();
    for expected in &expected {
        let heard = next(endpoint, &mut messages, "hear a message of the channel").await?;
        endpoint.expect("hear the messages in their order", expected, &heard)?;
    }
    Evidence::proved(format!(
        "{MESSAGES} messages of one channel heard in order, {MESSAGES} of another not"
    ))
}

/// Publishes numbered messages, by turns to both channels.
async fn publish(endpoint: &Endpoint, prefix: &str) -> Result<(), EngineError> {
    let mut connection = client::connect(endpoint).await?;
    let mut pipeline = redis::pipe();
    for number in 0..MESSAGES {
        for channel in ["orders.eur", "ticks.eur"] {
            pipeline.publish(format!("{prefix}.{channel}"), number).ignore();
        }
    }
    let publishing = pipeline.exec_async(&mut connection).await;
    publishing.map_err(endpoint.failed("publish"))
}

/// The channel and the text of the next message.
async fn next(
    endpoint: &Endpoint,
    messages: &mut (impl Stream<Item = Msg> + Unpin),
    action: &str,
) -> Result<(String, String), EngineError> {
    match timeout(PATIENCE, messages.next()).await {
        Ok(Some(message)) => {
            let text = message.get_payload().map_err(endpoint.failed(action))?;
            Ok((message.get_channel_name().to_owned(), text))
        }
        Ok(None) => Err(endpoint.unexpected(action, "a message", "the end of the connection")),
        Err(_) => Err(endpoint.unexpected(action, "a message", format!("silence for {PATIENCE:?}"))),
    }
}

/// Sets a key with a `life`, finds it at once, and finds it gone.
pub async fn expiry(subject: &Subject<'_>, life: SetExpiry) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let Scratch { name, value } = Scratch::new();
    let proof = async {
        let mut connection = client::connect(endpoint).await?;
        let before = Instant::now();
        set_for_a_while(endpoint, &name, &value, life).await?;
        // Asked in one step, as the key may go between two: what is there has a life left, and what is gone has none.
        let left: Result<i64, _> = redis::cmd("PTTL").arg(&name).query_async(&mut connection).await;
        let left = left.map_err(endpoint.failed("ask for the life that is left"))?;
        if left == -1 {
            return Err(endpoint.unexpected("give a key a life", "an end", "a key that stays"));
        }
        let gone = async {
            while connection
                .exists(&name)
                .await
                .map_err(endpoint.failed("look for the key"))?
            {
                sleep(PAUSE).await;
            }
            Ok(())
        };
        let action = "see a key go at its end";
        let still_there = |_| endpoint.unexpected(action, "nothing", format!("the key after {PATIENCE:?}"));
        timeout(PATIENCE, gone).await.map_err(still_there)??;
        let (lived, owed) = (before.elapsed(), length(life));
        if lived < owed {
            return Err(endpoint.unexpected("keep a key for its life", format!("{owed:?}"), format!("{lived:?}")));
        }
        Ok(lived)
    };
    let lived = prove_and_remove(endpoint, proof, delete(endpoint, &[&name])).await?;
    Evidence::proved(format!(
        "a key of {:?} was gone after {} ms",
        length(life),
        lived.as_millis()
    ))
}

/// How long a key with this `life` stays at least; one without an end is noticed by its having none.
fn length(life: SetExpiry) -> Duration {
    match life {
        SetExpiry::PX(milliseconds) => Duration::from_millis(milliseconds),
        SetExpiry::EX(seconds) => Duration::from_secs(seconds),
        _ => Duration::ZERO,
    }
}

/// Sets a key with a `life`, and hears of its end.
pub async fn expiry_events(subject: &Subject<'_>, life: SetExpiry) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let Scratch { name, value } = Scratch::new();
    let proof = async {
        let mut subscriber = client::subscriber(endpoint).await?;
        let subscribing = subscriber.subscribe("__keyevent@0__:expired").await;
        subscribing.map_err(endpoint.failed("watch for the end of keys"))?;
        set_for_a_while(endpoint, &name, &value, life).await?;
        let mut events = subscriber.on_message();
        let action = "hear of the end of a key";
        let ours = async {
            // Other keys end meanwhile, and are announced on the same channel.
            while next(endpoint, &mut events, action).await?.1 != name {}
            Ok(())
        };
        let silence = |_| endpoint.unexpected(action, name.as_str(), format!("only others for {PATIENCE:?}"));
        timeout(PATIENCE * 2, ours).await.map_err(silence)?
    };
    prove_and_remove(endpoint, proof, delete(endpoint, &[&name])).await?;
    Evidence::proved("the end of a key was heard on its channel")
}

async fn set_for_a_while(endpoint: &Endpoint, name: &str, value: &str, life: SetExpiry) -> Result<(), EngineError> {
    let mut connection = client::connect(endpoint).await?;
    let options = SetOptions::default().with_expiration(life);
    let setting = connection.set_options(name, value, options).await;
    setting.map(drop).map_err(endpoint.failed("set a key for a while"))
}
