//! With Dragonfly, whose start is the quickest.

use std::{
    io::{BufRead, BufReader},
    process::Child,
    time::{Duration, Instant},
};

use redis::AsyncCommands;
use suho_stack::{
    engines,
    stack::{Stack, Tenants, tenants::Stage},
};

use super::errand::{Act, another_process, eventually, lodgers};
use crate::unique;

const ENGINE: &str = "dragonflydb";
const IN_TRANSIT: [Stage; 3] = [Stage::Making, Stage::Taken, Stage::Used];

async fn stack() -> Stack {
    let name = unique("tenants");
    Stack::builder().name(name).engines([ENGINE]).start().await.unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// The users that the server knows.
async fn users_in_the_engine(stack: &Stack) -> Vec<String> {
    let endpoint = stack.endpoint("suho-dragonflydb").unwrap();
    let engine = engines::by_service("suho-dragonflydb").unwrap();
    let variables = engine.variables(endpoint).unwrap();
    let url = variables.into_iter().find(|(name, _)| *name == "REDIS_URL").unwrap().1;
    let mut connection = redis::Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    redis::cmd("ACL")
        .arg("USERS")
        .query_async(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_drop_does_not_block_a_runtime_of_one_thread() {
    let stack = stack().await;
    let tenant = stack.tenant().await.unwrap();
    let mut connection = tenant.dragonflydb().await.unwrap().connect().await.unwrap();
    let _: () = connection.set("price", 42).await.unwrap();

    let start = Instant::now();
    drop(tenant);
    let taken = start.elapsed();

    assert!(taken < Duration::from_millis(25), "{taken:?}");
    eventually("its room is removed", || lodgers(&stack, &IN_TRANSIT).is_empty());
    assert!(connection.get::<_, i64>("price").await.is_err());
    stack.stop().await.unwrap();
}

#[test]
fn a_drop_needs_no_runtime_and_what_is_released_is_gone_at_once() {
    let (stack, dropped, released) = block_on(async {
        let stack = stack().await;
        let [dropped, released] = [stack.tenant().await.unwrap(), stack.tenant().await.unwrap()];
        dropped.room(ENGINE).await.unwrap();
        let room = released.room(ENGINE).await.unwrap().tenant.to_string();
        released.release().await.unwrap();
        assert!(!users_in_the_engine(&stack).await.contains(&room));
        (stack, dropped, room)
    });
    assert!(
        Tenants::list()
            .unwrap()
            .iter()
            .all(|lodger| lodger.room.as_str() != released)
    );

    drop(dropped);

    eventually("its room is removed", || lodgers(&stack, &IN_TRANSIT).is_empty());
    let name = stack.state().name.clone();
    block_on(stack.stop()).unwrap();
    let left = Tenants::list().unwrap();
    assert!(
        left.iter().all(|lodger| lodger.stack != name),
        "the stack's records go with it"
    );
}

#[tokio::test]
async fn the_room_of_a_failed_test_is_kept_and_the_printed_way_in_leads_there() {
    let stack = stack().await;

    let output = another_process(&stack, ENGINE, Act::Panic).output().unwrap();

    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        printed.contains("(tenants::errand::the_other_process) is kept:"),
        "{printed}"
    );
    let url = printed
        .split_whitespace()
        .find(|word| word.contains("redis://"))
        .unwrap();
    let client = redis::Client::open(url.trim_matches(['\'', '"'])).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = connection.set("clue", "here").await.unwrap();

    let kept = lodgers(&stack, &[Stage::Kept]);
    assert_eq!(kept.len(), 1);
    assert!(printed.contains(&format!("suho tenants drop {}", kept[0].tenant.as_ref().unwrap())));
    assert_eq!(kept[0].label, "tenants::errand::the_other_process");
    assert!(
        kept[0]
            .way_in()
            .unwrap()
            .command
            .expose()
            .contains(url.trim_matches(['\'', '"']))
    );
    kept[0].remove().await.unwrap();
    assert!(connection.get::<_, String>("clue").await.is_err());
    assert!(lodgers(&stack, &[Stage::Kept]).is_empty());
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_killed_process_had_is_removed_by_the_next_and_nobody_takes_it_from_a_living_one() {
    let stack = stack().await;
    let (mut killed, room) = staying(&stack);
    let taken = lodgers(&stack, &[Stage::Taken]);
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].room.as_str(), room);
    assert!(taken[0].in_use && taken[0].pid == killed.id());
    let refusal = taken[0].remove().await.unwrap_err().to_string();
    assert!(
        refusal.contains(&format!("in use by process {}", killed.id())),
        "{refusal}"
    );

    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(lodgers(&stack, &[Stage::Taken]).len(), 1, "nobody has come yet");
    stack.tenant().await.unwrap().room(ENGINE).await.unwrap();

    eventually("the room of the dead is removed", || {
        lodgers(&stack, &IN_TRANSIT).is_empty()
    });
    let left = Tenants::list().unwrap();
    assert!(left.iter().all(|lodger| lodger.room.as_str() != room));
    assert!(!users_in_the_engine(&stack).await.contains(&room));
    stack.stop().await.unwrap();
}

/// Another process that has a room, and the room's name.
fn staying(stack: &Stack) -> (Child, String) {
    let mut child = another_process(stack, ENGINE, Act::Stay).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let room = lines
        .find_map(|line| Some(line.split_once("room=")?.1.to_owned()))
        .unwrap();
    (child, room)
}
