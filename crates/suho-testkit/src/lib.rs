//! Lends the suho data layer to the tests of any crate: one warm stack for every process, one tenant for every test.
//!
//! The stack is started once, by whoever asks first, and lingers after the last test has gone; see
//! [`SharedStack`](suho_stack::stack::SharedStack). A tenant has rooms of its own in every engine - a database, an account, a
//! prefix - which are made ahead of time and handed over when the test first asks for them.
//!
//! ```toml
//! [dev-dependencies]
//! suho-testkit = { path = "../suho-stack/crates/suho-testkit", default-features = false, features = ["postgresql"] }
//! ```
//!
//! ```no_run
//! # #[cfg(feature = "postgresql")]
//! #[suho_testkit::test]
//! async fn an_account_is_kept() -> Result<(), Box<dyn std::error::Error>> {
//!     let postgres = suho_testkit::postgres().await;
//!     let client = postgres.client().await;
//!     client
//!         .execute("INSERT INTO trading.accounts (name, base_currency) VALUES ('desk', 'EUR')", &[])
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! Every constructor here is a fixture of [rstest] as well:
//!
//! ```no_run
//! # #[cfg(feature = "nats")]
//! # mod tests {
//! use rstest::rstest;
//! use suho_testkit::{Nats, nats};
//!
//! #[rstest]
//! #[suho_testkit::test]
//! async fn a_message_arrives(#[future(awt)] nats: Nats) {
//!     let client = nats.client().await;
//! #   drop(client);
//! }
//! # }
//! ```
//!
//! # Layout
//! - `warm`: the stack of this process, which is every process's.
//! - `tenants`: a tenant for a test, and what becomes of it when the test is over.
//! - `fixture`: a tenant's room in one engine, with its ready client.
//! - `judging`: tenants held back until it is known what their test came to.
//! - [`macro@test`]: the attribute of tests: kept tenants where they fail, and `SUHO_SKIP`.
//!
//! # Which engines are started
//! Those whose cargo features are on, all by default: `postgresql`, `clickhouse`, `dragonflydb`, `weaviate`, `arangodb`, `nats`,
//! `kafka`. Nobody compiles librdkafka for a test of PostgreSQL. An engine whose endpoint the environment names -
//! `DATABASE_URL`, `NATS_URL` and the like - is not started: the tenants lodge there.
//!
//! # When it cannot be had
//! A constructor panics with one sentence that says what to do. With `SUHO_SKIP=1` tests under [`macro@test`] are ignored, and libtest
//! says so.
//!
//! [rstest]: https://docs.rs/rstest

mod fixture;
mod judging;
mod tenants;
mod warm;

pub use suho_stack::engines::tenancy::Migrations;
/// A test that borrows the stack: an async function, in a tokio runtime of its own.
///
/// - A tenant is kept where the test fails, also by returning an error.
/// - With `SUHO_SKIP=1` the test is built as ignored, and libtest says why. Cargo builds it anew when the variable changes.
/// - Options are those of `tokio::test`: `#[suho_testkit::test(flavor = "multi_thread")]`. The crate tokio itself is not needed.
/// - Below `#[rstest]` it runs cases and fixtures.
///
/// ```no_run
/// # #[cfg(feature = "postgresql")]
/// #[suho_testkit::test]
/// async fn the_book_is_empty() -> Result<(), Box<dyn std::error::Error>> {
///     let postgres = suho_testkit::postgres().await;
///     let orders = postgres.client().await.query("SELECT * FROM trading.orders", &[]).await?;
///     assert!(orders.is_empty());
///     Ok(())
/// }
/// ```
pub use suho_testkit_macros::test;

pub use fixture::Fixture;
#[cfg(feature = "arangodb")]
pub use fixture::arangodb::{Arangodb, arangodb};
#[cfg(feature = "clickhouse")]
pub use fixture::clickhouse::{Clickhouse, clickhouse};
#[cfg(feature = "dragonflydb")]
pub use fixture::dragonfly::{Dragonfly, dragonfly};
#[cfg(feature = "kafka")]
pub use fixture::kafka::{Kafka, kafka};
#[cfg(feature = "nats")]
pub use fixture::nats::{Nats, nats};
#[cfg(feature = "postgresql")]
pub use fixture::postgres::{Postgres, postgres};
#[cfg(feature = "weaviate")]
pub use fixture::weaviate::{Weaviate, weaviate};
pub use tenants::{Tenant, tenant, tenant_with};
pub use warm::{engines, stack};

/// What the attribute [`macro@test`] expands to.
#[doc(hidden)]
pub mod __private {
    pub use crate::judging::judged;
    pub use tokio;
}
