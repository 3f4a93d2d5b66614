//! The metrics that an expression of Prometheus names.

use std::collections::BTreeSet;

/// Words of the language that stand where a metric could.
const WORDS: &[&str] = &[
    "and",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "inf",
    "nan",
    "offset",
    "on",
    "or",
    "unless",
    "without",
];
/// Those behind which a list of labels stands.
const BEFORE_LABELS: &[&str] = &["by", "group_left", "group_right", "ignoring", "on", "without"];

/// The names of the metrics in `expression`: neither functions, nor labels, nor what stands in quotes or ranges.
pub fn metrics_in(expression: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut rest = expression;
    let mut last_word = "";
    while let Some(first) = rest.chars().next() {
        if is_first_of_name(first) {
            let end = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if !is_called(after) && !WORDS.contains(&word.to_ascii_lowercase().as_str()) {
                found.insert(word);
            }
            last_word = word;
            rest = after;
            continue;
        }
        rest = match first {
            '{' => behind(rest, '}'),
            '[' => behind(rest, ']'),
            '"' => behind(&rest[1..], '"'),
            '(' if BEFORE_LABELS.contains(&last_word.to_ascii_lowercase().as_str()) => behind(rest, ')'),
            // The letters of `5m` and `1e3` are no name.
            '0'..='9' => rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.'),
            _ => &rest[first.len_utf8()..],
        };
        if !first.is_whitespace() {
            last_word = "";
        }
    }
    found
}

/// The values that the label `engine` is asked to have: `engine="kafka"`.
pub fn engines_in(expression: &str) -> BTreeSet<&str> {
    let values = expression.split("engine=\"").skip(1);
    values.filter_map(|rest| rest.split('"').next()).collect()
}

/// Whether what follows a word makes a function of it: `sum(a)`, or `sum by (b) (a)`.
fn is_called(after: &str) -> bool {
    let after = after.trim_start();
    let next = &after[..after.find(|c| !is_in_name(c)).unwrap_or(after.len())];
    after.starts_with('(') || matches!(next, "by" | "without")
}

fn is_first_of_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

fn is_in_name(c: char) -> bool {
    is_first_of_name(c) || c.is_ascii_digit()
}

/// What follows the next `closing`; nothing where there is none.
fn behind(text: &str, closing: char) -> &str {
    text.split_once(closing).map_or("", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("up == 0", &["up"])]
    #[case("sum by (engine) (rate(a_total{x=\"b\"}[2m])) / 1e6", &["a_total"])]
    #[case("a:b:rate2m or on(engine) group_left (c) d", &["a:b:rate2m", "d"])]
    #[case("predict_linear(a[1h], 4 * 3600) < 0 and b offset 5m > bool 1", &["a", "b"])]
    #[case("max without(c)(a) unless label_replace(b, \"x\", \"$1\", \"y\", \"(.*)\")", &["a", "b"])]
    #[case("Inf", &[])]
    fn names_of_metrics_are_told_from_the_rest(#[case] expression: &str, #[case] names: &[&str]) {
        assert_eq!(metrics_in(expression), names.iter().copied().collect());
    }

    #[test]
    fn the_engines_of_a_selector_are_found() {
        assert_eq!(
            engines_in("up{engine=\"kafka\",job=\"x\"} or up{engine=\"nats-server\"}"),
            BTreeSet::from(["kafka", "nats-server"])
        );
    }
}
