//! The names that Weaviate knows: it is configured by its environment alone.

use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, is_integer, is_one_of};
use crate::deployment::Setting;

static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// What is wrong with each of `settings`.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    settings.iter().map(|setting| ENVIRONMENT.object_to(setting)).collect()
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    // Whatever else is said to a switch turns it off without a word.
    const SWITCHES: [&str; 8] = ["true", "false", "on", "off", "enabled", "disabled", "1", "0"];
    match kind {
        Kind::Boolean => is_one_of(&SWITCHES, value),
        Kind::Integer => is_integer(value),
        _ => value.parse::<f64>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::vocabulary::tests::assert_list;

    #[test]
    fn the_list_is_in_order() {
        assert_list(include_str!("environment.txt"));
    }
}
