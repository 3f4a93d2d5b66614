//! The cache of blobs: what was fetched once is kept, and what was interrupted goes on where it was cut.

use std::{
    env,
    io::SeekFrom,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::{Response, StatusCode, header::CONTENT_RANGE};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    time::sleep,
};

use super::{
    Client, Digest, RegistryError, Tell, Transfer,
    client::{mirror_failed, named},
    digest::Digester,
    disk::{failed, unwritten},
    host::Place,
    manifest::Descriptor,
    patience::Patience,
};
use crate::{causes::in_full, deployment::Pin};

/// Between two words about one blob.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// Before somebody else's download is looked at again.
const PAUSE: Duration = Duration::from_millis(200);
const PIECE: usize = 1 << 20;
const ANOTHER_PLACE: &str = "XDG_CACHE_HOME";

/// A directory of blobs, each named by its digest.
#[derive(Debug, Clone)]
pub struct Blobs {
    directory: PathBuf,
}

impl Blobs {
    /// `$XDG_CACHE_HOME/suho/blobs`, or `~/.cache/suho/blobs`.
    pub fn of_user() -> Result<Self, RegistryError> {
        let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        let cache = cache.ok_or(RegistryError::NoCache)?;
        Ok(Self::in_directory(cache.join("suho/blobs")))
    }

    /// A directory of its own; it is made when the first blob is fetched.
    #[must_use]
    pub fn in_directory(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The file of a blob of the image of `pin`, fetched where it is not there, its digest and size verified.
    pub async fn obtain(
        &self,
        client: &Client,
        pin: &Pin,
        blob: &Descriptor,
        tell: Tell<'_>,
    ) -> Result<PathBuf, RegistryError> {
        fs::create_dir_all(&self.directory)
            .await
            .map_err(unwritten(&self.directory, blob.size, ANOTHER_PLACE))?;
        let path = self.path(&blob.digest);
        if self.is_kept(&path, blob, tell).await? {
            return Ok(path);
        }
        let partial = path.with_extension("partial");
        let mut download = Download {
            file: opened_alone(&partial).await?,
            path: partial,
            client,
            pin,
            blob,
            tell,
        };
        // Whoever held it until now may have finished it.
        if self.is_kept(&path, blob, tell).await? {
            return Ok(path);
        }
        download.run().await?;
        fs::rename(&download.path, &path)
            .await
            .map_err(failed("rename", &download.path))?;
        Ok(path)
    }

    /// Where a blob is once it is there.
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(digest.hex())
    }

    async fn is_kept(&self, path: &Path, blob: &Descriptor, tell: Tell<'_>) -> Result<bool, RegistryError> {
        let found = match File::open(path).await {
            Ok(mut file) => digest_and_size(&mut file).await.map_err(failed("read", path))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", path)(error)),
        };
        let (digest, size) = found;
        if digest != blob.digest {
            fs::remove_file(path).await.map_err(failed("remove", path))?;
            tell(Transfer::Discarded {
                digest: blob.digest.clone(),
            });
            return Ok(false);
        }
        if size != blob.size {
            return Err(RegistryError::Size {
                what: blob.digest.to_string(),
                said: blob.size,
                found: size,
            });
        }
        tell(Transfer::Kept {
            digest: digest.clone(),
            size,
        });
        Ok(true)
    }
}

/// One blob on its way.
struct Download<'a> {
    file: File,
    path: PathBuf,
    client: &'a Client,
    pin: &'a Pin,
    blob: &'a Descriptor,
    tell: Tell<'a>,
}

