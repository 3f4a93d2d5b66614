//! What there is to tell while one waits for a stack.

use std::{fmt, pin::pin, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::runtime::BuildProgress;

/// Something happened, or still does not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Progress {
    /// Which image a service runs, and why that one.
    Image {
        /// The compose service.
        service: String,
        /// The reference.
        image: String,
        /// `present`, `loaded`, `pulled`, `air-gap image, built (…)`.
        origin: String,
    },
    /// A service cannot be had here.
    Absent {
        /// The compose service.
        service: String,
        /// Why.
        reason: String,
    },
    /// An image is being pulled.
    Pulling {
        /// The reference.
        image: String,
        /// Since the pull began.
        elapsed: Duration,
    },
    /// An air-gap image is being built.
    Building(BuildProgress),
    /// A container runs; its engine does not serve yet.
    Launched {
        /// The compose service.
        service: String,
        /// Since the start of the stack began.
        elapsed: Duration,
    },
    /// A service still waits.
    Waiting {
        /// The compose service.
        service: String,
        /// For what.
        reason: String,
        /// Since the start of the stack began.
        elapsed: Duration,
    },
    /// The Docker engine may not give containers the limits of their services; they have its own instead.
    LimitsRefused,
    /// An engine serves.
    Ready {
        /// The compose service.
        service: String,
        /// Its version, in its own words.
        version: String,
        /// Since the start of the stack began.
        elapsed: Duration,
    },
    /// Another process starts the stack; what follows is told by that one.
    Elsewhere {
        /// The stack's name.
        stack: String,
        /// The number of the process.
        process: u32,
    },
    /// A stack of this name is just being removed; then it is started anew.
    Removal {
        /// The stack's name.
        stack: String,
    },
    /// The stack runs, but is broken, and is replaced.
    Broken {
        /// The stack's name.
        stack: String,
        /// What is broken.
        reason: String,
    },
    /// What is started is not what was started last.
    Changed {
        /// The stack's name.
        stack: String,
        /// The name of the last one of the same engines.
        before: String,
        /// Which parts of it changed: `nats-server.conf changed`.
        changes: Vec<String>,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |elapsed: &Duration| format!("{:.1} s", elapsed.as_secs_f64());
        match self {
            Self::Image { service, image, origin } => write!(f, "{service}: {origin}: {image}"),
            Self::Absent { service, reason } => write!(f, "{service} is absent: {reason}"),
            Self::Pulling { image, elapsed } => write!(f, "pulling {image} for {}", seconds(elapsed)),
            Self::Building(step) => write!(
                f,
                "building {} for {}: {}",
                step.image,
                seconds(&step.elapsed),
                step.step
            ),
            Self::Launched { service, elapsed } => write!(f, "{service} launched after {}", seconds(elapsed)),
            Self::Waiting {
                service,
                reason,
                elapsed,
            } => write!(f, "{service} waits for {}: {reason}", seconds(elapsed)),
            Self::LimitsRefused => f.write_str("the Docker engine may not raise limits; containers have its own"),
            Self::Ready {
                service,
                version,
                elapsed,
            } => write!(f, "{service} {version} serves after {}", seconds(elapsed)),
            Self::Elsewhere { stack, process } => write!(f, "process {process} starts the stack {stack}; it says:"),
            Self::Removal { stack } => write!(f, "waiting until the stack {stack} is removed"),
            Self::Broken { stack, reason } => write!(f, "the stack {stack} is broken and is replaced: {reason}"),
            Self::Changed { stack, before, changes } => {
                write!(f, "the stack {stack} is not {before}: {}", changes.join(", "))
            }
        }
    }
}

/// Runs `work` to its end, and tells `every` so often how long it has taken.
pub async fn telling<T>(every: Duration, work: impl Future<Output = T>, mut tell: impl FnMut(Duration)) -> T {
    let mut words = interval(every);
    words.set_missed_tick_behavior(MissedTickBehavior::Delay);
    words.tick().await;
    let began = Instant::now();
    let mut work = pin!(work);
    loop {
        tokio::select! {
            output = &mut work => return output,
            _ = words.tick() => tell(began.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_told_and_what_does_not_is_not() {
        let every = Duration::from_secs(3);
        let mut told = Vec::new();

        telling(every, sleep(Duration::from_secs(1)), |elapsed| {
            told.push(elapsed.as_secs());
        })
        .await;
        assert!(told.is_empty());

        telling(every, sleep(Duration::from_secs(7)), |elapsed| {
            told.push(elapsed.as_secs());
        })
        .await;
        assert_eq!(told, [3, 6]);
    }
}
