//! 64 processes at once: one stack, every time.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

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

impl fmt::Display for Winner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lives => "none is killed",
            Self::IsKilled => "the first is killed half-way",
        })
    }
}

fn one_stack(winner: Winner) {
    let began = Instant::now();
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
    let mut origins = BTreeMap::new();
    for [origin, ..] in &ready {
        *origins.entry(origin.as_str()).or_insert(0) += 1;
    }
    let same = ready
        .iter()
        .all(|[_, name, port]| [name, port] == [&ready[0][1], &ready[0][2]]);
    let containers = remains::containers(&ready[0][1]).len();
    let reapers = remains::reapers(directory.path()).len();
    let origins_in_words: Vec<_> = origins
        .iter()
        .map(|(origin, count)| format!("{count} {origin}"))
        .collect();
    println!(
        "{CROWD} processes, {winner}: {}; containers: {containers}, reapers: {reapers}; {:.1} s",
        origins_in_words.join(", "),
        began.elapsed().as_secs_f64()
    );
    crowd.into_iter().for_each(Process::end);

    assert_eq!((origins.get("Started"), containers, reapers), (Some(&1), 1, 1));
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
    for _ in 1..=10 {
        one_stack(Winner::Lives);
        one_stack(Winner::IsKilled);
    }
}
