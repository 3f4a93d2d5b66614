use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use suho_stack::stack::{StackState, Tenants};

use crate::{run, stderr, stdout, suho, unique};

const STACK: &str = "SUHO_IT_STACK";
const STAYS: &str = "SUHO_IT_STAYS";

/// A program that borrows from `stack`, with the state directory of `suho()`.
fn borrower(stack: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "tenants::the_borrower", "--ignored", "--nocapture"])
        .env(STACK, stack)
        .env("SUHO_POOL", "0")
        .stdout(Stdio::piped());
    for (name, value) in suho().get_envs() {
        command.env(name, value.unwrap());
    }
    command
}

#[test]
#[ignore = "it is run by the test of `suho tenants`, as another process"]
fn the_borrower() {
    let state = StackState::load(&env::var(STACK).unwrap()).unwrap();
    let tenants = Tenants::of(&state.name, state.endpoints(), state.reasons_of_absence());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let tenant = tenants.tenant().label("the borrower").await.unwrap();
        tenant.room("dragonflydb").await.unwrap();
        tenant.keep();
        println!("tenant={}", tenant.name());
        if env::var_os(STAYS).is_some() {
            std::future::pending::<()>().await;
        }
    });
}

/// A borrower that lives, and its tenant.
fn staying(stack: &str) -> (Child, String) {
    let mut child = borrower(stack).env(STAYS, "1").spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let tenant = lines
        .find_map(|line| Some(line.split_once("tenant=")?.1.to_owned()))
        .unwrap();
    (child, tenant)
}

fn listed() -> Vec<Value> {
    serde_json::from_str(&stdout(&run(suho().args(["tenants", "--json"]), 0))).unwrap()
}

#[test]
fn tenants_are_listed_and_dropped() {
    let stack = unique("tenants");
    run(suho().args(["up", "dragonflydb", "--name", &stack]), 0);

    // One that is kept, with the way in for who asks.
    let kept = stderr(&run(&mut borrower(&stack), 0));
    assert!(kept.contains("(the borrower) is kept:"), "{kept}");
    let table = stdout(&run(suho().arg("tenants"), 0));
    assert!(table.contains("kept") && table.contains("the borrower"), "{table}");
    assert!(!table.contains("redis"), "{table}");
    let secrets = stdout(&run(suho().args(["tenants", "--show-secrets"]), 0));
    assert!(secrets.contains("redis"), "{secrets}");
    let rows = listed();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (
            rows[0]["stage"].as_str(),
            rows[0]["stack"].as_str(),
            rows[0]["in_use"].as_bool()
        ),
        (Some("kept"), Some(stack.as_str()), Some(false))
    );
    assert!(rows[0].get("way_in").is_none());

    // One that is in use is not to be taken away.
    let (mut child, tenant) = staying(&stack);
    let refused = run(suho().args(["tenants", "drop", &tenant]), 1);
    assert!(stderr(&refused).contains("in use by process"), "{}", stderr(&refused));
    run(suho().args(["tenants", "drop", "--kept"]), 0);
    assert_eq!(listed().len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    run(suho().args(["tenants", "drop", &tenant]), 0);
    assert!(stdout(&run(suho().arg("tenants"), 0)).contains("no stack has tenants"));
    let unknown = run(suho().args(["tenants", "drop", &tenant]), 2);
    assert!(stderr(&unknown).contains("there is no tenant"), "{}", stderr(&unknown));

    // Those of a stack go with it.
    run(&mut borrower(&stack), 0);
    run(suho().args(["down", &stack]), 0);
    assert!(listed().is_empty());
}
