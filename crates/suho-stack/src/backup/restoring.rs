//! Everything is checked first; then each engine is restored; then it is counted.

use std::{
    collections::BTreeMap,
    io::BufReader,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use age::x25519;
use async_trait::async_trait;
use futures::{StreamExt, stream};

use super::{
    BackupError, Kept, Progress, Target,
    manifest::{EnginePart, StoredFile},
    packing::{Identities, opened, unpack},
    progress::Tell,
    taking::WORDS_EVERY,
    target::Reached,
};
use crate::{
    engines::{
        Backup, EngineError,
        backup::{Account, Origin, Pieces, Shelf, compare},
    },
    stack::progress::telling,
};

/// What shall be restored.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The backup's directory.
    pub backup: PathBuf,
    /// The compose services; all that are in it by default.
    pub services: Vec<String>,
    /// What the engines hold now may go.
    pub replace: bool,
    /// The file of identities of age, where the backup is encrypted.
    pub identity: Option<PathBuf>,
}

/// One engine that is about to be restored.
struct Planned<'a> {
    part: &'a EnginePart,
    member: &'a Reached,
    backup: &'static dyn Backup,
}

impl Restore {
    /// All of `backup`, into engines that hold nothing yet.
    #[must_use]
    pub fn of(backup: impl Into<PathBuf>) -> Self {
        Self {
            backup: backup.into(),
            services: Vec::new(),
            replace: false,
            identity: None,
        }
    }

    /// Refuses what of `kept` has to be put back by hand.
    pub fn accepts(&self, kept: &Kept) -> Result<(), BackupError> {
        let wanted = kept.manifest.engines.iter().filter(|part| self.wants(part));
        let by_hand: Vec<_> = wanted
            .filter_map(|part| Some(format!("{}: {}", part.service, part.by_hand.as_ref()?)))
            .collect();
        if by_hand.is_empty() {
            Ok(())
        } else {
            Err(BackupError::Refused(by_hand))
        }
    }

    fn wants(&self, part: &EnginePart) -> bool {
        self.services.is_empty() || self.services.contains(&part.service)
    }
}

/// Checks the backup to its last byte, the versions, and that nothing is lost; then puts it in the place of what the engines
/// of `target` hold, and counts it. Nothing is touched where a check fails.
pub async fn restore(target: &Target, request: &Restore, tell: Tell<'_>) -> Result<(), BackupError> {
    let kept = Kept::read(&request.backup)?;
    tell(Progress::Checking {
        bytes: kept.manifest.size(),
    });
    kept.verify().await?;
    request.accepts(&kept)?;
    let identities = identities(&kept, request.identity.as_deref())?;
    let planned = plan(&kept, target, request, tell).await?;

    let mut done = Vec::new();
    for engine in &planned {
        let outcome = put_back(&kept, target, engine, &identities, tell).await;
        outcome.map_err(|error| BackupError::Midway {
            error: Box::new(error),
            done: if done.is_empty() {
                "nothing".to_owned()
            } else {
                done.join(", ")
            },
        })?;
        done.push(engine.member.engine.name());
    }
    Ok(())
}

/// What opens the files of `kept`: every one is tried.
fn identities(kept: &Kept, file: Option<&Path>) -> Result<Identities, BackupError> {
    if kept.manifest.encrypted_to.is_empty() {
        return Ok(Identities::default());
    }
    let file = file.ok_or_else(|| BackupError::Identity("it is encrypted".to_owned()))?;
    let identities = Arc::new(read_identities(file)?);
    for stored in kept.files() {
        opened(&kept.path.join(&stored.path), &identities)
            .map_err(|error| BackupError::Identity(format!("{}: {error}", stored.path)))?;
    }
    Ok(identities)
}

fn read_identities(file: &Path) -> Result<Vec<x25519::Identity>, BackupError> {
    let wrong = |reason: &str| BackupError::Identity(format!("{}: {reason}", file.display()));
    let content = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    let lines = BufReader::new(content.as_bytes());
    let identities: Vec<_> = std::io::BufRead::lines(lines)
        .map_while(Result::ok)
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.trim().parse().map_err(|reason: &'static str| wrong(reason)))
        .collect::<Result<_, _>>()?;
    if identities.is_empty() {
        return Err(wrong("there is no identity in it"));
    }
    Ok(identities)
}

/// Which engines are restored, if nothing speaks against any of them.
async fn plan<'a>(
    kept: &'a Kept,
    target: &'a Target,
    request: &Restore,
    tell: Tell<'_>,
) -> Result<Vec<Planned<'a>>, BackupError> {
    let mut objections = Vec::new();
    let mut planned = Vec::new();
    for service in &request.services {
        if kept.manifest.part(service).is_none() {
            let reason = kept
                .manifest
                .left_out
                .get(service)
                .map_or("it was not asked for", String::as_str);
            objections.push(format!("{service} is not in the backup: {reason}"));
        }
    }
    for part in kept.manifest.engines.iter().filter(|part| request.wants(part)) {
        let service = &part.service;
        let Some(member) = target.member(service) else {
            let reason = target.absent.get(service).map_or("it was not started", String::as_str);
            objections.push(format!("{service} does not run here: {reason}"));
            continue;
        };
        let backup = match member.engine.backup() {
            Ok(backup) => backup,
            Err(reason) => {
                objections.push(format!("{service}: {reason}"));
                continue;
            }
        };
        objections.extend(against(target, member, part, backup, request.replace, tell).await?);
        planned.push(Planned { part, member, backup });
    }
    if objections.is_empty() {
        Ok(planned)
    } else {
        Err(BackupError::Refused(objections))
    }
}

