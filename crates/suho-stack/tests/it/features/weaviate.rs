use rstest::rstest;
use suho_stack::{
    deployment::{COMPOSE_FILE, Files},
    engines::{
        EngineError, Evidence, Subject,
        weaviate::features::{queries, storage, tenants, vectors},
    },
    stack::{ImageSource, Restarter, Stack},
};

use super::{assert_says, check, every_check_is_a_case, served, subject};

const SERVICE: &str = "suho-weaviate";

#[rstest]
#[case::objects_of_a_batch_keep_each_of_their_vectors("named-vectors")]
#[case::the_nearest_by_cosine_are_those_of_our_own_arithmetic("cosine-distance")]
#[case::the_nearest_by_squares_are_those_of_our_own_arithmetic("l2-distance")]
#[case::a_hybrid_query_is_one_of_keywords_or_vectors_at_its_ends("hybrid")]
#[case::a_query_returns_what_its_conditions_allow("filters")]
#[case::groups_are_counted_and_summed("aggregates")]
#[case::a_tenant_sees_its_own_objects("multi-tenancy")]
#[case::an_inactive_tenant_is_refused("inactive-tenants")]
#[case::a_deleted_class_is_restored_from_its_backup("backups")]
#[tokio::test]
async fn a_feature_works(#[case] name: &str) {
    let evidence = check(&[SERVICE], name).await.unwrap();

    println!("{name}: {evidence:?}");
    assert!(matches!(evidence, Evidence::Proved(_)), "{evidence:?}");
}

#[test]
fn each_check_is_tested() {
    let cases = [
        "named-vectors",
        "cosine-distance",
        "l2-distance",
        "hybrid",
        "filters",
        "aggregates",
        "multi-tenancy",
        "inactive-tenants",
        "backups",
        "persistence",
    ];
    every_check_is_a_case(SERVICE, &cases);
}

#[tokio::test]
async fn a_class_without_one_of_the_vectors_does_not_take_it() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = vectors::named(&subject(&neighbours, SERVICE), &["trend"]).await;

    assert_says(outcome, &["insert a batch", "shape"]);
}

#[rstest]
#[case::cosine(vectors::Arithmetic::Cosine, "dot")]
#[case::squares(vectors::Arithmetic::Squares, "manhattan")]
#[tokio::test]
async fn another_metric_has_other_distances(#[case] arithmetic: vectors::Arithmetic, #[case] metric: &str) {
    let neighbours = served(&[SERVICE]).await;

    let outcome = vectors::distances(&subject(&neighbours, SERVICE), arithmetic, metric).await;

    assert_says(outcome, &["search near a vector", "expected", "found"]);
}

#[tokio::test]
async fn a_hybrid_query_with_its_ends_exchanged_is_found_out() {
    let neighbours = served(&[SERVICE]).await;
    let exchanged = vectors::Alphas {
        keywords: vectors::Alphas::ENDS.vectors,
        vectors: vectors::Alphas::ENDS.keywords,
    };

    let outcome = vectors::hybrid(&subject(&neighbours, SERVICE), exchanged).await;

    assert_says(outcome, &["search by both, where keywords count", "silver falls"]);
}

#[tokio::test]
async fn a_property_without_an_index_cannot_be_asked_for() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = queries::filters(&subject(&neighbours, SERVICE), queries::Index::Absent).await;

    assert_says(outcome, &["filter by a price"]);
}

#[tokio::test]
async fn groups_by_another_property_are_others() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = queries::aggregates(&subject(&neighbours, SERVICE), "venue").await;

    assert_says(outcome, &["aggregate by symbol", "\"second\""]);
}

#[tokio::test]
async fn a_class_without_tenancy_has_no_tenants() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = tenants::apart(&subject(&neighbours, SERVICE), tenants::Tenancy::Absent).await;

    assert_says(outcome, &["add two tenants", "multi-tenancy is not enabled"]);
}

#[tokio::test]
async fn a_tenant_that_becomes_active_by_itself_is_not_refused() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = tenants::inactive(&subject(&neighbours, SERVICE), tenants::Tenancy::Automatic).await;

    assert_says(outcome, &["refuse an inactive tenant", "found 4 objects"]);
}

#[tokio::test]
async fn the_backup_of_another_class_does_not_bring_this_one_back() {
    let neighbours = served(&[SERVICE]).await;

    let outcome = storage::backups(&subject(&neighbours, SERVICE), storage::Included::AnotherClass).await;

    assert_says(outcome, &["read every object"]);
}

/// Runs the check of persistence, with leave to restart, on a stack of its own.
async fn persistence(files: Files) -> Result<Evidence, EngineError> {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.files(files).start().await.unwrap();
    let restarter = Restarter::of(stack.state()).await.unwrap();
    let neighbours = stack.endpoints();
    let subject = Subject {
        endpoint: &neighbours[SERVICE],
        neighbours: &neighbours,
        restart: Some(&restarter),
    };
    let outcome = storage::persistence(&subject).await;
    stack.stop().await.unwrap();
    outcome
}

#[tokio::test]
async fn classes_objects_and_vectors_are_there_after_a_restart() {
    let outcome = persistence(Files::embedded()).await;

    assert!(matches!(outcome, Ok(Evidence::Proved(_))), "{outcome:?}");
}

#[tokio::test]
async fn what_is_kept_in_memory_is_gone_after_a_restart() {
    let files = Files::embedded();
    let path = "PERSISTENCE_DATA_PATH: /var/lib/weaviate";
    let compose = files.text(COMPOSE_FILE).unwrap();
    assert!(compose.contains(path));
    let compose = compose.replace(path, "PERSISTENCE_DATA_PATH: /dev/shm/weaviate");

    let outcome = persistence(files.with(COMPOSE_FILE, compose)).await;

    assert_says(outcome, &["read every object"]);
}
