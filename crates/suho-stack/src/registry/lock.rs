//! A directory of the manifests that the pins lead to, each as it was served and named by its digest: what a build without
//! a network knows the images by.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use tokio::fs;

use super::{Digest, RegistryError, disk::failed, disk::unwritten, pulled::PulledImage};

const ANOTHER_PLACE: &str = "--lock DIR";

/// The directory.
#[derive(Debug, Clone)]
pub struct Lock {
    directory: PathBuf,
}

/// What became of the files of a lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Manifests that were not there.
    pub added: Vec<Digest>,
    /// Manifests that are there as they were.
    pub kept: Vec<Digest>,
    /// Manifests that no pin leads to any more.
    pub removed: Vec<Digest>,
}

impl Lock {
    /// It is made when it is written.
    #[must_use]
    pub fn in_directory(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Writes the manifests of all `images` that are not there yet.
    pub async fn add(&self, images: &[PulledImage]) -> Result<Changes, RegistryError> {
        let directory = &self.directory;
        fs::create_dir_all(directory)
            .await
            .map_err(unwritten(directory, 0, ANOTHER_PLACE))?;
        let mut changes = Changes::default();
        for (digest, bytes) in manifests(images) {
            let path = directory.join(format!("{}.json", digest.hex()));
            if fs::read(&path).await.is_ok_and(|found| found == bytes) {
                changes.kept.push(digest.clone());
            } else {
                write(&path, bytes).await?;
                verify(&path, digest).await?;
                changes.added.push(digest.clone());
            }
        }
        Ok(changes)
    }

    /// Removes the manifests of no image of `images`, and names them; a file that is named like no manifest stays.
    pub async fn remove_others(&self, images: &[PulledImage]) -> Result<Vec<Digest>, RegistryError> {
        let needed = manifests(images);
        let unread = failed("read", &self.directory);
        let mut removed = Vec::new();
        let mut entries = fs::read_dir(&self.directory).await.map_err(&unread)?;
        while let Some(entry) = entries.next_entry().await.map_err(&unread)? {
            let name = entry.file_name();
            let digest = name
                .to_str()
                .and_then(|name| Digest::from_hex(name.strip_suffix(".json")?));
            if let Some(digest) = digest.filter(|digest| !needed.contains_key(digest)) {
                fs::remove_file(entry.path())
                    .await
                    .map_err(failed("remove", &entry.path()))?;
                removed.push(digest);
            }
        }
        removed.sort();
        Ok(removed)
    }
}

fn manifests(images: &[PulledImage]) -> BTreeMap<&Digest, &[u8]> {
    let roots = images.iter().map(|image| (&image.root.digest, image.bytes.as_slice()));
    let children = images.iter().flat_map(|image| &image.children);
    roots
        .chain(children.map(|child| (&child.descriptor.digest, child.bytes.as_slice())))
        .collect()
}

/// Whole or not at all.
async fn write(path: &Path, bytes: &[u8]) -> Result<(), RegistryError> {
    let partial = path.with_extension("partial");
    let needed = bytes.len() as u64;
    fs::write(&partial, bytes)
        .await
        .map_err(unwritten(&partial, needed, ANOTHER_PLACE))?;
    fs::rename(&partial, path).await.map_err(failed("rename", &partial))
}

async fn verify(path: &Path, digest: &Digest) -> Result<(), RegistryError> {
    let found = Digest::of(&fs::read(path).await.map_err(failed("read", path))?);
    if found == *digest {
        Ok(())
    } else {
        Err(RegistryError::Malformed {
            what: path.display().to_string(),
            reason: format!("it was written, and reads as {found}"),
        })
    }
}
