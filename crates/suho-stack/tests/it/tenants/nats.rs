use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use suho_stack::engines::{
    Endpoint,
    nats::{
        NatsTenant,
        async_nats::{
            ConnectOptions,
            jetstream::{self, Context, ErrorCode, consumer::pull, kv, stream::Config, stream::StorageType},
        },
    },
    tenancy::{Migrations, Room, TenantName},
};
use tokio::time::{sleep, timeout};

use super::lent::Lent;

static LENT: Lent = Lent::new("suho-nats-server");

/// The file, the users, the limits: all of it holds with accounts for tenants as without.
#[tokio::test]
async fn a_lent_server_is_proved_as_any_other() {
    let (nats, _guard) = LENT.few().await;

    nats.assert_proved(&["account-isolation", "account-storage", "file-stream"])
        .await;
}

#[tokio::test]
async fn places_are_given_once_waited_for_and_left() {
    let (nats, _guard) = LENT.all().await;

    nats.assert_places().await;
}

#[tokio::test]
#[ignore = "takes minutes; run by hand"]
async fn a_thousand_tenants_come_and_go() {
    let (nats, _guard) = LENT.all().await;

    nats.assert_a_thousand().await;
}

async fn publish(jetstream: &Context, subject: &str, text: &'static str) {
    let stored = jetstream.publish(subject.to_owned(), text.into()).await.unwrap();
    stored.await.unwrap();
}

async fn texts(jetstream: &Context, stream: &str) -> Vec<String> {
    let mut stream = jetstream.get_stream(stream).await.unwrap();
    let state = stream.info().await.unwrap().state.clone();
    let mut texts = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        texts.push(String::from_utf8_lossy(&message.payload).into_owned());
    }
    texts
}

fn stream(name: &str, subject: &str) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        ..Config::default()
    }
}

#[tokio::test]
async fn what_two_tenants_call_the_same_is_not() {
    let (nats, _guard) = LENT.few().await;
    let rooms = [nats.new_room().await, nats.new_room().await];
    let tenants = rooms.clone().map(|room| NatsTenant::new(nats.endpoint.clone(), room));
    let [a, b] = [
        tenants[0].jetstream().await.unwrap(),
        tenants[1].jetstream().await.unwrap(),
    ];

    for (jetstream, text) in [(&a, "a"), (&b, "b")] {
        jetstream.create_stream(stream("SAME", "same.>")).await.unwrap();
        publish(jetstream, "same.subject", text).await;
        let config = kv::Config {
            bucket: "same".to_owned(),
            ..kv::Config::default()
        };
        let bucket = jetstream.create_key_value(config).await.unwrap();
        bucket.put("key", text.into()).await.unwrap();
    }

    for (jetstream, text) in [(&a, "a"), (&b, "b")] {
        assert_eq!(texts(jetstream, "SAME").await, [text]);
        let bucket = jetstream.get_key_value("same").await.unwrap();
        assert_eq!(bucket.get("key").await.unwrap().unwrap(), text);
    }
    nats.remove(&rooms[0].tenant).await;
    assert_eq!(texts(&b, "SAME").await, ["b"]);
    nats.remove(&rooms[1].tenant).await;
}

