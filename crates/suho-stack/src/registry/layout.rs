//! An OCI image layout as an archive that `docker load` reads as well, the same to the bit for the same images.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{
    fs::File,
    io::{AsyncWrite, AsyncWriteExt},
};
use tokio_tar::{EntryType, Header};

use super::{
    Digest, RegistryError, Tell, Transfer,
    content::{Content, Source},
    digest::Digester,
    disk::{failed, unwritten},
    host::qualified,
    manifest::{Descriptor, ImageManifest},
};
use crate::deployment::ImageReference;

/// Where the blobs are in the archive.
pub(super) const BLOBS: &str = "blobs/sha256/";
pub(super) const INDEX_FILE: &str = "index.json";
pub(super) const MARKER_FILE: &str = "oci-layout";
/// The index of `docker load`.
const DOCKER_FILE: &str = "manifest.json";
/// The annotation that names an image.
pub(super) const NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation that names it in full, for containerd.
const QUALIFIED_NAME: &str = "io.containerd.image.name";

const MARKER: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const BLOCK: u64 = 512;
/// What fills a block up, and two of which end the archive.
const ZEROS: [u8; 512] = [0; 512];
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Images, and where the bytes of their blobs are.
#[derive(Debug, Default)]
pub struct Layout {
    blobs: BTreeMap<Digest, Content>,
    index: Vec<Entry>,
    docker: Vec<DockerEntry>,
}

/// An image of `index.json`.
#[derive(Debug, Clone, Serialize)]
struct Entry {
    #[serde(flatten)]
    descriptor: Descriptor,
    annotations: BTreeMap<&'static str, String>,
}

/// An image of `manifest.json`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: [String; 1],
    layers: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: &'a [Entry],
}

impl Layout {
    pub(super) fn add_blob(&mut self, digest: &Digest, content: Content) {
        self.blobs.insert(digest.clone(), content);
    }

    /// Names what `descriptor` leads to in `index.json`.
    pub(super) fn add_image(&mut self, name: &ImageReference, descriptor: Descriptor) {
        let annotations = [(QUALIFIED_NAME, qualified(name)), (NAME, name.to_string())];
        self.index.push(Entry {
            descriptor,
            annotations: annotations.into(),
        });
    }

    /// Names an image for `docker load`, which knows no platforms.
    pub(super) fn add_for_docker(&mut self, name: &ImageReference, image: &ImageManifest) {
        let file = |blob: &Descriptor| format!("{BLOBS}{}", blob.digest.hex());
        self.docker.push(DockerEntry {
            config: file(&image.config),
            repo_tags: [name.to_string()],
            layers: image.layers.iter().map(file).collect(),
        });
    }

    /// How many bytes the archive will have.
    pub fn size(&self) -> Result<u64, RegistryError> {
        let sizes = self
            .files()?
            .into_values()
            .map(|content| content.size().next_multiple_of(BLOCK) + BLOCK);
        Ok(sizes.sum::<u64>() + 2 * BLOCK)
    }

