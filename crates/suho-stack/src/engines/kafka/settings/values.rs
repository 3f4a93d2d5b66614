//! Two spellings of one value.

use super::super::wire::Kind;

/// Whether the broker, which shows a value in its own spelling, read it as `configured`.
pub(super) fn is_equal(kind: Kind, configured: &str, shown: &str) -> bool {
    let configured = configured.trim();
    match kind {
        Kind::Boolean => configured.eq_ignore_ascii_case(shown),
        Kind::Number => number(configured).is_some_and(|value| number(shown) == Some(value)),
        Kind::List => items(configured).eq(items(shown)),
        Kind::Unknown | Kind::Password | Kind::Text => configured == shown,
    }
}

/// The bits of a number: Kafka has whole ones and fractions, and each is read from its text alone.
fn number(text: &str) -> Option<u64> {
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.cast_unsigned()),
        Err(_) => text.parse().ok().map(f64::to_bits),
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Kind::Boolean, "FALSE", "false", true)]
    #[case(Kind::Boolean, "no", "false", false)]
    #[case(Kind::Number, "+5", "5", true)]
    #[case(Kind::Number, "0.50", "0.5", true)]
    #[case(Kind::Number, "five", "5", false)]
    #[case(Kind::Number, "five", "five", false)]
    #[case(Kind::List, "PLAIN , GSSAPI", "PLAIN,GSSAPI", true)]
    #[case(Kind::List, "PLAIN,GSSAPI", "GSSAPI,PLAIN", false)]
    #[case(Kind::Text, " a b ", "a b", true)]
    #[case(Kind::Text, "A", "a", false)]
    fn a_value_is_compared_as_the_broker_reads_it(
        #[case] kind: Kind,
        #[case] configured: &str,
        #[case] shown: &str,
        #[case] equal: bool,
    ) {
        assert_eq!(is_equal(kind, configured, shown), equal);
    }

    proptest! {
        #[test]
        fn a_number_is_itself_in_every_spelling_and_no_other(value in any::<i64>()) {
            let shown = value.to_string();
            let spelling = if value < 0 { format!("-000{}", value.unsigned_abs()) } else { format!(" +00{value} ") };
            prop_assert!(is_equal(Kind::Number, &spelling, &shown));
            prop_assert!(!is_equal(Kind::Number, &value.wrapping_add(1).to_string(), &shown));
        }

        #[test]
        fn a_list_is_the_same_with_blanks_around_its_items(items in proptest::collection::vec("[a-z]{1,4}", 1..5)) {
            prop_assert!(is_equal(Kind::List, &items.join(" ,  "), &items.join(",")));
            let more = items.join(",") + ",more";
            prop_assert!(!is_equal(Kind::List, &items.join(","), &more));
        }
    }
}
