//! `suho backup`, `suho backups` and `suho restore`: what the engines hold, kept and put back.

use std::path::{Path, PathBuf};

use serde_json::json;
use suho_stack::{
    backup::{self, BackupError, Kept, Progress, Request, Retention, Target},
    deployment::{Edition, Variables},
    stack::{Stack, StackState},
};

use crate::{
    Outcome,
    arguments::{Backup, BackupCommand, Backups, Deployed, Prune, Restore},
    commands::usual_directory,
    output,
};

pub async fn run(arguments: Backup) -> anyhow::Result<Outcome> {
    if let Some(BackupCommand::Prune(arguments)) = arguments.command {
        return prune(&arguments);
    }
    let target = target(&arguments.of).await?;
    let request = Request {
        services: arguments.engines,
        place: place(arguments.place.to, arguments.of.directory.as_deref()),
        label: arguments.label,
        recipients: arguments.encrypt_to,
        physical: arguments.physical,
    };
    let kept = backup::take(&target, &request, &tell).await?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&kept)?);
    } else {
        print_engines(&kept);
        say!("{}: {}", kept.path.display(), size(kept.manifest.size()));
    }
    Ok(Outcome::Fine)
}

/// `suho backups`.
pub async fn list(arguments: Backups) -> anyhow::Result<Outcome> {
    let place = place(arguments.place.to, None);
    let mut outcome = Outcome::Fine;
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    let mut damages = Vec::new();
    for backup in backup::list(&place)? {
        let verified = match backup {
            Ok(kept) if arguments.verify => kept.verify().await.map(|()| kept),
            backup => backup,
        };
        match verified {
            Ok(kept) => {
                documents.push(json!({"path": kept.path, "whole": true, "manifest": kept.manifest}));
                rows.push(row(&kept, arguments.verify));
            }
            Err(error) => {
                outcome = Outcome::Failed;
                documents.push(json!({"whole": false, "error": error.to_string()}));
                damages.push(error.to_string());
            }
        }
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&documents)?);
        return Ok(outcome);
    }
    if rows.is_empty() && damages.is_empty() {
        say!("no backup is in {}; `suho backup` writes one", place.display());
    } else if !rows.is_empty() {
        output::table(["BACKUP", "STACK", "ENGINES", "SIZE", "STATE"], &rows);
    }
    for damage in damages {
        say!("{damage}");
    }
    Ok(outcome)
}

/// `suho restore`.
pub async fn restore(arguments: Restore) -> anyhow::Result<Outcome> {
    let place = place(arguments.from, arguments.of.directory.as_deref());
    let request = backup::Restore {
        backup: Kept::find(&arguments.backup, &place)?,
        services: arguments.engines,
        replace: arguments.replace,
        identity: arguments.identity,
    };
    let target = match arguments.into {
        Some(name) => Target::of(&started(&name, &request, arguments.of.directory.as_deref()).await?).await?,
        None => target(&arguments.of).await?,
    };
    backup::restore(&target, &request, &tell).await?;
    if arguments.json {
        say!("{}", json!({"restored": request.backup, "into": target.name}));
    } else {
        say!("restored into {}, and counted: equal to the backup", target.name);
    }
    Ok(Outcome::Fine)
}

/// A new stack with the engines of a backup that is whole.
async fn started(name: &str, request: &backup::Restore, directory: Option<&Path>) -> anyhow::Result<StackState> {
    let kept = Kept::read(&request.backup)?;
    kept.verify().await?;
    request.accepts(&kept)?;
    let wanted = kept.manifest.engines.iter().map(|part| part.service.clone());
    let wanted = wanted.filter(|service| request.services.is_empty() || request.services.contains(service));
    let builder = Stack::builder()
        .name(name)
        .engines(wanted)
        .variables(Variables::from_process_environment())
        .on_progress(output::tell);
    let builder = match directory {
        Some(directory) => builder.directory(directory)?,
        None => builder,
    };
    Ok(builder.start().await?.leave_running()?)
}

