//! The names that NATS knows.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, begins_with_a_digit, is_one_of, object_by, shown};
use crate::deployment::Setting;

static SETTINGS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("settings.txt"), is_spelled));
static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// What is wrong with each of `settings`.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    let variables: BTreeSet<_> = settings
        .iter()
        .filter_map(|setting| setting.value.expose().strip_prefix('$'))
        .collect();
    object_by(settings, &ENVIRONMENT, |setting| {
        // A name that nothing but a `$name` of the file reads is a variable.
        if variables.contains(setting.key.as_str()) {
            return None;
        }
        let name = without_items(&setting.key);
        // Accounts, and all else that the deployment names itself, keep their case.
        let lower = name.to_ascii_lowercase();
        let name = if SETTINGS.knows(&lower) { lower } else { name };
        SETTINGS.object(&name, shown(setting))
    })
}

/// `cluster.routes.0` is an item of `cluster.routes`.
fn without_items(key: &str) -> String {
    let mut name = key;
    while let Some((list, item)) = name.rsplit_once('.')
        && !item.is_empty()
        && item.bytes().all(|byte| byte.is_ascii_digit())
    {
        name = list;
    }
    name.to_owned()
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    const BOOLEANS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "t", "f"];
    // A variable.
    if value.starts_with('$') {
        return true;
    }
    match kind {
        Kind::Boolean => is_one_of(&BOOLEANS, value),
        _ => begins_with_a_digit(value.trim_matches('"')),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::vocabulary::tests::assert_list;
    use super::*;

    #[test]
    fn the_lists_are_in_order() {
        assert_list(include_str!("settings.txt"));
        assert_list(include_str!("environment.txt"));
    }

    #[rstest]
    #[case("cluster.routes.0", "cluster.routes")]
    #[case("accounts.SUHO.users.0.user", "accounts.SUHO.users.0.user")]
    #[case("port", "port")]
    fn an_item_belongs_to_its_list(#[case] key: &str, #[case] name: &str) {
        assert_eq!(without_items(key), name);
    }
}