/// In each direction: what one listens for, however widely, and whomever it claims to be.
#[tokio::test]
async fn no_tenant_hears_asks_or_impersonates_others() {
    let (nats, _guard) = LENT.few().await;
    let rooms = [nats.new_room().await, nats.new_room().await];
    let tenants = rooms.clone().map(|room| NatsTenant::new(nats.endpoint.clone(), room));
    for [one, other] in [[&tenants[0], &tenants[1]], [&tenants[1], &tenants[0]]] {
        let (client, speaker) = (one.connect().await.unwrap(), other.connect().await.unwrap());
        let platform = platform(&nats.endpoint).await;
        let mut everything = client.subscribe(">").await.unwrap();
        let mut system = client.subscribe("$SYS.>").await.unwrap();
        client.flush().await.unwrap();

        for speaker in [&speaker, &platform.client()] {
            for subject in [
                "orders.new",
                "$SYS.ACCOUNT.SUHO.CONNECT",
                "$JS.EVENT.ADVISORY.x",
                "_INBOX.x",
            ] {
                speaker.publish(subject, "secret".into()).await.unwrap();
            }
            speaker.flush().await.unwrap();
        }
        client.publish("own", "own".into()).await.unwrap();
        let heard = everything.next().await.unwrap();
        assert_eq!(heard.subject.as_str(), "own");
        assert!(timeout(Duration::from_millis(200), system.next()).await.is_err());

        for subject in [
            "$SYS.REQ.SERVER.PING.VARZ",
            "$SYS.REQ.SERVER.PING.JSZ",
            "$SYS.REQ.ACCOUNT.SUHO.CONNZ",
        ] {
            let asked = timeout(Duration::from_secs(1), client.request(subject, "".into())).await;
            assert!(!matches!(asked, Ok(Ok(_))), "{subject}: {asked:?}");
        }
        // The server tells every account of its own connections, and of no others.
        let asked = client
            .request("$SYS.REQ.SERVER.PING.CONNZ", "{\"auth\": true}".into())
            .await
            .unwrap();
        let told: serde_json::Value = serde_json::from_slice(&asked.payload).unwrap();
        let told = told["data"]["connections"].as_array().unwrap();
        assert!(
            told.iter().all(|connection| connection["account"] == one.account()),
            "{told:?}"
        );
        // Streams of the platform, and of the other account by the whole name of their interface.
        let asked = client
            .request("$JS.API.STREAM.INFO.SUHO_TENANTS", "".into())
            .await
            .unwrap();
        assert!(String::from_utf8_lossy(&asked.payload).contains("stream not found"));

        for user in [other.user(), "suho", "suho_system"] {
            let options = ConnectOptions::with_user_and_password(user.to_owned(), one.password().to_owned());
            let address = nats.endpoint.address(4222).unwrap();
            assert!(
                options.connect(address).await.is_err(),
                "{user} was let in by another's password"
            );
        }
    }
    for room in rooms {
        nats.remove(&room.tenant).await;
    }
}

async fn platform(endpoint: &Endpoint) -> Context {
    let password = endpoint.credential("SUHO_NATS_PASSWORD").unwrap().to_owned();
    let options = ConnectOptions::with_user_and_password("suho".to_owned(), password);
    jetstream::new(options.connect(endpoint.address(4222).unwrap()).await.unwrap())
}

#[tokio::test]
async fn a_tenant_begins_with_the_declared_streams_and_cannot_exceed_its_limits() {
    let (nats, _guard) = LENT.few().await;
    let room = nats.new_room().await;
    let tenant = NatsTenant::new(nats.endpoint.clone(), room.clone());
    let jetstream = tenant.jetstream().await.unwrap();

    let mut names: Vec<String> = jetstream.stream_names().try_collect().await.unwrap();
    names.sort_unstable();
    assert_eq!(names, ["EXECUTIONS", "ORDERS", "RISK", "SIGNALS", "TICKS"]);
    publish(&jetstream, "orders.new", "order").await;
    assert_eq!(texts(&jetstream, "ORDERS").await, ["order"]);
    let account = jetstream.query_account().await.unwrap();
    assert_eq!(account.limits.max_storage, Some(128 << 20));
    assert_eq!(account.limits.max_memory, Some(32 << 20));
    for (storage, bytes) in [(StorageType::File, 129 << 20), (StorageType::Memory, 33 << 20)] {
        let config = Config {
            max_bytes: bytes,
            storage,
            ..stream("LARGE", "large")
        };
        let error = jetstream.create_stream(config).await.unwrap_err();
        assert!(error.to_string().contains("insufficient"), "{error}");
    }
    nats.remove(&room.tenant).await;
}

