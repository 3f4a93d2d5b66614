//! What can go wrong with a file.

use std::{io, path::Path};

use super::RegistryError;

/// `failed to read …`
pub(super) fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> RegistryError {
    move |source| RegistryError::File {
        action,
        path: path.to_owned(),
        source,
    }
}

/// A failed write, of which `needed` bytes are still to come; `choice` says how another disk is chosen.
pub(super) fn unwritten(path: &Path, needed: u64, choice: &'static str) -> impl Fn(io::Error) -> RegistryError {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => RegistryError::DiskFull {
            file: path.to_owned(),
            needed,
            choice,
        },
        _ => failed("write", path)(source),
    }
}
