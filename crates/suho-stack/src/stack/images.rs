//! Upstream or air-gap: decided per service, and said out loud.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::Mutex;

use super::{Absent, Progress, StackError, progress::telling};
use crate::{
    deployment::{Deployment, Edition, Files, Service, Setting, Variables},
    runtime::{Docker, ImageBuild, ImageFacts, RuntimeError, registry::is_reachable},
};

/// Between two words about a pull that is under way.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// Where the images come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageSource {
    /// The pinned upstream image where it is present, was loaded or can be pulled, else the air-gap image.
    #[default]
    Auto,
    /// The pinned upstream images, pulled where they are not present.
    Upstream,
    /// The air-gap images, built where they are not present.
    Airgap,
}

/// The deployment with its upstream and with its air-gap images, and the values that filled both.
#[derive(Debug)]
pub struct Editions {
    /// As `docker-compose.yml` tells it, and `docker-compose.monitoring.yml` where it is watched.
    pub upstream: Deployment,
    /// With what their `.airgap.yml` change of it.
    pub airgap: Deployment,
    /// Those that were given, and secrets for the rest.
    pub variables: Variables,
}

impl Editions {
    /// Reads both, without watchers; secrets that are not among `variables` are generated.
    pub fn read(files: &Files, variables: Variables) -> Result<Self, StackError> {
        Self::read_with(files, variables, false)
    }

    /// The same with the watchers, where there is to be `monitoring`.
    pub fn read_with(files: &Files, mut variables: Variables, monitoring: bool) -> Result<Self, StackError> {
        let [upstream, airgap] = [Edition::Upstream, Edition::Airgap].map(|edition| edition.compose_files(monitoring));
        variables.generate_missing(Deployment::required_variables(files, airgap)?);
        Ok(Self {
            upstream: Deployment::read(files, upstream, &variables)?,
            airgap: Deployment::read(files, airgap, &variables)?,
            variables,
        })
    }
}

/// The images of the wanted services: chosen, present, described.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub services: Vec<(Service, ImageFacts)>,
    pub absent: Vec<Absent>,
}

/// Chooses and obtains images.
pub(super) struct Chooser<'a> {
    pub docker: &'a Docker,
    pub source: ImageSource,
    pub editions: &'a Editions,
    pub files: &'a Files,
    pub directory: Option<&'a Path>,
    pub monitoring: bool,
    pub tell: &'a (dyn Fn(Progress) + Send + Sync),
    /// Which registries were tried, and whether they answered.
    pub reached: Mutex<BTreeMap<String, bool>>,
}

/// What became of one service.
enum Choice {
    Present(Service, ImageFacts, String),
    MustBuild(Service, String),
    Absent(String),
}