/// A program of a tenant that is gone is cut off, and what it still writes is not the next one's.
#[tokio::test]
async fn a_removed_tenant_is_cut_off_and_leaves_an_empty_account() {
    let (nats, _guard) = LENT.few().await;
    let room = nats.new_room().await;
    let tenant = NatsTenant::new(nats.endpoint.clone(), room.clone());
    let jetstream = tenant.jetstream().await.unwrap();
    jetstream.create_stream(stream("MINE", "mine")).await.unwrap();
    let connection = jetstream.client().server_info().client_id;

    nats.remove(&room.tenant).await;

    let again = tenant.jetstream().await.unwrap();
    let left: Vec<String> = again.stream_names().try_collect().await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    for _ in 0..100 {
        if jetstream.client().server_info().client_id != connection {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the old connection is still the tenant's");
}

async fn consumed(jetstream: &Context, count: usize) -> Vec<String> {
    let stream = jetstream.get_stream("KEPT").await.unwrap();
    let config = pull::Config {
        durable_name: Some("reader".to_owned()),
        ..pull::Config::default()
    };
    let consumer = stream.get_or_create_consumer("reader", config).await.unwrap();
    let batch = consumer
        .fetch()
        .max_messages(count)
        .expires(Duration::from_secs(2))
        .messages()
        .await
        .unwrap();
    let messages: Vec<_> = batch.try_collect().await.unwrap();
    for message in &messages {
        message.double_ack().await.unwrap();
    }
    let text = |message: &jetstream::Message| String::from_utf8_lossy(&message.payload).into_owned();
    messages.iter().map(text).collect()
}

#[tokio::test]
async fn a_restored_room_is_what_it_was_messages_consumers_and_buckets() {
    let (nats, _guard) = LENT.few().await;
    let room = nats.new_room().await;
    let bystander = nats.new_room().await;
    let tenancy = nats.engine.tenancy().unwrap();
    let tenant = NatsTenant::new(nats.endpoint.clone(), room.clone());
    let jetstream = tenant.jetstream().await.unwrap();
    jetstream.create_stream(stream("KEPT", "kept.>")).await.unwrap();
    let memory = Config {
        storage: StorageType::Memory,
        ..stream("MEMORY", "memory")
    };
    jetstream.create_stream(memory).await.unwrap();
    for text in ["one", "two", "three"] {
        publish(&jetstream, "kept.x", text).await;
    }
    publish(&jetstream, "memory", "remembered").await;
    // Larger than a chunk of the snapshot, and not to be made smaller.
    let large: Vec<u8> = (0..900_000).map(|_| rand::random()).collect();
    for _ in 0..4 {
        let stored = jetstream
            .publish("executions.large", large[..60_000].to_vec().into())
            .await
            .unwrap();
        stored.await.unwrap();
    }
    jetstream.create_stream(stream("LARGE", "large")).await.unwrap();
    jetstream
        .publish("large", large.clone().into())
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(consumed(&jetstream, 1).await, ["one"]);
    let config = kv::Config {
        bucket: "settings".to_owned(),
        history: 3,
        ..kv::Config::default()
    };
    let bucket = jetstream.create_key_value(config).await.unwrap();
    bucket.put("mode", "before".into()).await.unwrap();

    let label = "after import / ünïcode *>";
    tenancy.snapshot(&nats.endpoint, &room, "another").await.unwrap();
    tenancy.snapshot(&nats.endpoint, &room, label).await.unwrap();
    // In place of the first one.
    publish(&jetstream, "kept.x", "four").await;
    tenancy.snapshot(&nats.endpoint, &room, label).await.unwrap();

    jetstream.delete_stream("LARGE").await.unwrap();
    jetstream.get_stream("KEPT").await.unwrap().purge().await.unwrap();
    publish(&jetstream, "kept.x", "five").await;
    bucket.put("mode", "after".into()).await.unwrap();
    jetstream.create_stream(stream("NEW", "new")).await.unwrap();
    for _ in 0..2 {
        tenancy.restore(&nats.endpoint, &room, label).await.unwrap();

        assert_eq!(texts(&jetstream, "KEPT").await, ["one", "two", "three", "four"]);
        assert_eq!(texts(&jetstream, "MEMORY").await, ["remembered"]);
        let stream = jetstream.get_stream("LARGE").await.unwrap();
        assert!(stream.get_raw_message(1).await.unwrap().payload == large);
        assert!(jetstream.get_stream("NEW").await.is_err());
        let bucket = jetstream.get_key_value("settings").await.unwrap();
        assert_eq!(bucket.get("mode").await.unwrap().unwrap(), "before");
        // Where its reader was.
        assert_eq!(consumed(&jetstream, 3).await, ["two", "three", "four"]);
    }
    let error = tenancy
        .restore(&nats.endpoint, &room, "nothing")
        .await
        .unwrap_err()
        .in_full();
    assert!(
        error.contains("`nothing`") && error.contains("none of that name"),
        "{error}"
    );
    let error = tenancy
        .restore(&nats.endpoint, &bystander, label)
        .await
        .unwrap_err()
        .in_full();
    assert!(error.contains("none of that name"), "{error}");

    for room in [&room, &bystander] {
        nats.remove(&room.tenant).await;
    }
    let names: Vec<String> = platform(&nats.endpoint)
        .await
        .stream_names()
        .try_collect()
        .await
        .unwrap();
    assert!(
        !names.iter().any(|name| name.contains(room.tenant.as_str())),
        "{names:?}"
    );
}

#[tokio::test]
async fn migrations_are_functions_in_the_room() {
    let (nats, _guard) = LENT.few().await;
    let tenancy = nats.engine.tenancy().unwrap();
    let tenant = TenantName::random();
    let migrations = Migrations::new().function("streams", "1", |way_in| async move {
        let variable = |name| {
            way_in
                .variables
                .iter()
                .find(|(known, _)| *known == name)
                .unwrap()
                .1
                .expose()
                .to_owned()
        };
        let options = ConnectOptions::with_user_and_password(variable("NATS_USER"), variable("NATS_PASSWORD"));
        let client = options.connect(variable("NATS_URL")).await?;
        jetstream::new(client)
            .create_stream(stream("MIGRATED", "migrated"))
            .await?;
        Ok(())
    });

    let room = tenancy.make(&nats.endpoint, &tenant, &migrations).await.unwrap();

    let jetstream = NatsTenant::new(nats.endpoint.clone(), room).jetstream().await.unwrap();
    assert!(jetstream.get_stream("MIGRATED").await.is_ok());
    nats.remove(&tenant).await;
}

/// The server of `NATS_URL` has no accounts for us.
#[tokio::test]
async fn on_a_server_of_others_a_room_is_a_prefix_and_says_so() {
    let (nats, _guard) = LENT.few().await;
    let url = nats.engine.variables(&nats.endpoint).unwrap()[0].1.clone();
    let foreign = nats
        .engine
        .named_by(&|name| (name == "NATS_URL").then(|| url.clone()))
        .unwrap()
        .unwrap();
    let tenancy = nats.engine.tenancy().unwrap();
    let rooms: [Room; 2] = [
        tenancy
            .make(&foreign, &TenantName::random(), &Migrations::new())
            .await
            .unwrap(),
        tenancy
            .make(&foreign, &TenantName::random(), &Migrations::new())
            .await
            .unwrap(),
    ];
    let mut handles = Vec::new();
    for room in &rooms {
        assert!(
            room.not_offered[0].starts_with("an account of its own"),
            "{:?}",
            room.not_offered
        );
        let tenant = NatsTenant::new(foreign.clone(), room.clone());
        let jetstream = tenant.jetstream().await.unwrap();
        let config = stream(&tenant.stream("SAME"), &tenant.subject("same"));
        jetstream.create_stream(config).await.unwrap();
        publish(&jetstream, &tenant.subject("same"), "kept").await;
        handles.push((tenant, jetstream));
    }
    let (second, jetstream) = &handles[1];
    tenancy.snapshot(&foreign, second.room(), "kept").await.unwrap();
    publish(jetstream, &second.subject("same"), "lost").await;

    tenancy.remove(&foreign, &rooms[0].tenant).await.unwrap();
    tenancy.restore(&foreign, second.room(), "kept").await.unwrap();

    assert_eq!(texts(jetstream, &second.stream("SAME")).await, ["kept"]);
    let error = jetstream.get_stream(handles[0].0.stream("SAME")).await.unwrap_err();
    assert!(
        error.to_string().contains(&ErrorCode::STREAM_NOT_FOUND.0.to_string())
            || error.to_string().contains("not found")
    );
    tenancy.remove(&foreign, &rooms[1].tenant).await.unwrap();
    let names: Vec<String> = jetstream.stream_names().try_collect().await.unwrap();
    assert!(
        !names.iter().any(|name| name.contains(rooms[1].tenant.as_str())),
        "{names:?}"
    );
}
