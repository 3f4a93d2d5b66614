//! Asks the engines of a running stack, ours or a deployed one, and collects the report.
//!
//! # Layout
//! - [`connectivity`]: each engine serves its user, by a write and a read, and refuses strangers.
//! - [`report`]: rows of checks and verdicts; verdicts are values, never strings.

pub mod report;

mod connectivity;

pub use connectivity::connectivity;
pub use report::{Check, Report, Row, Verdict};
