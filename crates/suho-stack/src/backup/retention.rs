//! Which backups may go.

use std::{collections::BTreeSet, path::Path};

use chrono::{DateTime, Datelike, Utc};

use super::{BackupError, Kept, draft::Place, list};

/// How many are kept; one that any rule keeps is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The newest.
    pub last: usize,
    /// The newest of each of so many days that have one, by UTC.
    pub daily: usize,
    /// The newest of each of so many weeks that have one, by ISO's weeks.
    pub weekly: usize,
}

/// Removes the whole backups of `directory` that `retention` does not keep, and returns them; `dry` removes none. What is
/// damaged is left to its owner, and counts for nothing.
pub fn prune(directory: &Path, retention: Retention, dry: bool) -> Result<Vec<Kept>, BackupError> {
    let place = Place::claim(directory)?;
    let whole: Vec<Kept> = list(directory)?.into_iter().filter_map(Result::ok).collect();
    let times: Vec<_> = whole.iter().map(|kept| kept.manifest.created_at).collect();
    let kept = retention.keeps(&times);
    let gone: Vec<Kept> = whole
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !kept.contains(place))
        .map(|(_, backup)| backup)
        .collect();
    if !dry {
        for backup in &gone {
            place.remove(&backup.path)?;
        }
    }
    Ok(gone)
}

impl Retention {
    /// Which of `times` are kept, by their places.
    fn keeps(self, times: &[DateTime<Utc>]) -> BTreeSet<usize> {
        let mut newest: Vec<usize> = (0..times.len()).collect();
        newest.sort_by_key(|place| std::cmp::Reverse(times[*place]));
        let mut kept: BTreeSet<usize> = newest.iter().copied().take(self.last).collect();
        kept.extend(first_of_each(&newest, self.daily, |place| times[place].date_naive()));
        kept.extend(first_of_each(&newest, self.weekly, |place| {
            let week = times[place].iso_week();
            (week.year(), week.week())
        }));
        kept
    }
}

/// The first place of each of the first `count` periods.
fn first_of_each<P: Ord>(places: &[usize], count: usize, period: impl Fn(usize) -> P) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let first = places.iter().copied().filter(|place| seen.insert(period(*place)));
    first.take(count).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Retention { last: 1, ..Retention::default() }, &[5])]
    #[case(Retention { daily: 2, ..Retention::default() }, &[3, 5])]
    #[case(Retention { weekly: 2, ..Retention::default() }, &[2, 5])]
    #[case(Retention { weekly: 9, ..Retention::default() }, &[0, 2, 5])]
    #[case(Retention { last: 2, daily: 1, weekly: 0 }, &[4, 5])]
    fn the_newest_of_each_period_is_kept(#[case] retention: Retention, #[case] expected: &[usize]) {
        let times: Vec<DateTime<Utc>> = [
            "2026-11-20T10:00:00Z",
            "2026-11-23T10:00:00Z",
            "2026-11-29T10:00:00Z",
            "2026-11-30T10:00:00Z",
            "2026-12-01T09:00:00Z",
            "2026-12-01T10:00:00Z",
        ]
        .iter()
        .filter_map(|time| time.parse().ok())
        .collect();

        assert_eq!(retention.keeps(&times).into_iter().collect::<Vec<_>>(), expected);
    }
}
