//! Times, their medians, and the table.

use std::fmt;
use std::time::Duration;

/// What a backup may cost beside the engine's own tool: as much of its speed.
pub const WANTED: f64 = 0.8;

/// As many times as something was done.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort();
    }

    pub fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}

/// One engine.
#[derive(Debug, Default)]
pub struct Row {
    pub engine: String,
    /// What it holds.
    pub bytes: u64,
    /// `suho backup` of this engine.
    pub ours: Times,
    /// Its own tool, whose result stays in the container.
    pub bare: Times,
    /// Its own tool, whose result is on this machine, compressed and hashed.
    pub carried: Times,
    /// `suho restore` of it.
    pub restored: Duration,
}

impl Row {
    /// Of the speed of the tool that does as much.
    pub fn ratio(&self) -> f64 {
        self.carried.median().as_secs_f64() / self.ours.median().as_secs_f64()
    }

    pub fn is_met(&self) -> bool {
        self.ratio() >= WANTED
    }
}

pub const HEAD: &str =
    "ENGINE             MB     BACKUP     SPEED    RESTORE  TOOL ALONE  TOOL, ON DISK HERE  RATIO  ≥ 0.8";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = self.ours.median();
        write!(
            f,
            "{:<12}{:>9.1}{:>11}{:>10}{:>11}{:>12}{:>20}{:>7.2}  {}",
            self.engine,
            megabytes(self.bytes),
            seconds(ours),
            format!("{:.0} MB/s", megabytes(self.bytes) / ours.as_secs_f64()),
            seconds(self.restored),
            seconds(self.bare.median()),
            seconds(self.carried.median()),
            self.ratio(),
            if self.is_met() { "met" } else { "NOT MET" },
        )
    }
}

pub fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
