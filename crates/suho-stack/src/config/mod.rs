//! The configuration as such, without any engine.
//!
//! # Layout
//! - [`mod@check`]: everything that is wrong with it.
//! - [`mod@merge`]: a copy of the deployment with other settings.

pub mod check;
pub mod merge;

pub use check::{Checked, Complaint, check};
pub use merge::{Change, MergeError, merge};
