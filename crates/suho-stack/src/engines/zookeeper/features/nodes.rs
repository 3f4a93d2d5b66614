//! What nodes do, each on one of its own.

use std::time::Duration;

use tokio::time::timeout;
use zookeeper_client::{CreateMode, Error, EventType};

use super::super::super::asking::{eventually, prove_and_remove, until_answered};
use super::super::super::{EngineError, Evidence, Subject, Waiting};
use super::super::ask;
use super::scene::Scene;

/// How long a node may outlive its session, and a change may take to be told.
const PATIENCE: Duration = Duration::from_secs(5);
/// The names below which two sessions make nodes in turns: one.
pub const ONE_NAME: [&str; 2] = ["queue-", "queue-"];
/// The version of a node that nobody has written to yet.
pub const AS_READ: Option<i32> = Some(0);
/// What is added to the node that is changed to name the one that is watched: nothing.
pub const THE_NODE: &str = "";

/// A node of `mode` is there for other sessions, until its own is closed.
pub async fn ephemeral(subject: &Subject<'_>, mode: CreateMode) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint);
    let proof = async {
        let (owner, other) = (scene.session().await?, scene.session().await?);
        scene.create(&owner, &scene.node, mode).await?;
        let (_, stat) = scene.read(&other).await?;
        drop(owner);
        let looking = format!("wait for {} to go with its session", scene.node);
        let gone = eventually(PATIENCE, || async {
            let found = other.check_stat(&scene.node).await;
            let found = found.map_err(subject.endpoint.failed(&looking))?;
            Ok(found.is_none().then_some(()))
        })
        .await?;
        gone.ok_or_else(|| {
            subject
                .endpoint
                .unexpected(&looking, "that it is gone", "that it is still there")
        })?;
        Evidence::proved(format!("the node of session {:#x} went with it", stat.ephemeral_owner))
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// Two sessions make nodes of `names` in turns, and the numbers of those with one name follow each other.
pub async fn sequential(subject: &Subject<'_>, names: [&str; 2]) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint);
    let proof = async {
        let sessions = [scene.session().await?, scene.session().await?];
        scene.create(&sessions[0], &scene.node, CreateMode::Persistent).await?;
        for _ in 0..2 {
            for (session, name) in sessions.iter().zip(names) {
                let node = format!("{}/{name}", scene.node);
                scene.create(session, &node, CreateMode::PersistentSequential).await?;
            }
        }
        let listing = format!("list what is below {}", scene.node);
        let mut found = sessions[0]
            .list_children(&scene.node)
            .await
            .map_err(subject.endpoint.failed(&listing))?;
        found.sort_unstable();
        let expected: Vec<_> = (0..4).map(|number| format!("queue-{number:010}")).collect();
        subject.endpoint.expect(&listing, &expected, &found)?;
        Evidence::proved("4 nodes that two sessions made in turns are numbered from 0 to 3")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// Of two writers who have read the same version the second, who expects `version`, is refused.
pub async fn compare_and_set(subject: &Subject<'_>, version: Option<i32>) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint);
    let proof = async {
        let (first, second) = (scene.session().await?, scene.session().await?);
        scene.create(&first, &scene.node, CreateMode::Persistent).await?;
        let written = first.set_data(&scene.node, b"first", Some(0)).await;
        written.map_err(scene.failed("write to", &scene.node))?;
        let writing = format!("write to {} as it was before another wrote", scene.node);
        match second.set_data(&scene.node, b"second", version).await {
            Err(Error::BadVersion) => {}
            Err(error) => return Err(subject.endpoint.failed(&writing)(error)),
            Ok(stat) => {
                let found = format!("version {}", stat.version);
                return Err(subject
                    .endpoint
                    .unexpected(&writing, "that the version is refused", found));
            }
        }
        let (value, stat) = scene.read(&second).await?;
        subject
            .endpoint
            .expect(&writing, &(&b"first"[..], 1), &(value.as_slice(), stat.version))?;
        Evidence::proved("of two writers on version 0 the first makes version 1, the second is refused")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// A session that watches the node, to whose name `suffix` is added, hears of a change by another.
pub async fn watch(subject: &Subject<'_>, suffix: &str) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint);
    let proof = async {
        let (observer, writer) = (scene.session().await?, scene.session().await?);
        scene.create(&writer, &scene.node, CreateMode::Persistent).await?;
        let watched = format!("{}{suffix}", scene.node);
        let (_, heard) = observer
            .check_and_watch_stat(&watched)
            .await
            .map_err(scene.failed("watch", &watched))?;
        let written = writer.set_data(&scene.node, b"changed", None).await;
        written.map_err(scene.failed("write to", &scene.node))?;
        let hearing = format!("hear that {} has changed", scene.node);
        let event = timeout(PATIENCE, heard.changed()).await;
        let event = event.map_err(|_| subject.endpoint.unexpected(&hearing, "an event", "silence"))?;
        subject
            .endpoint
            .expect(&hearing, &EventType::NodeDataChanged, &event.event_type)?;
        Evidence::proved("a session that watches a node was told that another changed it")
    };
    prove_and_remove(subject.endpoint, proof, scene.remove()).await
}

/// A node of `mode` outlives a restart of the server.
pub async fn persistence(subject: &Subject<'_>, mode: CreateMode) -> Result<Evidence, EngineError> {
    let Some(restart) = subject.restart else {
        return Ok(Evidence::NotAskable("it restarts the server".to_owned()));
    };
    let service = &subject.endpoint.service;
    let scene = Scene::new(subject.endpoint);
    let proof = async {
        let session = scene.session().await?;
        scene.create(&session, &scene.node, mode).await?;
        let written = session.set_data(&scene.node, b"kept", None).await;
        written.map_err(scene.failed("write to", &scene.node))?;
        drop(session);
        let endpoint = restart.restart(service).await?;
        until_answered(&Waiting::new(), || ask(&endpoint)).await;
        let scene = scene.moved(&endpoint);
        let (value, stat) = scene.read(&scene.session().await?).await?;
        let reading = format!("read {} after the restart", scene.node);
        endpoint.expect(&reading, &(&b"kept"[..], 1), &(value.as_slice(), stat.version))?;
        Evidence::proved("a node is there with its value and version 1 when the server comes back")
    };
    let removal = async {
        match restart.endpoint(service).await {
            Some(endpoint) => scene.moved(&endpoint).remove().await,
            None => scene.remove().await,
        }
    };
    prove_and_remove(subject.endpoint, proof, removal).await
}
