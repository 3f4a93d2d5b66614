//! A database and a role for each tenant, cloned from a sealed template.
//!
//! # Layout
//! - `cluster`: the administrator's session, in which databases are cloned and dropped.
//! - `handle`: a tenant's room as its user sees it.
//! - `jobs`: the background workers of a tenant's database, which run when they are asked to.
//! - `lending`: what a server is started with to lodge tenants.
//! - `named`: a server that the user names by `DATABASE_URL`.
//! - `names`: of databases, and names as SQL.
//! - `password`: passwords that nobody can guess, and what the server keeps of them.
//! - `snapshots`: sealed clones of a tenant's database.
//! - `template`: what tenants are cloned from: the schema of the deployment, and migrations.
//! - `rights.sql`, `new.sql`: what tenants may do in a template.
//!
//! A tenant's role has in its database what the services' role has in theirs, all rights in what migrations made and gave to
//! nobody, and is the owner of what it makes itself. It can connect to no other database.
//!
//! Tenants' databases are marked as templates: `TimescaleDB` starts no scheduler in those, of which a server has but a few.

mod cluster;
mod handle;
mod jobs;
mod lending;
mod named;
mod names;
mod password;
mod snapshots;
mod template;

use async_trait::async_trait;
use tokio_postgres::error::SqlState;

use super::super::tenancy::{Migrations, Room, TenantName, WayIn};
use super::super::{Endpoint, EngineError, Tenancy};
use super::client::{Account, Login, PORT};
use crate::deployment::Secret;
use cluster::{Cluster, Sessions};
use names::{literal, quoted};

pub use handle::PostgresqlTenant;
pub(super) use lending::lend;
pub(super) use named::named;

const DATABASE: &str = "database";
const USER: &str = "user";
const PASSWORD: &str = "password";

/// A database for each tenant.
#[derive(Debug, Default)]
pub(super) struct Databases {
    sessions: Sessions,
}

#[async_trait]
impl Tenancy for Databases {
    async fn make(
        &self,
        endpoint: &Endpoint,
        tenant: &TenantName,
        migrations: &Migrations,
    ) -> Result<Room, EngineError> {
        let cluster = self.sessions.cluster(endpoint).await?;
        let template = template::ready(&cluster, migrations).await?;
        let name = tenant.as_str();
        cluster.hold(name).await?;
        cluster.clone_for_tenant(&template, name).await?;
        let action = format!("let {name} into its database");
        let password = password::random();
        let verifier = password::verifier(&password).map_err(endpoint.failed(&action))?;
        let role = role(endpoint, name, &verifier, &names::group(endpoint));
        cluster.run(&action, &format!("{role} {}", opened(name, name))).await?;
        self.sessions.take_back(cluster).await?;
        Ok(Room::new(tenant.clone())
            .with(DATABASE, name)
            .with(USER, name)
            .with(PASSWORD, password))
    }

    async fn remove(&self, endpoint: &Endpoint, tenant: &TenantName) -> Result<(), EngineError> {
        let cluster = self.sessions.cluster(endpoint).await?;
        // Whoever was cut off while making it goes on until the statement is done.
        cluster.hold(tenant.as_str()).await?;
        for database in cluster.databases_of(tenant).await? {
            cluster.drop_existing(&database).await?;
        }
        drop_role(&cluster, tenant.as_str()).await?;
        self.sessions.take_back(cluster).await
    }

    /// Ends the sessions in the room, because a database with sessions cannot be cloned.
    async fn snapshot(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::keep(endpoint, &room.tenant, label).await
    }

    /// Ends the sessions in the room, and stops its jobs.
    async fn restore(&self, endpoint: &Endpoint, room: &Room, label: &str) -> Result<(), EngineError> {
        snapshots::restore(endpoint, &room.tenant, label).await
    }

    fn way_in(&self, endpoint: &Endpoint, room: &Room) -> Result<WayIn, EngineError> {
        way_in(endpoint, login(room))
    }
}

/// Who the tenant of `room` is.
fn login(room: &Room) -> Login<'_> {
    Login {
        role: room.get(USER),
        password: room.get(PASSWORD),
        database: room.get(DATABASE),
    }
}

fn way_in(endpoint: &Endpoint, login: Login<'_>) -> Result<WayIn, EngineError> {
    let url = login.url(endpoint)?;
    let port = endpoint.port(PORT)?.to_string();
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("PGHOST", &endpoint.host),
        ("PGPORT", &port),
        ("PGUSER", login.role),
        ("PGPASSWORD", login.password),
        ("PGDATABASE", login.database),
    ];
    Ok(WayIn {
        command: Secret::new(format!("psql {url}")),
        variables: variables.map(|(name, value)| (name, Secret::new(value))).to_vec(),
        url: Secret::new(url),
    })
}

/// Makes the role `name` in the group of tenants, with the limits that the services' role has.
fn role(endpoint: &Endpoint, name: &str, verifier: &str, group: &str) -> String {
    let service = literal(Account::Service.role_at(endpoint));
    let (role, group, verifier, name) = (quoted(name), quoted(group), literal(verifier), literal(name));
    format!(
        "CREATE ROLE {role} LOGIN PASSWORD {verifier} IN ROLE {group};
        DO $limits$
        DECLARE
            limit_ record;
        BEGIN
            -- Who is no superuser may end the sessions of those alone whose rights he has.
            IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', {name});
            END IF;
            FOR limit_ IN
                SELECT split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value
                FROM pg_db_role_setting, unnest(setconfig) AS setting
                WHERE setdatabase = 0 AND setrole = to_regrole(quote_ident({service}))
            LOOP
                -- A list is kept as it is written.
                EXECUTE format(
                    CASE WHEN limit_.name = 'search_path' THEN 'ALTER ROLE %I SET %s = %s' ELSE 'ALTER ROLE %I SET %s = %L' END,
                    {name}, limit_.name, limit_.value);
            END LOOP;
        END $limits$;"
    )
}

/// Opens the sealed `database` to `owner`, and to nobody else: without a word everybody may connect to a database.
fn opened(database: &str, owner: &str) -> String {
    let (database, owner) = (quoted(database), quoted(owner));
    format!(
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC;
        GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO {owner};
        ALTER DATABASE {database} ALLOW_CONNECTIONS true;"
    )
}

async fn drop_role(cluster: &Cluster<'_>, name: &str) -> Result<(), EngineError> {
    let role = quoted(name);
    let Err(error) = cluster.try_run(&format!("DROP ROLE IF EXISTS {role}")).await else {
        return Ok(());
    };
    let action = format!("drop the role {name}");
    if error.code() != Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) {
        return Err(cluster.endpoint.failed(action)(error));
    }
    // Somebody has given it rights outside its database.
    let statements = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    cluster.run(&action, &statements).await
}
