//! Asks the engines of a running stack, ours or a deployed one, and collects the report.
//!
//! # Layout
//! - [`inquiry`]: what is asked, of whom, and in which order.
//! - [`report`]: rows of checks, settings and verdicts; verdicts are values, never strings.

pub mod inquiry;
pub mod report;

pub use inquiry::{Inquiry, Missing, Present, Scope};
pub use report::{Check, Report, Row, SettingRow, Verdict};
