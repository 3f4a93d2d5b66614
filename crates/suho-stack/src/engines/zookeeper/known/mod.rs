//! The names that ZooKeeper knows.

use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, is_integer, is_one_of, object_by};
use crate::deployment::Setting;

static SETTINGS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("settings.txt"), is_spelled));
static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// What is wrong with each of `settings`.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    object_by(settings, &ENVIRONMENT, |setting| SETTINGS.object_to(setting))
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    match kind {
        Kind::Boolean => is_one_of(&["true", "false"], value),
        _ => is_integer(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::vocabulary::tests::assert_list;

    #[test]
    fn the_lists_are_in_order() {
        assert_list(include_str!("settings.txt"));
        assert_list(include_str!("environment.txt"));
    }
}
