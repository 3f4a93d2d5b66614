//! What the broker writes into `ZooKeeper`, and whom it lets do what.

use serde_json::Value;

use super::super::super::asking::prove_and_remove;
use super::super::super::{Endpoint, EngineError, Evidence, Subject, zookeeper};
use super::super::log_in;
use super::super::wire::{Access, Cluster, Described};
use super::scene::Scene;

/// What is asked of the broker itself.
struct Broker {
    cluster: Cluster,
    /// The number of the broker, as text.
    number: String,
    /// Where it says that clients reach it, one for each listener.
    advertised: Vec<String>,
    /// Below which node its metadata is.
    root: String,
}

/// The broker, its controller and its cluster are written in `ZooKeeper` as the broker itself tells them.
pub async fn registration(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let Some(zookeeper) = subject.neighbour("suho-zookeeper") else {
        return Ok(Evidence::NotAskable("no ZooKeeper is beside it".to_owned()));
    };
    let broker = ask(subject.endpoint).await?;
    let node = |path: String| read(zookeeper, path);
    let registered = match node(format!("{}/brokers/ids/{}", broker.root, broker.number)).await {
        Err(EngineError::NotPublished { port, .. }) => {
            return Ok(Evidence::NotAskable(format!(
                "the port {port} of ZooKeeper is not published"
            )));
        }
        registered => registered?,
    };
    let endpoints: Vec<_> = registered["endpoints"].as_array().into_iter().flatten().collect();
    let endpoints: Vec<_> = endpoints.iter().filter_map(|endpoint| endpoint.as_str()).collect();
    let cluster = node(format!("{}/cluster/id", broker.root)).await?;
    let controller = node(format!("{}/controller", broker.root)).await?;

    let said = |what: &str| format!("read {what} in ZooKeeper");
    let endpoint = subject.endpoint;
    endpoint.expect(
        &said("the cluster"),
        &broker.cluster.id.as_str(),
        &cluster["id"].as_str().unwrap_or_default(),
    )?;
    endpoint.expect(
        &said("the broker's listeners"),
        &broker.advertised,
        &endpoints.iter().map(|at| (*at).to_owned()).collect(),
    )?;
    endpoint.expect(
        &said("the controller"),
        &Some(i64::from(broker.cluster.controller)),
        &controller["brokerid"].as_i64(),
    )?;
    Evidence::proved(format!(
        "broker {} with {} listeners, the controller and the cluster are those that the broker tells",
        broker.number,
        endpoints.len()
    ))
}

async fn ask(endpoint: &Endpoint) -> Result<Broker, EngineError> {
    const ACTION: &str = "ask the broker who it is";
    let mut wire = log_in(endpoint).await?;
    let cluster = wire.cluster().await.map_err(endpoint.failed(ACTION))?;
    let number = cluster
        .brokers
        .first()
        .map(|broker| broker.number.to_string())
        .unwrap_or_default();
    let configs = wire
        .configs(Described::Broker, &number)
        .await
        .map_err(endpoint.failed(ACTION))?;
    let value = |key: &str| {
        let config = configs.iter().find(|config| config.name == key);
        config.and_then(|config| config.value.clone()).unwrap_or_default()
    };
    let root = value("zookeeper.connect");
    Ok(Broker {
        cluster,
        number,
        advertised: value("advertised.listeners").split(',').map(str::to_owned).collect(),
        root: root.find('/').map(|at| root[at..].to_owned()).unwrap_or_default(),
    })
}

async fn read(zookeeper: &Endpoint, node: String) -> Result<Value, EngineError> {
    let value = zookeeper::read(zookeeper, &node).await?;
    serde_json::from_slice(&value).map_err(zookeeper.failed(format!("read {node} as JSON")))
}

/// Who may read a topic is kept by the broker, and the platform's own user needs no such leave.
pub async fn access(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let scene = Scene::new(subject.endpoint)?;
    let access = Access {
        topic: scene.topic.clone(),
        principal: format!("User:{}", scene.topic),
    };
    let proof = async {
        scene.create(1, &[]).await?;
        let mut wire = log_in(subject.endpoint).await?;
        let allowing = format!("let {} alone read a topic", access.principal);
        wire.allow(&access).await.map_err(subject.endpoint.failed(&allowing))?;
        let allowed = wire
            .allowed(&scene.topic)
            .await
            .map_err(subject.endpoint.failed(&allowing))?;
        subject.endpoint.expect(&allowing, &vec![access.clone()], &allowed)?;
        // Whoever is not on the list is refused, unless he is a super user.
        scene.write(&scene.client(&[])?, &["mine"]).await?;
        scene.read(&[]).await?;
        Evidence::proved("a topic that somebody else alone may read is still the service user's")
    };
    let removal = async {
        let mut wire = log_in(subject.endpoint).await?;
        let withdrawn = wire.allow_nobody(&scene.topic).await;
        withdrawn.map_err(subject.endpoint.failed("withdraw the leave"))?;
        scene.remove().await
    };
    prove_and_remove(subject.endpoint, proof, removal).await
}
