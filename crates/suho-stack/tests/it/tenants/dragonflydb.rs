use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all};
use redis::{AsyncTypedCommands, Client, FromRedisValue, RedisError, Value, aio::MultiplexedConnection};
use suho_stack::{
    deployment::{Files, Secret},
    engines::{
        self, Endpoint, EngineError, Tenancy,
        dragonflydb::DragonflydbTenant,
        tenancy::{Migrations, Room, TenantName},
    },
    stack::{ImageSource, Stack},
};
use tokio::time::timeout;

use crate::warm;

const SERVICE: &str = "suho-dragonflydb";
/// Where the service user's connections begin, and those of tenants.
const FIRST: u32 = 0;
/// Where it is written whose each database is.
const REGISTRY: u32 = 1;

fn tenancy() -> Arc<dyn Tenancy> {
    engines::by_service(SERVICE).unwrap().tenancy().unwrap()
}

fn endpoint(stack: &Stack) -> Endpoint {
    stack.endpoint(SERVICE).unwrap().clone()
}

/// A new tenant with a connection to its database.
struct Lodger {
    room: Room,
    handle: DragonflydbTenant,
    connection: MultiplexedConnection,
}

impl Lodger {
    async fn new(endpoint: &Endpoint) -> Self {
        let room = make(endpoint, &TenantName::random()).await.unwrap();
        let handle = DragonflydbTenant::new(endpoint.clone(), room.clone());
        let connection = handle.connect().await.unwrap();
        Self {
            room,
            handle,
            connection,
        }
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &[&str]) -> Result<T, RedisError> {
        let mut asked = redis::cmd(command[0]);
        asked.arg(&command[1..]).query_async(&mut self.connection).await
    }
}

/// The words in which the server refuses `command`.
async fn refused(connection: &mut MultiplexedConnection, command: &[&str]) -> String {
    let mut asked = redis::cmd(command[0]);
    match asked.arg(&command[1..]).query_async::<Value>(connection).await {
        Err(error) => error.to_string(),
        Ok(answer) => panic!("{command:?} was answered: {answer:?}"),
    }
}

async fn make(endpoint: &Endpoint, tenant: &TenantName) -> Result<Room, EngineError> {
    tenancy().make(endpoint, tenant, &Migrations::new()).await
}

/// The service user in `database`.
async fn service_user(endpoint: &Endpoint, database: u32) -> MultiplexedConnection {
    let url = &engines::by_service(SERVICE).unwrap().variables(endpoint).unwrap()[0].1;
    let client = Client::open(format!("{url}/{database}")).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test]
