//! The options of the JVM, as far as its metrics tell them.

use super::super::super::proving::Finding;

/// The area and the pool whose sizes follow from the options.
const HEAP: &str = "area=\"heap\"";
pub(super) const LARGEST: &str = "jvm_memory_bytes_max";
const SURVIVOR: &str = "pool=\"Survivor Space\"";

/// The sizes among `options` against the metrics; no view shows the others.
pub(super) fn find(options: &str, metrics: Option<&str>) -> Finding {
    let Some(metrics) = metrics.filter(|metrics| metrics.contains(LARGEST)) else {
        return Finding::not_askable("only the metrics tell the sizes of the heap, and they are not there");
    };
    let (mut shown, mut untold, mut is_equal) = (Vec::new(), Vec::new(), true);
    for option in options.split_whitespace() {
        let (name, size, real) = if let Some(size) = option.strip_prefix("-Xms") {
            ("-Xms", size, value(metrics, "jvm_memory_bytes_init", HEAP))
        } else if let Some(size) = option.strip_prefix("-Xmx") {
            ("-Xmx", size, largest(metrics))
        } else {
            untold.push(option);
            continue;
        };
        let real = real.map_or_else(|| "nothing".to_owned(), |real| format!("{real:.0}"));
        is_equal &= bytes(size).is_some_and(|size| size.to_string() == real);
        shown.push(format!("{name}{real}"));
    }
    if shown.is_empty() {
        return Finding::not_askable("the metrics tell the sizes of the heap alone");
    }
    let origin = match untold.join(" ") {
        untold if untold.is_empty() => "the metrics".to_owned(),
        untold => format!("the metrics; nothing tells {untold}"),
    };
    Finding::compared(is_equal, shown.join(" "), origin)
}

/// The largest heap. The serial collector keeps one of its two survivor spaces empty, and does not count it.
fn largest(metrics: &str) -> Option<f64> {
    let counted = value(metrics, LARGEST, HEAP)?;
    let survivor = value(metrics, "jvm_memory_pool_bytes_max", SURVIVOR).unwrap_or(0.0);
    Some(counted + survivor)
}

/// `7.0` of `name{label,} 7.0`.
fn value(metrics: &str, name: &str, label: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?.strip_prefix('{')?;
        rest.strip_prefix(label)
    })?;
    line.rsplit_once(' ')?.1.parse().ok()
}

/// `128m`, as the JVM reads a size.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::super::super::proving::SettingVerdict;
    use super::*;

    const SERIAL: &str = "jvm_memory_bytes_max{area=\"heap\",} 2.5952256E8
jvm_memory_bytes_init{area=\"heap\",} 1.34217728E8
jvm_memory_pool_bytes_max{pool=\"Survivor Space\",} 8912896.0
";
    const G1: &str = "jvm_memory_bytes_max{area=\"heap\",} 2.68435456E8
jvm_memory_bytes_init{area=\"heap\",} 1.34217728E8
jvm_memory_pool_bytes_max{pool=\"G1 Survivor Space\",} -1.0
";

    #[rstest]
    #[case(SERIAL)]
    #[case(G1)]
    fn the_heap_is_what_the_options_say_under_any_collector(#[case] metrics: &str) {
        let verdict = |options| find(options, Some(metrics)).verdict;

        assert_eq!(
            verdict("-Xms128m -Xmx256m -XX:+ExitOnOutOfMemoryError"),
            SettingVerdict::InEffect
        );
        assert!(matches!(verdict("-Xms128m -Xmx255m"), SettingVerdict::Differs { .. }));
        assert!(matches!(verdict("-Xms64m -Xmx256m"), SettingVerdict::Differs { .. }));
        assert!(matches!(verdict("-XX:+UseG1GC"), SettingVerdict::NotAskable { .. }));
    }

    #[test]
    fn without_metrics_nothing_tells() {
        assert!(matches!(
            find("-Xmx256m", None).verdict,
            SettingVerdict::NotAskable { .. }
        ));
    }

    proptest! {
        #[test]
        fn a_size_is_the_same_in_every_unit(mebibytes in 1u64..1_000_000) {
            let expected = Some(mebibytes << 20);
            for spelling in [format!("{mebibytes}m"), format!("{mebibytes}M"), format!("{}k", mebibytes << 10)] {
                prop_assert_eq!(bytes(&spelling), expected);
            }
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,8}") {
            let _ = bytes(&text);
        }
    }
}
