//! Which name is whose: a collection's name is all that tells its tenant.

use sha2::{Digest, Sha256};

use super::super::super::tenancy::TenantName;

/// Weaviate's own limit is 255; a snapshot's copy has 31 letters before the tenant's name for it.
const LONGEST: usize = 200;
/// Digits of a label's hash.
const DIGITS: usize = 12;

/// Begins the names of a tenant's collections: `T3f2a…_`, because they have to begin with a capital letter.
pub(super) fn prefix(tenant: &TenantName) -> String {
    tenant.as_str().replacen('t', "T", 1) + "_"
}

/// Begins the names of all that is kept of them.
pub(super) fn kept_prefix(tenant: &TenantName) -> String {
    tenant.as_str().replacen('t', "S", 1) + "_"
}

/// The collection that says that the snapshot `label` is whole; copies are named by it, a `_` and the tenant's own name.
pub(super) fn seal(tenant: &TenantName, label: &str) -> String {
    let mut hash = format!("{:x}", Sha256::digest(label));
    hash.truncate(DIGITS);
    kept_prefix(tenant) + &hash
}

/// Whether `name` may stand after a prefix.
pub(super) fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (1..=LONGEST).contains(&name.len()) && name.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Instrument", true)]
    #[case("_9", true)]
    #[case("", false)]
    #[case("a/b", false)]
    #[case("..", false)]
    #[case("a\"b", false)]
    #[case("*", false)]
    #[case("Gräser", false)]
    #[case("a b", false)]
    fn a_name_is_letters_digits_and_underscores(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_name(name), expected);
        assert!(!is_name(&"a".repeat(LONGEST + 1)));
    }

    #[test]
    fn no_prefix_begins_another() {
        let (one, other) = (TenantName::random(), TenantName::random());

        assert!(!prefix(&one).starts_with(&prefix(&other)));
        assert!(!seal(&one, "a").starts_with(&prefix(&one)));
        assert!(!seal(&one, "a").starts_with(&seal(&one, "ab")));
    }
}
