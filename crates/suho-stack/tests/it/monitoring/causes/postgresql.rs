//! A slot without its reader, clients that leak connections, a job that fails, a backup that nobody takes.

use futures::future::join_all;
use suho_stack::{
    backup::{Request, Target, take},
    engines::Endpoint,
    stack::StackState,
};
use tokio_postgres::{Client, NoTls};

use super::{Cause, Made, cause};

const SERVICE: &str = "suho-postgresql";

pub fn causes(stack: &StackState) -> Vec<Cause> {
    let endpoint = &stack.member(SERVICE).unwrap().endpoint;
    let [slot, connections, job] = [endpoint.clone(), endpoint.clone(), endpoint.clone()];
    let [old, missing] = [stack.clone(), stack.clone()];
    vec![
        cause(&["ReplicationSlotGrowing"], || reader_of_a_slot_gone(slot)),
        cause(&["PostgreSQLConnectionsExhausted"], || connections_leaked(connections)),
        cause(&["TimescaleDBJobFailing"], || job_fails(job)),
        cause(&["BackupTooOld"], || {
            backup_neglected(
                old,
                "|| jsonb_build_object('suho-postgresql', now() - interval '27 hours')",
            )
        }),
        cause(&["BackupMissing"], || backup_neglected(missing, "- 'suho-postgresql'")),
    ]
}

async fn connected(endpoint: &Endpoint, user: &str, password: &str) -> Client {
    let (client, connection) = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(endpoint.ports[&5432])
        .user(user)
        .password(endpoint.environment[password].expose())
        .dbname("suho")
        .connect(NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn admin(endpoint: &Endpoint) -> Client {
    connected(endpoint, "suho_admin", "POSTGRES_PASSWORD").await
}

/// The exporter's role sees how the server fares, and nothing of what the platform keeps there.
pub async fn assert_reads_no_table(endpoint: &Endpoint) {
    let monitor = connected(endpoint, "suho_monitor", "SUHO_POSTGRESQL_MONITOR_PASSWORD").await;
    monitor.batch_execute("SELECT * FROM pg_stat_statements").await.unwrap();
    for table in ["trading.orders", "market.ticks", "reference.instruments"] {
        let error = monitor
            .batch_execute(&format!("SELECT * FROM {table}"))
            .await
            .unwrap_err();
        assert!(
            error.as_db_error().unwrap().message().contains("permission denied"),
            "{error:?}"
        );
    }
}

/// Each switch leaves a file of 16 MB behind, of which hardly a byte is written.
async fn reader_of_a_slot_gone(endpoint: Endpoint) -> Made {
    let admin = admin(&endpoint).await;
    admin
        .batch_execute("SELECT pg_create_physical_replication_slot('gone', true)")
        .await
        .unwrap();
    for _ in 0..34 {
        admin
            .batch_execute("SELECT pg_logical_emit_message(false, 'suho', 'x'); SELECT pg_switch_wal()")
            .await
            .unwrap();
    }
    Made::undone_by(|| async move {
        admin
            .batch_execute("SELECT pg_drop_replication_slot('gone')")
            .await
            .unwrap();
    })
}

async fn connections_leaked(endpoint: Endpoint) -> Made {
    let leaked = join_all((0..41).map(|_| connected(&endpoint, "suho", "SUHO_POSTGRESQL_PASSWORD"))).await;
    Made::undone_by(|| async move { drop(leaked) })
}

/// The extension's own job, which the image has switched off: the Apache edition refuses whatever its scheduler starts.
async fn job_fails(endpoint: Endpoint) -> Made {
    let admin = admin(&endpoint).await;
    admin
        .batch_execute("UPDATE _timescaledb_config.bgw_job SET scheduled = true WHERE proc_name = 'policy_job_stat_history_retention'")
        .await
        .unwrap();
    // The scheduler would read its list anew at its next restart alone.
    admin
        .batch_execute("SELECT _timescaledb_functions.restart_background_workers()")
        .await
        .unwrap();
    Made::undone_by(|| async move {
        admin
            .batch_execute(
                "DELETE FROM _timescaledb_config.bgw_job WHERE proc_name = 'policy_job_stat_history_retention'",
            )
            .await
            .unwrap();
    })
}

/// As if nobody had backed it up for that long, or ever; then somebody does. `change` is made to what the server remembers.
async fn backup_neglected(stack: StackState, change: &str) -> Made {
    let admin = admin(&stack.member(SERVICE).unwrap().endpoint).await;
    admin
        .batch_execute(&format!(
            "DO $$ BEGIN EXECUTE (
                SELECT format('COMMENT ON ROLE suho_admin IS %L', shobj_description(oid, 'pg_authid')::jsonb {change})
                FROM pg_roles WHERE rolname = 'suho_admin'); END $$"
        ))
        .await
        .unwrap();
    Made::undone_by(|| async move {
        let place = tempfile::tempdir().unwrap();
        let request = Request {
            services: vec![SERVICE.to_owned()],
            ..Request::new(place.path())
        };
        let target = Target::of(&stack).await.unwrap();
        take(&target, &request, &|_| ()).await.unwrap();
    })
}