    /// Writes the archive to `path`, where it appears whole or not at all.
    pub async fn write_file(&self, path: &Path, tell: Tell<'_>) -> Result<(), RegistryError> {
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let size = self.size()?;
        let choice = "-o FILE";
        // Dropped before it is renamed, it is removed.
        let partial = tempfile::Builder::new()
            .prefix(".suho-bundle-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(directory)
            .map_err(unwritten(path, size, choice))?;
        let file = partial.reopen().map_err(failed("open", partial.path()))?;
        let mut file = File::from_std(file);
        let name = path.display().to_string();
        let note = |done| told("written", &name, done, size, tell);
        self.write_to(&mut file, note, |at| unwritten(path, size.saturating_sub(at), choice))
            .await?;
        file.sync_all().await.map_err(unwritten(path, 0, choice))?;
        partial
            .persist(path)
            .map_err(|error| failed("rename the archive to", path)(error.error))?;
        Ok(())
    }

    /// Writes the archive to `out`, which `target` is in errors and in what is told.
    pub async fn write(&self, out: impl AsyncWrite + Unpin, target: &str, tell: Tell<'_>) -> Result<(), RegistryError> {
        let size = self.size()?;
        let note = |done| told("handed over", target, done, size, tell);
        let untaken = |_| {
            |source| RegistryError::NotTaken {
                target: target.to_owned(),
                source,
            }
        };
        self.write_to(out, note, untaken).await
    }

    /// `unwritten` makes the error of a write at a byte.
    async fn write_to<E>(
        &self,
        mut out: impl AsyncWrite + Unpin,
        note: impl Fn(u64),
        unwritten: impl Fn(u64) -> E,
    ) -> Result<(), RegistryError>
    where
        E: Fn(io::Error) -> RegistryError,
    {
        let mut at = 0;
        let mut noted = Instant::now();
        for (name, content) in self.files()? {
            let size = content.size();
            out.write_all(header(&name, size)?.as_bytes())
                .await
                .map_err(unwritten(at))?;
            at += BLOCK;
            let mut source = Source::open(&content).await?;
            let mut digester = Digester::default();
            while let Some(piece) = source.next().await? {
                digester.update(&piece);
                out.write_all(&piece).await.map_err(unwritten(at))?;
                at += piece.len() as u64;
                if noted.elapsed() > TELL_EVERY {
                    noted = Instant::now();
                    note(at);
                }
            }
            source.verify(&name, &digester.digest())?;
            let padding = size.next_multiple_of(BLOCK) - size;
            let zeros = ZEROS.iter().copied().take(usize::try_from(padding).unwrap_or_default());
            out.write_all(&zeros.collect::<Vec<_>>()).await.map_err(unwritten(at))?;
            at += padding;
        }
        out.write_all(&[ZEROS, ZEROS].concat()).await.map_err(unwritten(at))?;
        out.flush().await.map_err(unwritten(at))?;
        Ok(())
    }

    /// Every file of the archive, in its order.
    fn files(&self) -> Result<BTreeMap<String, Content>, RegistryError> {
        let mut entries = self.index.clone();
        entries.sort_by_cached_key(|entry| (entry.annotations.get(NAME).cloned(), entry.descriptor.platform.clone()));
        let index = Index {
            schema_version: 2,
            media_type: INDEX,
            manifests: &entries,
        };
        let mut docker = self.docker.clone();
        docker.sort_by(|a, b| a.repo_tags.cmp(&b.repo_tags));
        let blobs = self
            .blobs
            .iter()
            .map(|(digest, content)| (format!("{BLOBS}{}", digest.hex()), content.clone()));
        let mut files: BTreeMap<_, _> = blobs.collect();
        files.insert(INDEX_FILE.to_owned(), Content::Bytes(json(&index)?));
        files.insert(DOCKER_FILE.to_owned(), Content::Bytes(json(&docker)?));
        files.insert(MARKER_FILE.to_owned(), Content::Bytes(MARKER.into()));
        Ok(files)
    }
}

/// The same for every user and at any time.
fn header(name: &str, size: u64) -> Result<Header, RegistryError> {
    let mut header = Header::new_ustar();
    header.set_path(name).map_err(failed("name", Path::new(name)))?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, RegistryError> {
    serde_json::to_vec(value).map_err(|error| RegistryError::Malformed {
        what: "the index of the archive".to_owned(),
        reason: error.to_string(),
    })
}

fn told(action: &'static str, file: &str, done: u64, size: u64, tell: Tell<'_>) {
    tell(Transfer::File {
        action,
        file: file.to_owned(),
        done,
        size,
    });
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::registry::Platform;

    async fn written(names: [&str; 2]) -> Vec<u8> {
        let mut layout = Layout::default();
        for name in names {
            let digest = Digest::of(name.as_bytes());
            layout.add_blob(&digest, Content::Bytes(name.into()));
            let descriptor = Descriptor {
                media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
                digest,
                size: name.len() as u64,
                platform: Some(Platform::linux("amd64")),
            };
            let image = ImageManifest {
                config: descriptor.clone(),
                layers: Vec::new(),
            };
            layout.add_image(&name.parse().unwrap(), descriptor);
            layout.add_for_docker(&name.parse().unwrap(), &image);
        }
        let mut bytes = Vec::new();
        layout.write(&mut bytes, "memory", &|_| ()).await.unwrap();
        assert_eq!(bytes.len() as u64, layout.size().unwrap());
        bytes
    }

    #[tokio::test]
    async fn the_order_in_which_images_come_changes_no_bit() {
        assert_eq!(written(["nats:1", "a/b:2"]).await, written(["a/b:2", "nats:1"]).await);
        assert_ne!(written(["nats:1", "a/b:2"]).await, written(["a/b:2", "nats:2"]).await);
    }

    #[tokio::test]
    async fn an_image_is_named_for_oci_for_containerd_and_for_docker() {
        let bytes = written(["nats:1", "a/b:2"]).await;
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            text.contains(r#""io.containerd.image.name":"docker.io/library/nats:1""#),
            "{text}"
        );
        assert!(
            text.contains(r#""org.opencontainers.image.ref.name":"nats:1""#),
            "{text}"
        );
        assert!(text.contains(r#""RepoTags":["nats:1"]"#), "{text}");
    }
}
