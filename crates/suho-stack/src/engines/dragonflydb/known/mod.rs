//! The names that Dragonfly knows.

use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, begins_with_a_digit, is_one_of, is_variable, shown};
use crate::deployment::Setting;

static FLAGS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("flags.txt"), is_spelled));
static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// A flag in the environment: `DFLY_requirepass`.
const PREFIX: &str = "DFLY_";

/// What is wrong with each of `settings`.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    let judge = |setting: &Setting| match setting.key.strip_prefix(PREFIX) {
        Some(flag) if is_variable(setting) => Some(FLAGS.object(flag, shown(setting))?.within(PREFIX)),
        _ if is_variable(setting) => ENVIRONMENT.object_to(setting),
        _ => flag(setting),
    };
    settings.iter().map(judge).collect()
}

/// `--noversion_check` is `--version_check=false`.
fn flag(setting: &Setting) -> Option<Objection> {
    let negated = setting.key.strip_prefix("no").filter(|flag| FLAGS.knows(flag));
    match negated {
        Some(_) if setting.value.expose() == "true" => None,
        _ => FLAGS.object_to(setting),
    }
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    const BOOLEANS: [&str; 10] = ["true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"];
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
        assert_list(include_str!("flags.txt"));
        assert_list(include_str!("environment.txt"));
    }
}
