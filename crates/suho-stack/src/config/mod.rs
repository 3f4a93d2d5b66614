//! The configuration as such, without any engine.
//!
//! # Layout
//! - [`check`]: everything that is wrong with it.

pub mod check;

pub use check::{Checked, Complaint, check};
