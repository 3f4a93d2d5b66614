//! What separates the accounts of a server.

use futures::StreamExt;
use tokio::time::timeout;

use super::super::super::scratch::Scratch;
use super::super::super::{EngineError, Evidence, Subject};
use super::super::client;
pub use super::super::client::{SERVICE, SYSTEM, User};
use super::PATIENCE;

/// What the platform publishes reaches the platform's own listeners, and none of `stranger`'s, who is of another account.
pub async fn isolation(subject: &Subject<'_>, stranger: User) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let topic = Scratch::new().name;
    let ours = client::connect_as(endpoint, SERVICE).await?;
    let theirs = client::connect_as(endpoint, stranger).await?;
    let speaking = "speak and listen within an account";
    let mut our_listener = ours.subscribe(topic.clone()).await.map_err(endpoint.failed(speaking))?;
    let mut their_listener = theirs
        .subscribe(topic.clone())
        .await
        .map_err(endpoint.failed(speaking))?;

    // Each word is heard before the next one is said, so that what crosses over is heard before the listener's own.
    for word in ["theirs", "ours", "theirs again", "ours again"] {
        let (speaker, listener, name) = if word.starts_with("ours") {
            (&ours, &mut our_listener, SERVICE.name)
        } else {
            (&theirs, &mut their_listener, stranger.name)
        };
        let hearing = format!("keep what {name} hears within its account");
        speaker
            .publish(topic.clone(), word.into())
            .await
            .map_err(endpoint.failed(speaking))?;
        let Ok(Some(heard)) = timeout(PATIENCE, listener.next()).await else {
            return Err(endpoint.unexpected(&hearing, word, "nothing"));
        };
        endpoint.expect(&hearing, word, &*String::from_utf8_lossy(&heard.payload))?;
    }
    Evidence::proved(format!(
        "{} and {} each heard their own messages alone",
        SERVICE.name, stranger.name
    ))
}
