use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use rstest::rstest;

use crate::{left_behind, run, suho, unique};

/// Starts a stack and returns when its progress says `words`.
fn up_until(name: &str, words: &str) -> Child {
    let mut child = suho()
        .args(["up", "postgresql", "kafka", "--name", name])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains(words))
        .unwrap();
    // Somebody has to read on, or the progress would fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[rstest]
#[case::ctrl_c_while_images_are_chosen("INT", "postgresql")]
#[case::ctrl_c_while_containers_start("INT", "launched")]
#[case::termination_while_engines_get_ready("TERM", "ready: ")]
fn an_interrupted_start_leaves_nothing(#[case] signal: &str, #[case] words: &str) {
    let name = unique(&format!("interrupted-{}", words.trim_end_matches(": ")));
    let mut child = up_until(&name, words);

    run(Command::new("kill").args(["-s", signal, &child.id().to_string()]), 0);

    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(left_behind(&name), "");
}
