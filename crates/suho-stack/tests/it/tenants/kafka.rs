use std::time::{Duration, Instant};

use rstest::rstest;
use suho_stack::engines::{
    kafka::{
        KafkaTenant,
        rdkafka::{
            ClientConfig, Message, Offset, TopicPartitionList,
            admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
            client::DefaultClientContext,
            consumer::{BaseConsumer, CommitMode, Consumer},
            error::{KafkaError, RDKafkaErrorCode as Code},
            metadata::MetadataTopic,
            producer::{BaseProducer, FutureProducer, FutureRecord, Producer},
        },
    },
    tenancy::{Migrations, TenantName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::lent::{Engaged, Lent};

static LENT: Lent = Lent::new("suho-kafka");

const LIMIT: Duration = Duration::from_secs(10);

/// The listeners, the users, the passwords: all of it holds with users for tenants as without.
#[tokio::test(flavor = "multi_thread")]
async fn a_lent_broker_is_proved_as_any_other() {
    let (kafka, _guard) = LENT.few().await;

    kafka.assert_proved(&["access-lists", "consumer-group"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_given_once_waited_for_and_left() {
    let (kafka, _guard) = LENT.all().await;

    kafka.assert_places().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run by hand"]
async fn a_thousand_tenants_come_and_go() {
    let (kafka, _guard) = LENT.all().await;

    kafka.assert_a_thousand().await;
}

async fn tenant(kafka: &Engaged) -> KafkaTenant {
    KafkaTenant::new(kafka.endpoint.clone(), kafka.new_room().await)
}

async fn send(producer: &FutureProducer, topic: &str, text: &str) -> Result<(), KafkaError> {
    let record = FutureRecord::to(topic).key("key").payload(text);
    producer.send(record, LIMIT).await.map(drop).map_err(|(error, _)| error)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_tenants_call_the_same_is_not() {
    let (kafka, _guard) = LENT.few().await;
    let tenants = [tenant(&kafka).await, tenant(&kafka).await];
    for (tenant, text) in tenants.iter().zip(["a", "b"]) {
        let topic = tenant.create_topic("same", 1).await.unwrap();
        send(&tenant.producer().unwrap(), &topic, text).await.unwrap();
    }
    for (tenant, text) in tenants.iter().zip(["a", "b"]) {
        let consumer = tenant.consumer("same", &["same"]).unwrap();
        let record = tokio::time::timeout(LIMIT, consumer.recv()).await.unwrap().unwrap();
        assert_eq!(record.payload(), Some(text.as_bytes()));
        consumer.commit_message(&record, CommitMode::Sync).unwrap();
        let mut config = tenant.client_config().unwrap();
        config.set("transactional.id", tenant.transactional_id("same").unwrap());
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(LIMIT).unwrap();
    }
    // With their members still in the groups.
    for tenant in &tenants {
        let consumer = tenant.consumer("same", &["same"]).unwrap();
        let _ = tokio::time::timeout(Duration::from_secs(1), consumer.recv()).await;
        kafka.remove(&tenant.room().tenant).await;
    }
    let left = left_of(&kafka, &tenants);
    assert!(left.is_empty(), "{left:?}");
}

/// What of the tenants' topics and groups the platform still sees.
fn left_of(kafka: &Engaged, tenants: &[KafkaTenant]) -> Vec<String> {
    let config = platform(kafka);
    let client: BaseConsumer = config.create().unwrap();
    let metadata = client.fetch_metadata(None, LIMIT).unwrap();
    let groups = client.fetch_group_list(None, LIMIT).unwrap();
    let topics = metadata.topics().iter().map(|topic| topic.name().to_owned());
    let names = topics.chain(groups.groups().iter().map(|group| group.name().to_owned()));
    names
        .filter(|name| tenants.iter().any(|tenant| name.starts_with(tenant.prefix())))
        .collect()
}

fn platform(kafka: &Engaged) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in kafka.engine.variables(&kafka.endpoint).unwrap() {
        let key = match name {
            "KAFKA_BOOTSTRAP_SERVERS" => "bootstrap.servers",
            "KAFKA_SECURITY_PROTOCOL" => "security.protocol",
            "KAFKA_SASL_MECHANISM" => "sasl.mechanism",
            "KAFKA_SASL_USERNAME" => "sasl.username",
            _ => "sasl.password",
        };
        config.set(key, value);
    }
    config
}

/// The first error that a consumer hears, once its group has a coordinator.
fn heard(consumer: &BaseConsumer) -> Option<Code> {
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        let polled = consumer.poll(Duration::from_millis(100));
        let code = polled
            .and_then(Result::err)
            .and_then(|error| error.rdkafka_error_code());
        if code.is_some_and(|code| code != Code::WaitingForCoordinator) {
            return code;
        }
    }
    None
}

/// In each direction, everything that one could do to the other.
#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_reaches_anything_of_another() {
    let (kafka, _guard) = LENT.few().await;
    let tenants = [tenant(&kafka).await, tenant(&kafka).await];
    for tenant in &tenants {
        let topic = tenant.create_topic("orders", 1).await.unwrap();
        send(&tenant.producer().unwrap(), &topic, "secret").await.unwrap();
        let consumer = tenant.consumer("group", &["orders"]).unwrap();
        let record = tokio::time::timeout(LIMIT, consumer.recv()).await.unwrap().unwrap();
        consumer.commit_message(&record, CommitMode::Sync).unwrap();
    }
    for (one, other) in [(&tenants[0], &tenants[1]), (&tenants[1], &tenants[0])] {
        let (topic, group) = (other.topic("orders").unwrap(), other.group("group").unwrap());
        reads_and_writes_are_refused(one, &topic).await;
        groups_are_refused(one, &group);
        administration_is_refused(one, other, &topic, &group).await;
        let mut config = one.client_config().unwrap();
        config.set("transactional.id", other.transactional_id("booking").unwrap());
        let producer: BaseProducer = config.create().unwrap();
        let error = producer.init_transactions(LIMIT).unwrap_err();
        assert_eq!(
            error.rdkafka_error_code(),
            Some(Code::TransactionalIdAuthorizationFailed)
        );

        // As somebody else.
        for user in [other.user(), "suho", "broker"] {
            let mut wire = Raw::connect(&kafka).await;
            assert!(
                !wire.log_in(user, one.password()).await,
                "{user} was let in by another's password"
            );
        }
        let mut wire = Raw::connect(&kafka).await;
        assert!(wire.log_in(one.user(), one.password()).await);
        assert_eq!(wire.fetch(&topic).await, TOPIC_AUTHORIZATION_FAILED);
        assert_eq!(wire.describe(&topic).await, TOPIC_AUTHORIZATION_FAILED);
        let own = one.topic("orders").unwrap();
        assert_eq!(wire.commit(&group, &own).await, GROUP_AUTHORIZATION_FAILED);
        assert_eq!(
            wire.commit(&one.group("group").unwrap(), &topic).await,
            TOPIC_AUTHORIZATION_FAILED
        );
        assert_eq!(
            wire.grant_itself(one.user(), other.prefix()).await,
            CLUSTER_AUTHORIZATION_FAILED
        );
    }
    // What they tried did no harm.
    for tenant in &tenants {
        let consumer = tenant.consumer("afterwards", &["orders"]).unwrap();
        let record = tokio::time::timeout(LIMIT, consumer.recv()).await.unwrap().unwrap();
        assert_eq!(record.payload(), Some(&b"secret"[..]));
    }
    for tenant in &tenants {
        kafka.remove(&tenant.room().tenant).await;
    }
}

async fn reads_and_writes_are_refused(one: &KafkaTenant, topic: &str) {
    let error = send(&one.producer().unwrap(), topic, "forged").await.unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(Code::TopicAuthorizationFailed));

    let mut config = one.client_config().unwrap();
    config.set("group.id", one.group("spies").unwrap());
    let consumer: BaseConsumer = config.create().unwrap();
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&partitions).unwrap();
    // librdkafka asks for the offsets for ever, and says nothing.
    assert!(
        consumer
            .poll(Duration::from_secs(1))
            .is_none_or(|polled| polled.is_err())
    );
    let error = consumer.fetch_watermarks(topic, 0, LIMIT).unwrap_err();
    assert!(
        [Some(Code::TopicAuthorizationFailed), Some(Code::UnknownPartition)].contains(&error.rdkafka_error_code()),
        "{error}"
    );
    let metadata = consumer.fetch_metadata(None, LIMIT).unwrap();
    let seen: Vec<_> = metadata.topics().iter().map(MetadataTopic::name).collect();
    assert!(seen.iter().all(|topic| topic.starts_with(one.prefix())), "{seen:?}");
}

fn groups_are_refused(one: &KafkaTenant, group: &str) {
    let mut config = one.client_config().unwrap();
    config.set("group.id", group);
    let member: BaseConsumer = config.create().unwrap();
    member.subscribe(&[&one.topic("orders").unwrap()]).unwrap();
    assert_eq!(heard(&member), Some(Code::GroupAuthorizationFailed));
}

async fn administration_is_refused(one: &KafkaTenant, other: &KafkaTenant, topic: &str, group: &str) {
    let admin: AdminClient<DefaultClientContext> = one.client_config().unwrap().create().unwrap();
    let options = AdminOptions::new()
        .request_timeout(Some(LIMIT))
        .operation_timeout(Some(LIMIT));

    let deleted = admin.delete_topics(&[topic], &options).await.unwrap();
    assert_eq!(deleted[0].as_ref().unwrap_err().1, Code::TopicAuthorizationFailed);
    let deleted = admin.delete_groups(&[group], &options).await.unwrap();
    assert_eq!(deleted[0].as_ref().unwrap_err().1, Code::GroupAuthorizationFailed);
    for outside in [
        format!("{}forged", other.prefix()),
        one.prefix().trim_end_matches('.').to_owned(),
        "orders".to_owned(),
        "suho.tenants".to_owned(),
        "__consumer_offsets".to_owned(),
    ] {
        let new = NewTopic::new(&outside, 1, TopicReplication::Fixed(1));
        let created = admin.create_topics([&new], &options).await.unwrap();
        assert_eq!(
            created[0].as_ref().unwrap_err().1,
            Code::TopicAuthorizationFailed,
            "{outside}"
        );
    }
}

const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const GROUP_AUTHORIZATION_FAILED: i16 = 30;
const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;

/// Kafka's protocol for what librdkafka does not tell, or its bindings lack.
struct Raw(TcpStream);

impl Raw {
    async fn connect(kafka: &Engaged) -> Self {
        Self(TcpStream::connect(kafka.endpoint.address(9092).unwrap()).await.unwrap())
    }

    async fn ask(&mut self, key: i16, version: i16, body: &[u8]) -> Vec<u8> {
        let head = [
            &key.to_be_bytes()[..],
            &version.to_be_bytes(),
            &[0, 0, 0, 1, 0xff, 0xff],
        ]
        .concat();
        let length = u32::try_from(head.len() + body.len()).unwrap();
        self.0
            .write_all(&[&length.to_be_bytes(), &head[..], body].concat())
            .await
            .unwrap();
        let length = self.0.read_u32().await.unwrap();
        let mut answer = vec![0; length as usize];
        self.0.read_exact(&mut answer).await.unwrap();
        answer.split_off(4)
    }

    async fn log_in(&mut self, user: &str, password: &str) -> bool {
        self.ask(17, 1, &string("PLAIN")).await;
        let token = format!("\0{user}\0{password}");
        let length = u32::try_from(token.len()).unwrap();
        let answer = self
            .ask(36, 0, &[&length.to_be_bytes(), token.as_bytes()].concat())
            .await;
        answer[..2] == [0, 0]
    }

    /// The code of the answer to the wish for the records of `topic`.
    async fn fetch(&mut self, topic: &str) -> i16 {
        let head = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1,
        ];
        let partition = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
        let answer = self.ask(1, 4, &[&head[..], &string(topic), &partition].concat()).await;
        let code = 8 + 2 + topic.len() + 8;
        i16::from_be_bytes(answer[code..code + 2].try_into().unwrap())
    }

    /// The code of the answer to the wish for the configuration of `topic`.
    async fn describe(&mut self, topic: &str) -> i16 {
        let answer = self
            .ask(32, 0, &[&[0, 0, 0, 1, 2][..], &string(topic), &[0xff; 4]].concat())
            .await;
        i16::from_be_bytes(answer[8..10].try_into().unwrap())
    }

    /// The code of the answer to the wish to commit an offset of `topic` for `group`, as one who is no member of it.
    async fn commit(&mut self, group: &str, topic: &str) -> i16 {
        let (no_generation, no_retention) = ((-1_i32).to_be_bytes(), (-1_i64).to_be_bytes());
        let head = [
            &string(group)[..],
            &no_generation,
            &string(""),
            &no_retention,
            &[0, 0, 0, 1],
            &string(topic),
        ]
        .concat();
        // Of partition 0 the offset 7.
        let partition = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0];
        let answer = self.ask(8, 2, &[&head[..], &partition].concat()).await;
        let code = 4 + 2 + topic.len() + 8;
        i16::from_be_bytes(answer[code..code + 2].try_into().unwrap())
    }

    /// The code of the answer to the wish to read the topics below `prefix`.
    async fn grant_itself(&mut self, user: &str, prefix: &str) -> i16 {
        let (topic, prefixed, read, allow) = (2, 4, 3, 3);
        let body = [
            &[0, 0, 0, 1, topic][..],
            &string(prefix),
            &[prefixed],
            &string(&format!("User:{user}")),
            &string("*"),
            &[read, allow],
        ]
        .concat();
        let answer = self.ask(30, 1, &body).await;
        i16::from_be_bytes(answer[8..10].try_into().unwrap())
    }
}

