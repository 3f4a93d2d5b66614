use serde::{Deserialize, Serialize};

/// From what a backup was made, or into what it is restored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The engine's version, in its own words.
    pub version: String,
    /// The edition, where the image says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// What stands in for the engine, where the image says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<String>,
}

/// The reason against a restore into `live`, where that is older than `stored` by its first two numbers.
#[must_use]
pub fn older(stored: &str, live: &str) -> Option<String> {
    (numbers(live) < numbers(stored))
        .then(|| format!("the backup was made by version {stored}, and {live} runs here: an older one may not read it"))
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .take(2)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::older;

    #[rstest]
    #[case("2.15.1", "2.15.0", true)]
    #[case("2.15.1", "2.16.0", true)]
    #[case("2.15.1", "2.14.7", false)]
    #[case("v1.40.1", "v2.0.0", true)]
    #[case("26.9.2", "3.40.0", false)]
    fn a_backup_goes_into_the_same_version_or_a_later_one(
        #[case] stored: &str,
        #[case] live: &str,
        #[case] accepted: bool,
    ) {
        assert_eq!(older(stored, live).is_none(), accepted);
    }
}
