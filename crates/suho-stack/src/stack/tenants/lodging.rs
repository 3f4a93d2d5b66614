//! An engine of a stack that lodges tenants.

use std::{any::Any, panic::AssertUnwindSafe, path::Path, sync::Arc, time::Duration};

use futures::FutureExt;
use tokio::time::timeout;

use super::TenantError;
use super::record::{Held, RecordName, Stage};
use super::register::Register;
use crate::engines::{
    Endpoint, EngineError,
    tenancy::{Migrations, Tenancy},
};

/// For removing one room: Kafka deletes the topics of it one by one.
const REMOVAL_LIMIT: Duration = Duration::from_secs(60);

/// The engine, where it is, how it lodges tenants, and the records of those that it has.
#[derive(Debug)]
pub(super) struct Lodging {
    pub(super) engine: String,
    pub(super) endpoint: Endpoint,
    pub(super) tenancy: Arc<dyn Tenancy>,
    pub(super) register: Register,
}

impl Lodging {
    /// The engine at `endpoint`; its records are below `stack`, the directory of its stack.
    pub(super) fn new(stack: &Path, engine: &str, endpoint: Endpoint, tenancy: Arc<dyn Tenancy>) -> Self {
        Self {
            engine: engine.to_owned(),
            register: Register::of(stack, engine, &endpoint),
            endpoint,
            tenancy,
        }
    }

    /// Removes a room and then its record, which stays where the engine fails.
    pub(super) async fn clean(&self, mut held: Held) -> Result<(), TenantError> {
        // A removal that is cut off leaves half a room, which must be nobody's.
        held.advance(Stage::Used)
            .map_err(|error| self.register.failed("mark a record as used in", error))?;
        let name = held.name().room.clone();
        let removal = timeout(REMOVAL_LIMIT, self.tenancy.remove(&self.endpoint, &name));
        let removal = removal.map(|removed| {
            removed.unwrap_or_else(|_| {
                Err(EngineError::TimedOut {
                    service: self.endpoint.service.clone(),
                    action: format!("remove the room {name}"),
                    limit: REMOVAL_LIMIT,
                })
            })
        });
        self.catch("removing a room", removal).await?;
        held.delete()
            .map_err(|error| self.register.failed("remove a record of", error))
    }

    /// A panic in there - of a migration, say - is an error for who asked, and no harm to the others.
    async fn catch<T>(
        &self,
        action: &'static str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, TenantError> {
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(outcome) => Ok(outcome?),
            Err(panic) => Err(TenantError::Panicked {
                action,
                engine: self.engine.clone(),
                message: words_of(&*panic),
            }),
        }
    }
}

/// Rooms that are alike: in the same engine, with the same beginning.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) lodging: Arc<Lodging>,
    pub(super) hash: String,
    migrations: Migrations,
}

impl Kind {
    pub(super) fn new(lodging: Arc<Lodging>, migrations: Migrations) -> Self {
        Self {
            lodging,
            hash: migrations.hash(),
            migrations,
        }
    }

    /// True where `name` is one of these, at one of `stages`.
    pub(super) fn has(&self, name: &RecordName, stages: &[Stage]) -> bool {
        name.migrations == self.hash && stages.contains(&name.stage)
    }

    /// Makes the room of `record`, which is ready then, and still locked. One that is cut off is nobody's, and is removed by
    /// whoever sees it.
    pub(super) async fn make(&self, mut record: Held) -> Result<Held, TenantError> {
        let lodging = &self.lodging;
        let name = record.name().room.clone();
        let making = lodging.tenancy.make(&lodging.endpoint, &name, &self.migrations);
        let room = lodging.catch("making a room", making).await?;
        lodging.register.finish(&mut record, room)?;
        Ok(record)
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words")
        .to_owned()
}
