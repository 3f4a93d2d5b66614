//! The tenants of a stack: each with a room of its own in every engine that it asks for.
//!
//! # Layout
//! - `builder`: what a tenant shall be.
//! - `tenant`: a tenant, from its first room to its end.
//! - `handles`: a tenant's rooms as the users of each engine see them.
//! - `lodger`: who lodges where, in all stacks.
//! - `lodging`: an engine that lodges tenants.
//! - `pool`: the thread that makes rooms ahead, and removes those that were left.
//! - `register`: the records of one engine's rooms, shared by all processes of the user.
//! - `record`: one record, and the lock on it.
//!
//! A room goes through stages - making, ready, taken, used or kept - and its record with it, by atomic renames. Whoever has a
//! room holds a kernel lock on its record, so that what a killed process leaves is known to be nobody's.

mod builder;
mod error;
#[cfg(any(
    feature = "arangodb",
    feature = "clickhouse",
    feature = "dragonflydb",
    feature = "kafka",
    feature = "nats",
    feature = "postgresql",
    feature = "weaviate",
))]
mod handles;
mod lodger;
mod lodging;
mod pool;
mod record;
mod register;
mod tenant;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

pub use builder::TenantBuilder;
pub use error::TenantError;
pub use lodger::Lodger;
pub use record::Stage;
pub use tenant::Tenant;

use crate::engines::{self, Endpoint};
use lodging::Lodging;
use pool::{Pool, wished_stock};

/// Lodges tenants in the engines of one stack.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use suho_stack::stack::Stack;
///
/// let stack = Stack::builder().engines(["postgresql", "nats"]).start().await?;
/// let tenant = stack.tenant().await?;
/// let way_in = tenant.way_in("postgresql").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tenants {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    stack: String,
    lodgings: BTreeMap<String, Arc<Lodging>>,
    /// Engines that are there and lodge nobody.
    without_rooms: BTreeSet<String>,
    /// Why each absent engine is absent.
    absent: BTreeMap<String, String>,
    pool: Pool,
}

impl Tenants {
    /// The tenants of the stack that is called `stack` and reached by `endpoints`; `absent` tells why a service is absent.
    ///
    /// Endpoints that belong to no stack of ours are called by [`foreign_name`].
    #[must_use]
    pub fn of(stack: &str, endpoints: BTreeMap<String, Endpoint>, absent: BTreeMap<String, String>) -> Self {
        let directory = directory_of(stack);
        let mut lodgings = Vec::new();
        let mut without_rooms = BTreeSet::new();
        for (service, endpoint) in endpoints {
            match engines::by_service(&service).and_then(engines::Engine::tenancy) {
                Some(tenancy) => lodgings.push(Lodging::new(&directory, short(&service), endpoint, tenancy)),
                None => {
                    without_rooms.insert(short(&service).to_owned());
                }
            }
        }
        let absent = absent
            .into_iter()
            .map(|(service, reason)| (short(&service).to_owned(), reason));
        Self::lodging_in(stack, wished_stock(), lodgings, without_rooms, absent.collect())
    }

    fn lodging_in(
        stack: &str,
        ready: usize,
        lodgings: Vec<Lodging>,
        without_rooms: BTreeSet<String>,
        absent: BTreeMap<String, String>,
    ) -> Self {
        let lodgings = lodgings
            .into_iter()
            .map(|lodging| (lodging.engine.clone(), Arc::new(lodging)))
            .collect();
        let inner = Inner {
            stack: stack.to_owned(),
            lodgings,
            without_rooms,
            absent,
            pool: Pool::new(ready),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Describes a tenant; awaiting the description gives the [`Tenant`].
    pub fn tenant(&self) -> TenantBuilder {
        TenantBuilder::new(self.clone())
    }

    /// The name of the stack.
    #[must_use]
    pub fn stack(&self) -> &str {
        &self.inner.stack
    }

    fn lodgings(&self) -> &BTreeMap<String, Arc<Lodging>> {
        &self.inner.lodgings
    }

    /// That of `engine`, by either of its names.
    fn lodging(&self, engine: &str) -> Result<&Arc<Lodging>, TenantError> {
        let name = short(engine);
        if let Some(lodging) = self.inner.lodgings.get(name) {
            return Ok(lodging);
        }
        let engine = engine.to_owned();
        if self.inner.without_rooms.contains(name) {
            return Err(TenantError::NoRooms { engine });
        }
        let stack = self.inner.stack.clone();
        Err(match self.inner.absent.get(name).cloned() {
            Some(reason) => TenantError::Absent { engine, stack, reason },
            None => TenantError::UnknownEngine {
                engine,
                stack,
                known: self.inner.lodgings.keys().cloned().collect::<Vec<_>>().join(", "),
            },
        })
    }

    fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    /// Forgets every record of the stack `stack`, which is removed, and all rooms with it.
    pub fn forget(stack: &str) -> Result<(), TenantError> {
        let path = directory_of(stack);
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(TenantError::Record {
                action: "remove",
                path,
                source,
            }),
            _ => Ok(()),
        }
    }
}

/// How the names of engines begin that belong to no stack of ours.
pub const FOREIGN: &str = "foreign-";

/// What engines that belong to no stack of ours are called together: `foreign-` and a digest of where they are.
#[must_use]
pub fn foreign_name(endpoints: &BTreeMap<String, Endpoint>) -> String {
    let places: Vec<_> = endpoints
        .iter()
        .map(|(service, endpoint)| format!("{service} {} {:?}", endpoint.host, endpoint.ports))
        .collect();
    let mut digest = format!("{:x}", Sha256::digest(places.join("\n")));
    digest.truncate(12);
    format!("{FOREIGN}{digest}")
}

/// Where the records of all stacks are.
fn directory() -> PathBuf {
    super::state::directory().join("tenants")
}

fn directory_of(stack: &str) -> PathBuf {
    directory().join(Path::new(stack))
}

/// The short name of an engine, out of either of its names: `nats` for `suho-nats-server`.
fn short(engine: &str) -> &str {
    let known = engines::all()
        .iter()
        .find(|known| known.name() == engine || known.service() == engine);
    known.map_or_else(|| engine.strip_prefix("suho-").unwrap_or(engine), |known| known.name())
}
