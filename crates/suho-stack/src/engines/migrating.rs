//! A user's migrations in an engine that speaks no language of statements: functions alone.

use super::tenancy::{Migrations, Step, WayIn};
use super::{Endpoint, EngineError};

/// Refuses scripts, before anything is made for them.
pub(super) fn functions_only(endpoint: &Endpoint, migrations: &Migrations) -> Result<(), EngineError> {
    for step in migrations.steps() {
        if let Step::Script { name, .. } = step {
            return Err(script_not_offered(endpoint, name));
        }
    }
    Ok(())
}

/// Runs the functions, in their order, in the room that `way_in` leads to.
pub(super) async fn run_functions(
    endpoint: &Endpoint,
    migrations: &Migrations,
    way_in: &WayIn,
) -> Result<(), EngineError> {
    for step in migrations.steps() {
        match step {
            Step::Script { name, .. } => return Err(script_not_offered(endpoint, name)),
            Step::Function { name, run, .. } => run(way_in.clone())
                .await
                .map_err(endpoint.failed(format!("run the migration {name}")))?,
        }
    }
    Ok(())
}

fn script_not_offered(endpoint: &Endpoint, name: &str) -> EngineError {
    EngineError::NotOffered {
        service: endpoint.service.clone(),
        action: format!("run the script {name}"),
        reason: "it knows no scripts of statements, give a migration that is a function".to_owned(),
    }
}
