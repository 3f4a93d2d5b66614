//! The same checks on a server that has the full edition, and the broken features that only it has.

use rstest::rstest;
use suho_stack::engines::{
    self, Evidence,
    postgresql::features::{
        aggregates, columnstore, functions, platform,
        policies::{self, Runner},
    },
};

use super::{SERVICE, fails, wasm};

/// What a single process without workers and timers does not have.
const OF_SEVERAL_PROCESSES: &[&str] = &[
    "scheduled-refresh",
    "scheduled-columnstore",
    "scheduled-retention",
    "rights",
    "role-settings",
    "statement-timeout",
    "lock-timeout",
    "idle-transaction",
];

/// Every check but the restart, in the order of the table; those that the build lacks say why.
#[tokio::test]
async fn every_check_holds_on_the_full_edition_or_says_what_the_build_lacks() {
    let turn = wasm::turn().await;
    let engine = engines::by_service(SERVICE).unwrap();
    for name in OF_SEVERAL_PROCESSES {
        assert!(
            engine.features().iter().any(|feature| feature.name == *name),
            "there is no {name}"
        );
    }
    for feature in engine.features().iter().filter(|feature| !feature.restarts) {
        let evidence = (feature.check)(&turn.subject()).await;

        println!("{}: {evidence:?}", feature.name);
        let (name, evidence) = (feature.name, evidence.unwrap());
        let reason = match name {
            _ if OF_SEVERAL_PROCESSES.contains(&name) => "the server is a single process",
            "telemetry" => "no telemetry in this build",
            _ => {
                assert!(matches!(evidence, Evidence::Proved(_)), "{name}: {evidence:?}");
                continue;
            }
        };
        assert!(
            matches!(&evidence, Evidence::NotOffered(told) if told.contains(reason)),
            "{name}: {evidence:?}"
        );
    }
}

#[rstest]
#[case::nothing_carried("last(price, sequence)", functions::INTERPOLATED, "as row 3 of 8")]
#[case::carried_and_not_interpolated(functions::CARRIED, functions::CARRIED, "12) as row 3 of 8")]
#[tokio::test]
async fn broken_gaps_are_noticed(#[case] carried: &str, #[case] interpolated: &str, #[case] found: &str) {
    let turn = wasm::turn().await;

    let outcome = functions::gapfill(&turn.subject(), carried, interpolated).await;

    fails(outcome, &["fill the hours without trades", found]);
}

#[rstest]
#[case::segments("timescaledb.enable_columnstore, timescaledb.orderby = 'ts DESC, sequence DESC'")]
#[case::another_order(
    "timescaledb.enable_columnstore, timescaledb.segmentby = 'instrument_id', timescaledb.orderby = 'ts'"
)]
#[tokio::test]
async fn broken_layout_of_the_columnstore_is_noticed(#[case] layout: &str) {
    let turn = wasm::turn().await;

    let outcome = columnstore::columnstore(&turn.subject(), layout).await;

    fails(
        outcome,
        &[
            "read how the columnstore is laid out",
            "(instrument_id, ts DESC,sequence DESC)",
        ],
    );
}

#[tokio::test]
async fn broken_aggregate_in_real_time_that_should_be_materialised_is_noticed() {
    let turn = wasm::turn().await;

    let outcome = aggregates::materialized_only(&turn.subject(), aggregates::REAL_TIME).await;

    fails(
        outcome,
        &[
            "read candles of trades newer than the last refresh",
            "18 rows",
            "as row 19 of 30",
        ],
    );
}

#[tokio::test]
async fn broken_aggregate_materialised_that_should_be_in_real_time_is_noticed() {
    let turn = wasm::turn().await;

    let outcome = aggregates::real_time(&turn.subject(), aggregates::MATERIALIZED_ONLY).await;

    fails(
        outcome,
        &[
            "read candles of trades newer than the last refresh",
            "as row 19 of 30",
            "18 rows",
        ],
    );
}

/// No scheduler runs here: these run the jobs by hand, so that at least what a policy does is known to be right.
#[tokio::test]
async fn policies_do_what_they_say_when_they_are_run_by_hand() {
    let turn = wasm::turn().await;
    let (subject, by_hand) = (turn.subject(), Runner::Session);

    for evidence in [
        policies::refresh(&subject, policies::PAST_HOURS, by_hand)
            .await
            .unwrap(),
        policies::columnstore(&subject, policies::COLUMNAR_AFTER_FIVE_DAYS, by_hand)
            .await
            .unwrap(),
        policies::retention(&subject, policies::DROPPED_AFTER_FIVE_DAYS, by_hand)
            .await
            .unwrap(),
    ] {
        assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
    }
}

#[tokio::test]
async fn broken_refresh_of_another_window_is_noticed() {
    let turn = wasm::turn().await;
    let policy = "start_offset => INTERVAL '6 hours', end_offset => INTERVAL '1 hour'";

    let outcome = policies::refresh(&turn.subject(), policy, Runner::Session).await;

    fails(
        outcome,
        &["read the candles that the policy refreshed", "as row 1 of 18"],
    );
}

#[tokio::test]
async fn broken_columnstore_policy_of_another_age_is_noticed() {
    let turn = wasm::turn().await;

    let outcome = policies::columnstore(&turn.subject(), "after => INTERVAL '4 days'", Runner::Session).await;

    fails(
        outcome,
        &[
            "read which chunks the policy made columnar",
            "f) as row 4 of 9",
            "t) as row 4 of 9",
        ],
    );
}

#[tokio::test]
async fn broken_retention_of_another_age_is_noticed() {
    let turn = wasm::turn().await;

    let outcome = policies::retention(&turn.subject(), "drop_after => INTERVAL '4 days'", Runner::Session).await;

    fails(
        outcome,
        &["read which chunks the policy left", "as row 1 of 6", "as row 1 of 5"],
    );
}

#[rstest]
#[case::removed("SELECT remove_retention_policy('market.ticks')", "read the standing policies")]
#[case::paused(
    "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE hypertable_name = 'candles_1h'",
    "read the standing policies"
)]
#[case::not_in_real_time(
    "ALTER MATERIALIZED VIEW market.candles_1h SET (timescaledb.materialized_only = true)",
    "read the continuous aggregates of the platform"
)]
#[tokio::test]
async fn broken_standing_policies_are_noticed(#[case] breaking: &str, #[case] action: &str) {
    let turn = wasm::turn().await;
    turn.as_administrator(breaking).await;

    let outcome = platform::standing_policies(&turn.subject()).await;

    turn.as_administrator(
        "SELECT add_retention_policy('market.ticks', INTERVAL '90 days', if_not_exists => true);
         SELECT alter_job(job_id, scheduled => true) FROM timescaledb_information.jobs WHERE hypertable_name = 'candles_1h';
         ALTER MATERIALIZED VIEW market.candles_1h SET (timescaledb.materialized_only = false)",
    )
    .await;
    fails(outcome, &[action]);
}
