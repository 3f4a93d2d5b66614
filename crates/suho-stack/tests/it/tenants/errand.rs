//! Another process on a stack of this one, and what is to be seen of it.

use std::{
    env,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use suho_stack::stack::{Lodger, Stack, StackState, Tenants, tenants::Stage};

/// How the other process is told which stack, and what to do there.
const ERRAND: &str = "SUHO_IT_ERRAND";

/// What another process does on a stack of this one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Errand {
    state: StackState,
    engine: String,
    act: Act,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Act {
    /// Takes a room, prints its name, and waits to be killed.
    Stay,
    /// Takes a room and panics.
    Panic,
    /// Takes a room, prints its name, and ends in order.
    Leave,
}

/// This test program once more, as a process of its own that does an errand.
pub fn another_process(stack: &Stack, engine: &str, act: Act) -> Command {
    let errand = Errand {
        state: stack.state().clone(),
        engine: engine.to_owned(),
        act,
    };
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "tenants::errand::the_other_process",
            "--ignored",
            "--nocapture",
        ])
        .env(ERRAND, serde_json::to_string(&errand).unwrap())
        .env("SUHO_POOL", "0")
        .env_remove("SUHO_KEEP")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[tokio::test]
#[ignore = "it is run by the tests of tenants, as another process"]
async fn the_other_process() {
    let errand: Errand = serde_json::from_str(&env::var(ERRAND).unwrap()).unwrap();
    let tenants = Tenants::of(
        &errand.state.name,
        errand.state.endpoints(),
        errand.state.reasons_of_absence(),
    );
    let tenant = tenants.tenant().await.unwrap();
    let room = tenant.room(&errand.engine).await.unwrap();
    println!("room={}", room.tenant);
    match errand.act {
        Act::Leave => tenant.release().await.unwrap(),
        Act::Panic => panic!("a test that fails"),
        Act::Stay => std::future::pending().await,
    }
}

/// The rooms on `stack` that are at one of `stages`.
pub fn lodgers(stack: &Stack, stages: &[Stage]) -> Vec<Lodger> {
    let mut lodgers = Tenants::list().unwrap();
    lodgers.retain(|lodger| lodger.stack == stack.state().name && stages.contains(&lodger.stage));
    lodgers
}

/// Waits without a runtime.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
