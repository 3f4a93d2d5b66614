//! The files of a stack and the locks on them. `stack/shared` of the library has the same names.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// As long as a reaper that ends may still hold its lock.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// What `suho down` writes into the reaper's file to send it away.
const RETIRED: &str = "retired";
/// What a user writes into the lease who wants the stack to stay.
const FOREVER: &str = "forever";

/// The files of one stack.
pub struct Files {
    directory: PathBuf,
    stack: String,
}

/// What came of a try to lock.
pub enum Locked {
    /// As long as the file is open.
    Held(File),
    /// Somebody else has it.
    Busy,
}

/// What has become of the file that the reaper holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is still the one of its name.
    InCharge,
    /// The stack was removed by hand, or another reaper has taken over.
    Dismissed,
    /// The whole directory is gone.
    Orphaned,
}

/// How long the stack stays after its last user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Linger {
    For(Duration),
    Forever,
}

impl Files {
    pub fn of(directory: &Path, stack: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            stack: stack.to_owned(),
        }
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.stack))
    }

    /// The lock that says that a reaper is there.
    pub fn reaper_patiently(&self) -> io::Result<Locked> {
        let mut waited = Duration::ZERO;
        loop {
            match try_exclusive(&self.path("reaper"))? {
                Locked::Busy if waited < PATIENCE => sleep(PAUSE),
                locked => return Ok(locked),
            }
            waited += PAUSE;
        }
    }

    /// The lock that says that somebody starts the stack.
    pub fn try_start(&self) -> io::Result<Locked> {
        try_exclusive(&self.path("start"))
    }

    pub fn open_lease(&self) -> io::Result<File> {
        open(&self.path("lease"))
    }

    /// The lease, if nobody has it, and when a user came last.
    pub fn try_lease(&self) -> io::Result<(Locked, SystemTime)> {
        let path = self.path("lease");
        let locked = try_exclusive(&path)?;
        let touched = fs::metadata(path)?.modified()?;
        Ok((locked, touched))
    }

    /// False until a start has come to its end.
    pub fn has_state(&self) -> bool {
        self.path("json").exists()
    }

    /// The longest time that any user asked for.
    pub fn linger(&self) -> Linger {
        let wishes = fs::read_to_string(self.path("lease")).unwrap_or_default();
        let times = wishes.lines().filter_map(|line| match line {
            FOREVER => Some(Linger::Forever),
            seconds => seconds.parse().ok().map(Duration::from_secs).map(Linger::For),
        });
        times.max().unwrap_or(Linger::For(Duration::ZERO))
    }

    /// Whether the reaper that holds `own` still is the one in charge.
    pub fn standing(&self, own: &File) -> Standing {
        if is_at(own, &self.path("reaper")) {
            Standing::InCharge
        } else if self.path("reaper").exists() || self.path("lease").exists() || is_retired(own) {
            Standing::Dismissed
        } else {
            Standing::Orphaned
        }
    }

    /// So that nobody looks for a stack that is about to go.
    pub fn forget_state(&self) {
        let _ = fs::remove_file(self.path("json"));
    }

    /// Removes all of them; whoever does holds the locks, and who waits for one sees that its file is gone.
    pub fn remove(&self) {
        let _ = fs::remove_dir_all(self.directory.join("tenants").join(&self.stack));
        for extension in ["json", "draft", "progress", "start", "lease", "reaper"] {
            let _ = fs::remove_file(self.path(extension));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn try_exclusive(path: &Path) -> io::Result<Locked> {
    loop {
        let file = open(path)?;
        match file.try_lock() {
            // A file that was removed meanwhile is another's past: its lock means nothing.
            Ok(()) if !is_at(&file, path) => {}
            Ok(()) => return Ok(Locked::Held(file)),
            Err(TryLockError::WouldBlock) => return Ok(Locked::Busy),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(there)) = (file.metadata(), fs::metadata(path)) else {
        return false;
    };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

fn is_retired(own: &File) -> bool {
    use std::os::unix::fs::FileExt;
    let mut content = [0; RETIRED.len()];
    own.read_exact_at(&mut content, 0).is_ok() && content == *RETIRED.as_bytes()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn files(directory: &Path) -> Files {
        Files::of(directory, "shared-test")
    }

    fn held(locked: io::Result<Locked>) -> Option<File> {
        match locked.unwrap() {
            Locked::Held(file) => Some(file),
            Locked::Busy => None,
        }
    }

    #[test]
    fn the_longest_wish_counts_and_what_is_no_wish_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        let wish = |text: &str| {
            fs::write(files.path("lease"), text).unwrap();
            files.linger()
        };

        assert_eq!(files.linger(), Linger::For(Duration::ZERO));
        assert_eq!(wish("5\n90\n7\n"), Linger::For(Duration::from_secs(90)));
        assert_eq!(wish("5\nforever\nnonsense"), Linger::Forever);
    }

    #[test]
    fn a_reaper_whose_file_was_replaced_or_retired_is_dismissed_and_one_without_a_directory_is_orphaned() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        let own = held(files.reaper_patiently()).unwrap();
        assert_eq!(files.standing(&own), Standing::InCharge);

        fs::remove_file(files.path("reaper")).unwrap();
        assert_eq!(files.standing(&own), Standing::Orphaned);
        let other = held(files.reaper_patiently()).unwrap();
        assert_eq!(files.standing(&own), Standing::Dismissed);

        fs::write(files.path("reaper"), RETIRED).unwrap();
        fs::remove_file(files.path("reaper")).unwrap();
        assert_eq!(files.standing(&other), Standing::Dismissed);
    }

    #[test]
    fn a_lock_is_one_processes_until_its_file_goes() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        let first = held(files.try_start());

        assert!(first.is_some() && held(files.try_start()).is_none());
        files.remove();
        assert!(held(files.try_start()).is_some());
    }
}
