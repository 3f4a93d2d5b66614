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

#[cfg(all(test, feature = "full"))]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use rstest::rstest;

    use super::super::by_service;
    use super::super::endpoint::tests::local;
    use super::super::tenancy::TenantName;
    use super::*;

    /// Nobody serves there, so whatever else an engine was asked for before would be the error.
    #[rstest]
    #[case("suho-arangodb")]
    #[case("suho-dragonflydb")]
    #[case("suho-kafka")]
    #[case("suho-nats-server")]
    #[case("suho-weaviate")]
    #[tokio::test]
    async fn a_script_is_refused_before_anything_is_asked_of_the_engine(#[case] service: &str) {
        let tenancy = by_service(service).unwrap().tenancy().unwrap();
        let script = Migrations::new().script("a.sql", "SELECT 1");

        let refused = tenancy
            .make(&local(service, &[], &[]), &TenantName::random(), &script)
            .await;

        let error = refused.unwrap_err();
        assert!(matches!(error, EngineError::NotOffered { .. }), "{error:?}");
        assert!(error.to_string().contains("a.sql"), "{error}");
    }
}