impl Chooser<'_> {
    pub async fn choose(&self, wanted: &[String]) -> Result<Chosen, StackError> {
        let mut choices = BTreeMap::new();
        for name in wanted {
            choices.insert(name.clone(), self.choose_one(name).await?);
        }
        if choices.values().any(|choice| matches!(choice, Choice::MustBuild(..))) {
            self.build().await?;
        }
        let mut chosen = Chosen {
            services: Vec::new(),
            absent: Vec::new(),
        };
        for (name, choice) in choices {
            match choice {
                Choice::Present(service, facts, origin) => {
                    self.tell_image(&service, origin);
                    chosen.services.push((service, facts));
                }
                Choice::MustBuild(service, reason) => {
                    let facts = self.docker.image_facts(&service.image).await?.unwrap_or_default();
                    self.tell_image(&service, reason);
                    chosen.services.push((service, facts));
                }
                Choice::Absent(reason) => {
                    (self.tell)(Progress::Absent {
                        service: name.clone(),
                        reason: reason.clone(),
                    });
                    let settings = Setting::of(self.editions.airgap.service(&name)?, self.files)?;
                    chosen.absent.push(Absent {
                        service: name,
                        reason,
                        settings,
                    });
                }
            }
        }
        Ok(chosen)
    }

    async fn choose_one(&self, name: &str) -> Result<Choice, StackError> {
        let airgap = self.editions.airgap.service(name)?;
        let Some(upstream) = self.editions.upstream.services.get(name) else {
            return self.of_one_edition(airgap).await;
        };
        match self.source {
            ImageSource::Upstream => match self.present(upstream).await? {
                Some(choice) => Ok(choice),
                None => Ok(self.pulled(upstream).await?),
            },
            ImageSource::Airgap => match &airgap.absent {
                Some(reason) => Ok(Choice::Absent(reason.clone())),
                None => self.built(airgap, "chosen").await,
            },
            ImageSource::Auto => self.whatever_can_be_had(upstream, airgap).await,
        }
    }

    /// A watcher that only the air-gap edition has is built for that edition alone: where the others are pulled it is used if it
    /// is there.
    async fn of_one_edition(&self, airgap: &Service) -> Result<Choice, StackError> {
        let wanted = match self.source {
            ImageSource::Upstream => false,
            ImageSource::Airgap => true,
            ImageSource::Auto => {
                self.docker.image_facts(&airgap.image).await?.is_some() || !self.reaches(airgap.image.registry()).await
            }
        };
        if wanted {
            self.built(airgap, "there is no other").await
        } else {
            let reason = "no pinned upstream image of it is known; suho images build --monitoring makes one";
            Ok(Choice::Absent(reason.to_owned()))
        }
    }

    /// The upstream image where there is any way to it. An air-gap image that is present saves the wait for a pull only
    /// where no registry answers.
    async fn whatever_can_be_had(&self, upstream: &Service, airgap: &Service) -> Result<Choice, StackError> {
        if let Some(choice) = self.present(upstream).await? {
            return Ok(choice);
        }
        let registry = upstream.image.registry();
        let wanted = format!("{}:{}", upstream.image.repository(), upstream.image.tag());
        if airgap.absent.is_none()
            && let Some(facts) = self.docker.image_facts(&airgap.image).await?
            && !self.reaches(registry).await
        {
            let origin = format!("air-gap image, present, for {wanted} ({registry} cannot be reached)");
            return Ok(Choice::Present(airgap.clone(), facts, origin));
        }
        match (self.pulled(upstream).await, &airgap.absent) {
            (Ok(choice), _) => Ok(choice),
            (Err(error), Some(reason)) => Ok(Choice::Absent(format!("{reason}, and {}", in_one_line(&error)))),
            (Err(error), None) => self.built(airgap, &in_one_line(&error)).await,
        }
    }

    /// Each registry is tried once.
    async fn reaches(&self, registry: &str) -> bool {
        let mut reached = self.reached.lock().await;
        if let Some(answer) = reached.get(registry) {
            return *answer;
        }
        let answer = is_reachable(registry).await;
        reached.insert(registry.to_owned(), answer);
        answer
    }

    async fn present(&self, upstream: &Service) -> Result<Option<Choice>, RuntimeError> {
        let present = self.docker.present_as(&upstream.image).await?;
        Ok(present.map(|(image, facts)| {
            let origin = if image == upstream.image { "present" } else { "loaded" };
            let mut service = upstream.clone();
            service.image = image;
            Choice::Present(service, facts, origin.to_owned())
        }))
    }

    async fn pulled(&self, upstream: &Service) -> Result<Choice, RuntimeError> {
        telling(TELL_EVERY, self.docker.pull(&upstream.image), |elapsed| {
            (self.tell)(Progress::Pulling {
                image: upstream.image.to_string(),
                elapsed,
            });
        })
        .await?;
        let facts = self.docker.image_facts(&upstream.image).await?.unwrap_or_default();
        Ok(Choice::Present(upstream.clone(), facts, "pulled".to_owned()))
    }

    async fn built(&self, service: &Service, why: &str) -> Result<Choice, StackError> {
        Ok(match self.docker.image_facts(&service.image).await? {
            Some(facts) => Choice::Present(service.clone(), facts, format!("air-gap image, present ({why})")),
            None => Choice::MustBuild(service.clone(), format!("air-gap image, built ({why})")),
        })
    }

    fn tell_image(&self, service: &Service, origin: String) {
        (self.tell)(Progress::Image {
            service: service.name.clone(),
            image: service.image.to_string(),
            origin,
        });
    }

    async fn build(&self) -> Result<(), StackError> {
        let tell = |progress| (self.tell)(Progress::Building(progress));
        build(
            self.files,
            self.directory,
            &self.editions.variables,
            self.monitoring,
            tell,
        )
        .await?;
        Ok(())
    }
}

/// Builds every air-gap image of a deployment, with those of the watchers where there is to be `monitoring`; what has not
/// changed is taken from the builder's cache.
///
/// `directory` is where `files` were read from; embedded ones are written to a directory of their own first.
pub async fn build(
    files: &Files,
    directory: Option<&Path>,
    variables: &Variables,
    monitoring: bool,
    progress: impl Fn(crate::runtime::BuildProgress) + Send + Sync,
) -> Result<Duration, StackError> {
    let written;
    let directory = if let Some(directory) = directory {
        directory
    } else {
        written = WrittenFiles::write(files)?;
        &written.directory
    };
    let build = |monitoring| ImageBuild {
        directory,
        compose_files: Edition::Airgap.compose_files(monitoring),
        variables,
    };
    let mut took = build(false).run(&progress).await?;
    if monitoring {
        // After the engines, because the watched broker stands on the image of the broker.
        took += build(true).run(&progress).await?;
    }
    Ok(took)
}

/// The embedded files in a temporary directory, removed when dropped.
struct WrittenFiles {
    directory: PathBuf,
}

impl WrittenFiles {
    fn write(files: &Files) -> Result<Self, StackError> {
        // Two stacks of one process may build at the same time.
        let name = format!("suho-deployment-{:016x}", rand::random::<u64>());
        let written = Self {
            directory: std::env::temp_dir().join(name),
        };
        files.write_to(&written.directory)?;
        Ok(written)
    }
}

impl Drop for WrittenFiles {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(%error, directory = %self.directory.display(), "left behind");
        }
    }
}

fn in_one_line(error: &RuntimeError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
