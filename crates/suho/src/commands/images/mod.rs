//! `suho images`: what each image is, where it comes from, its size; and the air-gap build.
//!
//! # Layout
//! - `lock`: the manifests that the pins lead to, and the pins moved.
//! - `bundle`: the pinned images into an archive.
//! - `load`: the images of an archive into Docker.
//! - `transfer`: what is told on the way.

mod bundle;
mod load;
mod lock;
mod transfer;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use suho_stack::{
    deployment::{Files, ImageReference, Variables},
    engines,
    runtime::{BuildProgress, Docker, ImageFacts, build::BASE},
    stack::{
        Progress,
        images::{Editions, build},
        progress::telling,
    },
};

use crate::{
    Outcome,
    arguments::{Images, Source},
    output,
};

/// Between two words about the steps that are under way.
const TELL_EVERY: Duration = Duration::from_secs(4);
/// With this an image is as good as built.
const LAST_STEP: &str = "exporting to image";

pub async fn run(arguments: Images) -> anyhow::Result<Outcome> {
    match arguments {
        Images::Build {
            source,
            if_needed,
            monitoring,
        } => Described::read(&source, monitoring)?.build(&source, if_needed).await,
        Images::Ls {
            source,
            monitoring,
            json,
        } => Described::read(&source, monitoring)?.list(json).await,
        Images::Lock(arguments) => lock::run(arguments).await,
        Images::Bundle(arguments) => bundle::run(arguments).await,
        Images::Load(arguments) => load::run(arguments).await,
    }
}

/// The deployment's files and what they say; nobody's secrets are needed for it.
struct Described {
    files: Files,
    editions: Editions,
    monitoring: bool,
}

/// One image of one engine or watcher.
#[derive(Debug, Serialize)]
struct Row {
    engine: &'static str,
    image: String,
    source: &'static str,
    /// It is here under the name that it was loaded under.
    loaded: bool,
    /// Why there is none, where there is none.
    absent: Option<String>,
    /// What it says of itself, where it is present.
    present: Option<ImageFacts>,
}

impl Described {
    fn read(source: &Source, monitoring: bool) -> anyhow::Result<Self> {
        let files = source.files()?;
        let editions = Editions::read_with(&files, Variables::from_process_environment(), monitoring)?;
        Ok(Self {
            files,
            editions,
            monitoring,
        })
    }

    async fn list(&self, json: bool) -> anyhow::Result<Outcome> {
        let rows = self.rows(&Docker::connect().await?).await?;
        if json {
            say!("{}", serde_json::to_string_pretty(&rows)?);
        } else {
            let cells: Vec<_> = rows.into_iter().map(Row::cells).collect();
            output::table(["ENGINE", "SOURCE", "SIZE", "IMAGE", "WHAT IT IS"], &cells);
        }
        Ok(Outcome::Fine)
    }

    async fn rows(&self, docker: &Docker) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for engine in engines::all().iter().chain(engines::watchers()) {
            for (source, deployment) in [
                ("upstream", &self.editions.upstream),
                ("air-gap", &self.editions.airgap),
            ] {
                // Without monitoring neither edition has a watcher, and some watchers are of one edition alone.
                let Some(service) = deployment.services.get(engine.service()) else {
                    continue;
                };
                let present = match &service.absent {
                    Some(_) => None,
                    None => docker.present_as(&service.image).await?,
                };
                let (image, present) = match present {
                    Some((name, facts)) => (name, Some(facts)),
                    None => (service.image.clone(), None),
                };
                rows.push(Row {
                    engine: engine.name(),
                    loaded: image != service.image,
                    image: image.to_string(),
                    source,
                    absent: service.absent.clone(),
                    present,
                });
            }
        }
        Ok(rows)
    }

    async fn build(&self, source: &Source, if_needed: bool) -> anyhow::Result<Outcome> {
        let docker = Docker::connect().await?;
        if if_needed && let Some(reason) = self.why_no_build(&docker).await? {
            say!("air-gap images: not built: {reason}");
            return Ok(Outcome::Fine);
        }
        let steps = Mutex::new(BTreeMap::new());
        let note = |progress: BuildProgress| {
            output::tell(Progress::Building(progress.clone()));
            let mut steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
            // The base is done when the first image that stands on it begins.
            if progress.image != BASE {
                steps.remove(BASE);
            }
            steps.insert(progress.image, progress.step);
        };
        let build = build(
            &self.files,
            source.directory.as_deref(),
            &self.editions.variables,
            self.monitoring,
            note,
        );
        let took = telling(TELL_EVERY, build, |elapsed| tell_again(&steps, elapsed)).await?;
        say!("air-gap images: built in {}", output::seconds(took));
        Ok(Outcome::Fine)
    }

    /// Every service has an image already, or the registry hands out the pinned ones.
    async fn why_no_build(&self, docker: &Docker) -> anyhow::Result<Option<&'static str>> {
        let mut pulled: Option<&ImageReference> = None;
        for engine in engines::all().iter().chain(engines::watchers()) {
            let [upstream, airgap] =
                [&self.editions.upstream, &self.editions.airgap].map(|edition| edition.services.get(engine.service()));
            // Without monitoring neither edition has a watcher, and some watchers are of one edition alone.
            let (Some(upstream), Some(airgap)) = (upstream, airgap) else {
                continue;
            };
            let present = airgap.absent.is_some()
                || docker.present_as(&upstream.image).await?.is_some()
                || docker.image_facts(&airgap.image).await?.is_some();
            if !present {
                pulled = Some(&upstream.image);
                break;
            }
        }
        Ok(match pulled {
            None => Some("every engine that can be had has its image"),
            Some(image) => telling(TELL_EVERY, docker.pull(image), |elapsed| {
                output::tell(Progress::Pulling {
                    image: image.to_string(),
                    elapsed,
                });
            })
            .await
            .is_ok()
            .then_some("the pinned upstream images can be pulled"),
        })
    }
}

/// A step that takes long is named again, so that nobody wonders.
fn tell_again(steps: &Mutex<BTreeMap<String, String>>, elapsed: Duration) {
    let steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
    for (image, step) in steps.iter().filter(|(_, step)| !step.contains(LAST_STEP)) {
        output::tell(Progress::Building(BuildProgress {
            image: image.clone(),
            step: step.clone(),
            elapsed,
        }));
    }
}

impl Row {
    fn cells(self) -> [String; 5] {
        let (size, what) = match (&self.present, self.absent) {
            (_, Some(reason)) => (String::new(), format!("absent: {reason}")),
            (None, None) => (String::new(), "not present".to_owned()),
            (Some(facts), None) if self.loaded => (megabytes(facts.size), format!("{}, loaded", describe(facts))),
            (Some(facts), None) => (megabytes(facts.size), describe(facts)),
        };
        [
            self.engine.to_owned(),
            self.source.to_owned(),
            size,
            output::without_digest(&self.image).to_owned(),
            what,
        ]
    }
}

fn describe(facts: &ImageFacts) -> String {
    match (&facts.version, &facts.edition, &facts.stand_in) {
        (_, _, Some(stand_in)) => format!("stand-in: {stand_in}"),
        (Some(version), Some(edition), None) => format!("{version}, {edition}"),
        (Some(version), None, None) => version.clone(),
        _ => "upstream".to_owned(),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
