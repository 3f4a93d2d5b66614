//! How long a warm stack stays after its last user has gone.

use std::{env, fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// How long a warm stack stays after its last user has gone.
///
/// Of several wishes of the users of one stack the longest counts.
///
/// ```
/// use std::time::Duration;
/// use suho_stack::stack::Linger;
///
/// assert_eq!("15m".parse(), Ok(Linger::For(Duration::from_secs(900))));
/// assert_eq!("forever".parse(), Ok(Linger::Forever));
/// assert!("soon".parse::<Linger>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Linger {
    /// This long.
    For(Duration),
    /// Until `suho down`.
    Forever,
}

/// A linger time that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time to linger: give `90s`, `15m`, `2h`, `0` or `forever`")]
pub struct BadLinger(String);

impl Linger {
    /// Not at all.
    pub const NOT: Self = Self::For(Duration::ZERO);

    /// Ten minutes: for a person who runs the tests again and again.
    pub const USUAL: Self = Self::For(Duration::from_secs(10 * 60));

    /// As the environment tells: `SUHO_LINGER`; forever under `TESTCONTAINERS_COMMAND=keep`; not at all under `CI`; ten minutes
    /// where it tells nothing.
    pub fn from_environment() -> Result<Self, BadLinger> {
        Self::told_by(&|name| env::var(name).ok())
    }

    /// The same, of the variables that `variable` tells.
    pub(super) fn told_by(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, BadLinger> {
        if let Some(wish) = wished_by(variable)? {
            return Ok(wish);
        }
        let in_ci = variable("CI").is_some_and(|value| !["", "0", "false"].contains(&value.as_str()));
        Ok(if in_ci { Self::NOT } else { Self::USUAL })
    }

    /// What the environment asks for in so many words, so that it wins over what a program asks for.
    pub(super) fn wished() -> Result<Option<Self>, BadLinger> {
        wished_by(&|name| env::var(name).ok())
    }
}

fn wished_by(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Linger>, BadLinger> {
    if let Some(text) = variable("SUHO_LINGER").filter(|text| !text.is_empty()) {
        return text.parse().map(Some);
    }
    let keeps = variable("TESTCONTAINERS_COMMAND").is_some_and(|command| command.trim().eq_ignore_ascii_case("keep"));
    Ok(keeps.then_some(Linger::Forever))
}

impl FromStr for Linger {
    type Err = BadLinger;

    fn from_str(text: &str) -> Result<Self, BadLinger> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let seconds_per_unit = match &text[digits.len()..] {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "" if digits == "0" => 1,
            _ => return Err(BadLinger(text.to_owned())),
        };
        let number: u64 = digits.parse().map_err(|_| BadLinger(text.to_owned()))?;
        Ok(Self::For(Duration::from_secs(number.saturating_mul(seconds_per_unit))))
    }
}

impl fmt::Display for Linger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::For(time) => match time.as_secs() {
                0 => f.write_str("0"),
                seconds if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
                seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
                seconds => write!(f, "{seconds}s"),
            },
        }
    }
}

impl From<Linger> for String {
    fn from(linger: Linger) -> Self {
        linger.to_string()
    }
}

impl TryFrom<String> for Linger {
    type Error = BadLinger;

    fn try_from(text: String) -> Result<Self, BadLinger> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", Some(0))]
    #[case("90s", Some(90))]
    #[case("15m", Some(900))]
    #[case("2h", Some(7_200))]
    #[case("15", None)]
    #[case("", None)]
    #[case("m", None)]
    #[case("-1s", None)]
    #[case("1.5h", None)]
    #[case("5é", None)]
    fn a_time_to_linger_is_a_number_and_a_unit(#[case] text: &str, #[case] seconds: Option<u64>) {
        let expected = seconds.map(|seconds| Linger::For(Duration::from_secs(seconds)));
        assert_eq!(text.parse().ok(), expected);
        if let Some(linger) = expected {
            assert_eq!(linger.to_string().parse(), Ok(linger));
        }
    }

    #[rstest]
    #[case(&[], "10m")]
    #[case(&[("CI", "true")], "0")]
    #[case(&[("CI", "false")], "10m")]
    #[case(&[("CI", "")], "10m")]
    #[case(&[("CI", "true"), ("SUHO_LINGER", "90s")], "90s")]
    #[case(&[("CI", "true"), ("TESTCONTAINERS_COMMAND", "keep")], "forever")]
    #[case(&[("TESTCONTAINERS_COMMAND", "remove")], "10m")]
    #[case(&[("SUHO_LINGER", "0"), ("TESTCONTAINERS_COMMAND", "keep")], "0")]
    fn the_environment_tells_how_long(#[case] set: &[(&str, &str)], #[case] expected: &str) {
        let told = Linger::told_by(&|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        });

        assert_eq!(told.map(|linger| linger.to_string()).as_deref(), Ok(expected));
    }

    #[test]
    fn forever_is_longer_than_any_time() {
        assert!(Linger::Forever > Linger::For(Duration::MAX));
    }
}
