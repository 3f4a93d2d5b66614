//! Sizes, switches and sets of letters, as Dragonfly reads them.

/// True where Dragonfly would read `configured` as the value that is `shown` for `flag`.
pub(super) fn is_equal(flag: &str, configured: &str, shown: &str) -> bool {
    configured == shown
        || match flag {
            "maxmemory" => bytes(configured).is_some_and(|size| bytes(shown) == Some(size)),
            "notify_keyspace_events" => letters(configured) == letters(shown),
            _ => {
                number(configured).is_some_and(|configured| number(shown) == Some(configured))
                    || switch(configured).is_some_and(|configured| switch(shown) == Some(configured))
            }
        }
}

/// `768mb`, `0.75G`: every unit counts in 1024, with a `B` behind it or without.
fn bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    let shift = match text.chars().next_back()? {
        'k' => 10,
        'm' => 20,
        'g' => 30,
        't' => 40,
        _ => 0,
    };
    let digits = if shift == 0 { text } else { &text[..text.len() - 1] };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = number(whole)?.checked_mul(1 << shift)?;
    Some(whole + part(fraction, shift)?)
}

/// What the digits behind the point add, to the nearest byte.
fn part(fraction: &str, shift: u32) -> Option<u64> {
    const DIGITS: usize = 9;
    if fraction.is_empty() {
        return Some(0);
    }
    if fraction.len() > DIGITS {
        return None;
    }
    let scale = 10u64.pow(u32::try_from(fraction.len()).ok()?);
    let scaled = u128::from(number(fraction)?) << shift;
    u64::try_from((scaled + u128::from(scale / 2)) / u128::from(scale)).ok()
}

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// A set of events: their order says nothing.
fn letters(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    letters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("maxmemory", "768mb", "805306368", true)]
    #[case("maxmemory", "0.75G", "768MB", true)]
    #[case("maxmemory", "768mb", "768000000", false)]
    #[case("maxmemory", "much", "0", false)]
    #[case("notify_keyspace_events", "Ex", "xE", true)]
    #[case("notify_keyspace_events", "Ex", "Kx", false)]
    #[case("cache_mode", "yes", "true", true)]
    #[case("cache_mode", "false", "true", false)]
    #[case("port", "06379", "6379", true)]
    #[case("port", "6379", "6380", false)]
    #[case("dbfilename", "dump", "dump-{timestamp}", false)]
    #[case("snapshot_cron", "*/5 * * * *", "*/5 * * * *", true)]
    fn values_are_compared_as_the_server_reads_them(
        #[case] flag: &str,
        #[case] configured: &str,
        #[case] shown: &str,
        #[case] equal: bool,
    ) {
        assert_eq!(is_equal(flag, configured, shown), equal);
    }

    proptest! {
        #[test]
        fn a_size_is_the_same_in_every_spelling(mebibytes in 1u64..1_000_000) {
            let shown = (mebibytes << 20).to_string();
            for spelling in [format!("{mebibytes}mb"), format!("{mebibytes}M"), format!("{}KB", mebibytes << 10)] {
                prop_assert!(is_equal("maxmemory", &spelling, &shown), "{spelling}");
            }
            let more = format!("{}mb", mebibytes + 1);
            prop_assert!(!is_equal("maxmemory", &more, &shown));
        }

        #[test]
        fn events_are_a_set(letters in proptest::sample::subsequence(vec!['E', 'K', 'g', 'x', 'e', '$'], 1..6)) {
            let written: String = letters.iter().collect();
            let shown: String = letters.iter().rev().collect();
            prop_assert!(is_equal("notify_keyspace_events", &written, &shown));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,12}") {
            is_equal("maxmemory", &text, "1");
            is_equal("port", &text, "1");
        }
    }
}
