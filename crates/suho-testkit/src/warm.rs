//! The stack of this process, which is every process's.

use std::io::{self, Write};

use rstest::fixture;
use suho_stack::causes::in_full;
use suho_stack::stack::{Progress, SharedStack, Stack};
use tokio::sync::OnceCell;

/// The first attempt decides for the whole process: what failed once would fail every test after the same wait.
static STACK: OnceCell<Result<SharedStack, String>> = OnceCell::const_new();

/// The warm stack with the engines of this crate's features: attached to where it runs, started where it does not.
///
/// ```no_run
/// # async fn example() {
/// let stack = suho_testkit::stack().await;
/// for (service, endpoint) in stack.endpoints() {
///     println!("{service} on {}", endpoint.host);
/// }
/// # }
/// ```
///
/// # Panics
/// Where it can be had in no way, with one sentence that says what to do.
#[fixture]
pub async fn stack() -> SharedStack {
    let attempt = STACK.get_or_init(|| async {
        let shared = Stack::builder()
            .engines(engines())
            .on_progress(|progress| tell(&progress))
            .shared()
            .await;
        shared.map_err(|error| in_full(&error))
    });
    match attempt.await {
        Ok(stack) => stack.clone(),
        Err(reason) => refuse(
            "the warm stack",
            &format!("{reason}; SUHO_SKIP=1 skips the tests under #[suho_testkit::test]"),
        ),
    }
}

/// Tells who waits why, past libtest, which would keep it until the test has failed. An attached stack has nothing to tell.
fn tell(progress: &Progress) {
    if !matches!(progress, Progress::Image { .. } | Progress::Launched { .. }) {
        // Nobody may be reading.
        let _ = writeln!(io::stderr(), "suho: {progress}");
    }
}

/// The engines that a test of this crate can ask for, by their short names: those whose features are on.
///
/// ```
/// # #[cfg(feature = "nats")]
/// assert!(suho_testkit::engines().any(|engine| engine == "nats"));
/// ```
pub fn engines() -> impl Iterator<Item = &'static str> {
    const ENGINES: [(&str, bool); 7] = [
        ("postgresql", cfg!(feature = "postgresql")),
        ("clickhouse", cfg!(feature = "clickhouse")),
        ("dragonflydb", cfg!(feature = "dragonflydb")),
        ("weaviate", cfg!(feature = "weaviate")),
        ("arangodb", cfg!(feature = "arangodb")),
        ("nats", cfg!(feature = "nats")),
        ("kafka", cfg!(feature = "kafka")),
    ];
    ENGINES
        .into_iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(engine, _)| engine)
}

/// Ends the test: a fixture has no other way to say no.
pub(crate) fn refuse(what: &str, reason: &str) -> ! {
    panic!("{what} cannot be had: {reason}")
}
