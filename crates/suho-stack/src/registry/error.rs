use std::{io, path::PathBuf};

use super::{Digest, Platform};
use crate::causes::in_full;

/// Why images could not be fetched, bundled or read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry knows nothing of that name.
    #[error(
        "{registry} does not have {what}, which is pinned for {service}; `suho images lock --update {service}` pins what its \
         tag names now"
    )]
    Gone {
        /// The registry that was asked.
        registry: String,
        /// Reference and digest.
        what: String,
        /// The first service that runs the image.
        service: String,
    },
    /// The tag is not at the registry.
    #[error("{registry} does not have the tag {image}; name one that it has: `suho images lock --update ENGINE=TAG`")]
    NoTag {
        /// The registry that was asked.
        registry: String,
        /// Name and tag.
        image: String,
    },
    /// What came back has another digest.
    #[error(
        "{registry} answered other bytes than {what}: they have the digest {found}; whatever answers in its place (a proxy, a \
         mirror) changes them, use another way to the registry"
    )]
    OtherBytes {
        /// The registry that was asked.
        registry: String,
        /// Reference and digest.
        what: String,
        /// What the bytes hash to.
        found: Digest,
    },
    /// A descriptor tells another size than the bytes have.
    #[error(
        "{what} has {found} bytes, and the manifest that names it says {said}: the image is broken where it was made, pin \
         another one"
    )]
    Size {
        /// Reference and digest.
        what: String,
        /// As the manifest tells.
        said: u64,
        /// As the bytes are.
        found: u64,
    },
    /// Something is of a kind that is not known here.
    #[error(
        "{what} is of the media type `{media_type}`, which is not known here; the image has to be one of Docker or OCI"
    )]
    MediaType {
        /// Reference and digest.
        what: String,
        /// As it is told.
        media_type: String,
    },
    /// Something is not of the form that its kind has.
    #[error("{what} cannot be read: {reason}; it is not what Docker or OCI call so")]
    Malformed {
        /// Reference and digest, or a file.
        what: String,
        /// What the parser says.
        reason: String,
    },
    /// A registry asked for a token, and none was to be had.
    #[error(
        "{registry} lets nobody read {image} without a login ({reason}); only images that are public can be fetched"
    )]
    Token {
        /// The registry.
        registry: String,
        /// The image.
        image: String,
        /// What the service of tokens answered.
        reason: String,
    },
    /// Nobody answers.
    #[error(
        "{url} cannot be reached: {}; see to the network or the proxy (HTTPS_PROXY, SSL_CERT_FILE), or name a mirror with \
         --mirror",
        in_full(source)
    )]
    Unreachable {
        /// What was asked.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// A connection broke, as often as it was tried.
    #[error(
        "the connection to {registry} broke in {what} at byte {at} of {size}: {reason}; run the command again to go on there"
    )]
    Broken {
        /// The registry.
        registry: String,
        /// Reference and digest.
        what: String,
        /// Bytes that arrived.
        at: u64,
        /// Bytes in all; 0 where that is not known.
        size: u64,
        /// How it broke.
        reason: String,
    },
    /// An answer that is none.
    #[error("{url} answered {status}: {body}; try again later, or name a mirror with --mirror")]
    Status {
        /// What was asked.
        url: String,
        /// The status of HTTP.
        status: reqwest::StatusCode,
        /// The beginning of the answer.
        body: String,
    },
    /// Passwords, tokens and images would travel in the clear.
    #[error("{url} is plain HTTP to another machine, which is not spoken; use https")]
    PlainHttp {
        /// What would have been asked.
        url: String,
    },
    /// An image does not exist for a platform.
    #[error("{image} is not there for {wanted}; it is for {there}")]
    Platform {
        /// The image.
        image: String,
        /// What was asked for.
        wanted: Platform,
        /// What there is, in words.
        there: String,
    },
    /// A configuration tells of another platform than the index that led to it.
    #[error(
        "{what} is for {found}, and the index that names it says {said}: the image is broken where it was made, pin another one"
    )]
    ForeignPlatform {
        /// The manifest.
        what: String,
        /// As the index tells.
        said: Platform,
        /// As the configuration tells.
        found: Platform,
    },
    /// A tag has no room for the pin behind it.
    #[error(
        "the tag of {image} is too long to be loaded: with the pin behind it it has more than 128 characters; pin a shorter tag"
    )]
    TagTooLong {
        /// The image.
        image: String,
    },
    /// A pin is not written as the default of a variable.
    #[error("{image} is not written as `${{NAME:-{image}}}` in {}, so it cannot be pinned anew there", directory.display())]
    NotADefault {
        /// The pin.
        image: String,
        /// Where the compose files are.
        directory: PathBuf,
    },
    /// An archive is cut.
    #[error("{} is cut: {what}; copy or bundle it again, nothing was loaded", file.display())]
    Truncated {
        /// The archive.
        file: PathBuf,
        /// Where it ends.
        what: String,
    },
    /// A blob of an archive is not what its name says.
    #[error("{} was changed: its blob {digest} has the digest {found}; copy or bundle it again, nothing was loaded", file.display())]
    Changed {
        /// The archive.
        file: PathBuf,
        /// As it is named.
        digest: Digest,
        /// As it is.
        found: Digest,
    },
    /// An archive lacks something.
    #[error("{} is no archive of images: {reason}; `suho images bundle` writes such archives", file.display())]
    NoArchive {
        /// The archive.
        file: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// The disk is full.
    #[error("no space is left on the disk of {}: {needed} more bytes are needed; make room, or choose another place ({choice})", file.display())]
    DiskFull {
        /// What was written.
        file: PathBuf,
        /// Bytes that are still to be written, at least.
        needed: u64,
        /// How another place is chosen.
        choice: &'static str,
    },
    /// Whoever was to take an archive did not.
    #[error("{target} did not take the archive: {source}")]
    NotTaken {
        /// Who.
        target: String,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read or written.
    #[error("failed to {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no place for the cache.
    #[error("there is no place to keep blobs in: set XDG_CACHE_HOME or HOME")]
    NoCache,
    /// The HTTP client could not be made.
    #[error("failed to prepare for HTTPS: {}", in_full(.0))]
    Https(#[source] reqwest::Error),
}

impl RegistryError {
    /// Whether the same request may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } => true,
            Self::Status { status, .. } => status.is_server_error() || matches!(status.as_u16(), 408 | 416 | 429),
            _ => false,
        }
    }
}
