use std::process::Command;

use serde_json::Value;

use crate::{left_behind, run, stderr, stdout, suho};

/// As a person calls it, who sets none of the variables that CI sets.
fn by_hand() -> Command {
    let mut command = suho();
    command.env_remove("SUHO_LINGER").env_remove("TESTCONTAINERS_COMMAND");
    command
}

#[test]
fn the_warm_stack_is_brought_up_once_listed_reached_and_removed() {
    let up = stdout(&run(by_hand().args(["up", "nats", "--shared", "--linger", "1h"]), 0));
    let name = up
        .split_whitespace()
        .find(|word| word.starts_with("shared-"))
        .unwrap()
        .trim_end_matches(|last: char| !last.is_ascii_hexdigit())
        .to_owned();
    assert!(up.contains("it goes by itself when nobody has used it for 1h"), "{up}");

    let again = run(by_hand().args(["up", "nats", "--shared"]), 0);
    assert!(
        stderr(&again).contains(&format!("stack {name} runs already")),
        "{again:?}"
    );
    let listed = stdout(&run(by_hand().arg("ps"), 0));
    assert!(
        listed.contains(&format!(
            "stack {name} is shared: not in use; it goes when nobody has used it for 1h"
        )),
        "{listed}"
    );
    let rows: Value = serde_json::from_slice(&run(by_hand().args(["ps", "--json"]), 0).stdout).unwrap();
    let row = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["stack"] == name.as_str());
    assert_eq!(row.unwrap()["shared"]["linger"], "1h");
    assert_eq!(row.unwrap()["shared"]["has_reaper"], true);
    let variables = stdout(&run(by_hand().args(["env", "--name", &name]), 0));
    assert!(variables.contains("export NATS_URL='nats://suho:"), "{variables}");

    run(by_hand().args(["down", &name]), 0);
    assert_eq!(left_behind(&name), "");
    let listed = stdout(&run(by_hand().arg("ps"), 0));
    assert!(!listed.contains(&name), "{listed}");
}

#[test]
fn what_a_shared_stack_cannot_have_is_refused() {
    run(suho().args(["up", "--shared", "--name", "orders"]), 2);
    run(suho().args(["up", "--linger", "5m"]), 2);
    let soon = run(suho().args(["up", "--shared", "--linger", "soon"]), 2);
    assert!(
        stderr(&soon).contains("`90s`, `15m`, `2h`, `0` or `forever`"),
        "{soon:?}"
    );
}
