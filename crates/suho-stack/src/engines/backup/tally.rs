use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{Endpoint, EngineError};

/// How much there is of something, as it is counted before a backup and after a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Of what: `rows of market.ticks`.
    pub what: String,
    /// How many.
    pub count: u64,
    /// A sum over the content that does not depend on its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

impl Tally {
    /// A count alone.
    #[must_use]
    pub fn count(what: impl Into<String>, count: u64) -> Self {
        Self {
            what: what.into(),
            count,
            checksum: None,
        }
    }

    /// A count with a checksum.
    #[must_use]
    pub fn sum(what: impl Into<String>, count: u64, checksum: impl Into<String>) -> Self {
        Self {
            checksum: Some(checksum.into()),
            ..Self::count(what, count)
        }
    }

    fn in_words(&self) -> String {
        match &self.checksum {
            Some(checksum) => format!("{} {} (checksum {checksum})", self.count, self.what),
            None => format!("{} {}", self.count, self.what),
        }
    }
}

/// Fails where what is counted now is not what was counted then; what nobody counted then is no matter.
pub fn compare(endpoint: &Endpoint, expected: &[Tally], found: &[Tally]) -> Result<(), EngineError> {
    let found: BTreeMap<&str, &Tally> = found.iter().map(|tally| (tally.what.as_str(), tally)).collect();
    for tally in expected {
        let now = found.get(tally.what.as_str());
        if now.is_none_or(|now| *now != tally) {
            return Err(EngineError::Unexpected {
                service: endpoint.service.clone(),
                action: "find what the backup was made of".to_owned(),
                expected: tally.in_words(),
                found: now.map_or_else(|| "none".to_owned(), |now| now.in_words()),
            });
        }
    }
    Ok(())
}

/// The tallies that were the same `before` and `after` an engine wrote its backup, and a note on those that were not.
#[must_use]
pub fn settled(before: &[Tally], after: Vec<Tally>) -> (Vec<Tally>, Vec<String>) {
    let (same, moved): (Vec<_>, Vec<_>) = after.into_iter().partition(|tally| before.contains(tally));
    let notes = moved
        .iter()
        .map(|tally| {
            format!(
                "{} changed while the backup was written: a restore cannot be held against their number",
                tally.what
            )
        })
        .collect();
    (same, notes)
}

#[cfg(test)]
mod tests {
    use super::super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn what_is_missing_or_different_is_named() {
        let endpoint = local("suho-test", &[], &[]);
        let expected = [Tally::sum("rows of a", 2, "77")];
        let words = |found: &[Tally]| compare(&endpoint, &expected, found).map_err(|error| error.to_string());

        assert!(words(&[Tally::sum("rows of a", 2, "77"), Tally::count("rows of b", 1)]).is_ok());
        assert!(words(&[]).is_err_and(|words| words.ends_with("found none")));
        assert!(words(&[Tally::sum("rows of a", 2, "78")]).is_err_and(|words| words.contains("checksum 78")));
    }

    #[test]
    fn what_moved_during_a_backup_is_noted_and_not_counted() {
        let before = [Tally::count("keys", 1), Tally::count("objects", 5)];

        let (same, notes) = settled(&before, vec![Tally::count("keys", 2), Tally::count("objects", 5)]);

        assert_eq!(same, [Tally::count("objects", 5)]);
        assert!(notes.len() == 1 && notes[0].starts_with("keys changed"));
    }
}
