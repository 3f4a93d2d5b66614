//! A backup, from the first file to its name.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;

use super::{
    BackupError, Kept, Manifest, Progress, Target,
    draft::{Draft, Place, new_directory},
    manifest::{EnginePart, StoredFile},
    means::{Means, able},
    packing::{Packer, Recipients},
    progress::Tell,
    target::Reached,
};
use crate::{
    causes::in_full,
    engines::{
        EngineError,
        backup::{NewFile, Packing, Taken, Vault},
    },
    stack::progress::telling,
};

/// How often one is told that an engine still writes.
pub(super) const WORDS_EVERY: Duration = Duration::from_secs(2);

/// What a backup shall be.
#[derive(Debug, Clone)]
pub struct Request {
    /// The compose services; all by default.
    pub services: Vec<String>,
    /// The directory of backups, which is made where there is none.
    pub place: PathBuf,
    /// What its owner calls it.
    pub label: Option<String>,
    /// Who can open it, in the words of age: `age1…`; everybody by default.
    pub recipients: Vec<String>,
    /// By the engines' own files, where an engine has a way to copy them while it runs: faster, and put back by hand.
    pub physical: bool,
}

impl Request {
    /// Every engine, into a new directory below `place`.
    #[must_use]
    pub fn new(place: impl Into<PathBuf>) -> Self {
        Self {
            services: Vec::new(),
            place: place.into(),
            label: None,
            recipients: Vec::new(),
            physical: false,
        }
    }

    fn recipients(&self) -> Result<Recipients, BackupError> {
        let read = |text: &String| text.parse().map_err(|_| BackupError::BadRecipient(text.clone()));
        Ok(Arc::new(self.recipients.iter().map(read).collect::<Result<_, _>>()?))
    }

    fn label(&self) -> Result<Option<&str>, BackupError> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        match self.label.as_deref() {
            Some(label) if label.is_empty() || !label.chars().all(plain) => {
                Err(BackupError::BadLabel(label.to_owned()))
            }
            label => Ok(label),
        }
    }

    pub(super) fn wants(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|wanted| wanted == service)
    }
}

/// Writes a backup of `target`. A failure, a dropped future, a killed process leave no backup behind.
///
/// ```no_run
/// # async fn example(state: &suho_stack::stack::StackState) -> Result<(), suho_stack::backup::BackupError> {
/// use suho_stack::backup::{Request, Target, take};
///
/// let target = Target::of(state).await?;
/// let backup = take(&target, &Request::new("backups"), &|progress| println!("{progress:?}")).await?;
/// # Ok(())
/// # }
/// ```
pub async fn take(target: &Target, request: &Request, tell: Tell<'_>) -> Result<Kept, BackupError> {
    let recipients = request.recipients()?;
    let label = request.label()?;
    let created_at = Utc::now();
    let (able, left_out) = able(target, request, tell)?;
    let name = [
        Some(created_at.format("%Y-%m-%dT%H-%M-%SZ").to_string()),
        label.map(str::to_owned),
    ];
    let name = name.into_iter().flatten().collect::<Vec<_>>().join("-");
    let draft = Draft::begin(Place::claim(&request.place)?, &name)?;

    let mut engines = Vec::new();
    for (member, means) in able {
        engines.push(part(target, member, means, draft.path(), &recipients, tell).await?);
    }
    let manifest = Manifest {
        format: Manifest::format(),
        written_by: env!("CARGO_PKG_VERSION").to_owned(),
        created_at,
        label: label.map(str::to_owned),
        stack: target.name.clone(),
        fingerprint: target.fingerprint.clone(),
        encrypted_to: request.recipients.clone(),
        engines,
        left_out,
    };
    let path = draft.complete(&manifest)?;
    remember(target, &manifest, tell).await;
    Ok(Kept { path, manifest })
}

/// Has the engines of `target` remember the backup. It is one also where they cannot, as where a server may only be read.
async fn remember(target: &Target, manifest: &Manifest, tell: Tell<'_>) {
    let taken = Taken {
        at: manifest.created_at,
        services: manifest.engines.iter().map(|part| part.service.clone()).collect(),
    };
    for member in &target.members {
        let Ok(backup) = member.engine.backup() else { continue };
        if let Err(error) = backup.remember(&member.endpoint, &taken).await {
            tell(Progress::Note {
                service: member.endpoint.service.clone(),
                words: format!(
                    "whoever watches the deployment is not told of this backup: {}",
                    in_full(&error)
                ),
            });
        }
    }
}

