//! The bytes of a file of an archive, and where they are until it is written.

use std::{
    io::SeekFrom,
    path::{Path, PathBuf},
};

use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{Digest, RegistryError, disk::failed, layout::BLOBS};

const PIECE: usize = 1 << 18;

/// The bytes of a file of an archive.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    Slice { path: PathBuf, offset: u64, size: u64 },
}

impl Content {
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Slice { size, .. } => *size,
        }
    }

    /// All of it.
    pub async fn read(&self) -> Result<Vec<u8>, RegistryError> {
        let mut source = Source::open(self).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = source.next().await? {
            bytes.extend(piece);
        }
        Ok(bytes)
    }
}

/// The bytes of one file, piece by piece.
pub(super) enum Source<'a> {
    Bytes(Option<&'a [u8]>),
    File { file: File, path: &'a Path, left: u64 },
}

impl<'a> Source<'a> {
    pub async fn open(content: &'a Content) -> Result<Self, RegistryError> {
        match content {
            Content::Bytes(bytes) => Ok(Self::Bytes(Some(bytes))),
            Content::Slice { path, offset, size } => {
                let mut file = File::open(path).await.map_err(failed("read", path))?;
                file.seek(SeekFrom::Start(*offset))
                    .await
                    .map_err(failed("read", path))?;
                Ok(Self::File {
                    file,
                    path,
                    left: *size,
                })
            }
        }
    }

    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, RegistryError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.take().map(<[u8]>::to_vec)),
            Self::File { left: 0, .. } => Ok(None),
            Self::File { file, path, left } => {
                let mut piece = vec![0; usize::try_from(*left).unwrap_or(PIECE).min(PIECE)];
                file.read_exact(&mut piece).await.map_err(failed("read", path))?;
                *left -= piece.len() as u64;
                Ok(Some(piece))
            }
        }
    }

    /// What was verified earlier may have been changed since.
    pub fn verify(&self, name: &str, found: &Digest) -> Result<(), RegistryError> {
        match (self, name.strip_prefix(BLOBS)) {
            (Self::File { path, .. }, Some(hex)) if found.hex() != hex => Err(RegistryError::Malformed {
                what: path.display().to_string(),
                reason: format!("the blob sha256:{hex} was changed while it was copied"),
            }),
            _ => Ok(()),
        }
    }
}
