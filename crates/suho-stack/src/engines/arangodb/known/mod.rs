//! The names that `ArangoDB` knows.

use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, begins_with_a_digit, is_one_of, object_by};
use crate::deployment::Setting;

static OPTIONS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("options.txt"), is_spelled));
static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// What is wrong with each of `settings`.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    object_by(settings, &ENVIRONMENT, |setting| OPTIONS.object_to(setting))
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    const BOOLEANS: [&str; 8] = ["true", "false", "on", "off", "yes", "no", "1", "0"];
    // `@NAME@` and `$(NAME)` are filled in from the environment.
    if value.contains(['@', '$']) {
        return true;
    }
    match kind {
        Kind::Boolean => is_one_of(&BOOLEANS, value),
        _ => begins_with_a_digit(value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::vocabulary::tests::assert_list;

    #[test]
    fn the_lists_are_in_order() {
        assert_list(include_str!("options.txt"));
        assert_list(include_str!("environment.txt"));
    }
}
