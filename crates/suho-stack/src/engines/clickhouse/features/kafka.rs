//! The Kafka engine: a table that the stack's Kafka fills.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::time::{Instant, sleep};

use super::super::super::asking::prove_and_remove;
use super::super::super::kafka::Kafka;
use super::super::super::{Endpoint, Engine, EngineError, Evidence, Subject};
use super::{Address, Database};

const BROKER: &str = "suho-kafka";
const MESSAGES: u64 = 500;
/// For making and removing a topic, and for a message to arrive.
const BROKER_LIMIT: Duration = Duration::from_secs(15);
/// A group joins within three seconds, and what it takes is written within one.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(50);

/// Messages that we produce are taken by a table of the Kafka engine, and written by its view, each once.
///
/// `address` is where the table looks for the broker.
pub async fn kafka_engine(subject: &Subject<'_>, address: Address<'_>) -> Result<Evidence, EngineError> {
    let Some(broker) = subject.neighbour(BROKER) else {
        return Ok(Evidence::NotAskable(format!("{BROKER} does not run here")));
    };
    let database = Database::of(subject)?;
    let removal = async {
        // The table first: a consumer would look for its topic again and again.
        database.remove().await?;
        delete_topic(broker, &database.name).await
    };
    prove_and_remove(subject.endpoint, take(&database, broker, address), removal).await
}

async fn take(database: &Database<'_>, broker: &Endpoint, address: Address<'_>) -> Result<Evidence, EngineError> {
    database.create().await?;
    create_topic(broker, &database.name).await?;
    produce(broker, &database.name).await?;
    for statement in tables(&database.name, broker, address)? {
        database.run("create a table that Kafka fills", &statement).await?;
    }
    let expected = (MESSAGES, (0..MESSAGES).sum::<u64>());
    let began = Instant::now();
    let found = loop {
        let found = taken(database).await?;
        if found.0 >= MESSAGES || began.elapsed() > ARRIVAL_LIMIT {
            break found;
        }
        sleep(PAUSE).await;
    };
    if found.0 < MESSAGES {
        let words = consumer_words(database).await?;
        let lacking = format!("{} of them; its consumer says: {words}", found.0);
        let expected = format!("{MESSAGES} messages within {ARRIVAL_LIMIT:?}");
        return Err(database
            .endpoint
            .unexpected("take messages from the stack's Kafka", expected, lacking));
    }
    database
        .endpoint
        .expect("take each message from the stack's Kafka once", &expected, &found)?;
    Evidence::proved(format!(
        "{MESSAGES} messages of a topic are {MESSAGES} rows of a table, {:.1} s after it was made",
        began.elapsed().as_secs_f64()
    ))
}

/// How many rows, and the sum of their numbers.
async fn taken(database: &Database<'_>) -> Result<(u64, u64), EngineError> {
    let query = format!("SELECT count(), sum(n) FROM {}.taken", database.name);
    let rows = database.rows("read what was taken", &query).await?;
    Ok(rows.first().copied().unwrap_or_default())
}

async fn consumer_words(database: &Database<'_>) -> Result<String, EngineError> {
    let query = format!(
        "SELECT arrayStringConcat(arrayDistinct(exceptions.text), '; ') FROM system.kafka_consumers
        WHERE database = '{}'",
        database.name
    );
    let words: Vec<String> = database.rows("read system.kafka_consumers", &query).await?;
    let words = words.join("; ");
    Ok(if words.is_empty() { "nothing".to_owned() } else { words })
}

