//! Times, their percentiles, and what was promised of them.

use std::cmp::Ordering;
use std::fmt;
use std::time::{Duration, Instant};

/// As many times as something was done.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort();
    }

    /// Runs `work` and adds how long it took.
    pub async fn of<T>(&mut self, work: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let outcome = work.await;
        self.add(start.elapsed());
        outcome
    }

    /// The time within which `percent` of them ended.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let rank = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(rank.min(last)).copied().unwrap_or_default()
    }

    pub fn p50(&self) -> Duration {
        self.percentile(50)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for percent in [50, 95, 99] {
            write!(f, "{:>12}", milliseconds(self.percentile(percent)))?;
        }
        write!(f, "{:>7}", self.0.len())
    }
}

pub fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// A ratio of two figures of this run.
#[derive(Debug)]
pub struct Target {
    pub what: &'static str,
    pub ratio: f64,
    pub wanted: Wanted,
}

/// What the ratio was promised to be.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    pub fn is_met(&self) -> bool {
        match self.wanted {
            Wanted::AtMost(limit) => self.ratio <= limit,
            Wanted::AtLeast(limit) => self.ratio >= limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = match self.wanted {
            Wanted::AtMost(limit) => format!("≤ {limit}"),
            Wanted::AtLeast(limit) => format!("≥ {limit}"),
        };
        let verdict = if self.is_met() { "met" } else { "NOT MET" };
        write!(f, "{:<88}{:>9.3}{wanted:>9}  {verdict}", self.what, self.ratio)
    }
}

/// How many times `part` is in `whole`.
pub fn ratio(whole: Duration, part: Duration) -> f64 {
    whole.as_secs_f64() / part.as_secs_f64()
}

/// The one in the middle; there is one at least.
pub fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    values[values.len() / 2]
}
