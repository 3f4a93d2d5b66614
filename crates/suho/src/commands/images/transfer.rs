//! What is told while images are on their way.

use suho_stack::registry::{Digest, Transfer};

use super::megabytes;
use crate::output::brief;

/// As many digits as tell one blob from another.
const SHOWN_DIGITS: usize = 12;

/// One line about a transfer.
pub fn tell(transfer: Transfer) {
    match transfer {
        Transfer::Manifest { image, .. } => note!("manifest     {image}"),
        Transfer::Blob { of, digest, done, size } => {
            note!("blob         {} {} of {of}", shown(&digest), of_all(done, size));
        }
        Transfer::Kept { digest, size } => {
            note!("blob         {} {} kept from before", shown(&digest), amount(size));
        }
        Transfer::Resumed { digest, at, size } => {
            note!("blob         {} resumed at {}", shown(&digest), of_all(at, size));
        }
        Transfer::Discarded { digest } => {
            note!("blob         {} was kept wrong: fetched again", shown(&digest));
        }
        Transfer::Again { reason } => note!("again        {}", brief(&reason)),
        Transfer::MirrorFailed { mirror, reason } => note!("not from     {mirror}: {}", brief(&reason)),
        Transfer::File {
            action,
            file,
            done,
            size,
        } => note!("{action:<12} {} {file}", of_all(done, size)),
    }
}

fn shown(digest: &Digest) -> String {
    digest.hex().chars().take(SHOWN_DIGITS).collect()
}

fn of_all(done: u64, size: u64) -> String {
    format!("{} / {}", amount(done), amount(size))
}

fn amount(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => megabytes(bytes),
    }
}
