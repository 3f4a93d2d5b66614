//! 64 processes at once: one stack, every time.

use std::time::Duration;

use super::{
    process::{Asking, Process},
    remains,
};
use crate::unique;

const CROWD: usize = 64;
/// What a stack without a time to linger may take until it is gone.
const LIMIT: Duration = Duration::from_secs(15);

/// Whether the first who starts is killed half-way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Winner {
    Lives,
    IsKilled,
}

fn one_stack(winner: Winner) {
    let directory = tempfile::tempdir().unwrap();
    let prefix = unique("crowd");
    let asking = Asking::of(&prefix, directory.path());
    let mut first = (winner == Winner::IsKilled).then(|| asking.clone().pausing_at("launched").start());
    if let Some(first) = &mut first {
        assert_eq!(first.hears("phase"), "launched");
    }
    let mut crowd: Vec<Process> = (0..CROWD - usize::from(first.is_some()))
        .map(|_| asking.start())
        .collect();
    if let Some(mut first) = first {
        // They are many enough for one of them to wait already.
        assert!(!crowd[0].hears("told").is_empty());
        first.kill();
    }

    let ready: Vec<[String; 3]> = crowd.iter_mut().map(Process::ready).collect();
    let started = ready.iter().filter(|[origin, ..]| origin == "Started").count();
    let same = ready
        .iter()
        .all(|[_, name, port]| [name, port] == [&ready[0][1], &ready[0][2]]);
    let containers = remains::containers(&ready[0][1]).len();
    let reapers = remains::reapers(directory.path()).len();
    crowd.into_iter().for_each(Process::end);

    assert_eq!((started, containers, reapers), (1, 1, 1));
    assert!(same, "{ready:?}");
    let gone = remains::gone(&prefix, directory.path(), LIMIT);
    assert!(gone.is_ok(), "{gone:?}");
}

#[test]
fn of_64_processes_one_starts_and_all_get_the_same_stack() {
    one_stack(Winner::Lives);
}

#[test]
fn of_64_processes_one_starts_also_where_the_first_is_killed_half_way() {
    one_stack(Winner::IsKilled);
}

#[test]
#[ignore = "ten crowds of each kind take minutes"]
fn ten_times_one_stack() {
    for run in 1..=10 {
        for winner in [Winner::Lives, Winner::IsKilled] {
            let began = std::time::Instant::now();
            one_stack(winner);
            println!(
                "run {run}, the winner {winner:?}: one stack, {:.1} s",
                began.elapsed().as_secs_f64()
            );
        }
    }
}
