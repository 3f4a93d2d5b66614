use std::fmt::Write as _;

/// `text` as the name of a file: letters, digits, `_` and `-` stay, a dot inside too; the rest is written in hexadecimal.
///
/// No two texts get the same name.
#[must_use]
pub fn file_name(text: &str) -> String {
    text.bytes().enumerate().fold(String::new(), |mut name, (place, byte)| {
        let plain = byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || (byte == b'.' && place > 0);
        if plain {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "%{byte:02x}");
        }
        name
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::file_name;

    #[rstest]
    #[case("market.ticks", "market.ticks")]
    #[case("../etc", "%2e.%2fetc")]
    #[case("a b", "a%20b")]
    #[case("50%", "50%25")]
    fn a_name_stays_in_its_folder(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(file_name(text), expected);
    }
}
