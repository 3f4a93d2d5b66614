//! What who starts a stack tells those who wait for it: a file of lines, one entry each.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::stack::{Progress, start::Tell};

/// What is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A process has begun to start the stack.
    Begun {
        /// Its number.
        process: u32,
    },
    /// The start goes on.
    Told(Progress),
    /// It has failed, in words.
    Failed(String),
    /// The stack is ready.
    Ended,
}

/// The journal of a start of this process.
#[derive(Debug, Clone)]
pub(super) struct Journal(Arc<File>);

impl Journal {
    /// Begins a new one in place of that of an earlier start.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.set_len(0)?;
        let journal = Self(Arc::new(file));
        journal.note(&Entry::Begun { process: process::id() });
        Ok(journal)
    }

    /// A start does not fail because nobody can follow it.
    pub fn note(&self, entry: &Entry) {
        let written = serde_json::to_string(entry)
            .map_err(io::Error::other)
            .and_then(|line| (&*self.0).write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            tracing::debug!(%error, "the progress of the start cannot be written");
        }
    }

    /// Tells `tell`, and those who wait.
    pub fn telling(&self, tell: Tell) -> Tell {
        let journal = self.clone();
        Arc::new(move |progress: Progress| {
            journal.note(&Entry::Told(progress.clone()));
            tell(progress);
        })
    }
}

/// Follows the journal of another process.
#[derive(Debug)]
pub(super) struct Follower {
    path: PathBuf,
    read: u64,
}

impl Follower {
    pub fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: 0,
        }
    }

    /// What was told since it was asked last.
    pub fn news(&mut self) -> Vec<Entry> {
        let mut text = String::new();
        let read = File::open(&self.path).and_then(|mut file| {
            if file.metadata()?.len() < self.read {
                // Another start has begun.
                self.read = 0;
            }
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_string(&mut text)
        });
        if read.is_err() {
            return Vec::new();
        }
        // A line that is still being written is read next time.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        entries(&text[..whole]).collect()
    }
}

/// How the last start ended; `None` where it was cut off, or there was none.
pub(super) fn last(path: &Path) -> Option<Entry> {
    entries(&fs::read_to_string(path).ok()?).last()
}

fn entries(text: &str) -> impl Iterator<Item = Entry> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn who_waits_is_told_what_who_starts_is_told_and_a_new_start_is_followed_from_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("progress");
        let mut follower = Follower::of(&path);
        assert!(follower.news().is_empty());

        let own = Arc::new(Mutex::new(0));
        let journal = Journal::begin(&path).unwrap();
        let tell = journal.telling({
            let own = own.clone();
            Arc::new(move |_| *own.lock().unwrap() += 1)
        });
        tell(Progress::LimitsRefused);
        let news = follower.news();
        assert!(
            matches!(news[..], [Entry::Begun { .. }, Entry::Told(Progress::LimitsRefused)]),
            "{news:?}"
        );
        assert_eq!(*own.lock().unwrap(), 1);

        journal.note(&Entry::Ended);
        assert!(matches!(follower.news()[..], [Entry::Ended]));
        assert!(follower.news().is_empty() && matches!(last(&path), Some(Entry::Ended)));

        Journal::begin(&path).unwrap();
        assert!(matches!(follower.news()[..], [Entry::Begun { .. }]));
        assert!(matches!(last(&path), Some(Entry::Begun { .. })));
    }
}
