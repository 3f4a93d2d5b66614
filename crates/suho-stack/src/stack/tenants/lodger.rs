//! Who lodges where: the records of all stacks, for lists and for the broom.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::lodging::Lodging;
use super::record::{Account, Held, RecordName, Stage};
use super::register::{ENDPOINT_FILE, Register};
use super::{TenantError, Tenants, directory, short};
use crate::{
    engines::{
        self, Endpoint, Engine,
        tenancy::{TenantName, WayIn},
    },
    stack::StackState,
};

/// A room, ready or in use or kept, of any stack that this user has tenants in.
#[derive(Debug, Clone)]
pub struct Lodger {
    /// The stack.
    pub stack: String,
    /// The engine.
    pub engine: String,
    /// The name of the room, which the engine knows.
    pub room: TenantName,
    /// Whose it is, or was; `None` as long as no tenant has had it.
    pub tenant: Option<TenantName>,
    /// What it is at.
    pub stage: Stage,
    /// What the tenant is for.
    pub label: String,
    /// The process that did something to it last.
    pub pid: u32,
    /// True as long as that process lives and has it.
    pub in_use: bool,
    /// Since something was done to it.
    pub age: Duration,
    register: Register,
    name: RecordName,
    endpoint: Endpoint,
    account: Account,
}

impl Tenants {
    /// Every room of every stack that is recorded, by stack, tenant and engine.
    pub fn list() -> Result<Vec<Lodger>, TenantError> {
        let mut lodgers = Vec::new();
        for stack in entries(&directory())? {
            for engine in entries(&stack.path())? {
                lodgers.extend(lodgers_in(&engine.path())?);
            }
        }
        lodgers
            .sort_by(|a, b| (&a.stack, &a.tenant, &a.engine, &a.room).cmp(&(&b.stack, &b.tenant, &b.engine, &b.room)));
        Ok(lodgers)
    }
}

impl Lodger {
    /// How to get into it; `None` where it is not made yet.
    #[must_use]
    pub fn way_in(&self) -> Option<WayIn> {
        let tenancy = engines::by_service(&self.endpoint.service)?.tenancy()?;
        tenancy.way_in(&self.endpoint, self.account.room.as_ref()?).ok()
    }

    /// Removes it from its engine and from the records. One that somebody uses stays, and is an error.
    pub async fn remove(&self) -> Result<(), TenantError> {
        let Some(held) = self.register.hold(&self.name)? else {
            return self.is_gone_or_in_use();
        };
        let tenancy = engines::by_service(&self.endpoint.service).and_then(Engine::tenancy);
        match tenancy {
            Some(tenancy) if self.can_be_there() => {
                let lodging = Lodging {
                    engine: self.engine.clone(),
                    endpoint: self.endpoint.clone(),
                    tenancy,
                    register: self.register.clone(),
                };
                lodging.clean(held).await
            }
            _ => held
                .delete()
                .map_err(|error| self.register.failed("remove a record of", error)),
        }
    }

    /// False where its stack runs with other ports or passwords by now: it was started anew, without the room.
    fn can_be_there(&self) -> bool {
        StackState::load(&self.stack).map_or(true, |state| {
            let member = state.member(&self.endpoint.service);
            member.is_none_or(|member| member.endpoint == self.endpoint)
        })
    }

    fn is_gone_or_in_use(&self) -> Result<(), TenantError> {
        if self.register.names()?.contains(&self.name) {
            return Err(TenantError::InUse {
                tenant: self.tenant.as_ref().unwrap_or(&self.room).to_string(),
                pid: self.pid,
                label: self.label.clone(),
            });
        }
        Ok(())
    }
}

fn lodgers_in(directory: &Path) -> Result<Vec<Lodger>, TenantError> {
    let register = Register::at(directory.to_owned());
    let endpoint: Option<Endpoint> = fs::read(directory.join(ENDPOINT_FILE))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    // Somebody is about to write it, or has just removed all.
    let Some(endpoint) = endpoint else {
        return Ok(Vec::new());
    };
    let stack = directory
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy();
    let lodgers = register.names()?.into_iter().filter_map(|name| {
        let text = fs::read_to_string(directory.join(name.to_string())).ok()?;
        let account = Account::read(&text);
        let in_use =
            matches!(name.stage, Stage::Making | Stage::Taken | Stage::Used) && Held::is_locked(directory, &name);
        let then = UNIX_EPOCH + Duration::from_secs(account.at);
        Some(Lodger {
            stack: stack.clone().into_owned(),
            engine: short(&endpoint.service).to_owned(),
            room: name.room.clone(),
            tenant: account.tenant.clone(),
            stage: name.stage,
            label: account.label.clone().unwrap_or_default(),
            pid: account.pid,
            in_use,
            age: SystemTime::now().duration_since(then).unwrap_or_default(),
            register: register.clone(),
            name,
            endpoint: endpoint.clone(),
            account,
        })
    });
    Ok(lodgers.collect())
}

/// What is in `directory`; nothing where it is not there.
fn entries(directory: &Path) -> Result<Vec<fs::DirEntry>, TenantError> {
    let failed = |source| TenantError::Record {
        action: "list",
        path: directory.to_owned(),
        source,
    };
    match fs::read_dir(directory) {
        Ok(entries) => entries.collect::<Result<_, _>>().map_err(failed),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}