async fn part(
    target: &Target,
    member: &Reached,
    means: Means,
    draft: &Path,
    recipients: &Recipients,
    tell: Tell<'_>,
) -> Result<EnginePart, BackupError> {
    let service = &member.endpoint.service;
    let origin = member.origin().await?;
    let files = DraftFiles {
        service: service.clone(),
        folder: member.engine.name(),
        draft: draft.to_owned(),
        recipients: Arc::clone(recipients),
        counted: Arc::default(),
        written: Arc::default(),
    };
    let tools = target.tools(member);
    let instance = target.instance(member, &tools);
    let begun = Instant::now();
    let account = telling(WORDS_EVERY, means.write(&instance, &files), |elapsed| {
        tell(Progress::Going {
            service: service.clone(),
            bytes: files.counted.load(Ordering::Relaxed),
            elapsed,
        });
    })
    .await?;
    let elapsed = begun.elapsed();
    let mut stored = std::mem::take(&mut *files.written.lock().unwrap_or_else(PoisonError::into_inner));
    stored.sort_by(|a, b| a.path.cmp(&b.path));
    tell(Progress::Done {
        service: service.clone(),
        bytes: files.counted.load(Ordering::Relaxed),
        elapsed,
    });
    for words in &account.notes {
        tell(Progress::Note {
            service: service.clone(),
            words: words.clone(),
        });
    }
    Ok(EnginePart {
        service: service.clone(),
        origin,
        milliseconds: elapsed.as_millis().try_into().unwrap_or(u64::MAX),
        files: stored,
        tallies: account.tallies,
        notes: account.notes,
        by_hand: means.by_hand(),
    })
}

/// The files of one engine in a draft.
struct DraftFiles {
    service: String,
    folder: &'static str,
    draft: PathBuf,
    recipients: Recipients,
    counted: Arc<AtomicU64>,
    written: Arc<Mutex<Vec<StoredFile>>>,
}

struct DraftFile {
    service: String,
    name: String,
    path: String,
    compressed: bool,
    packer: Option<Packer>,
    written: Arc<Mutex<Vec<StoredFile>>>,
}

#[async_trait]
impl Vault for DraftFiles {
    async fn create(&self, name: &str, packing: Packing) -> Result<Box<dyn NewFile>, EngineError> {
        let compressed = packing == Packing::Compressed;
        let mut path = format!("{}/{name}", self.folder);
        if compressed {
            path.push_str(".zst");
        }
        if !self.recipients.is_empty() {
            path.push_str(".age");
        }
        let place = self.draft.join(&path);
        let folder = place.parent().unwrap_or(&self.draft);
        new_directory(folder).map_err(failed(&self.service, &path))?;
        let packer = Packer::create(
            place,
            compressed,
            Arc::clone(&self.recipients),
            Arc::clone(&self.counted),
        );
        Ok(Box::new(DraftFile {
            service: self.service.clone(),
            name: name.to_owned(),
            path,
            compressed,
            packer: Some(packer),
            written: Arc::clone(&self.written),
        }))
    }
}

#[async_trait]
impl NewFile for DraftFile {
    async fn write(&mut self, piece: Bytes) -> Result<(), EngineError> {
        match &self.packer {
            Some(packer) if packer.add(piece).await => Ok(()),
            _ => self.close().await.map(drop),
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<(), EngineError> {
        let file = self.close().await?;
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        Ok(())
    }
}

impl DraftFile {
    async fn close(&mut self) -> Result<StoredFile, EngineError> {
        let gone = || std::io::Error::other("the file is closed already");
        let packer = self
            .packer
            .take()
            .ok_or_else(gone)
            .map_err(failed(&self.service, &self.path))?;
        let outcome = packer.finish().await.map_err(failed(&self.service, &self.path))?;
        Ok(StoredFile {
            name: self.name.clone(),
            path: self.path.clone(),
            size: outcome.size,
            content_size: outcome.content_size,
            sha256: outcome.sha256,
            compressed: self.compressed,
        })
    }
}

fn failed(service: &str, path: &str) -> impl FnOnce(std::io::Error) -> EngineError + use<> {
    let (service, action) = (service.to_owned(), format!("write {path} of the backup"));
    move |source| EngineError::Failed {
        service,
        action,
        source: source.into(),
    }
}
