//! An archive of images, read back: nothing of it is used before every byte of it was verified.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures::StreamExt;
use serde::Deserialize;
use tokio::{
    fs::File,
    io::{AsyncReadExt, BufReader},
};
use tokio_tar::{Entry, EntryType};

use super::{
    Digest, Layout, Platform, RegistryError, Tell, Transfer,
    content::Content,
    digest::Digester,
    disk::failed,
    layout::{BLOBS, INDEX_FILE, MARKER_FILE, NAME},
    manifest::{Descriptor, ImageManifest, LARGEST_MANIFEST, Manifest, in_words},
};
use crate::deployment::ImageReference;

const TELL_EVERY: Duration = Duration::from_secs(2);
const PIECE: usize = 1 << 18;

type TarFile = tokio_tar::Archive<BufReader<File>>;

/// An archive whose every blob is what its name says.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// Its files by name.
    files: BTreeMap<String, Slice>,
    /// Its images in the order of its index.
    images: Vec<ArchivedImage>,
}

/// A named image of an archive.
#[derive(Debug)]
pub struct ArchivedImage {
    /// The name that it is loaded under.
    pub name: ImageReference,
    variants: Vec<Variant>,
}

/// The image for one platform.
#[derive(Debug)]
struct Variant {
    platform: Platform,
    descriptor: Descriptor,
    manifest: ImageManifest,
}

/// An image as it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loadable {
    /// Its name.
    pub name: ImageReference,
    /// What a Docker engine calls it: by its configuration, or by its manifest.
    pub ids: [Digest; 2],
}

#[derive(Debug, Clone, Copy)]
struct Slice {
    offset: u64,
    size: u64,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<IndexEntry>,
}

#[derive(Deserialize)]
struct IndexEntry {
    #[serde(flatten)]
    descriptor: Descriptor,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Archive {
    /// Reads the whole of `path` and verifies every blob, every manifest and every size.
    pub async fn open(path: &Path, tell: Tell<'_>) -> Result<Self, RegistryError> {
        let mut archive = Self {
            path: path.to_owned(),
            files: BTreeMap::new(),
            images: Vec::new(),
        };
        archive.scan(tell).await?;
        archive.images = archive.read_images().await?;
        Ok(archive)
    }

    /// The images that it holds.
    #[must_use]
    pub fn images(&self) -> &[ArchivedImage] {
        &self.images
    }

    /// All its images for `platform`, as an archive of that platform alone.
    pub fn for_platform(&self, platform: &Platform) -> Result<(Layout, Vec<Loadable>), RegistryError> {
        let mut layout = Layout::default();
        let mut loadable = Vec::new();
        for image in &self.images {
            let found = image.variants.iter().find(|variant| variant.platform == *platform);
            let variant = found.ok_or_else(|| RegistryError::Platform {
                image: format!("{} of {}", image.name, self.path.display()),
                wanted: platform.clone(),
                there: in_words(image.variants.iter().map(|variant| &variant.platform)),
            })?;
            for blob in variant.manifest.blobs().chain([&variant.descriptor]) {
                layout.add_blob(&blob.digest, self.content(blob)?);
            }
            layout.add_image(&image.name, variant.descriptor.clone());
            layout.add_for_docker(&image.name, &variant.manifest);
            loadable.push(Loadable {
                name: image.name.clone(),
                ids: [
                    variant.manifest.config.digest.clone(),
                    variant.descriptor.digest.clone(),
                ],
            });
        }
        Ok((layout, loadable))
    }

    /// Finds the files and verifies those that are named by a digest.
    async fn scan(&mut self, tell: Tell<'_>) -> Result<(), RegistryError> {
        let file = File::open(&self.path).await.map_err(failed("read", &self.path))?;
        let length = file.metadata().await.map_err(failed("read", &self.path))?.len();
        let mut tar = tokio_tar::Archive::new(BufReader::with_capacity(PIECE, file));
        let mut entries = tar.entries().map_err(|error| self.unreadable(&error))?;
        let mut told = Instant::now();
        while let Some(entry) = entries.next().await {
            let mut entry = entry.map_err(|error| self.unreadable(&error))?;
            self.scan_entry(&mut entry, length).await?;
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                tell(Transfer::File {
                    action: "verified",
                    file: self.path.display().to_string(),
                    done: entry.raw_file_position() + entry.header().size().unwrap_or_default(),
                    size: length,
                });
            }
        }
        Ok(())
    }

    async fn scan_entry(&mut self, entry: &mut Entry<TarFile>, length: u64) -> Result<(), RegistryError> {
        let path = entry.path_bytes().map_err(|error| self.unreadable(&error))?;
        let path = String::from_utf8_lossy(&path).into_owned();
        let name = path.trim_start_matches("./").to_owned();
        match entry.header().entry_type() {
            EntryType::Directory => return Ok(()),
            EntryType::Regular | EntryType::Continuous => {}
            kind => return Err(self.no_archive(format!("`{name}` in it is no file but {kind:?}"))),
        }
        let size = entry.header().size().map_err(|error| self.unreadable(&error))?;
        let there = length.saturating_sub(entry.raw_file_position());
        if there < size {
            return Err(RegistryError::Truncated {
                file: self.path.clone(),
                what: format!("it ends at byte {there} of {size} of {}", blob_in_words(&name)),
            });
        }
        let found = self.digest(entry).await?;
        if let Some(hex) = name.strip_prefix(BLOBS) {
            let digest = Digest::from_hex(hex).ok_or_else(|| self.no_archive(format!("`{name}` in it is no blob")))?;
            if found != digest {
                return Err(RegistryError::Changed {
                    file: self.path.clone(),
                    digest,
                    found,
                });
            }
        }
        let slice = Slice {
            offset: entry.raw_file_position(),
            size,
        };
        match self.files.insert(name.clone(), slice) {
            None => Ok(()),
            Some(_) => Err(self.no_archive(format!("it holds `{name}` twice"))),
        }
    }