fn string(text: &str) -> Vec<u8> {
    [&i16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

#[rstest]
#[case("..", "the name of a directory")]
#[case("tffffffffffffffff.orders", "the prefix of the tenant tffffffffffffffff")]
#[case(&"a".repeat(249), "there is room for 231")]
#[case("ордер", "is in it")]
#[case("../../etc", "`/` is in it")]
#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_refused_in_words(#[case] name: &str, #[case] words: &str) {
    let (kafka, _guard) = LENT.few().await;
    let tenant = tenant(&kafka).await;

    let error = tenant.create_topic(name, 1).await.unwrap_err().in_full();
    let group = tenant.group(name).unwrap_err().in_full();
    let id = tenant.transactional_id(name).unwrap_err().in_full();

    for error in [error, group, id] {
        assert!(error.contains(words), "{error}");
    }
    kafka.remove(&tenant.room().tenant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_are_functions_and_snapshots_are_not_offered() {
    let (kafka, _guard) = LENT.few().await;
    let tenancy = kafka.engine.tenancy().unwrap();
    let tenant = TenantName::random();
    let migrations = Migrations::new().function("topics", "1", |way_in| async move {
        let variables = way_in.variables.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert!(variables.contains(&"KAFKA_TOPIC_PREFIX"), "{variables:?}");
        Err("on purpose".into())
    });
    let error = tenancy
        .make(&kafka.endpoint, &tenant, &migrations)
        .await
        .unwrap_err()
        .in_full();
    assert!(
        error.contains("run the migration topics on suho-kafka: on purpose"),
        "{error}"
    );
    // It has a place all the same, until it is removed.
    let room = kafka.make(&tenant).await;
    let error = tenancy
        .snapshot(&kafka.endpoint, &room, "x")
        .await
        .unwrap_err()
        .in_full();
    assert!(error.contains("no snapshots of topics"), "{error}");
    kafka.remove(&tenant).await;
}

/// The broker of `KAFKA_BOOTSTRAP_SERVERS` has no users for us.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_broker_of_others_a_room_is_a_prefix_and_says_so() {
    let (kafka, _guard) = LENT.few().await;
    let variables = kafka.engine.variables(&kafka.endpoint).unwrap();
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
    };
    let foreign = kafka.engine.named_by(&variable).unwrap().unwrap();
    let tenancy = kafka.engine.tenancy().unwrap();
    let mut tenants = Vec::new();
    for _ in 0..2 {
        let room = tenancy
            .make(&foreign, &TenantName::random(), &Migrations::new())
            .await
            .unwrap();
        assert!(
            room.not_offered[0].starts_with("a user of its own"),
            "{:?}",
            room.not_offered
        );
        let tenant = KafkaTenant::new(foreign.clone(), room);
        let topic = tenant.create_topic("same", 1).await.unwrap();
        send(&tenant.producer().unwrap(), &topic, "own").await.unwrap();
        tenants.push(tenant);
    }

    tenancy.remove(&foreign, &tenants[0].room().tenant).await.unwrap();

    assert_eq!(left_of(&kafka, &tenants), [tenants[1].topic("same").unwrap()]);
    tenancy.remove(&foreign, &tenants[1].room().tenant).await.unwrap();
    assert!(left_of(&kafka, &tenants).is_empty());
}
