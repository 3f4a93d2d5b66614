use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs, io};

use futures::future::BoxFuture;
use sha2::{Digest, Sha256};

use super::WayIn;

/// What a migration that is a function comes to.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What every room of an engine begins with, beside the schema of the deployment: scripts and functions, in their order.
///
/// ```
/// use suho_stack::engines::tenancy::Migrations;
///
/// let orders = Migrations::new().script("orders.sql", "CREATE TABLE orders (id bigint PRIMARY KEY)");
/// assert_ne!(orders.hash(), Migrations::new().hash());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Migrations {
    steps: Vec<Step>,
}

/// One of the migrations.
#[derive(Clone)]
pub enum Step {
    /// Statements in the engine's own language.
    Script {
        /// For errors: `0001_orders.sql`.
        name: String,
        /// The statements.
        text: String,
    },
    /// What a program does in the room.
    Function {
        /// For errors, and for the hash.
        name: String,
        /// Another version is another migration: a function cannot be hashed.
        version: String,
        /// Is given the way into the room.
        run: Arc<dyn Fn(WayIn) -> BoxFuture<'static, Outcome> + Send + Sync>,
    },
}

impl Migrations {
    /// None: a room begins with the schema of the deployment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The files of `directory` that end in `.sql`, in the order of their names.
    pub fn from_directory(directory: impl AsRef<Path>) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                files.push(path);
            }
        }
        files.sort();
        files.into_iter().try_fold(Self::new(), |migrations, path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(migrations.script(name, fs::read_to_string(&path)?))
        })
    }

    /// These, and then a script.
    #[must_use]
    pub fn script(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.steps.push(Step::Script {
            name: name.into(),
            text: text.into(),
        });
        self
    }

    /// These, and then a function, of which another `version` is another migration.
    #[must_use]
    pub fn function<F>(
        mut self,
        name: impl Into<String>,
        version: impl Into<String>,
        run: impl Fn(WayIn) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        self.steps.push(Step::Function {
            name: name.into(),
            version: version.into(),
            run: Arc::new(move |way_in| Box::pin(run(way_in))),
        });
        self
    }

    /// In their order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The first twelve hexadecimal digits of SHA-256 over all of them, for the names of templates.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for step in &self.steps {
            let (kind, name, text) = match step {
                Step::Script { name, text } => ("script", name, text),
                Step::Function { name, version, .. } => ("function", name, version),
            };
            for part in [kind, name, text] {
                // Each with its length before it, so that no two lists read the same.
                hasher.update(part.len().to_le_bytes());
                hasher.update(part);
            }
        }
        let mut hash = format!("{:x}", hasher.finalize());
        hash.truncate(12);
        hash
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script { name, .. } => write!(f, "Script({name})"),
            Self::Function { name, version, .. } => write!(f, "Function({name} {version})"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_directory_come_in_the_order_of_their_names() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [("2.sql", "two"), ("1.sql", "one"), ("README.md", "none")] {
            fs::write(directory.path().join(name), text).unwrap();
        }

        let migrations = Migrations::from_directory(directory.path()).unwrap();

        let expected = Migrations::new().script("1.sql", "one").script("2.sql", "two");
        assert_eq!(migrations.steps().len(), 2);
        assert_eq!(migrations.hash(), expected.hash());
    }

    #[test]
    fn order_names_and_versions_are_part_of_the_hash() {
        let script = |name: &str, text: &str| Migrations::new().script(name, text).hash();
        let function = |version: &str| Migrations::new().function("seed", version, |_| async { Ok(()) }).hash();

        assert_ne!(script("ab", "c"), script("a", "bc"));
        assert_ne!(function("1"), function("2"));
        assert_eq!(function("1"), function("1"));
        assert_ne!(function("1"), script("seed", "1"));
    }
}