fn prune(arguments: &Prune) -> anyhow::Result<Outcome> {
    let retention = Retention {
        last: arguments.keep.last.unwrap_or_default(),
        daily: arguments.keep.daily.unwrap_or_default(),
        weekly: arguments.keep.weekly.unwrap_or_default(),
    };
    let place = place(arguments.place.to.clone(), None);
    let gone = backup::prune(&place, retention, arguments.dry_run)?;
    if arguments.json {
        let names: Vec<_> = gone.iter().map(Kept::name).collect();
        say!("{}", json!({"removed": names, "dry_run": arguments.dry_run}));
        return Ok(Outcome::Fine);
    }
    let word = if arguments.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    for kept in &gone {
        say!("{}: {word}", kept.name());
    }
    if gone.is_empty() {
        say!("every backup in {} is kept", place.display());
    }
    Ok(Outcome::Fine)
}

async fn target(of: &Deployed) -> anyhow::Result<Target> {
    let Some(deployed) = of.target else {
        return Ok(Target::of(&StackState::load(&of.name)?).await?);
    };
    let directory = of.directory.clone().unwrap_or_else(usual_directory);
    Ok(Target::deployed(&directory, Edition::from(deployed).compose_files(false)).await?)
}

/// The named directory, or `backups` of the deployment's; of this one, where no deployment is near.
fn place(named: Option<PathBuf>, deployment: Option<&Path>) -> PathBuf {
    let usual = || {
        let directory = deployment.map_or_else(usual_directory, Path::to_owned);
        if directory.is_dir() {
            directory.join("backups")
        } else {
            PathBuf::from("backups")
        }
    };
    named.unwrap_or_else(usual)
}

fn row(kept: &Kept, verified: bool) -> [String; 5] {
    let engines: Vec<_> = kept
        .manifest
        .engines
        .iter()
        .map(|part| output::short(&part.service))
        .collect();
    let state = if verified { "every byte verified" } else { "whole" };
    let mut states = vec![state.to_owned()];
    if !kept.manifest.encrypted_to.is_empty() {
        states.push("encrypted".to_owned());
    }
    let by_hand = kept.manifest.engines.iter().filter(|part| part.by_hand.is_some());
    states.extend(by_hand.map(|part| format!("{} by hand", output::short(&part.service))));
    [
        kept.name(),
        kept.manifest.stack.clone(),
        engines.join(","),
        size(kept.manifest.size()),
        states.join(", "),
    ]
}

fn print_engines(kept: &Kept) {
    let rows: Vec<_> = kept
        .manifest
        .engines
        .iter()
        .map(|part| {
            let stored: u64 = part.files.iter().map(|file| file.size).sum();
            [
                output::short(&part.service).to_owned(),
                part.files.len().to_string(),
                size(part.content_size()),
                size(stored),
                format!("{:.1} s", seconds(part.milliseconds)),
                speed(part.content_size(), seconds(part.milliseconds)),
            ]
        })
        .collect();
    output::table(["ENGINE", "FILES", "CONTENT", "STORED", "TIME", "SPEED"], &rows);
}

fn tell(progress: Progress) {
    let line = |service: &str, words: String| note!("{:<14} {words}", output::short(service));
    match progress {
        Progress::Checking { bytes } => note!("checking {} of the backup", size(bytes)),
        Progress::NotOffered { service, reason } => line(&service, format!("not in the backup: {reason}")),
        Progress::Differs { service, words } | Progress::Note { service, words } => line(&service, words),
        Progress::Going {
            service,
            bytes,
            elapsed,
        } => line(&service, format!("{:>8} {}", output::seconds(elapsed), size(bytes))),
        Progress::Done {
            service,
            bytes,
            elapsed,
        } => {
            let speed = speed(bytes, elapsed.as_secs_f64());
            line(
                &service,
                format!("{:>8} done: {}, {speed}", output::seconds(elapsed), size(bytes)),
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time for people")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "a speed for people")]
fn speed(bytes: u64, seconds: f64) -> String {
    format!("{:.1} MB/s", bytes as f64 / 1e6 / seconds.max(0.001))
}

/// `13.4 MB`.
#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// True where a backup or a restore was refused or an engine failed, as against a command that could not be carried out.
pub fn is_failure(error: &BackupError) -> bool {
    matches!(
        error,
        BackupError::Engine(_) | BackupError::Midway { .. } | BackupError::Damaged { .. } | BackupError::Refused(_)
    )
}
