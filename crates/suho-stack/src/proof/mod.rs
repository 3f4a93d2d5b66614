//! Asks the engines of a running stack, ours or a deployed one, and collects the report.
//!
//! # Layout
//! - [`inquiry`]: what is asked, of whom, and in which order.
//! - `checking`: one question to one engine, and the row that comes of its answer.
//! - [`whole`]: a feed of ticks through four engines.
//! - [`report`]: rows of checks, settings and verdicts; verdicts are values, never strings.

pub mod inquiry;
pub mod report;
pub mod whole;

mod checking;

pub use inquiry::{Inquiry, Missing, Present, Scope};
pub use report::{Check, Part, Report, Row, SettingRow, Verdict};
