//! Whoever is killed, whenever: nothing is left, or the next start sweeps it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    thread::sleep,
    time::Duration,
};

use super::{
    process::{Asking, Process},
    remains::{self, kill, reapers},
};
use crate::unique;

/// After the time to linger, which is none here.
const LIMIT: Duration = Duration::from_secs(15);
/// How many rows of the table are filled at a time.
const AT_A_TIME: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    BeforeCreate,
    BetweenCreateAndStart,
    WhileWaiting,
    InUse,
    WhileReaping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// The one process that there is.
    TestProcess,
    /// It, and another that waits for the same stack.
    AllSiblings,
    /// Who started the stack, and thereby the reaper; another goes on.
    ParentOfReaper,
    /// The reaper; the processes go on.
    Reaper,
}

const PHASES: [Phase; 5] = [
    Phase::BeforeCreate,
    Phase::BetweenCreateAndStart,
    Phase::WhileWaiting,
    Phase::InUse,
    Phase::WhileReaping,
];
const VICTIMS: [Victim; 4] = [
    Victim::TestProcess,
    Victim::AllSiblings,
    Victim::ParentOfReaper,
    Victim::Reaper,
];

/// What Docker says that it does with the containers of stacks.
struct Events(Child);

impl Events {
    fn of(kind: &str) -> Self {
        let kind = format!("event={kind}");
        let child = Command::new("docker")
            .args(["events", "--filter", "type=container", "--filter", &kind])
            .args(["--format", r#"{{index .Actor.Attributes "suho.stack"}}"#])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It listens from some moment after its start on.
        sleep(Duration::from_millis(500));
        Self(child)
    }

    /// Waits for one about a stack that `prefix` begins.
    fn wait_for(&mut self, prefix: &str) {
        let events = BufReader::new(self.0.stdout.as_mut().unwrap());
        assert!(events.lines().any(|line| line.unwrap().starts_with(prefix)));
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes of one row, and the one that came second if there is one.
struct Scene {
    first: Option<Process>,
    second: Option<Process>,
}

impl Scene {
    /// Begins, and comes to `phase`.
    fn at(phase: Phase, victim: Victim, asking: &Asking, prefix: &str) -> Self {
        let with_second = victim != Victim::TestProcess;
        let second = || {
            with_second.then(|| {
                let mut second = asking.start();
                assert!(phase == Phase::WhileReaping || !second.hears("told").is_empty());
                second
            })
        };
        match phase {
            Phase::BeforeCreate | Phase::WhileWaiting => {
                let pause = if phase == Phase::BeforeCreate {
                    "image"
                } else {
                    "launched"
                };
                let mut first = asking.clone().pausing_at(pause).start();
                assert_eq!(first.hears("phase"), pause);
                Self {
                    first: Some(first),
                    second: second(),
                }
            }
            Phase::BetweenCreateAndStart => {
                let mut events = Events::of("create");
                let mut first = asking.clone().pausing_at("image").start();
                first.hears("phase");
                let second = second();
                first.go_on();
                events.wait_for(prefix);
                Self {
                    first: Some(first),
                    second,
                }
            }
            Phase::InUse => {
                let mut first = asking.start();
                first.ready();
                let second = with_second.then(|| {
                    let mut second = asking.start();
                    second.ready();
                    second
                });
                Self {
                    first: Some(first),
                    second,
                }
            }
            Phase::WhileReaping => {
                let mut events = Events::of("kill");
                let mut first = asking.start();
                first.ready();
                first.end();
                events.wait_for(prefix);
                // They come while the stack goes; the reaper is killed with nobody there.
                let with_others = victim != Victim::Reaper;
                Self {
                    first: with_others.then(|| asking.start()),
                    second: if with_others { second() } else { None },
                }
            }
        }
    }

    fn kill(&mut self, victim: Victim, directory: &Path) {
        match victim {
            Victim::TestProcess | Victim::ParentOfReaper => self.first.as_mut().unwrap().kill(),
            Victim::AllSiblings => {
                self.first.as_mut().unwrap().kill();
                self.second.as_mut().unwrap().kill();
            }
            Victim::Reaper => reapers(directory).into_iter().for_each(kill),
        }
    }

    /// Who lives gets the stack, and ends.
    fn end(self, victim: Victim) {
        let mut living = Vec::new();
        if let Some(mut first) = self.first.filter(|_| victim == Victim::Reaper) {
            if !first.is_ready() {
                first.go_on();
            }
            living.push(first);
        }
        if victim != Victim::AllSiblings {
            living.extend(self.second);
        }
        for process in living.iter_mut().filter(|process| !process.is_ready()) {
            process.ready();
        }
        living.into_iter().for_each(Process::end);
    }
}

/// What became of the stack: gone by itself, or swept by the next start.
fn row(phase: Phase, victim: Victim) -> String {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let prefix = unique("killed");
    let asking = Asking::of(&prefix, directory);
    let mut scene = Scene::at(phase, victim, &asking, &prefix);
    scene.kill(victim, directory);
    scene.end(victim);
    let outcome = match remains::gone(&prefix, directory, LIMIT) {
        Ok(after) => format!("gone after {:.1} s", after.as_secs_f64()),
        Err(remains) => {
            // Of another stack, so that it is the sweep that removes this one.
            let mut next = Asking::of(&unique("next"), directory).start();
            next.ready();
            next.end();
            match remains::gone(&prefix, directory, LIMIT) {
                Ok(_) => "swept by the next start".to_owned(),
                Err(_) => format!("LEFT: {remains:?}"),
            }
        }
    };
    format!(
        "{phase:<24} {victim:<16} {outcome}",
        phase = format!("{phase:?}"),
        victim = format!("{victim:?}")
    )
}

#[test]
fn whoever_is_killed_whenever_nothing_is_left_or_the_next_start_sweeps_it() {
    let cases: Vec<_> = PHASES
        .into_iter()
        .flat_map(|phase| VICTIMS.into_iter().map(move |victim| (phase, victim)))
        .collect();
    let mut table = Vec::new();
    for some in cases.chunks(AT_A_TIME) {
        let rows: Vec<_> = some
            .iter()
            .map(|&(phase, victim)| thread::spawn(move || row(phase, victim)))
            .collect();
        for (case, row) in some.iter().zip(rows) {
            table.push(
                row.join()
                    .unwrap_or_else(|_| format!("{case:?} LEFT: the row itself failed")),
            );
        }
    }
    let table = table.join("\n");
    println!("{:<24} {:<16} OUTCOME\n{table}", "KILLED", "VICTIM");
    assert!(!table.contains("LEFT"), "{table}");
}