    async fn digest(&self, entry: &mut Entry<TarFile>) -> Result<Digest, RegistryError> {
        let mut digester = Digester::default();
        let mut piece = vec![0; PIECE];
        loop {
            let read = entry.read(&mut piece).await.map_err(|error| self.unreadable(&error))?;
            if read == 0 {
                return Ok(digester.digest());
            }
            digester.update(&piece[..read]);
        }
    }

    async fn read_images(&self) -> Result<Vec<ArchivedImage>, RegistryError> {
        for file in [MARKER_FILE, INDEX_FILE] {
            if !self.files.contains_key(file) {
                return Err(self.no_archive(format!("it holds no `{file}`")));
            }
        }
        let index: Index = serde_json::from_slice(&self.bytes(INDEX_FILE).await?)
            .map_err(|error| self.no_archive(format!("its {INDEX_FILE} cannot be read: {error}")))?;
        let mut images: Vec<ArchivedImage> = Vec::new();
        for entry in index.manifests {
            let name = entry
                .annotations
                .get(NAME)
                .ok_or_else(|| self.no_archive(format!("{} in it has no name ({NAME})", entry.descriptor.digest)))?;
            let name: ImageReference = name
                .parse()
                .map_err(|error| self.no_archive(format!("an image in it has a name that is none: {error}")))?;
            let variants = self.variants(&entry.descriptor).await?;
            match images.iter_mut().find(|image| image.name == name) {
                Some(image) => image.variants.extend(variants),
                None => images.push(ArchivedImage { name, variants }),
            }
        }
        if images.is_empty() {
            return Err(self.no_archive("it holds no image".to_owned()));
        }
        Ok(images)
    }

    /// What a descriptor of the index leads to, as far as it is in the archive.
    async fn variants(&self, root: &Descriptor) -> Result<Vec<Variant>, RegistryError> {
        match self.manifest(root).await? {
            Manifest::Image(manifest) => Ok(vec![self.variant(root, manifest).await?]),
            Manifest::Index(children) => {
                let mut variants = Vec::new();
                for child in children.iter().filter(|child| self.files.contains_key(&file_of(child))) {
                    if let Manifest::Image(manifest) = self.manifest(child).await? {
                        variants.push(self.variant(child, manifest).await?);
                    }
                }
                Ok(variants)
            }
        }
    }

    async fn variant(&self, descriptor: &Descriptor, manifest: ImageManifest) -> Result<Variant, RegistryError> {
        for blob in manifest.blobs() {
            self.content(blob)?;
        }
        let platform = manifest.platform(&self.bytes(&file_of(&manifest.config)).await?)?;
        match &descriptor.platform {
            Some(said) if *said != platform => Err(RegistryError::ForeignPlatform {
                what: format!("{} of {}", descriptor.digest, self.path.display()),
                said: said.clone(),
                found: platform,
            }),
            _ => Ok(Variant {
                platform,
                descriptor: descriptor.clone(),
                manifest,
            }),
        }
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Manifest, RegistryError> {
        self.content(descriptor)?;
        let bytes = self.bytes(&file_of(descriptor)).await?;
        Manifest::read(&descriptor.digest.to_string(), &bytes, Some(&descriptor.media_type))
    }

    /// Where the bytes of a descriptor are, which has to tell their size.
    fn content(&self, descriptor: &Descriptor) -> Result<Content, RegistryError> {
        let slice = self.slice(&file_of(descriptor))?;
        if slice.size != descriptor.size {
            return Err(RegistryError::Size {
                what: format!("{} of {}", descriptor.digest, self.path.display()),
                said: descriptor.size,
                found: slice.size,
            });
        }
        Ok(Content::Slice {
            path: self.path.clone(),
            offset: slice.offset,
            size: slice.size,
        })
    }

    fn slice(&self, name: &str) -> Result<Slice, RegistryError> {
        let slice = self.files.get(name).copied();
        slice.ok_or_else(|| self.no_archive(format!("it lacks {}", blob_in_words(name))))
    }

    /// A file that is small enough to be a manifest.
    async fn bytes(&self, name: &str) -> Result<Vec<u8>, RegistryError> {
        let slice = self.slice(name)?;
        if slice.size > LARGEST_MANIFEST {
            return Err(self.no_archive(format!("`{name}` in it is larger than {LARGEST_MANIFEST} bytes")));
        }
        let content = Content::Slice {
            path: self.path.clone(),
            offset: slice.offset,
            size: slice.size,
        };
        content.read().await
    }

    fn unreadable(&self, error: &io::Error) -> RegistryError {
        let whole = self.files.len();
        self.no_archive(format!("behind {whole} whole files, {error}"))
    }

    fn no_archive(&self, reason: String) -> RegistryError {
        RegistryError::NoArchive {
            file: self.path.clone(),
            reason,
        }
    }
}

fn file_of(descriptor: &Descriptor) -> String {
    format!("{BLOBS}{}", descriptor.digest.hex())
}

fn blob_in_words(name: &str) -> String {
    match name.strip_prefix(BLOBS) {
        Some(hex) => format!("the blob sha256:{hex}"),
        None => format!("`{name}`"),
    }
}
