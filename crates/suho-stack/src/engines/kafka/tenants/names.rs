//! Names of topics, groups and transactions below a tenant's prefix.

use super::super::super::tenancy::TenantName;

/// The broker's limit, for topics; one limit for all names is easier to keep.
const LONGEST: usize = 249;

/// `name` below `prefix`; or what is wrong with it.
pub(super) fn below(prefix: &str, name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name == "." || name == ".." {
        return Err(format!("`{name}` is the name of a directory"));
    }
    if let Some(other) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"._-".contains(*c)) {
        return Err(format!(
            "`{}` is in it; use letters, digits, `.`, `_` and `-`",
            other.escape_default()
        ));
    }
    if let Some((tenant, _)) = name
        .split_once('.')
        .filter(|(first, _)| TenantName::parse(first).is_some())
    {
        return Err(format!(
            "it begins with the prefix of the tenant {tenant}; give the name behind the prefix"
        ));
    }
    let room = LONGEST.saturating_sub(prefix.len());
    if name.len() > room {
        return Err(format!(
            "it has {} characters; behind the prefix there is room for {room}",
            name.len()
        ));
    }
    Ok(format!("{prefix}{name}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const PREFIX: &str = "t0123456789abcdef.";

    #[rstest]
    #[case("orders")]
    #[case("orders.events_v2-EU")]
    #[case("t0123456789abcde.x")]
    #[case("...")]
    fn a_name_is_put_behind_the_prefix(#[case] name: &str) {
        assert_eq!(below(PREFIX, name), Ok(format!("{PREFIX}{name}")));
    }

    #[test]
    fn the_longest_name_fits_the_broker() {
        let name = "a".repeat(231);

        assert_eq!(below(PREFIX, &name).map(|name| name.len()), Ok(249));
    }

    #[rstest]
    #[case("", "empty")]
    #[case(".", "directory")]
    #[case("..", "directory")]
    #[case("orders/../x", "`/` is in it")]
    #[case("ordérs", "is in it")]
    #[case("a b", "` ` is in it")]
    #[case("a\u{0}", "is in it")]
    #[case("*", "`*` is in it")]
    #[case("tffffffffffffffff.orders", "the prefix of the tenant tffffffffffffffff")]
    #[case("t0123456789abcdef.orders", "the prefix of the tenant")]
    #[case(&"a".repeat(232), "room for 231")]
    fn a_hostile_name_is_refused_in_words(#[case] name: &str, #[case] words: &str) {
        let error = below(PREFIX, name).err().unwrap_or_default();

        assert!(error.contains(words), "{error}");
    }
}
