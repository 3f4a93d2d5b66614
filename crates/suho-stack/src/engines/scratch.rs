//! Names and values that nothing else has, so that a stale answer cannot pass for a fresh one.

/// A name and a value for one check.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    /// `probe_` and sixteen hexadecimal digits: an identifier in every engine's language.
    pub name: String,
    /// Sixteen other hexadecimal digits.
    pub value: String,
}

impl Scratch {
    /// A new one, unlike any before.
    pub(super) fn new() -> Self {
        Self {
            name: name("probe_"),
            value: format!("{:016x}", rand::random::<u64>()),
        }
    }
}

/// `prefix` and sixteen hexadecimal digits: what a backup makes for a while, and the next one finds by its prefix.
pub(super) fn name(prefix: &str) -> String {
    format!("{prefix}{:016x}", rand::random::<u64>())
}

/// A password that nobody has set.
pub(super) fn wrong_password() -> String {
    format!("wrong{:016x}", rand::random::<u64>())
}
