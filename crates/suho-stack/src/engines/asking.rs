//! Asking an engine: again until it is ready, once within a limit, and as a stranger.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Endpoint, EngineError, Refusals, Waiting};

/// Between two attempts. Long enough to leave the starting engine the processor, short beside any start.
const PAUSE: Duration = Duration::from_millis(25);
/// What the first attempt is given; a connection that hangs costs no more.
const FIRST_LIMIT: Duration = Duration::from_secs(1);
/// What an attempt is given at most, however slow the machine.
const LAST_LIMIT: Duration = Duration::from_secs(8);
/// For connecting before a check, where that is a step of its own. The three limits of a check are thirty-two seconds
/// together.
#[cfg(any(feature = "dragonflydb", feature = "nats"))]
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// For a check that writes and reads, and for the strangers. A tenth of a second is the rule; a Kafka that has just started
/// takes eight for its first topic and record, where a compiler and a dozen engines share two cores.
const CHECK_LIMIT: Duration = Duration::from_secs(20);
/// For the proof of a feature: a restart, a compaction and a scheduler's turn are the slowest, and take half of it.
const PROOF_LIMIT: Duration = Duration::from_secs(45);
/// For removing what a check or a proof left: Kafka alone may take half of it to delete a topic.
const REMOVAL_LIMIT: Duration = Duration::from_secs(10);

/// Makes attempts until one succeeds. Every refusal is told to `waiting`.
///
/// An attempt that hangs is dropped, and the next one is given twice the time: a slow machine is served in the end.
pub(super) async fn until_answered<T, A>(waiting: &Waiting, mut attempt: impl FnMut() -> A) -> T
where
    A: Future<Output = Result<T, EngineError>>,
{
    let mut limit = FIRST_LIMIT;
    loop {
        match timeout(limit, attempt()).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(error)) => waiting.because(format!("failed to {}", error.in_full())),
            Err(_) => {
                waiting.because(format!("no answer within {limit:?}"));
                limit = LAST_LIMIT.min(limit * 2);
            }
        }
        sleep(PAUSE).await;
    }
}

/// Whether an engine serves, by the least that shows it: who attaches to a stack waits for this.
#[cfg(any(
    feature = "arangodb",
    feature = "dragonflydb",
    feature = "kafka",
    feature = "postgresql",
    feature = "weaviate",
))]
pub(super) async fn serves<A>(endpoint: &Endpoint, attempt: impl FnMut() -> A) -> Result<(), EngineError>
where
    A: Future<Output = Result<(), EngineError>>,
{
    let waiting = Waiting::new();
    super::serving_in_time(endpoint, &waiting, until_answered(&waiting, attempt)).await
}

/// Runs `check`, then `removal` whatever came of it. A failed check is told before a failed removal.
pub(super) async fn and_remove<T>(
    endpoint: &Endpoint,
    check: impl Future<Output = Result<T, EngineError>>,
    removal: impl Future<Output = Result<(), EngineError>>,
) -> Result<T, EngineError> {
    let checked = within(endpoint, CHECK_LIMIT, "write and read back", check).await;
    after_removal(endpoint, checked, removal).await
}

/// As [`and_remove`], for the proof of a feature, which may take longer than a write and a read.
pub(super) async fn prove_and_remove<T>(
    endpoint: &Endpoint,
    proof: impl Future<Output = Result<T, EngineError>>,
    removal: impl Future<Output = Result<(), EngineError>>,
) -> Result<T, EngineError> {
    let proved = within(endpoint, PROOF_LIMIT, "end the proof", proof).await;
    after_removal(endpoint, proved, removal).await
}

async fn after_removal<T>(
    endpoint: &Endpoint,
    outcome: Result<T, EngineError>,
    removal: impl Future<Output = Result<(), EngineError>>,
) -> Result<T, EngineError> {
    let removed = within(endpoint, REMOVAL_LIMIT, "remove what was written", removal).await;
    let answer = outcome?;
    removed.map(|()| answer)
}

/// Runs `work`, for no longer than `limit`.
async fn within<T>(
    endpoint: &Endpoint,
    limit: Duration,
    action: &str,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        Err(EngineError::TimedOut {
            service: endpoint.service.clone(),
            action: action.to_owned(),
            limit,
        })
    })
}

