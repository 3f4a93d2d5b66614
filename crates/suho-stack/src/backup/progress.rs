//! What there is to tell while one waits for a backup or a restore.

use std::time::Duration;

/// Something happened, or goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The files of a backup are read to their last byte.
    Checking {
        /// How many bytes.
        bytes: u64,
    },
    /// An engine cannot be backed up.
    NotOffered {
        /// The compose service.
        service: String,
        /// Why.
        reason: String,
    },
    /// What is restored comes from another edition, or from a stand-in.
    Differs {
        /// The compose service.
        service: String,
        /// What differs.
        words: String,
    },
    /// An engine still writes or reads.
    Going {
        /// The compose service.
        service: String,
        /// Bytes so far, before packing.
        bytes: u64,
        /// Since it began.
        elapsed: Duration,
    },
    /// An engine is done.
    Done {
        /// The compose service.
        service: String,
        /// Bytes, before packing.
        bytes: u64,
        /// Since it began.
        elapsed: Duration,
    },
    /// Something is not in the backup, or not known of it.
    Note {
        /// The compose service.
        service: String,
        /// What, and why.
        words: String,
    },
}

/// Is told of it.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);
