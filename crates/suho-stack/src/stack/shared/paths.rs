//! The files of a warm stack. The reaper has the same names in `reaper/files.rs`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::stack::state;

/// What the name of a lease ends in: whoever starts a stack makes that file before all else.
const LEASE: &str = "lease";

/// Where the files of one stack are.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    directory: PathBuf,
    stack: String,
}

impl Paths {
    /// Those of `stack` in the state directory, which is made.
    pub fn of(stack: &str) -> io::Result<Self> {
        state::make_directory()?;
        Ok(Self {
            directory: state::directory(),
            stack: stack.to_owned(),
        })
    }

    /// The names of the stacks that have a lease here.
    pub fn stacks() -> io::Result<Vec<String>> {
        let mut stacks = Vec::new();
        let entries = match fs::read_dir(state::directory()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(stacks),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let is_lease = path.extension().is_some_and(|extension| extension == LEASE);
            if let Some(stack) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_lease) {
                stacks.push(stack.to_owned());
            }
        }
        Ok(stacks)
    }

    pub fn stack(&self) -> &str {
        &self.stack
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Every user holds a shared lock on it, the reaper an exclusive one while it removes the stack.
    pub fn lease(&self) -> PathBuf {
        self.path(LEASE)
    }

    /// Who starts the stack holds an exclusive lock on it.
    pub fn start(&self) -> PathBuf {
        self.path("start")
    }

    /// The reaper holds an exclusive lock on it as long as it watches.
    pub fn reaper(&self) -> PathBuf {
        self.path("reaper")
    }

    /// What who starts the stack tells those who wait for it.
    pub fn progress(&self) -> PathBuf {
        self.path("progress")
    }

    /// What is known of the stack, once it is ready.
    pub fn state(&self) -> PathBuf {
        self.path("json")
    }

    /// Removes all of them; one that is gone already is no error.
    pub fn remove(&self) -> io::Result<()> {
        gone(fs::remove_dir_all(self.directory.join("tenants").join(&self.stack)))?;
        // The lock of the reaper last: as long as it is there, the reaper is in charge.
        let draft = self.path("draft");
        let files = [
            self.state(),
            draft,
            self.progress(),
            self.start(),
            self.lease(),
            self.reaper(),
        ];
        files.iter().try_for_each(|file| gone(fs::remove_file(file)))
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.stack))
    }
}

fn gone(removal: io::Result<()>) -> io::Result<()> {
    match removal {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
