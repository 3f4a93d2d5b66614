//! Sizes as the runtime of Go reads them.

/// The bytes of `400MiB`, a value of `GOMEMLIMIT`.
pub(super) fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 5] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("B", 1),
    ];
    let unit = UNITS
        .iter()
        .find_map(|(name, size)| Some((text.strip_suffix(name)?, size)));
    let (digits, size) = unit.unwrap_or((text, &1));
    digits.parse::<u64>().ok()?.checked_mul(*size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("400MiB", Some(419_430_400))]
    #[case("17", Some(17))]
    #[case("17B", Some(17))]
    #[case("400MB", None)]
    fn a_memory_limit_is_read_as_go_reads_it(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(bytes(text), expected);
    }

    proptest! {
        #[test]
        fn a_size_is_the_same_in_every_unit(mebibytes in 1u64..1_000_000) {
            let expected = Some(mebibytes << 20);
            for spelling in [format!("{mebibytes}MiB"), format!("{}KiB", mebibytes << 10), format!("{}B", mebibytes << 20)] {
                prop_assert_eq!(bytes(&spelling), expected);
            }
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,12}") {
            bytes(&text);
        }
    }
}
