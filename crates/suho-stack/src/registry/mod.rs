//! Images as registries serve them: fetched by their pins, verified to the byte, bundled into archives and read from them.
//! No engine's name appears here, and no Docker engine: what is done with an archive is [`runtime`](crate::runtime)'s.
//!
//! # Layout
//! - [`host`]: where the API of a registry is, and its mirrors.
//! - [`client`]: the requests, and the bodies that come back.
//! - `token`: the token that a registry asks for.
//! - `patience`: how often a request is repeated.
//! - [`digest`]: what bytes hash to.
//! - [`manifest`]: platforms, descriptors, indexes, manifests.
//! - [`blobs`]: the cache of blobs, where an interrupted download goes on.
//! - [`pulled`]: a pinned image and its platforms, as manifests.
//! - [`lock`]: a directory of the manifests that the pins lead to.
//! - [`layout`]: an OCI image layout as an archive, the same to the bit for the same images.
//! - [`bundle`]: from pins to an archive.
//! - [`archive`]: from an archive to images, each byte verified.
//! - `content`: the bytes of a file of an archive, and where they are.
//! - `disk`: errors of files, a full disk among them.

pub mod archive;
pub mod blobs;
pub mod bundle;
pub mod client;
pub mod digest;
pub mod host;
pub mod layout;
pub mod lock;
pub mod manifest;
pub mod pulled;

mod content;
mod disk;
mod error;
mod patience;
mod token;

pub use archive::Archive;
pub use blobs::Blobs;
pub use client::Client;
pub use digest::Digest;
pub use error::RegistryError;
pub use host::Mirror;
pub use layout::Layout;
pub use lock::Lock;
pub use manifest::Platform;

/// What there is to tell while images are fetched or read.
#[derive(Debug, Clone)]
pub enum Transfer {
    /// A manifest was fetched.
    Manifest {
        /// The image it belongs to.
        image: String,
        /// Its digest.
        digest: Digest,
    },
    /// A blob is on its way, or there.
    Blob {
        /// The image that it is a part of.
        of: String,
        /// Its digest.
        digest: Digest,
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        size: u64,
    },
    /// An archive is on its way.
    File {
        /// `written`, `verified`, `handed over`.
        action: &'static str,
        /// The archive, or who takes it.
        file: String,
        /// Bytes that are done.
        done: u64,
        /// Bytes in all.
        size: u64,
    },
    /// A blob was fetched earlier, and is what it should be.
    Kept {
        /// Its digest.
        digest: Digest,
        /// In bytes.
        size: u64,
    },
    /// A download goes on where an earlier one was cut.
    Resumed {
        /// Its digest.
        digest: Digest,
        /// The bytes that are there already.
        at: u64,
        /// Bytes in all.
        size: u64,
    },
    /// What was there of a blob is not what it should be, and is fetched again.
    Discarded {
        /// Its digest.
        digest: Digest,
    },
    /// A request is made again.
    Again {
        /// Why.
        reason: String,
    },
    /// A mirror did not serve what was asked for, and the next source is asked.
    MirrorFailed {
        /// Its address.
        mirror: String,
        /// Why.
        reason: String,
    },
}

/// Who is told.
pub type Tell<'a> = &'a (dyn Fn(Transfer) + Send + Sync);
