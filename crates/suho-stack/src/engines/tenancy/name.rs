use std::fmt;

use serde::{Deserialize, Serialize};

/// How many random digits a name has: too many for two names ever to be the same.
const DIGITS: usize = 16;

/// The name of a tenant: `t` and sixteen hexadecimal digits, an identifier in every engine's language.
///
/// All names are of one length, so that none is the beginning of another: what is found by its prefix is one tenant's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantName(String);

impl TenantName {
    /// A new one, unlike any before.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("t{:016x}", rand::random::<u64>()))
    }

    /// `text`, if it is the name of a tenant.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('t')?;
        let is_digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
        (digits.len() == DIGITS && digits.chars().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// As it stands in the names of databases, users and files.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<TenantName> for String {
    fn from(name: TenantName) -> Self {
        name.0
    }
}

impl TryFrom<String> for TenantName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
            .ok_or_else(|| format!("`{text}` is no tenant's name: that is a t and {DIGITS} hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_new_name_is_a_name() {
        let name = TenantName::random();

        assert_eq!(TenantName::parse(name.as_str()), Some(name));
    }

    #[rstest]
    #[case("")]
    #[case("t")]
    #[case("t0123456789abcde")]
    #[case("t0123456789abcdef0")]
    #[case("t0123456789ABCDEF")]
    #[case("u0123456789abcdef")]
    #[case("t0123456789abcde\"")]
    #[case("t0123456789abcdé")]
    fn what_is_no_name_is_refused(#[case] text: &str) {
        assert_eq!(TenantName::parse(text), None);
    }
}