fn tables(name: &str, broker: &Endpoint, address: Address<'_>) -> Result<[String; 3], EngineError> {
    // ClickHouse asks from the network, where the broker has another listener.
    let variables: BTreeMap<_, _> = Kafka.variables(&broker.as_on_network())?.into_iter().collect();
    let variable = |name| variables.get(name).map_or("", String::as_str);
    let bootstrap = address.or(variable("KAFKA_BOOTSTRAP_SERVERS").to_owned());
    Ok([
        format!("CREATE TABLE {name}.taken (n UInt64) ENGINE = MergeTree ORDER BY n"),
        format!(
            "CREATE TABLE {name}.queue (n UInt64) ENGINE = Kafka SETTINGS kafka_broker_list = '{bootstrap}',
                kafka_topic_list = '{name}', kafka_group_name = '{name}', kafka_format = 'JSONEachRow',
                kafka_security_protocol = '{}', kafka_sasl_mechanism = '{}', kafka_sasl_username = '{}',
                kafka_sasl_password = '{}', kafka_flush_interval_ms = 500, kafka_poll_timeout_ms = 100",
            variable("KAFKA_SECURITY_PROTOCOL").to_lowercase(),
            variable("KAFKA_SASL_MECHANISM"),
            variable("KAFKA_SASL_USERNAME"),
            variable("KAFKA_SASL_PASSWORD"),
        ),
        format!("CREATE MATERIALIZED VIEW {name}.mover TO {name}.taken AS SELECT n FROM {name}.queue"),
    ])
}

/// As the platform's programs are told to log in.
fn config(broker: &Endpoint) -> Result<ClientConfig, EngineError> {
    let mut config = ClientConfig::new();
    for (variable, value) in Kafka.variables(broker)? {
        let key = match variable {
            "KAFKA_BOOTSTRAP_SERVERS" => "bootstrap.servers",
            "KAFKA_SECURITY_PROTOCOL" => "security.protocol",
            "KAFKA_SASL_MECHANISM" => "sasl.mechanism",
            "KAFKA_SASL_USERNAME" => "sasl.username",
            _ => "sasl.password",
        };
        config.set(key, value);
    }
    Ok(config)
}

async fn create_topic(broker: &Endpoint, name: &str) -> Result<(), EngineError> {
    let action = format!("create the topic {name}");
    let admin: AdminClient<DefaultClientContext> = config(broker)?.create().map_err(broker.failed(&action))?;
    let topic = NewTopic::new(name, 1, TopicReplication::Fixed(1));
    let created = admin.create_topics([&topic], &limited()).await;
    dropped(admin);
    let outcome = created
        .map_err(broker.failed(&action))?
        .into_iter()
        .find_map(Result::err);
    outcome.map_or(Ok(()), |(_, code)| {
        Err(broker.failed(&action)(KafkaError::AdminOp(code)))
    })
}

async fn delete_topic(broker: &Endpoint, name: &str) -> Result<(), EngineError> {
    let action = format!("delete the topic {name}");
    let admin: AdminClient<DefaultClientContext> = config(broker)?.create().map_err(broker.failed(&action))?;
    let deleted = admin.delete_topics(&[name], &limited()).await;
    dropped(admin);
    match deleted
        .map_err(broker.failed(&action))?
        .into_iter()
        .find_map(Result::err)
    {
        None | Some((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => Ok(()),
        Some((_, code)) => Err(broker.failed(&action)(KafkaError::AdminOp(code))),
    }
}

async fn produce(broker: &Endpoint, topic: &str) -> Result<(), EngineError> {
    let action = format!("produce to the topic {topic}");
    let producer: FutureProducer = config(broker)?.create().map_err(broker.failed(&action))?;
    let sending = (0..MESSAGES).map(|number| {
        let producer = producer.clone();
        async move {
            let payload = format!(r#"{{"n":{number}}}"#);
            let record = FutureRecord::<(), _>::to(topic).payload(&payload);
            producer.send(record, BROKER_LIMIT).await
        }
    });
    let sent = futures::future::join_all(sending).await;
    dropped(producer);
    match sent.into_iter().find_map(Result::err) {
        Some((error, _)) => Err(broker.failed(&action)(error)),
        None => Ok(()),
    }
}

fn limited() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(BROKER_LIMIT))
        .operation_timeout(Some(BROKER_LIMIT))
}

/// The end of a client of librdkafka blocks, so it happens on a thread of its own.
fn dropped<C: Send + 'static>(client: C) {
    std::thread::spawn(move || drop(client));
}
