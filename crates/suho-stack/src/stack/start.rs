//! The start of one service: after its dependencies, until its engine serves.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::{LastWords, Member, Progress, StackError, Timeline, guard::Guard, progress::telling};
use crate::{
    deployment::{Declarations, Files, Service, Setting},
    engines::{Endpoint, Engine, Waiting},
    runtime::{Container, Docker, ImageFacts, Launch},
};

/// How many lines of a dead engine's log its error shows.
const SHOWN_LINES: usize = 20;
/// Between two words about an engine that is not ready.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// Takes what there is to tell.
pub(super) type Tell = Arc<dyn Fn(Progress) + Send + Sync>;

/// What all services of one start share.
pub(super) struct Start<'a> {
    pub docker: &'a Docker,
    pub guard: &'a Guard,
    pub stack: &'a str,
    pub network: &'a str,
    pub files: &'a Files,
    pub declarations: &'a Declarations,
    pub timeout: Duration,
    pub timeline: &'a Timeline,
    pub tell: Tell,
}

/// One service of the start, and who waits for whom.
pub(super) struct Starting<'a> {
    pub service: &'a Service,
    pub facts: &'a ImageFacts,
    pub engine: &'static dyn Engine,
    /// Become true when what this service depends on serves.
    pub dependencies: Vec<watch::Receiver<bool>>,
    /// Tells those who depend on this one.
    pub serves: watch::Sender<bool>,
}

impl Start<'_> {
    /// Waits for the dependencies, launches the container, asks the engine until it serves, and declares what the
    /// platform needs there.
    pub async fn service(&self, starting: Starting<'_>) -> Result<Member, StackError> {
        let Starting {
            service,
            facts,
            engine,
            mut dependencies,
            serves,
        } = starting;
        for dependency in &mut dependencies {
            // A dependency that failed drops its sender, and ends the whole start by its own error.
            if dependency.wait_for(|serves| *serves).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        let settings = Setting::of(service, self.files)?;
        let launch = Launch {
            service,
            files: self.files,
            stack: self.stack,
            network: self.network,
        };
        let container = self
            .telling(
                service,
                || "the container to be launched".to_owned(),
                self.timeline.measure(
                    &service.name,
                    "launch",
                    self.guard.watch(Box::pin(launch.start(self.docker))),
                ),
            )
            .await?;
        (self.tell)(Progress::Launched {
            service: service.name.clone(),
            elapsed: self.timeline.elapsed(),
        });

        let endpoint = Endpoint::published(service, container.ports.clone());
        let version = self.served(service, engine, &endpoint, &container).await?;
        let ready_after = self.timeline.elapsed();
        serves.send_replace(true);
        (self.tell)(Progress::Ready {
            service: service.name.clone(),
            version: version.clone(),
            elapsed: ready_after,
        });
        Ok(Member {
            service: service.name.clone(),
            container: container.name,
            image: service.image.to_string(),
            facts: facts.clone(),
            version,
            endpoint,
            ready_after,
            settings,
        })
    }

    /// The engine's own word that it serves and has what the platform needs there, or why it never will.
    async fn served(
        &self,
        service: &Service,
        engine: &dyn Engine,
        endpoint: &Endpoint,
        container: &Container,
    ) -> Result<String, StackError> {
        let waiting = Waiting::new();
        let work = async {
            let ready = engine.ready(endpoint, &waiting);
            let version = self.timeline.measure(&service.name, "ready", ready).await;
            waiting.because("what the platform needs there to be created");
            let declare = engine.declare(endpoint, self.declarations);
            match self.timeline.measure(&service.name, "declare", declare).await {
                Ok(()) => Ok(version),
                Err(error) => Err(StackError::Declare {
                    service: service.name.clone(),
                    error: Box::new(error),
                }),
            }
        };
        tokio::select! {
            // First, because a client's complaint about a dead engine says less than its last lines.
            biased;
            () = container.died() => Err(StackError::Died {
                service: service.name.clone(),
                last: last_words(container).await?,
            }),
            version = self.telling(service, || waiting.reason(), work) => version,
            () = sleep(self.timeout) => Err(StackError::TimedOut {
                service: service.name.clone(),
                after: self.timeout,
                reason: waiting.reason(),
                last: last_words(container).await?,
            }),
        }
    }

    /// Tells every now and then for what the service waits, until `work` is done.
    async fn telling<T>(&self, service: &Service, reason: impl Fn() -> String, work: impl Future<Output = T>) -> T {
        telling(TELL_EVERY, work, |_| {
            (self.tell)(Progress::Waiting {
                service: service.name.clone(),
                reason: reason(),
                elapsed: self.timeline.elapsed(),
            });
        })
        .await
    }
}

async fn last_words(container: &Container) -> Result<Box<LastWords>, StackError> {
    let state = container.state().await?;
    let log = match container.last_lines(SHOWN_LINES).await {
        Ok(lines) if lines.is_empty() => "(it said nothing)".to_owned(),
        Ok(lines) => lines.join("\n"),
        // The error is worth having without it, too.
        Err(error) => format!("(its log cannot be read: {error})"),
    };
    Ok(Box::new(LastWords { state, log }))
}
