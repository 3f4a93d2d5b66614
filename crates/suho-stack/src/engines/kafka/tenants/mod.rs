//! Tenants: each a user who may do everything below a prefix of its own, and nothing elsewhere.
//!
//! # Layout
//! - here: a room made, removed, entered.
//! - [`handle`]: a room for its user.
//! - [`names`]: topics, groups and transactions below a prefix.
//! - [`register`]: the log by which processes agree on who is which user.
//! - [`users`]: those that the broker is started with.
//!
//! A broker that is not ours has no users for us: there a room is a prefix alone.
//!
//! The topics that the deployment declares are not made for each tenant: [`KafkaTenant::create_topic`] makes those that a test uses.

mod handle;
mod names;
mod register;
mod users;

use async_trait::async_trait;

pub use handle::KafkaTenant;
pub(super) use users::lend;

use super::super::login::Login;
use super::super::tenancy::places::{self, Register};
use super::super::tenancy::{Migrations, Room, TenantName, WayIn};
use super::super::{Endpoint, EngineError, Tenancy, migrating};
use super::client::{self, MECHANISM, PROTOCOL};
use super::log_in;
use super::wire::{Domain, Wire};
use crate::deployment::Secret;
use register::Entries;

/// The coordinates of a room.
const PREFIX: &str = "prefix";

/// The broker's codes for what is gone already.
const UNKNOWN_TOPIC: i16 = 3;
const GROUP_NOT_FOUND: i16 = 69;
/// Somebody is still in the group.
const NON_EMPTY_GROUP: i16 = 68;

/// How often members are put out of a group: they may knock again until they hear that they have no right to.
const ATTEMPTS: usize = 5;

/// How Kafka lodges tenants.
#[derive(Debug)]
pub(super) struct KafkaTenancy;

#[async_trait]
impl Tenancy for KafkaTenancy {
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        migrating::functions_only(endpoint, migrations)?;
        let room = match places::count(endpoint, users::variable) {
            0 => guest_room(endpoint, tenant)?,
            count => {
                let place = register(endpoint, count).await?.take(tenant).await?;
                let domain = Domain {
                    prefix: prefix(tenant),
                    principal: format!("User:{}", places::user(place)),
                };
                let mut wire = log_in(endpoint).await?;
                wire.give(&domain)
                    .await
                    .map_err(endpoint.failed(format!("give {} what {} begins", domain.principal, domain.prefix)))?;
                users::room(endpoint, tenant, place)?.with(PREFIX, domain.prefix)
            }
        };
        migrating::run_functions(endpoint, migrations, &self.way_in(endpoint, &room)?).await?;
        Ok(room)
    }

    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        let mut wire = log_in(endpoint).await?;
        let prefix = prefix(tenant);
        let count = places::count(endpoint, users::variable);
        if count > 0 {
            // First, so that programs of the tenant that still run make nothing anew.
            wire.take_away(&prefix)
                .await
                .map_err(endpoint.failed(format!("take away what {prefix} begins")))?;
        }
        remove_groups(endpoint, &mut wire, &prefix).await?;
        remove_topics(endpoint, &mut wire, &prefix).await?;
        if count > 0 {
            register(endpoint, count).await?.leave(tenant).await?;
        }
        Ok(())
    }

    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, _label: &str) -> Result<(), EngineError> {
        Err(no_snapshots(endpoint, room, "keep"))
    }

    async fn restore(&self, endpoint: &Endpoint, room: &Room, _label: &str) -> Result<(), EngineError> {
        Err(no_snapshots(endpoint, room, "restore"))
    }

    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
        let address = client::address(endpoint)?;
        let login = Login::of_room(room);
        let (credentials, options) = match &login {
            Some(Login { user, password }) => {
                let password = password.expose();
                let options = format!(
                    " -X security.protocol={PROTOCOL} -X sasl.mechanism={MECHANISM} -X sasl.username={user} -X sasl.password={password}"
                );
                (format!("{user}:{password}@"), options)
            }
            None => Default::default(),
        };
        let mut variables: Vec<_> = client::variables(endpoint, login.as_ref())?
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect();
        variables.push(("KAFKA_TOPIC_PREFIX", Secret::new(room.get(PREFIX))));
        Ok(WayIn {
            url: Secret::new(format!("kafka://{credentials}{address}/{}", room.get(PREFIX))),
            command: Secret::new(format!("kcat -b {address}{options} -L")),
            variables,
        })
    }
}

/// A room without walls.
fn guest_room(endpoint: &Endpoint, tenant: &TenantName) -> Result<Room, EngineError> {
    let room = Room::new(tenant.clone())
        .with(PREFIX, prefix(tenant))
        .without("a user of its own: the broker was not started with any for tenants, so nothing but the prefix keeps names apart");
    Ok(match client::PROGRAMS.login(endpoint)? {
        Some(login) => login.enters(room),
        None => room,
    })
}

/// All names are of one length, so no tenant's begins with another's.
fn prefix(tenant: &TenantName) -> String {
    format!("{tenant}.")
}

async fn register(endpoint: &Endpoint, count: usize) -> Result<Register<Entries<'_>>, EngineError> {
    Ok(Register::new(Entries::open(endpoint).await?, endpoint, count))
}

async fn remove_topics(endpoint: &Endpoint, wire: &mut Wire, prefix: &str) -> Result<(), EngineError> {
    let topics = wire.topics().await.map_err(endpoint.failed("list the topics"))?;
    let topics: Vec<_> = topics.into_iter().filter(|topic| topic.starts_with(prefix)).collect();
    if topics.is_empty() {
        return Ok(());
    }
    let outcomes = wire.delete_topics(&topics).await;
    for (topic, code) in outcomes.map_err(endpoint.failed(format!("delete the topics of {prefix}")))? {
        if code != 0 && code != UNKNOWN_TOPIC {
            return Err(endpoint.failed(format!("delete the topic {topic}"))(format!(
                "error {code}"
            )));
        }
    }
    Ok(())
}

async fn remove_groups(endpoint: &Endpoint, wire: &mut Wire, prefix: &str) -> Result<(), EngineError> {
    let groups = wire.groups().await.map_err(endpoint.failed("list the groups"))?;
    for group in groups.into_iter().filter(|group| group.starts_with(prefix)) {
        let deleting = format!("delete the group {group}");
        let names = [group];
        for attempt in 1.. {
            wire.empty_group(&names[0]).await.map_err(endpoint.failed(&deleting))?;
            let outcomes = wire.delete_groups(&names).await.map_err(endpoint.failed(&deleting))?;
            match outcomes.first().map_or(0, |(_, code)| *code) {
                0 | GROUP_NOT_FOUND => break,
                NON_EMPTY_GROUP if attempt < ATTEMPTS => {}
                code => return Err(endpoint.failed(deleting)(format!("error {code}"))),
            }
        }
    }
    Ok(())
}

fn no_snapshots(endpoint: &Endpoint, room: &Room, what: &str) -> EngineError {
    EngineError::NotOffered {
        service: endpoint.service.clone(),
        action: format!("{what} a snapshot of {}", room.tenant),
        reason: "Kafka has no snapshots of topics; produce the records anew".to_owned(),
    }
}
