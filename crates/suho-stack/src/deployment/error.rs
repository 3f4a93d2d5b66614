//! Why a deployment could not be read.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::image::ImageReferenceError;
use super::interpolation::InterpolationError;

/// A place in one of the deployment's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Relative to the deployment's directory: `docker-compose.yml`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1; none where a whole line is meant.
    pub column: Option<usize>,
}

impl Position {
    /// A whole line of `file`.
    #[must_use]
    pub fn line(file: &str, line: usize) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column: None,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match self.column {
            Some(column) => write!(f, ":{column}"),
            None => Ok(()),
        }
    }
}

/// What is wrong with the deployment's description, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// A file or a directory could not be read.
    #[error("read {}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// A file could not be written.
    #[error("write {}", path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// The library was compiled without the deployment's files, and no directory is given.
    #[error("find a deployment: this build of suho holds no deployment; give --directory or set SUHO_COMPOSE_DIR")]
    NoneEmbedded,

    /// A directory is given that holds none of the deployment's files.
    #[error("find a deployment in {}: no file in it belongs to a deployment; give the directory of docker-compose.yml", path.display())]
    EmptyDirectory {
        /// What was looked into.
        path: PathBuf,
    },

    /// A file is named that is not there.
    #[error("find `{file}` among the deployment's files; it has to lie in the directory of docker-compose.yml")]
    NoSuchFile {
        /// Relative to the deployment's directory.
        file: String,
    },

    /// A file that has to be text is not.
    #[error("read `{file}` as text: the byte at offset {offset} is not UTF-8")]
    NotText {
        /// Relative to the deployment's directory.
        file: String,
        /// From 0.
        offset: usize,
    },

    /// The file is not YAML, or not of the shape that this library reads.
    #[error("read {at}: {message}")]
    Yaml {
        /// Where.
        at: Position,
        /// What the parser says; names the fields that are known.
        message: String,
    },

    /// A variable is missing, or a `${…}` is not well formed.
    #[error("fill in the variables at {at}: {reason}")]
    Interpolation {
        /// The scalar that holds the variable.
        at: Position,
        /// What is wrong with it.
        reason: InterpolationError,
    },

    /// An image reference is not one.
    #[error("read the image at {at}: {reason}")]
    Image {
        /// Where.
        at: Position,
        /// What is wrong with it.
        reason: ImageReferenceError,
    },

    /// A value is not of the form that this library reads.
    #[error("read `{value}` at {at}: expected {expected}")]
    Value {
        /// Where.
        at: Position,
        /// After interpolation.
        value: String,
        /// The accepted form, with an example.
        expected: String,
    },

    /// The parts of the deployment do not fit together.
    #[error("read {at}: {message}")]
    Inconsistent {
        /// Where.
        at: Position,
        /// What does not fit, and what would.
        message: String,
    },

    /// Services wait for each other.
    #[error(
        "order the services: {} wait for each other; remove one of these depends_on",
        cycle.join(" -> ")
    )]
    Cycle {
        /// The services in the order of their dependencies; the first is also the last.
        cycle: Vec<String>,
    },

    /// A service is asked for that the deployment does not have.
    #[error("find the service `{name}`; the deployment has {}", known.join(", "))]
    NoSuchService {
        /// As asked for.
        name: String,
        /// In the order of the compose file.
        known: Vec<String>,
    },

    /// A line of an environment file is not `NAME=value`.
    #[error("read {at}: {message}")]
    EnvFile {
        /// Where.
        at: Position,
        /// What is wrong and what to write instead; never the value.
        message: String,
    },

    /// A line of the declarations is neither a stream nor a topic.
    #[error("read {at}: {message}")]
    Declaration {
        /// Where.
        at: Position,
        /// What is wrong and what to write instead.
        message: String,
    },

    /// A line of a configuration file cannot be read as a setting.
    #[error("read {at}: {message}")]
    Setting {
        /// Where.
        at: Position,
        /// What is wrong and what to write instead.
        message: String,
    },
}

impl DeploymentError {
    /// Where in the deployment's files it is, where that can be told.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        match self {
            Self::Yaml { at, .. }
            | Self::Interpolation { at, .. }
            | Self::Image { at, .. }
            | Self::Value { at, .. }
            | Self::Inconsistent { at, .. }
            | Self::EnvFile { at, .. }
            | Self::Declaration { at, .. }
            | Self::Setting { at, .. } => Some(at),
            _ => None,
        }
    }

    /// What is wrong there, for those who tell the place themselves; none where the whole error has to be told.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Yaml { message, .. }
            | Self::Inconsistent { message, .. }
            | Self::EnvFile { message, .. }
            | Self::Declaration { message, .. }
            | Self::Setting { message, .. } => Some(message),
            _ => None,
        }
    }
}
