//! What tenants are cloned from: the schema of the deployment, and migrations.
//!
//! A template is built under another name and renamed when it is whole, by whoever asks for it first; the others wait.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::error::SqlState;

use super::super::super::tenancy::{Migrations, Step};
use super::super::super::{Endpoint, EngineError};
use super::super::client::{self, Account};
use super::cluster::{Cluster, administrator};
use super::names::{self, in_the_making, literal, migrated, quoted, template};
use super::{jobs, way_in};

/// What tenants may do with what the services' role may do something with.
const RIGHTS: &str = include_str!("rights.sql");
/// What tenants may do with what the migrations gave to nobody.
const NEW: &str = include_str!("new.sql");
/// Remembers what was there before the migrations.
const BEFORE: &str = "CREATE TEMPORARY TABLE suho_before AS
    SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_namespace";

/// For a moment in which nobody is in the deployment's database. The server itself waits five seconds at each attempt.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name of the template with `migrations`, which is built if nobody has done so.
pub(super) async fn ready(cluster: &Cluster<'_>, migrations: &Migrations) -> Result<String, EngineError> {
    let base = template(client::database(cluster.endpoint));
    let name = migrated(&base, migrations);
    if !cluster.has(&name).await? {
        build(cluster.endpoint, &base, &name, migrations).await?;
    }
    Ok(name)
}

async fn build(endpoint: &Endpoint, base: &str, name: &str, migrations: &Migrations) -> Result<(), EngineError> {
    // A session of its own, because what it holds is let go when it ends.
    let builder = Cluster::of(endpoint).await?;
    if !builder.has(base).await? {
        builder.hold(base).await?;
        if !builder.has(base).await? {
            let built = build_base(&builder, base).await;
            whole(&builder, base, built).await?;
        }
    }
    if name != base {
        builder.hold(name).await?;
        if !builder.has(name).await? {
            let built = migrate(&builder, base, name, migrations).await;
            whole(&builder, name, built).await?;
        }
    }
    Ok(())
}

/// Leaves nothing of a template that could not be built.
async fn whole(builder: &Cluster<'_>, name: &str, built: Result<(), EngineError>) -> Result<(), EngineError> {
    let Err(error) = built else {
        return Ok(());
    };
    // Whoever tries next drops it too.
    if let Err(error) = builder.drop_database(&in_the_making(name)).await {
        tracing::debug!(%error, "what is left of a template stays");
    }
    Err(error)
}

/// The schema of the deployment with the rights of tenants in it.
async fn build_base(builder: &Cluster<'_>, base: &str) -> Result<(), EngineError> {
    let endpoint = builder.endpoint;
    let making = in_the_making(base);
    builder.drop_database(&making).await?;
    builder.run("make the group of all tenants", &group(base)).await?;
    copy_deployment(builder, &making).await?;
    open(builder, &making).await?;
    let session = Cluster::within(endpoint, &making).await?;
    session.run("give tenants their rights", &rights(endpoint)).await?;
    builder.seal(&making).await?;
    builder.rename(&making, base).await
}

/// The template `base` with `migrations` applied.
async fn migrate(builder: &Cluster<'_>, base: &str, name: &str, migrations: &Migrations) -> Result<(), EngineError> {
    let endpoint = builder.endpoint;
    let making = in_the_making(name);
    builder.drop_database(&making).await?;
    builder.clone_sealed(base, &making).await?;
    open(builder, &making).await?;
    let session = Cluster::within(endpoint, &making).await?;
    session.run("look at what is there", BEFORE).await?;
    for step in migrations.steps() {
        apply(endpoint, &making, step).await?;
    }
    let rights = format!("{} {NEW}", rights(endpoint));
    session.run("give tenants their rights", &rights).await?;
    builder.seal(&making).await?;
    builder.rename(&making, name).await
}

/// Applies one of the migrations, as the owner of the schema.
async fn apply(endpoint: &Endpoint, database: &str, step: &Step) -> Result<(), EngineError> {
    match step {
        Step::Script { name, text } => {
            // Each in a session of its own, so that none is under the settings of another.
            let session = Cluster::within(endpoint, database).await?;
            session.run(&format!("apply the migration {name}"), text).await
        }
        Step::Function { name, run, .. } => {
            let way_in = way_in(endpoint, administrator(endpoint, database)?)?;
            let applied = run(way_in).await;
            applied.map_err(endpoint.failed(format!("apply the migration {name}")))
        }
    }
}

/// Opens a sealed database to the administrator; it stays a template, in which the extension starts nothing.
async fn open(builder: &Cluster<'_>, database: &str) -> Result<(), EngineError> {
    let name = quoted(database);
    let statements = format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC; ALTER DATABASE {name} ALLOW_CONNECTIONS true");
    builder.run(&format!("open the database {database}"), &statements).await
}

/// Clones the deployment's database without sending anybody away: it waits until its sessions have ended.
///
/// The extension's scheduler does not end by itself, but where the database is marked as a template.
async fn copy_deployment(builder: &Cluster<'_>, copy: &str) -> Result<(), EngineError> {
    let endpoint = builder.endpoint;
    let source = client::database(endpoint);
    let had_jobs = !builder.workers_in(source).await?.is_empty();
    let copied = copy_when_empty(builder, source, copy).await;
    // A builder that was killed leaves the mark, and the extension's jobs stand still; so it is always taken away, but not
    // from a database which is the user's own.
    if had_jobs || !client::is_named_by_user(endpoint) {
        jobs::start(endpoint, source).await?;
    }
    copied
}

async fn copy_when_empty(builder: &Cluster<'_>, source: &str, copy: &str) -> Result<(), EngineError> {
    let action = format!("copy the database {source} for tenants");
    let deadline = Instant::now() + PATIENCE;
    loop {
        if !builder.workers_in(source).await?.is_empty() {
            builder.run(&action, &without_workers(source)).await?;
        }
        let Err(error) = builder.try_clone_sealed(source, copy).await else {
            return Ok(());
        };
        if error.code() != Some(&SqlState::OBJECT_IN_USE) {
            return Err(builder.endpoint.failed(action)(error));
        }
        let sessions = builder.sessions_in(source).await?.join(", ");
        if Instant::now() > deadline {
            let moment = "a moment without sessions in it, after which tenants no longer need it: end them once";
            return Err(builder.endpoint.unexpected(&action, moment, sessions));
        }
        tracing::info!(source, sessions, "waiting until nobody is in the database to {action}");
    }
}

/// Ends the extension's workers in `database`, to which none comes back while it is marked as a template.
pub(super) fn without_workers(database: &str) -> String {
    let (name, text) = (quoted(database), literal(database));
    format!(
        "ALTER DATABASE {name} IS_TEMPLATE true;
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = {text} AND backend_type LIKE 'TimescaleDB%';"
    )
}

/// Makes the group of all tenants.
pub(super) fn group(name: &str) -> String {
    let (role, name) = (quoted(name), literal(name));
    format!(
        "DO $$ BEGIN
            IF to_regrole(quote_ident({name})) IS NULL THEN CREATE ROLE {role} NOLOGIN; END IF;
        END $$;"
    )
}

fn rights(endpoint: &Endpoint) -> String {
    rights_of(Account::Service.role_at(endpoint), &names::group(endpoint))
}

/// Gives the group of all tenants what `service` may do.
pub(super) fn rights_of(service: &str, group: &str) -> String {
    let (service, group) = (literal(service), literal(group));
    format!("SET suho.service = {service}; SET suho.tenants = {group}; {RIGHTS}")
}
