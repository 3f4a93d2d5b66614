//! Files written and read by way of zstd and age, hashed as they are. Both happen on threads of their own, a few pieces at
//! a time.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufReader, Read, Write},
    iter,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use age::{
    Decryptor, Encryptor, Identity, Recipient,
    stream::{StreamReader, StreamWriter},
    x25519,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::{sync::mpsc, task::JoinHandle};

use super::draft;

/// zstd's own choice between speed and size.
const LEVEL: i32 = 3;
/// How many pieces may wait between an engine and the disk.
const WAITING: usize = 16;
/// What is read at once.
const PIECE: usize = 256 * 1024;

/// Who can open an encrypted file.
pub(super) type Recipients = Arc<Vec<x25519::Recipient>>;
/// What opens encrypted files.
pub(super) type Identities = Arc<Vec<x25519::Identity>>;

/// What came of writing a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    pub size: u64,
    pub content_size: u64,
    pub sha256: String,
}

enum Message {
    Piece(Bytes),
    End,
}

/// A file that is being written.
pub(super) struct Packer {
    pieces: mpsc::Sender<Message>,
    writing: JoinHandle<io::Result<Packed>>,
}

impl Packer {
    /// Creates `path`, which must not exist.
    pub(super) fn create(path: PathBuf, compressed: bool, recipients: Recipients, counted: Arc<AtomicU64>) -> Self {
        let (pieces, incoming) = mpsc::channel(WAITING);
        let writing = tokio::task::spawn_blocking(move || write(&path, compressed, &recipients, &counted, incoming));
        Self { pieces, writing }
    }

    /// Adds to the file; false where it can take no more, for which [`Packer::finish`] has the reason.
    pub(super) async fn add(&self, piece: Bytes) -> bool {
        self.pieces.send(Message::Piece(piece)).await.is_ok()
    }

    /// Ends the file, on the disk itself.
    pub(super) async fn finish(self) -> io::Result<Packed> {
        // One that ended early has the reason in its outcome.
        let _ = self.pieces.send(Message::End).await;
        drop(self.pieces);
        self.writing.await.map_err(io::Error::other)?
    }
}

fn write(
    path: &Path,
    compressed: bool,
    recipients: &[x25519::Recipient],
    counted: &AtomicU64,
    mut incoming: mpsc::Receiver<Message>,
) -> io::Result<Packed> {
    let hashing = Hashing {
        file: draft::new_file(path)?,
        hasher: Sha256::new(),
        size: 0,
    };
    let mut packing = Compressing::new(Sealing::new(hashing, recipients)?, compressed)?;
    let mut content_size = 0;
    loop {
        match incoming.blocking_recv() {
            Some(Message::Piece(piece)) => {
                packing.write_all(&piece)?;
                let length = piece.len() as u64;
                content_size += length;
                counted.fetch_add(length, Ordering::Relaxed);
            }
            Some(Message::End) => break,
            None => return Err(io::Error::new(io::ErrorKind::Interrupted, "nobody ended the file")),
        }
    }
    let hashing = packing.finish()?.finish()?;
    hashing.file.sync_all()?;
    Ok(Packed {
        size: hashing.size,
        content_size,
        sha256: hexadecimal(&hashing.hasher.finalize()),
    })
}

struct Hashing {
    file: File,
    hasher: Sha256,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Sealing {
    Open(Hashing),
    Sealed(Box<StreamWriter<Hashing>>),
}

impl Sealing {
    fn new(hashing: Hashing, recipients: &[x25519::Recipient]) -> io::Result<Self> {
        if recipients.is_empty() {
            return Ok(Self::Open(hashing));
        }
        let recipients = recipients.iter().map(|recipient| recipient as &dyn Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        Ok(Self::Sealed(Box::new(encryptor.wrap_output(hashing)?)))
    }

    fn finish(self) -> io::Result<Hashing> {
        match self {
            Self::Open(hashing) => Ok(hashing),
            Self::Sealed(writer) => writer.finish(),
        }
    }
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(writer) => writer.write(bytes),
            Self::Sealed(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Open(writer) => writer.flush(),
            Self::Sealed(writer) => writer.flush(),
        }
    }
}

enum Compressing {
    AsIs(Sealing),
    Compressed(Box<zstd::Encoder<'static, Sealing>>),
}

impl Compressing {
    fn new(sealing: Sealing, compressed: bool) -> io::Result<Self> {
        if !compressed {
            return Ok(Self::AsIs(sealing));
        }
        Ok(Self::Compressed(Box::new(zstd::Encoder::new(sealing, LEVEL)?)))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::AsIs(writer) => writer.write_all(bytes),
            Self::Compressed(writer) => writer.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Sealing> {
        match self {
            Self::AsIs(writer) => Ok(writer),
            Self::Compressed(writer) => writer.finish(),
        }
    }
}

/// The content of `path`, in pieces.
pub(super) fn unpack(
    path: PathBuf,
    compressed: bool,
    identities: Identities,
    counted: Arc<AtomicU64>,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (pieces, outgoing) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read(&path, compressed, &identities, &counted, &pieces) {
            // Nobody listens any more: nobody has to know.
            let _ = pieces.blocking_send(Err(error));
        }
    });
    outgoing
}

fn read(
    path: &Path,
    compressed: bool,
    identities: &[x25519::Identity],
    counted: &AtomicU64,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    let mut content: Box<dyn Read> = opened(path, identities)?;
    if compressed {
        content = Box::new(zstd::Decoder::new(content)?);
    }
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let length = content.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        counted.fetch_add(length as u64, Ordering::Relaxed);
        if pieces.blocking_send(Ok(piece.into())).is_err() {
            return Ok(());
        }
    }
}

