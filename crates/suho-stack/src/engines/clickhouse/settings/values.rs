//! Values and their spellings, as the server reads them.

use serde_json::Value;

/// Behind a number in the users file.
const SUFFIXES: [(&str, f64); 12] = [
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("Ki", 1024.0),
    ("ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
];

/// Whether `configured` says what `shown` says.
pub(super) fn is_equal(configured: &str, shown: &str) -> bool {
    configured == shown
        || match (number(configured), number(shown)) {
            (Some(configured), Some(shown)) => (configured - shown).abs() <= f64::EPSILON * shown.abs(),
            _ => false,
        }
}

/// A number, with or without a suffix; the two words of a boolean are numbers to the server.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    match text {
        "true" => return Some(1.0),
        "false" => return Some(0.0),
        _ => {}
    }
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-')))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let number: f64 = digits.parse().ok()?;
    if suffix.is_empty() {
        return Some(number);
    }
    let (_, size) = SUFFIXES.iter().find(|(name, _)| *name == suffix)?;
    Some(number * size)
}

/// Whether a switch of the configuration is on; what is neither word is no switch.
pub(super) fn is_on(configured: &str) -> Option<bool> {
    match number(configured) {
        Some(1.0) => Some(true),
        Some(0.0) => Some(false),
        _ => None,
    }
}

/// A field of a row as text; none where it is null.
pub(super) fn text(field: &Value) -> Option<String> {
    match field {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(u8::from(*value).to_string()),
        other => Some(other.to_string()),
    }
}

/// Whether a field of a row is true, however the server writes that.
pub(super) fn is_true(field: &Value) -> bool {
    text(field).is_some_and(|text| text == "1")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1073741824", "1073741824", true)]
    #[case("1Gi", "1073741824", true)]
    #[case("1G", "1000000000", true)]
    #[case("1G", "1073741824", false)]
    #[case("1GB", "1000000000", false)]
    #[case("true", "1", true)]
    #[case("0", "false", true)]
    #[case("1", "false", false)]
    #[case("60", "60.", true)]
    #[case("2", "2.0", true)]
    #[case("UTC", "UTC", true)]
    #[case("UTC", "utc", false)]
    #[case("", "0", false)]
    #[case("", "", true)]
    fn values_are_compared_as_the_server_reads_them(
        #[case] configured: &str,
        #[case] shown: &str,
        #[case] equal: bool,
    ) {
        assert_eq!(is_equal(configured, shown), equal);
    }

    proptest! {
        #[test]
        fn a_size_is_the_same_with_every_suffix(mebibytes in 1u64..4_000_000) {
            let bytes = (mebibytes << 20).to_string();
            for spelling in [format!("{mebibytes}Mi"), format!("{}Ki", mebibytes << 10), bytes.clone()] {
                prop_assert!(is_equal(&spelling, &bytes), "{spelling}");
            }
            let decimal = format!("{mebibytes}M");
            prop_assert!(!is_equal(&decimal, &bytes));
            let more = format!("{}Mi", mebibytes + 1);
            prop_assert!(!is_equal(&more, &bytes));
        }

        #[test]
        fn what_is_equal_to_itself_is_equal_the_other_way_round(a in "[0-9a-zKMGi.]{0,5}", b in "[0-9a-zKMGi.]{0,5}") {
            prop_assert!(is_equal(&a, &a));
            prop_assert_eq!(is_equal(&a, &b), is_equal(&b, &a));
        }
    }
}
