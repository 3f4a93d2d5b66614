//! The names that PostgreSQL knows.

use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, has_unit_of, object_by, shown};
use crate::deployment::Setting;

static SETTINGS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("settings.txt"), is_spelled));
static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// What is wrong with each of `settings`, names being compared without regard to case, as the server does.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    object_by(settings, &ENVIRONMENT, |setting| {
        let known = SETTINGS.names().find(|known| known.eq_ignore_ascii_case(&setting.key));
        SETTINGS.object(known.unwrap_or(&setting.key), shown(setting))
    })
}

/// The names of settings.
#[must_use]
pub fn settings() -> &'static Vocabulary {
    &SETTINGS
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    const BYTES: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    const TIMES: [&str; 6] = ["us", "ms", "s", "min", "h", "d"];
    match kind {
        Kind::Boolean => is_boolean(value),
        Kind::Size => is_hexadecimal(value) || has_unit_of(value, &BYTES),
        Kind::Duration => is_hexadecimal(value) || has_unit_of(value, &TIMES),
        Kind::Any => true,
        Kind::Integer | Kind::Number | Kind::Quantity => is_hexadecimal(value) || has_unit_of(value, &[]),
    }
}

/// Beginnings of a word will do, where they are of one word alone.
fn is_boolean(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let begins = |word: &str| word.starts_with(&value);
    match value.as_str() {
        "" | "o" => false,
        "0" | "1" | "on" => true,
        _ => ["true", "false", "yes", "no", "off"].into_iter().any(begins),
    }
}

fn is_hexadecimal(value: &str) -> bool {
    let digits = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"));
    digits.is_some_and(|digits| u64::from_str_radix(digits, 16).is_ok())
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
    #[case(Kind::Boolean, "tr", true)]
    #[case(Kind::Boolean, "OFF", true)]
    #[case(Kind::Boolean, "o", false)]
    #[case(Kind::Boolean, "enabled", false)]
    #[case(Kind::Size, "1GB", true)]
    #[case(Kind::Size, "1.5 GB", true)]
    #[case(Kind::Size, "1gb", false)]
    #[case(Kind::Size, "1s", false)]
    #[case(Kind::Duration, "-1", true)]
    #[case(Kind::Duration, "10min", true)]
    #[case(Kind::Duration, "10m", false)]
    #[case(Kind::Integer, "0x1F", true)]
    #[case(Kind::Integer, "ten", false)]
    #[case(Kind::Number, "1e3", true)]
    fn values_are_read_as_the_server_reads_them(#[case] kind: Kind, #[case] value: &str, #[case] expected: bool) {
        assert_eq!(is_spelled(kind, value), expected);
    }
}
