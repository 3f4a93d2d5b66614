//! Units and spellings, as the server reads them.

use super::InForce;

/// Units of memory in bytes, as the server spells them.
const BYTES: [(&str, f64); 5] = [
    ("B", 1.0),
    ("kB", 1024.0),
    ("MB", 1_048_576.0),
    ("GB", 1_073_741_824.0),
    ("TB", 1_099_511_627_776.0),
];

/// Units of time in microseconds.
const MICROSECONDS: [(&str, f64); 6] = [
    ("us", 1.0),
    ("ms", 1e3),
    ("s", 1e6),
    ("min", 60e6),
    ("h", 3_600e6),
    ("d", 86_400e6),
];

/// Whether `configured` says what is in force.
pub(super) fn is_equal(configured: &str, in_force: &InForce) -> bool {
    let setting = in_force.setting.as_str();
    match in_force.vartype.as_str() {
        "bool" => boolean(configured).is_some_and(|value| boolean(setting) == Some(value)),
        "integer" | "real" => is_same_number(configured, in_force),
        "enum" => is_same_word(configured, setting),
        _ => is_same_text(configured, setting),
    }
}

/// An integer setting is rounded to its unit, as the server does when it reads one.
fn is_same_number(configured: &str, in_force: &InForce) -> bool {
    let (Some(value), Ok(setting)) = (
        in_unit(configured, in_force.unit.as_deref()),
        in_force.setting.parse::<f64>(),
    ) else {
        return false;
    };
    let value = if in_force.vartype == "integer" {
        value.round()
    } else {
        value
    };
    (value - setting).abs() <= f64::EPSILON * setting.abs()
}

/// `text` counted in `unit`, which is also meant where the text names none.
fn in_unit(text: &str, unit: Option<&str>) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let number: f64 = digits.parse().ok()?;
    let suffix = suffix.trim();
    if suffix.is_empty() {
        return Some(number);
    }
    let unit = unit?;
    [&BYTES[..], &MICROSECONDS[..]]
        .iter()
        .find_map(|table| Some(number * size(table, suffix)? / base(table, unit)?))
}

fn size(table: &[(&str, f64)], unit: &str) -> Option<f64> {
    table.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size)
}

/// A base unit may be a multiple: `8kB`.
fn base(table: &[(&str, f64)], unit: &str) -> Option<f64> {
    let end = unit.find(|c: char| !c.is_ascii_digit())?;
    let (count, name) = unit.split_at(end);
    let count = if count.is_empty() { 1.0 } else { count.parse().ok()? };
    size(table, name).map(|size| count * size)
}

/// Any beginning that only one of them has: `on`, `of`, `t`, `no`, `1`.
fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || text == "1" {
        Some(true)
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || text == "0" {
        Some(false)
    } else {
        None
    }
}

/// Words of an enumeration; those that have `on` and `off` take the other booleans as well.
fn is_same_word(configured: &str, setting: &str) -> bool {
    configured.eq_ignore_ascii_case(setting)
        || matches!(setting, "on" | "off") && boolean(configured) == boolean(setting)
}

/// A list is written with or without blanks behind its commas.
fn is_same_text(configured: &str, setting: &str) -> bool {
    configured == setting
        || configured
            .split(',')
            .map(str::trim)
            .eq(setting.split(',').map(str::trim))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn in_force(vartype: &str, setting: &str, unit: Option<&str>) -> InForce {
        InForce {
            setting: setting.to_owned(),
            unit: unit.map(str::to_owned),
            vartype: vartype.to_owned(),
            source: String::new(),
            file: None,
            line: None,
            pending_restart: false,
        }
    }

    #[rstest]
    #[case("4GB", "integer", "524288", Some("8kB"), true)]
    #[case("131072", "integer", "131072", Some("8kB"), true)]
    #[case("4GB", "integer", "524289", Some("8kB"), false)]
    #[case("1.5MB", "integer", "1536", Some("kB"), true)]
    #[case("1min", "integer", "60000", Some("ms"), true)]
    #[case("60s", "integer", "60000", Some("ms"), true)]
    #[case("60", "integer", "60", Some("s"), true)]
    #[case("10kb", "integer", "10", Some("kB"), false)]
    #[case("10MB", "integer", "10", Some("s"), false)]
    #[case("10MB", "integer", "10", None, false)]
    #[case("-1", "integer", "-1", None, true)]
    #[case("0.9", "real", "0.9", None, true)]
    #[case("1.10", "real", "1.1", None, true)]
    #[case("plenty", "integer", "1", None, false)]
    #[case("yes", "bool", "on", None, true)]
    #[case("of", "bool", "off", None, true)]
    #[case("o", "bool", "on", None, false)]
    #[case("1", "bool", "off", None, false)]
    #[case("Replica", "enum", "replica", None, true)]
    #[case("true", "enum", "on", None, true)]
    #[case("true", "enum", "remote_apply", None, false)]
    #[case("a,b", "string", "a, b", None, true)]
    #[case("a,b", "string", "b, a", None, false)]
    #[case("UTC", "string", "utc", None, false)]
    fn values_are_compared_as_the_server_reads_them(
        #[case] configured: &str,
        #[case] vartype: &str,
        #[case] setting: &str,
        #[case] unit: Option<&str>,
        #[case] equal: bool,
    ) {
        assert_eq!(is_equal(configured, &in_force(vartype, setting, unit)), equal);
    }

    proptest! {
        #[test]
        fn a_size_is_the_same_in_every_unit(megabytes in 1u64..4_000_000) {
            let pages = in_force("integer", &(megabytes * 128).to_string(), Some("8kB"));
            for spelling in [format!("{megabytes}MB"), format!("{}kB", megabytes * 1024), format!("{megabytes} MB")] {
                prop_assert!(is_equal(&spelling, &pages), "{spelling}");
            }
            let more = format!("{}MB", megabytes + 1);
            prop_assert!(!is_equal(&more, &pages));
        }

        #[test]
        fn a_time_is_the_same_in_every_unit(seconds in 1u64..1_000_000) {
            let milliseconds = in_force("integer", &(seconds * 1000).to_string(), Some("ms"));
            let spelling = format!("{seconds}s");
            prop_assert!(is_equal(&spelling, &milliseconds));
            let hours = in_force("integer", &(seconds * 3600).to_string(), Some("s"));
            let spelling = format!("{seconds}h");
            prop_assert!(is_equal(&spelling, &hours));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,12}") {
            for vartype in ["bool", "integer", "enum", "string"] {
                is_equal(&text, &in_force(vartype, "1", Some("8kB")));
            }
        }
    }
}
