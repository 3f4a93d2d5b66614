//! The lease: held by every user of a stack as long as it lives, so that nothing has to be told when a process is killed.

use std::{
    fs,
    io::{self, Write},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep};

use super::{Linger, lock::Lock, paths::Paths};
use crate::stack::{Progress, StackError, start::Tell, state::failed};

/// Between two tries: the reaper looks at the lease for some microseconds at a time.
const PAUSE: Duration = Duration::from_millis(5);
/// After this it is not the reaper's look, but the end of the stack.
const LOOK: Duration = Duration::from_millis(500);
/// What stands for [`Linger::Forever`] in the file; any other line is a number of seconds.
const FOREVER: &str = "forever";

/// A share in the lease of one stack.
#[derive(Debug)]
pub(super) struct Lease(Lock);

impl Lease {
    /// Takes a share, and leaves word of how long the stack is to linger; waits where the stack is being removed.
    pub async fn take(paths: &Paths, linger: Linger, tell: &Tell) -> Result<Self, StackError> {
        let path = paths.lease();
        let began = Instant::now();
        let mut told = false;
        loop {
            if let Some(lock) = Lock::together(&path).map_err(failed("lock", &path))? {
                let lease = Self(lock);
                lease.wish(linger).map_err(failed("write", &path))?;
                return Ok(lease);
            }
            if !told && began.elapsed() > LOOK {
                told = true;
                tell(Progress::Removal {
                    stack: paths.stack().to_owned(),
                });
            }
            sleep(PAUSE).await;
        }
    }

    /// False where the stack was removed, although it was used.
    pub fn is_of(&self, paths: &Paths) -> io::Result<bool> {
        self.0.is_at(&paths.lease())
    }

    /// Leaves word, where nobody wished for as much before; and that somebody was here.
    pub fn wish(&self, linger: Linger) -> io::Result<()> {
        let mut file = self.0.file();
        file.set_modified(SystemTime::now())?;
        if longest(&io::read_to_string(file)?).is_none_or(|longest| longest < linger) {
            file.write_all(line(linger).as_bytes())?;
        }
        Ok(())
    }
}

/// The longest time that any user of the stack wished for; `None` where nobody ever used one.
pub(super) fn wished(paths: &Paths) -> Option<Linger> {
    longest(&fs::read_to_string(paths.lease()).ok()?)
}

fn longest(wishes: &str) -> Option<Linger> {
    let wishes = wishes.lines().filter_map(|line| match line {
        FOREVER => Some(Linger::Forever),
        seconds => seconds.parse().ok().map(Duration::from_secs).map(Linger::For),
    });
    wishes.max()
}

fn line(linger: Linger) -> String {
    match linger {
        Linger::Forever => format!("{FOREVER}\n"),
        Linger::For(time) => format!("{}\n", time.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_longest_counts() {
        let minutes = |minutes: u64| Linger::For(Duration::from_secs(60 * minutes));
        assert_eq!(longest(""), None);
        assert_eq!(longest(&line(minutes(2))), Some(minutes(2)));
        assert_eq!(
            longest(&[minutes(1), minutes(3), minutes(2)].map(line).concat()),
            Some(minutes(3))
        );
        assert_eq!(
            longest(&[Linger::Forever, minutes(3)].map(line).concat()),
            Some(Linger::Forever)
        );
    }
}