async fn a_tenant_neither_sees_nor_disturbs_another() {
    let endpoint = warm::endpoint(SERVICE).await;
    let (mut one, mut other) = (Lodger::new(&endpoint).await, Lodger::new(&endpoint).await);
    for lodger in [&mut one, &mut other] {
        lodger
            .connection
            .set("order", lodger.room.tenant.as_str())
            .await
            .unwrap();
    }

    for (intruder, victim) in [(&one, &other), (&other, &one)] {
        let place = victim.handle.database();
        let own = intruder.handle.database();
        let channel = victim.handle.channel("orders");
        let events = format!("__keyevent@{place}__:expired");
        let mut connection = intruder.connection.clone();

        let select = format!("return redis.call('SELECT', {place})");
        let attempts: &[&[&str]] = &[
            &["SELECT", place],
            &["SELECT", "0"],
            &["SELECT", "1"],
            &["FLUSHALL"],
            &["FLUSHALL", "ASYNC"],
            &["SWAPDB", own, place],
            &["MOVE", "order", place],
            &["COPY", "order", "stolen", "DB", place],
            &["MIGRATE", "127.0.0.1", "6379", "order", place, "100"],
            &["PUBLISH", &channel, "forged"],
            &["PUBLISH", &events, "order"],
            &["SPUBLISH", &channel, "forged"],
            &["PUBSUB", "CHANNELS"],
            &["PUBSUB", "NUMSUB", &channel],
            &["EVAL", &select, "0"],
            &["EVAL", "return redis.call('FLUSHALL')", "0"],
            &["EVAL", "return redis.call('PUBLISH', ARGV[1], 'forged')", "0", &channel],
            &["EVAL", "return redis.call('SWAPDB', 0, 1)", "0"],
            &[
                "FUNCTION",
                "LOAD",
                "#!lua name=x\nredis.register_function('x', function() end)",
            ],
            &["FUNCTION", "FLUSH"],
            &["SCRIPT", "FLUSH"],
            &["SCRIPT", "KILL"],
            &["CLIENT", "LIST"],
            &["CLIENT", "KILL", "TYPE", "normal"],
            &["CLIENT", "PAUSE", "10"],
            &["CLIENT", "TRACKING", "ON", "BCAST"],
            &["ACL", "LIST"],
            &["ACL", "GETUSER", "default"],
            &["ACL", "SETUSER", "intruder", "on"],
            &["ACL", "DELUSER", "default"],
            &["CONFIG", "GET", "*"],
            &["CONFIG", "SET", "maxmemory", "1"],
            &["INFO"],
            &["INFO", "keyspace"],
            &["MEMORY", "STATS"],
            &["SLOWLOG", "GET"],
            &["MONITOR"],
            &["DEBUG", "SLEEP", "0"],
            &["SAVE"],
            &["SHUTDOWN", "NOSAVE"],
            &["REPLICAOF", "NO", "ONE"],
            &["MODULE", "LIST"],
        ];
        for attempt in attempts {
            let words = refused(&mut connection, attempt).await;
            assert!(
                words.contains("NoPerm") || words.contains("ACL failure") || words.contains("not allowed"),
                "{attempt:?}: {words}"
            );
        }
        let mut ear = intruder.handle.subscriber().await.unwrap();
        for pattern in ["*", "t*", "__key*", &channel, &events] {
            assert!(ear.psubscribe(pattern).await.is_err(), "heard {pattern}");
            assert!(ear.subscribe(pattern).await.is_err(), "heard {pattern}");
        }
    }
    for lodger in [&mut one, &mut other] {
        let tenant = lodger.room.tenant.to_string();
        assert_eq!(lodger.ask::<Vec<String>>(&["KEYS", "*"]).await.unwrap(), ["order"]);
        assert_eq!(lodger.connection.get("order").await.unwrap().as_deref(), Some(&*tenant));
        tenancy().remove(&endpoint, &lodger.room.tenant).await.unwrap();
    }
}

/// What Valkey cannot keep apart is told, and holds nothing of the tenants'.
#[tokio::test]
async fn the_database_that_the_stand_in_leaves_open_is_told() {
    let endpoint = warm::endpoint(SERVICE).await;
    let lodger = Lodger::new(&endpoint).await;
    let url = lodger.handle.url().unwrap();
    let nowhere = url.rsplit_once('/').unwrap().0;

    let mut stray = Client::open(nowhere)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let keys: Vec<String> = stray.keys("suho:*").await.unwrap();

    assert_eq!(keys, Vec::<String>::new());
    assert!(
        lodger
            .room
            .not_offered
            .iter()
            .any(|words| words.contains("database 0 is open")),
        "{:?}",
        lodger.room.not_offered
    );
    tenancy().remove(&endpoint, &lodger.room.tenant).await.unwrap();
}