impl Download<'_> {
    async fn run(&mut self) -> Result<(), RegistryError> {
        let (mirrors, registry) = self.client.places(&self.pin.image)?;
        for mirror in mirrors {
            match self.from(&mirror).await {
                Ok(()) => return Ok(()),
                Err(error @ RegistryError::DiskFull { .. }) => return Err(error),
                Err(error) => (self.tell)(mirror_failed(&mirror, &error)),
            }
        }
        self.from(&registry).await
    }

    async fn from(&mut self, place: &Place) -> Result<(), RegistryError> {
        let mut patience = Patience::new();
        loop {
            let resumed = self.arrived().await? > 0;
            if let Err(error) = self.go_on(place).await {
                patience.after(error, self.tell).await?;
                continue;
            }
            let (found, _) = digest_and_size(&mut self.file)
                .await
                .map_err(failed("read", &self.path))?;
            if found == self.blob.digest {
                return self.file.sync_all().await.map_err(self.unwritten(0));
            }
            self.start_over().await?;
            // The wrong part may be older than this request.
            if !resumed {
                return Err(RegistryError::OtherBytes {
                    registry: place.name.clone(),
                    what: named(&self.pin.image, &self.blob.digest),
                    found,
                });
            }
            (self.tell)(Transfer::Discarded {
                digest: self.blob.digest.clone(),
            });
        }
    }

    /// Fetches what is missing.
    async fn go_on(&mut self, place: &Place) -> Result<(), RegistryError> {
        let size = self.blob.size;
        let mut at = self.arrived().await?;
        if at > size {
            self.start_over().await?;
            at = 0;
        }
        if at == size && size > 0 {
            return Ok(());
        }
        let mut response = match self.client.blob(place, self.pin, &self.blob.digest, at).await {
            // What was there is not a beginning of what the registry has.
            Err(
                error @ RegistryError::Status {
                    status: StatusCode::RANGE_NOT_SATISFIABLE,
                    ..
                },
            ) => {
                self.start_over().await?;
                return Err(error);
            }
            other => other?,
        };
        if let Some(found) = size_in_all(&response).filter(|found| *found != size) {
            return Err(self.other_size(found));
        }
        if response.status() == StatusCode::PARTIAL_CONTENT {
            (self.tell)(Transfer::Resumed {
                digest: self.blob.digest.clone(),
                at,
                size,
            });
        } else {
            self.start_over().await?;
            at = 0;
        }
        self.file
            .seek(SeekFrom::Start(at))
            .await
            .map_err(failed("write", &self.path))?;
        let ended = self.receive(&mut response, &mut at).await;
        self.file.flush().await.map_err(self.unwritten(at))?;
        match ended? {
            None if at == size => Ok(()),
            reason => Err(RegistryError::Broken {
                registry: place.name.clone(),
                what: named(&self.pin.image, &self.blob.digest),
                at,
                size,
                reason: reason.unwrap_or_else(|| "the answer ended".to_owned()),
            }),
        }
    }

    /// Writes what comes, and returns why no more does.
    async fn receive(&mut self, response: &mut Response, at: &mut u64) -> Result<Option<String>, RegistryError> {
        let size = self.blob.size;
        let mut told = Instant::now();
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Ok(Some(in_full(&error.without_url()))),
            };
            if *at + chunk.len() as u64 > size {
                return Err(self.other_size(*at + chunk.len() as u64));
            }
            self.file.write_all(&chunk).await.map_err(self.unwritten(*at))?;
            *at += chunk.len() as u64;
            if told.elapsed() > TELL_EVERY || *at == size {
                told = Instant::now();
                (self.tell)(Transfer::Blob {
                    of: format!("{}:{}", self.pin.image.repository(), self.pin.image.tag()),
                    digest: self.blob.digest.clone(),
                    done: *at,
                    size,
                });
            }
        }
        Ok(None)
    }

    async fn arrived(&self) -> Result<u64, RegistryError> {
        let metadata = self.file.metadata().await.map_err(failed("read", &self.path))?;
        Ok(metadata.len())
    }

    async fn start_over(&self) -> Result<(), RegistryError> {
        self.file.set_len(0).await.map_err(failed("write", &self.path))
    }

    fn unwritten(&self, at: u64) -> impl Fn(std::io::Error) -> RegistryError {
        unwritten(&self.path, self.blob.size.saturating_sub(at), ANOTHER_PLACE)
    }

    fn other_size(&self, found: u64) -> RegistryError {
        RegistryError::Size {
            what: named(&self.pin.image, &self.blob.digest),
            said: self.blob.size,
            found,
        }
    }
}

/// Opens a file that one process at a time downloads to.
async fn opened_alone(path: &Path) -> Result<File, RegistryError> {
    let unopened = unwritten(path, 0, ANOTHER_PLACE);
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .await;
        let file = file.map_err(&unopened)?.into_std().await;
        match file.try_lock() {
            Ok(()) => return Ok(File::from_std(file)),
            Err(std::fs::TryLockError::WouldBlock) => sleep(PAUSE).await,
            Err(std::fs::TryLockError::Error(error)) => return Err(failed("lock", path)(error)),
        }
    }
}

/// The size of the whole blob, as the answer tells it.
fn size_in_all(response: &Response) -> Option<u64> {
    if response.status() == StatusCode::PARTIAL_CONTENT {
        let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
        range.rsplit_once('/')?.1.parse().ok()
    } else {
        response.content_length()
    }
}

/// Reads a file from its beginning.
pub(super) async fn digest_and_size(file: &mut File) -> std::io::Result<(Digest, u64)> {
    file.seek(SeekFrom::Start(0)).await?;
    let mut digester = Digester::default();
    let (mut piece, mut size) = (vec![0; PIECE], 0);
    loop {
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Ok((digester.digest(), size));
        }
        digester.update(&piece[..read]);
        size += read as u64;
    }
}
