//! Files inside a container.

use std::io;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use testcontainers::bollard::query_parameters::DownloadFromContainerOptions;
use tokio_util::io::{ReaderStream, StreamReader};

use super::{Docker, RuntimeError};

/// What is read at once.
const PIECE: usize = 256 * 1024;

impl Docker {
    /// What is in the file `path` of `container`. The Docker engine reads it from its disk, which is quicker than any
    /// program that writes to its standard output through it.
    pub async fn file(
        &self,
        container: &str,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, RuntimeError>>, RuntimeError> {
        let failed = {
            let action = format!("read {path} in container {container}");
            move |error: io::Error| RuntimeError::Inside {
                action: action.clone(),
                words: error.to_string(),
            }
        };
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let archive = self.client.download_from_container(container, Some(options));
        let archive = StreamReader::new(archive.map_err(io::Error::other).boxed());
        let mut entries = tokio_tar::Archive::new(archive).entries().map_err(&failed)?;
        let only = entries
            .next()
            .await
            .unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        let pieces = ReaderStream::with_capacity(only.map_err(&failed)?, PIECE);
        Ok(pieces.map_err(failed).boxed())
    }
}