#[tokio::test]
async fn a_tenant_does_what_it_likes_in_its_own_database() {
    let endpoint = warm::endpoint(SERVICE).await;
    let mut lodger = Lodger::new(&endpoint).await;
    let channel = lodger.handle.channel("orders");
    let place = lodger.handle.database().to_owned();
    let mut ear = lodger.handle.subscriber().await.unwrap();
    ear.subscribe(&channel).await.unwrap();
    ear.subscribe(format!("__keyevent@{place}__:expired")).await.unwrap();

    let script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('PUBLISH', ARGV[2], ARGV[1])";
    let heard: u32 = lodger
        .ask(&["EVAL", script, "1", "price", "2412.50", &channel])
        .await
        .unwrap();
    lodger.ask::<()>(&["SET", "lock", "mine", "PX", "20"]).await.unwrap();
    let messages: Vec<_> = ear.on_message().take(2).collect().await;

    assert_eq!(heard, 1);
    assert_eq!(messages[0].get_payload::<String>().unwrap(), "2412.50");
    assert_eq!(messages[1].get_payload::<String>().unwrap(), "lock");
    assert_eq!(lodger.ask::<u32>(&["DBSIZE"]).await.unwrap(), 1);
    lodger.ask::<()>(&["FLUSHDB"]).await.unwrap();
    assert_eq!(lodger.ask::<u32>(&["DBSIZE"]).await.unwrap(), 0);
    tenancy().remove(&endpoint, &lodger.room.tenant).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_of_sixty_four_makers_are_given_the_same_database() {
    let endpoint = warm::endpoint(SERVICE).await;
    let tenants: Vec<TenantName> = (0..64).map(|_| TenantName::random()).collect();

    let began = Instant::now();
    let rooms = join_all(tenants.iter().map(|tenant| make(&endpoint, tenant))).await;
    println!("64 makers at once: {:?}", began.elapsed());

    let numbers: BTreeSet<u32> = rooms
        .into_iter()
        .map(|room| room.unwrap().get("database").parse().unwrap())
        .collect();
    assert_eq!(numbers.len(), 64);
    assert!(!numbers.contains(&FIRST) && !numbers.contains(&REGISTRY));
    let tenancy = tenancy();
    let removed = join_all(tenants.iter().map(|tenant| tenancy.remove(&endpoint, tenant))).await;
    assert!(removed.iter().all(Result::is_ok), "{removed:?}");
}

/// What the server still has of `tenant` and in `database`.
async fn traces(endpoint: &Endpoint, tenant: &TenantName, database: &str) -> Vec<String> {
    let mut registry = service_user(endpoint, REGISTRY).await;
    let mut traces = registry.keys(format!("*{tenant}*")).await.unwrap();
    let users: Vec<String> = redis::cmd("ACL").arg("USERS").query_async(&mut registry).await.unwrap();
    traces.extend(users.into_iter().filter(|user| user == tenant.as_str()));
    let given: BTreeMap<String, String> = registry.hgetall("suho:tenants").await.unwrap().into_iter().collect();
    traces.extend(given.get(tenant.as_str()).cloned());
    let mut place = service_user(endpoint, database.parse().unwrap()).await;
    traces.extend(place.keys("*").await.unwrap());
    traces
}

#[tokio::test]
async fn a_removed_tenant_leaves_nothing_and_its_connections_end() {
    // A server of its own: nobody else may be given the database meanwhile.
    let stack = Stack::builder()
        .engines([SERVICE])
        .images(ImageSource::Airgap)
        .start()
        .await
        .unwrap();
    let endpoint = endpoint(&stack);
    let mut lodger = Lodger::new(&endpoint).await;
    let tenant = lodger.room.tenant.clone();
    let place = lodger.handle.database().to_owned();
    lodger.connection.set("order", "1").await.unwrap();
    tenancy().snapshot(&endpoint, &lodger.room, "kept").await.unwrap();
    assert!(!traces(&endpoint, &tenant, &place).await.is_empty());

    // Several at once, as the pool and the next user may; and once more.
    let tenancy = tenancy();
    let removals = join_all((0..4).map(|_| tenancy.remove(&endpoint, &tenant))).await;
    assert!(removals.iter().all(Result::is_ok), "{removals:?}");
    tenancy.remove(&endpoint, &tenant).await.unwrap();

    assert_eq!(traces(&endpoint, &tenant, &place).await, Vec::<String>::new());
    assert!(lodger.connection.get("order").await.is_err());
    assert!(lodger.handle.connect().await.is_err());
    // The place is the next one's, and empty.
    let mut next = Lodger::new(&endpoint).await;
    assert_eq!(next.handle.database(), place);
    assert_eq!(next.ask::<u32>(&["DBSIZE"]).await.unwrap(), 0);
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_room_that_was_half_made_is_removed_by_its_name() {
    let endpoint = warm::endpoint(SERVICE).await;
    let tenant = TenantName::random();
    let failing = Migrations::new().function("seed", "1", |way_in| async move {
        let client = Client::open(way_in.url.expose())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        connection.set("seeded", "yes").await?;
        Err("the seed fails".into())
    });
    let error = tenancy().make(&endpoint, &tenant, &failing).await.unwrap_err();
    assert!(
        error
            .in_full()
            .contains("run the migration seed on suho-dragonflydb: the seed fails"),
        "{error:?}"
    );
    let mut registry = service_user(&endpoint, REGISTRY).await;
    let place = registry.hget("suho:tenants", tenant.as_str()).await.unwrap().unwrap();

    tenancy().remove(&endpoint, &tenant).await.unwrap();

    let left = traces(&endpoint, &tenant, &place).await;
    assert!(
        !left.contains(&"seeded".to_owned()) && !left.contains(&tenant.to_string()),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_script_is_refused_before_anything_is_made() {
    let endpoint = warm::endpoint(SERVICE).await;
    let tenant = TenantName::random();
    let script = Migrations::new().script("seed.sql", "SET a 1");

    let error = tenancy().make(&endpoint, &tenant, &script).await.unwrap_err();

    assert!(matches!(error, EngineError::NotOffered { .. }), "{error:?}");
    let mut registry = service_user(&endpoint, REGISTRY).await;
    assert_eq!(registry.hget("suho:tenants", tenant.as_str()).await.unwrap(), None);
}

#[tokio::test]
async fn a_database_is_again_what_it_was_at_a_snapshot() {
    let endpoint = warm::endpoint(SERVICE).await;
    let mut lodger = Lodger::new(&endpoint).await;
    let mut filling = redis::pipe();
    for number in 0..1_000 {
        filling.set(format!("order:{number}"), number).ignore();
    }
    filling
        .set(&b"\xff\x00 binary"[..], &b"\x00\xfe"[..])
        .pset_ex("lease", "mine", 60_000_u64)
        .hset("seal", "field", "value")
        .zadd("book", "bid", 2_412)
        .cmd("XADD")
        .arg("ticks")
        .arg("1-1")
        .arg("price")
        .arg("2412");
    filling.exec_async(&mut lodger.connection).await.unwrap();
    let tenancy = tenancy();
    tenancy.snapshot(&endpoint, &lodger.room, "full").await.unwrap();

    lodger.ask::<()>(&["FLUSHDB"]).await.unwrap();
    tenancy
        .snapshot(&endpoint, &lodger.room, "empty: nothing")
        .await
        .unwrap();
    lodger.connection.set("later", "1").await.unwrap();
    // Twice: a snapshot stays.
    for _ in 0..2 {
        lodger.connection.set("order:1", "changed").await.unwrap();
        tenancy.restore(&endpoint, &lodger.room, "full").await.unwrap();
        assert_eq!(lodger.ask::<u32>(&["DBSIZE"]).await.unwrap(), 1_005);
        assert_eq!(lodger.connection.get("order:1").await.unwrap().as_deref(), Some("1"));
    }
    let life: i64 = lodger.ask(&["PTTL", "lease"]).await.unwrap();
    assert!((50_000..=60_000).contains(&life), "{life}");
    assert_eq!(lodger.ask::<i64>(&["PTTL", "order:1"]).await.unwrap(), -1);
    let binary: Vec<u8> = redis::cmd("GET")
        .arg(&b"\xff\x00 binary"[..])
        .query_async(&mut lodger.connection)
        .await
        .unwrap();
    assert_eq!(binary, b"\x00\xfe");
    assert_eq!(lodger.ask::<u32>(&["XLEN", "ticks"]).await.unwrap(), 1);
    assert_eq!(
        lodger.connection.hget("seal", "field").await.unwrap().as_deref(),
        Some("value")
    );

    tenancy
        .restore(&endpoint, &lodger.room, "empty: nothing")
        .await
        .unwrap();
    assert_eq!(lodger.ask::<u32>(&["DBSIZE"]).await.unwrap(), 0);
    // Another snapshot under a label takes the place of the first.
    lodger.connection.set("later", "1").await.unwrap();
    lodger.connection.expire("later", 100).await.unwrap();
    tenancy.snapshot(&endpoint, &lodger.room, "full").await.unwrap();
    tenancy.restore(&endpoint, &lodger.room, "full").await.unwrap();
    assert_eq!(lodger.ask::<Vec<String>>(&["KEYS", "*"]).await.unwrap(), ["later"]);

    let error = tenancy.restore(&endpoint, &lodger.room, "unknown").await.unwrap_err();
    assert!(error.in_full().contains("none, take it first"), "{}", error.in_full());
    assert_eq!(lodger.ask::<u32>(&["DBSIZE"]).await.unwrap(), 1);
    tenancy.remove(&endpoint, &lodger.room.tenant).await.unwrap();
}

/// A server of the user's with `count` databases.
async fn small(count: u32) -> Stack {
    let files = Files::embedded();
    let flags = files.text("dragonfly.flags").unwrap();
    assert!(flags.contains("--dbnum=1024"));
    let files = files.clone().with(
        "dragonfly.flags",
        flags.replace("--dbnum=1024", &format!("--dbnum={count}")),
    );
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    builder.files(files).start().await.unwrap()
}

#[tokio::test]
async fn a_maker_passes_over_what_is_in_use_and_waits_where_all_is_taken() {
    let stack = small(5).await;
    let endpoint = endpoint(&stack);
    // Somebody who knows nothing of tenants is in the first of them.
    let mut somebody = service_user(&endpoint, 2).await;
    somebody.set("precious", "data").await.unwrap();
    let tenants: Vec<TenantName> = (0..3).map(|_| TenantName::random()).collect();
    let mut places = Vec::new();
    for tenant in &tenants[..2] {
        places.push(make(&endpoint, tenant).await.unwrap().get("database").to_owned());
    }
    assert_eq!(places, ["3", "4"]);

    let waiting = make(&endpoint, &tenants[2]);
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_millis(500), &mut waiting).await.is_err());
    tenancy().remove(&endpoint, &tenants[0]).await.unwrap();
    let room = timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();

    assert_eq!(room.get("database"), "3");
    for tenant in &tenants {
        tenancy().remove(&endpoint, tenant).await.unwrap();
    }
    assert_eq!(somebody.get("precious").await.unwrap().as_deref(), Some("data"));
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn tenants_are_lodged_on_a_server_that_the_user_names_beside_the_users_own_database() {
    let stack = small(4).await;
    let engine = engines::by_service(SERVICE).unwrap();
    let url = engine.variables(&endpoint(&stack)).unwrap()[0].1.clone() + "/2";

    let named = engine
        .named_by(&|variable| (variable == "REDIS_URL").then(|| url.clone()))
        .unwrap()
        .unwrap();
    let lodger = Lodger::new(&named).await;

    assert!(engine.named_by(&|_| None).unwrap().is_none());
    assert_eq!(engine.variables(&named).unwrap(), [("REDIS_URL", url)]);
    assert_eq!(lodger.handle.database(), "3");
    let way_in = lodger.handle.way_in().unwrap();
    assert_eq!(way_in.variables, [("REDIS_URL", way_in.url.clone())]);
    assert_eq!(
        way_in.command,
        Secret::new(format!("redis-cli -u {}", way_in.url.expose()))
    );
    tenancy().remove(&named, &lodger.room.tenant).await.unwrap();
    stack.stop().await.unwrap();
}