/// Asks until there is an answer, for no longer than `patience`; none where there never was one.
#[cfg(any(feature = "arangodb", feature = "kafka", feature = "nats"))]
pub(super) async fn eventually<T, A>(patience: Duration, mut ask: impl FnMut() -> A) -> Result<Option<T>, EngineError>
where
    A: Future<Output = Result<Option<T>, EngineError>>,
{
    let asking = async {
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            sleep(PAUSE).await;
        }
    };
    timeout(patience, asking).await.ok().transpose()
}

/// Who knocks without being known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stranger {
    /// The service user's name with a password that is not his.
    WrongPassword,
    /// No credentials at all.
    NoPassword,
}

impl Stranger {
    /// What the stranger comes with.
    pub(super) fn credentials(self) -> &'static str {
        match self {
            Self::WrongPassword => "a wrong password",
            Self::NoPassword => "no credentials",
        }
    }

    /// The error for an engine that serves this stranger.
    pub(super) fn was_let_in(self, endpoint: &Endpoint) -> EngineError {
        EngineError::LetIn {
            service: endpoint.service.clone(),
            credentials: self.credentials(),
        }
    }

    /// What this stranger tries, for errors: an engine that cannot be reached has refused nobody.
    pub(super) fn action(self) -> String {
        format!("hear how a client with {} is refused", self.credentials())
    }
}

/// Lets both strangers knock at the same time; `knock` returns the engine's own words of refusal.
pub(super) async fn both_refused<K>(endpoint: &Endpoint, knock: impl Fn(Stranger) -> K) -> Result<Refusals, EngineError>
where
    K: Future<Output = Result<String, EngineError>>,
{
    let knocks = async { tokio::try_join!(knock(Stranger::WrongPassword), knock(Stranger::NoPassword)) };
    let (wrong, missing) = within(endpoint, CHECK_LIMIT, "refuse strangers", knocks).await?;
    Ok(Refusals::Refused { wrong, missing })
}

impl Endpoint {
    /// Wraps what a client said when `action` failed on this endpoint, for `map_err`.
    pub(super) fn failed<E>(&self, action: impl Into<String>) -> impl FnOnce(E) -> EngineError
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let service = self.service.clone();
        let action = action.into();
        move |source| EngineError::Failed {
            service,
            action,
            source: source.into(),
        }
    }

    /// The error for an engine that answered `action` with `found`.
    pub(super) fn unexpected(
        &self,
        action: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> EngineError {
        EngineError::Unexpected {
            service: self.service.clone(),
            action: action.to_owned(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// Compares what the engine gave for `action` with what it owed.
    pub(crate) fn expect<T>(&self, action: &str, expected: &T, found: &T) -> Result<(), EngineError>
    where
        T: PartialEq + Debug + ?Sized,
    {
        if found == expected {
            Ok(())
        } else {
            Err(self.unexpected(action, format!("{expected:?}"), format!("{found:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::tests::local;
    use super::*;

    fn refusal() -> EngineError {
        EngineError::NotPublished {
            service: "suho-test".into(),
            port: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_dropped_and_the_next_one_succeeds() {
        let waiting = Waiting::new();
        let mut attempts = 0..;

        let answer = until_answered(&waiting, || {
            let attempt = attempts.next();
            async move {
                match attempt {
                    Some(0) => std::future::pending().await,
                    Some(1) => Err(refusal()),
                    _ => Ok(attempt),
                }
            }
        })
        .await;

        assert_eq!(answer, Some(2));
        assert!(waiting.reason().contains("reach port 1 of suho-test"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_is_removed_also_after_a_check_that_failed_or_hung() {
        let endpoint = local("suho-test", &[], &[]);
        let mut removals = 0;

        let failed = and_remove(&endpoint, async { Err::<(), _>(refusal()) }, async {
            removals += 1;
            Ok(())
        })
        .await;
        let hung = and_remove(&endpoint, std::future::pending::<Result<(), _>>(), async {
            removals += 1;
            Ok(())
        })
        .await;

        assert!(matches!(failed, Err(EngineError::NotPublished { .. })));
        assert!(matches!(hung, Err(EngineError::TimedOut { .. })));
        assert_eq!(removals, 2);
    }

    #[tokio::test]
    async fn a_stranger_who_is_let_in_is_an_error() {
        let endpoint = local("suho-test", &[], &[]);

        let outcome = both_refused(&endpoint, |stranger| {
            std::future::ready(match stranger {
                Stranger::WrongPassword => Ok("28P01".to_owned()),
                Stranger::NoPassword => Err(stranger.was_let_in(&endpoint)),
            })
        })
        .await;

        assert!(matches!(
            outcome,
            Err(EngineError::LetIn {
                credentials: "no credentials",
                ..
            })
        ));
    }
}
