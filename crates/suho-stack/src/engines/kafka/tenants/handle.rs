use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::FutureProducer;

use super::super::super::login::{Login, PASSWORD, USER};
use super::super::super::tenancy::{Room, WayIn};
use super::super::super::{Endpoint, EngineError, Tenancy};
use super::super::{client, log_in_as};
use super::{KafkaTenancy, PREFIX, names};

/// A tenant's prefix in Kafka, and the user who may do everything below it and nothing elsewhere.
///
/// The names of its topics, groups and transactions begin with the prefix, which [`KafkaTenant::topic`] and its siblings put
/// in front. No topic exists at first: the tenant makes those that it uses.
///
/// ```no_run
/// # async fn example(tenant: suho_stack::engines::kafka::KafkaTenant) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use suho_stack::engines::kafka::rdkafka::producer::FutureRecord;
///
/// let topic = tenant.create_topic("orders.events", 3).await?;
/// let record = FutureRecord::to(&topic).key("account-1").payload("filled");
/// tenant.producer()?.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KafkaTenant {
    endpoint: Endpoint,
    room: Room,
}

impl KafkaTenant {
    /// The tenant that has `room` on the broker at `endpoint`.
    #[must_use]
    pub fn new(endpoint: Endpoint, room: Room) -> Self {
        Self { endpoint, room }
    }

    /// `kafka://user:password@host:port/prefix`, for people: librdkafka and Java take [`KafkaTenant::client_config`]'s keys.
    ///
    /// ```no_run
    /// # fn example(tenant: suho_stack::engines::kafka::KafkaTenant) -> Result<(), suho_stack::engines::EngineError> {
    /// println!("{}", tenant.url()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn url(&self) -> Result<String, EngineError> {
        Ok(self.way_in()?.url.expose().to_owned())
    }

    /// `host:port`
    pub fn bootstrap_servers(&self) -> Result<String, EngineError> {
        client::address(&self.endpoint)
    }

    /// `tenant_07`; empty where the broker asks for nobody.
    #[must_use]
    pub fn user(&self) -> &str {
        self.room.get(USER)
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self) -> &str {
        self.room.get(PASSWORD)
    }

    /// What all its names begin with: `t0123456789abcdef.`
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.room.get(PREFIX)
    }

    /// The name of the topic `name` as the broker has it; a name that the broker would refuse is refused here, in words.
    ///
    /// ```
    /// use suho_stack::engines::kafka::KafkaTenant;
    /// # use std::collections::BTreeMap;
    /// # use suho_stack::engines::{Endpoint, Place, tenancy::{Room, TenantName}};
    /// # let endpoint = Endpoint {
    /// #     service: "suho-kafka".into(),
    /// #     place: Place::Host,
    /// #     host: "127.0.0.1".into(),
    /// #     ports: BTreeMap::from([(9092, 9092)]),
    /// #     environment: BTreeMap::new(),
    /// # };
    /// # let name = TenantName::parse("t0123456789abcdef").ok_or("no name")?;
    /// # let tenant = KafkaTenant::new(endpoint, Room::new(name).with("prefix", "t0123456789abcdef."));
    /// assert_eq!(tenant.topic("orders.events")?, "t0123456789abcdef.orders.events");
    /// assert!(tenant.topic("..").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn topic(&self, name: &str) -> Result<String, EngineError> {
        self.below("topic", name)
    }

    /// The name of the group `name` as the broker has it.
    pub fn group(&self, name: &str) -> Result<String, EngineError> {
        self.below("group", name)
    }

    /// The transactional id `name` as the broker has it.
    pub fn transactional_id(&self, name: &str) -> Result<String, EngineError> {
        self.below("transactional id", name)
    }

    fn below(&self, kind: &str, name: &str) -> Result<String, EngineError> {
        let naming = format!("name the {kind} `{}`", name.escape_debug());
        names::below(self.prefix(), name).map_err(self.endpoint.failed(naming))
    }

    /// Makes the topic `name`, and returns its name as the broker has it.
    pub async fn create_topic(&self, name: &str, partitions: i32) -> Result<String, EngineError> {
        let topic = self.topic(name)?;
        let creating = format!("create the topic {topic}");
        let mut wire = log_in_as(&self.endpoint, Login::of_room(&self.room).as_ref()).await?;
        let created = wire.create_topic(&topic, partitions, &[]).await;
        match created.map_err(self.endpoint.failed(&creating))? {
            Ok(()) => Ok(topic),
            Err((code, message)) => Err(self.endpoint.failed(creating)(format!("error {code}: {message}"))),
        }
    }

    /// librdkafka's configuration: the broker, the user and the password.
    ///
    /// ```no_run
    /// # fn example(tenant: suho_stack::engines::kafka::KafkaTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// use suho_stack::engines::kafka::rdkafka::producer::FutureProducer;
    ///
    /// let mut config = tenant.client_config()?;
    /// config.set("transactional.id", tenant.transactional_id("booking")?);
    /// let producer: FutureProducer = config.create()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_config(&self) -> Result<ClientConfig, EngineError> {
        client::with_login(&self.endpoint, Login::of_room(&self.room).as_ref())
    }

    /// A producer with all acknowledgements that never writes a record twice.
    pub fn producer(&self) -> Result<FutureProducer, EngineError> {
        let mut config = self.client_config()?;
        config.set("enable.idempotence", "true").set("acks", "all");
        config.create().map_err(self.endpoint.failed("prepare a producer"))
    }

    /// A member of the group `group` that reads `topics` from their beginning.
    ///
    /// ```no_run
    /// # async fn example(tenant: suho_stack::engines::kafka::KafkaTenant) -> Result<(), Box<dyn std::error::Error>> {
    /// let consumer = tenant.consumer("booking", &["orders.events"])?;
    /// let record = consumer.recv().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn consumer(&self, group: &str, topics: &[&str]) -> Result<StreamConsumer, EngineError> {
        const PREPARING: &str = "prepare a consumer";
        let mut config = self.client_config()?;
        config
            .set("group.id", self.group(group)?)
            .set("auto.offset.reset", "earliest");
        let consumer: StreamConsumer = config.create().map_err(self.endpoint.failed(PREPARING))?;
        let topics: Vec<_> = topics.iter().map(|topic| self.topic(topic)).collect::<Result<_, _>>()?;
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(self.endpoint.failed(PREPARING))?;
        Ok(consumer)
    }

    /// What there is to know of the room.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// How programs and people get in.
    pub fn way_in(&self) -> Result<WayIn, EngineError> {
        KafkaTenancy.way_in(&self.endpoint, &self.room)
    }
}
