//! What there is to tell while one waits for a stack.

use std::time::Duration;

use crate::runtime::BuildProgress;

/// Something happened, or still does not.
#[derive(Debug, Clone)]
pub enum Progress {
    /// Which image a service runs, and why that one.
    Image {
        /// The compose service.
        service: String,
        /// The reference.
        image: String,
        /// `present`, `pulled`, `air-gap image, built (…)`.
        origin: String,
    },
    /// A service cannot be had here.
    Absent {
        /// The compose service.
        service: String,
        /// Why.
        reason: String,
    },
    /// An image is being pulled.
    Pulling {
        /// The reference.
        image: String,
        /// Since the pull began.
        elapsed: Duration,
    },
    /// An air-gap image is being built.
    Building(BuildProgress),
    /// A container runs; its engine does not serve yet.
    Launched {
        /// The compose service.
        service: String,
        /// Since the start of the stack began.
        elapsed: Duration,
    },
    /// A service still waits.
    Waiting {
        /// The compose service.
        service: String,
        /// For what.
        reason: String,
        /// Since the start of the stack began.
        elapsed: Duration,
    },
    /// An engine serves.
    Ready {
        /// The compose service.
        service: String,
        /// Its version, in its own words.
        version: String,
        /// Since the start of the stack began.
        elapsed: Duration,
    },
}
