use suho_stack::{
    alone::{self, Alone, AloneError},
    engines,
    stack::ImageSource,
};
use testcontainers_modules::{
    nats::Nats,
    testcontainers::{ContainerAsync, Image, ImageExt, core::ExecCommand, runners::AsyncRunner},
};

use super::unique;

async fn start(engine: &str, network: &str, name: &str) -> ContainerAsync<Alone> {
    let image = alone::image_from(engine, ImageSource::Airgap).await.unwrap();
    let image = image.with_network(network).with_container_name(name);
    image.start().await.unwrap()
}

/// The first line that a server on the network of `container` says to it.
async fn heard(container: &ContainerAsync<Alone>, server: &str, port: u16, word: &str) -> String {
    let script = format!("exec 3<>/dev/tcp/{server}/{port}; printf '{word}' >&3; head -n 1 <&3");
    said(container, &script).await
}

/// What `script` says within `container`.
async fn said(container: &ContainerAsync<Alone>, script: &str) -> String {
    let script = ExecCommand::new(["bash", "-c", script]);
    let mut answer = container.exec(script).await.unwrap();
    String::from_utf8(answer.stdout_to_vec().await.unwrap()).unwrap()
}

/// `TimescaleDB` and Dragonfly of ours and NATS of testcontainers-modules, which no stack holds together.
#[tokio::test]
async fn two_engines_alone_and_a_container_of_another_library_share_a_network() {
    let network = unique("alone");
    let (postgresql, dragonfly) = (unique("pg"), unique("dfly"));
    let nats = alone::image_from("nats", ImageSource::Airgap).await.unwrap();
    let neighbour_name = unique("nats");
    let (database, cache) = tokio::join!(
        start("postgresql", &network, &postgresql),
        start("dragonflydb", &network, &dragonfly),
    );
    let neighbour = Nats::default()
        .with_name(nats.name())
        .with_tag(nats.tag())
        .with_cmd(["nats-server", "--port", "4222"])
        .with_network(&network)
        .with_container_name(&neighbour_name)
        .start()
        .await
        .unwrap();

    // Ready means that the schema is there, which nothing here has waited for.
    let query = r#"psql -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Atc 'SELECT 1 FROM infra.init_done'"#;
    let query = format!(r#"PGPASSWORD="$POSTGRES_PASSWORD" {query}"#);
    assert_eq!(said(&database, &query).await, "1\n");

    // From this machine, as the user of each.
    for container in [&database, &cache] {
        let endpoint = alone::serving(container).await.unwrap();
        let engine = engines::by_service(&endpoint.service).unwrap();
        engine.round_trip(&endpoint).await.unwrap();
        engine.refuse_strangers(&endpoint).await.unwrap();
    }
    // And from each other, by name.
    assert!(heard(&database, &neighbour_name, 4222, "").await.starts_with("INFO {"));
    assert!(
        heard(&database, &dragonfly, 6379, r"PING\r\n")
            .await
            .starts_with("-NOAUTH")
    );
    assert!(heard(&cache, &neighbour_name, 4222, "").await.starts_with("INFO {"));

    database.rm().await.unwrap();
    cache.rm().await.unwrap();
    neighbour.rm().await.unwrap();
}

#[tokio::test]
async fn an_engine_that_needs_another_or_cannot_be_had_is_told() {
    let kafka = alone::image_from("kafka", ImageSource::Airgap).await.unwrap_err();
    assert!(matches!(kafka, AloneError::NeedsOthers { .. }), "{kafka:?}");
    assert!(kafka.to_string().contains("suho-zookeeper"), "{kafka}");

    let arangodb = alone::image_from("arangodb", ImageSource::Airgap).await.unwrap_err();
    assert!(matches!(arangodb, AloneError::Absent { .. }), "{arangodb:?}");

    let unknown = alone::image("oracle").await.unwrap_err();
    assert!(matches!(unknown, AloneError::Stack(_)), "{unknown:?}");
}
