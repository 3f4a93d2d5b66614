//! A value that must not be printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A password, a key: its `Debug` shows nothing, and reading it is a visible act.
///
/// Serialising writes the value: into the state file, which has mode 0600, and where somebody asks for endpoints as JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