/// What speaks against restoring `part` into `member`.
async fn against(
    target: &Target,
    member: &Reached,
    part: &EnginePart,
    backup: &dyn Backup,
    replace: bool,
    tell: Tell<'_>,
) -> Result<Vec<String>, BackupError> {
    let service = &part.service;
    let live = member.origin().await?;
    if let Some(words) = difference(&part.origin, &live) {
        tell(Progress::Differs {
            service: service.clone(),
            words,
        });
    }
    let mut objections: Vec<String> = backup
        .objection(&part.origin, &live)
        .map(|objection| format!("{service}: {objection}"))
        .into_iter()
        .collect();
    if !replace {
        let tools = target.tools(member);
        let occupied = backup.occupied(&target.instance(member, &tools)).await?;
        if !occupied.is_empty() {
            objections.push(format!(
                "{service} holds data already ({}), and --replace was not said",
                occupied.join(", ")
            ));
        }
    }
    Ok(objections)
}

/// Whether another edition is restored into, in words.
fn difference(stored: &Origin, live: &Origin) -> Option<String> {
    let words = |origin: &Origin| match (&origin.stand_in, &origin.edition) {
        (Some(what), _) => format!("a stand-in ({what})"),
        (None, Some(edition)) => format!("the edition {edition}"),
        (None, None) => "the engine itself".to_owned(),
    };
    let (stored, live) = (words(stored), words(live));
    (stored != live).then(|| format!("the backup was made of {stored}, and here runs {live}"))
}

async fn put_back(
    kept: &Kept,
    target: &Target,
    engine: &Planned<'_>,
    identities: &Identities,
    tell: Tell<'_>,
) -> Result<(), EngineError> {
    let Planned { part, member, backup } = engine;
    let shelf = KeptFiles {
        service: part.service.clone(),
        directory: kept.path.clone(),
        files: part
            .files
            .iter()
            .map(|file| (file.name.clone(), file.clone()))
            .collect(),
        identities: Arc::clone(identities),
        counted: Arc::default(),
    };
    let account = Account {
        tallies: part.tallies.clone(),
        notes: part.notes.clone(),
    };
    let tools = target.tools(member);
    let instance = target.instance(member, &tools);
    let begun = Instant::now();
    let found = telling(WORDS_EVERY, backup.restore(&instance, &shelf, &account), |elapsed| {
        tell(Progress::Going {
            service: part.service.clone(),
            bytes: shelf.counted.load(Ordering::Relaxed),
            elapsed,
        });
    })
    .await?;
    compare(&member.endpoint, &account.tallies, &found)?;
    tell(Progress::Done {
        service: part.service.clone(),
        bytes: shelf.counted.load(Ordering::Relaxed),
        elapsed: begun.elapsed(),
    });
    Ok(())
}

/// The files of one engine in a backup.
struct KeptFiles {
    service: String,
    directory: PathBuf,
    files: BTreeMap<String, StoredFile>,
    identities: Identities,
    counted: Arc<AtomicU64>,
}

#[async_trait]
impl Shelf for KeptFiles {
    fn names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    async fn open(&self, name: &str) -> Result<Pieces, EngineError> {
        let service = self.service.clone();
        let action = format!("read {name} of the backup");
        let failed = move |source: std::io::Error| EngineError::Failed {
            service: service.clone(),
            action: action.clone(),
            source: source.into(),
        };
        let file = self
            .files
            .get(name)
            .ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        let pieces = unpack(
            self.directory.join(&file.path),
            file.compressed,
            Arc::clone(&self.identities),
            Arc::clone(&self.counted),
        );
        let pieces = stream::unfold(pieces, |mut pieces| async {
            let piece = pieces.recv().await?;
            Some((piece, pieces))
        });
        Ok(pieces.map(move |piece| piece.map_err(&failed)).boxed())
    }
}
