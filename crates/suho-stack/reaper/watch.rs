//! Waits until the stack is of no use, then ends it.

use std::fs::File;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use crate::docker::Docker;
use crate::files::{Files, Linger, Locked, Standing};

/// Between two looks at the lease.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The least that a stack lingers: between two processes of one test run nobody holds it for a moment.
const GRACE: Duration = Duration::from_secs(2);
/// Between two sweeps.
const PAUSE: Duration = Duration::from_millis(250);
/// How many sweeps in a row find nothing where everything is gone.
const EMPTY_SWEEPS: usize = 2;
/// The same after a start that was cut off: within a second the engine has made what it was asked for.
const EMPTY_SWEEPS_AFTER_A_CUT: usize = 6;
/// How many sweeps are tried before the locks are given back for a while.
const SWEEPS: usize = 60;
/// For a Docker engine that does not answer; what is left then, the next start sweeps.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Ends with the stack, or when somebody else is in charge of it.
pub fn until_the_end(files: &Files, own: &File, lease: &File, docker: &Docker) {
    let mut idle = Idle::default();
    let mut failing: Option<Instant> = None;
    loop {
        match files.standing(own) {
            Standing::Dismissed => return,
            Standing::Orphaned => {
                // Whoever still uses it holds the file that it had.
                if lease.try_lock().is_ok() {
                    sweep_until_gone(docker, EMPTY_SWEEPS_AFTER_A_CUT);
                    return;
                }
            }
            Standing::InCharge => match turn(files, &mut idle, docker) {
                Turn::Ended => return,
                Turn::Waits => failing = None,
                Turn::Failed => {
                    if failing.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                        return;
                    }
                    sleep(PAUSE * 8);
                }
            },
        }
        sleep(LOOK_EVERY);
    }
}

enum Turn {
    Waits,
    Failed,
    Ended,
}

fn turn(files: &Files, idle: &mut Idle, docker: &Docker) -> Turn {
    let has_state = files.has_state();
    let linger = match files.linger() {
        // Only `suho down` ends it, and needs no help.
        Linger::Forever if has_state => return Turn::Ended,
        Linger::For(time) if has_state => time.max(GRACE),
        // Nobody can attach to what was never ready.
        _ => GRACE,
    };
    let Ok((locked, touched)) = files.try_lease() else {
        return Turn::Waits;
    };
    let Locked::Held(_lease) = locked else {
        idle.end();
        return Turn::Waits;
    };
    if idle.since(touched) < linger {
        return Turn::Waits;
    }
    // Who starts holds the lease as well, so that nobody can be about to.
    let Ok(Locked::Held(_start)) = files.try_start() else {
        return Turn::Waits;
    };
    files.forget_state();
    let enough = if has_state {
        EMPTY_SWEEPS
    } else {
        EMPTY_SWEEPS_AFTER_A_CUT
    };
    if !sweep_until_gone(docker, enough) {
        return Turn::Failed;
    }
    files.remove();
    Turn::Ended
}

/// What a request makes that was cut off may still appear, so gone means found empty `enough` times in a row.
fn sweep_until_gone(docker: &Docker, enough: usize) -> bool {
    let mut empty = 0;
    for _ in 0..SWEEPS {
        match docker.sweep() {
            Ok(0) => empty += 1,
            _ => empty = 0,
        }
        if empty == enough {
            return true;
        }
        sleep(PAUSE);
    }
    false
}

/// Since when nobody has the lease.
#[derive(Default)]
struct Idle {
    since: Option<Instant>,
    touched: Option<SystemTime>,
}

impl Idle {
    fn end(&mut self) {
        self.since = None;
    }

    /// How long by now; a user who came and went between two looks begins it anew.
    fn since(&mut self, touched: SystemTime) -> Duration {
        if self.touched.replace(touched) != Some(touched) {
            self.since = None;
        }
        self.since.get_or_insert_with(Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_came_and_went_between_two_looks_begins_the_time_anew() {
        let mut idle = Idle::default();
        let early = SystemTime::UNIX_EPOCH;
        idle.since(early);
        sleep(Duration::from_millis(20));
        assert!(idle.since(early) >= Duration::from_millis(20));

        assert!(idle.since(early + Duration::from_secs(1)) < Duration::from_millis(20));
    }
}