/// Begins to read `path`, which fails where none of `identities` opens it; a file that nobody encrypted wants none.
pub(super) fn opened(path: &Path, identities: &[x25519::Identity]) -> io::Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(PIECE, File::open(path)?);
    if path.extension().is_none_or(|extension| extension != "age") {
        return Ok(Box::new(file));
    }
    let identities = identities.iter().map(|identity| identity as &dyn Identity);
    let reader: StreamReader<_> = Decryptor::new_buffered(file)
        .and_then(|decryptor| decryptor.decrypt(identities))
        .map_err(io::Error::other)?;
    Ok(Box::new(reader))
}

/// Size and SHA-256 of a file as it is on disk.
pub(super) fn hash(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    for length in iter::from_fn(|| match file.read(&mut piece) {
        Ok(0) => None,
        Ok(length) => {
            hasher.update(&piece[..length]);
            Some(Ok(length))
        }
        Err(error) => Some(Err(error)),
    }) {
        size += length? as u64;
    }
    Ok((size, hexadecimal(&hasher.finalize())))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    async fn packed(path: &Path, compressed: bool, recipients: &Recipients) -> io::Result<Packed> {
        let packer = Packer::create(path.to_owned(), compressed, Arc::clone(recipients), Arc::default());
        for piece in ["orders ", "and ", "fills"].repeat(1_000) {
            packer.add(Bytes::from_static(piece.as_bytes())).await;
        }
        packer.finish().await
    }

    async fn content(path: &Path, compressed: bool, identities: Identities) -> io::Result<String> {
        let mut pieces = unpack(path.to_owned(), compressed, identities, Arc::default());
        let mut content = Vec::new();
        while let Some(piece) = pieces.recv().await {
            content.extend_from_slice(&piece?);
        }
        Ok(String::from_utf8_lossy(&content).into_owned())
    }

    #[rstest]
    #[case("plain", false, false)]
    #[case("a.zst", true, false)]
    #[case("a.age", false, true)]
    #[case("a.zst.age", true, true)]
    #[tokio::test]
    async fn what_is_packed_is_unpacked(
        #[case] name: &str,
        #[case] compressed: bool,
        #[case] encrypted: bool,
    ) -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join(name);
        let identity = x25519::Identity::generate();
        let recipients: Recipients = Arc::new(encrypted.then(|| identity.to_public()).into_iter().collect());

        let outcome = packed(&path, compressed, &recipients).await?;

        assert_eq!(outcome.content_size, 16_000);
        assert_eq!(hash(&path)?, (outcome.size, outcome.sha256));
        let read = content(&path, compressed, Arc::new(vec![identity])).await?;
        assert!(
            read.len() == 16_000 && read.starts_with("orders and fillsorders"),
            "{read}"
        );
        if encrypted {
            let stranger = Arc::new(vec![x25519::Identity::generate()]);
            assert!(content(&path, compressed, stranger).await.is_err());
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_file_that_nobody_ended_is_an_error() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let packer = Packer::create(directory.path().join("a"), true, Arc::default(), Arc::default());
        let Packer { pieces, writing } = packer;

        drop(pieces);

        assert!(writing.await.map_err(io::Error::other)?.is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_disk_that_takes_no_more_is_an_error() {
        let packer = Packer::create("/dev/full/a".into(), true, Arc::default(), Arc::default());

        assert!(packer.finish().await.is_err());
    }
}
