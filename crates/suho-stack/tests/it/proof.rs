use std::collections::BTreeMap;

use rstest::rstest;
use suho_stack::{
    deployment::{AIRGAP_FILE, COMPOSE_FILE, Deployment, Files, Setting, Variables},
    engines::{
        self, EngineError, Evidence, SettingVerdict,
        feed::{Decimal, Tick},
    },
    proof::{Check, Inquiry, Report, Verdict, whole},
    stack::{ImageSource, Stack},
};
use tokio::sync::Mutex;

use crate::warm;

/// Whoever asks a whole stack of his own everything: two at a time are more than two cores answer within the limits.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// How many settings the deployment has for each engine, whether it can be had here or not.
fn settings_of_the_deployment() -> BTreeMap<String, usize> {
    let files = Files::embedded();
    let compose_files = [COMPOSE_FILE, AIRGAP_FILE];
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(&files, &compose_files).unwrap());
    let deployment = Deployment::read(&files, &compose_files, &variables).unwrap();
    engines::all()
        .iter()
        .map(|engine| {
            let service = deployment.service(engine.service()).unwrap();
            (service.name.clone(), Setting::of(service, &files).unwrap().len())
        })
        .collect()
}

/// How many settings of each engine have a reason in place of a proof: the editions and stand-ins of the air-gap images
/// lack them, or no view shows them. `ArangoDB` is not there at all. Whoever adds a setting proves it or counts it here.
const NOT_PROVABLE: [(&str, usize); 4] = [
    ("suho-clickhouse", 42),
    ("suho-dragonflydb", 5),
    ("suho-postgresql", 3),
    ("suho-weaviate", 1),
];

/// By service, the rows with such a verdict.
fn counted(report: &Report, verdict: impl Fn(&SettingVerdict) -> bool) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for row in report.settings.iter().filter(|row| verdict(&row.verdict)) {
        *rows.entry(row.service.clone()).or_default() += 1;
    }
    rows
}

/// The promise of the whole: a fresh stack holds all that its files say, and no row is dropped on the way.
#[tokio::test]
async fn every_setting_of_the_deployment_is_a_row_and_a_fresh_stack_is_fine() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::builder().images(ImageSource::Airgap).start().await.unwrap();

    let report = Inquiry::of(stack.state()).run(|_| ()).await;

    let configured = settings_of_the_deployment();
    assert_eq!(counted(&report, |_| true), configured);
    let mut not_provable = BTreeMap::from(NOT_PROVABLE.map(|(service, rows)| (service.to_owned(), rows)));
    not_provable.insert("suho-arangodb".to_owned(), configured["suho-arangodb"]);
    let not_in_effect = |verdict: &SettingVerdict| *verdict != SettingVerdict::InEffect;
    let rows: Vec<_> = report
        .settings
        .iter()
        .filter(|row| not_in_effect(&row.verdict))
        .collect();
    assert_eq!(counted(&report, not_in_effect), not_provable, "{rows:#?}");
    let wrong: Vec<_> = report.settings.iter().filter(|row| !row.verdict.is_fine()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let failed: Vec<_> = report
        .rows
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Failed { .. }))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(report.is_fine() && report.has_asked());
    stack.stop().await.unwrap();
}

/// Whatever an engine answers, none of the secrets it was started with stands in the report.
#[tokio::test]
async fn no_secret_stands_in_the_report() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let stack = Stack::builder().images(ImageSource::Airgap).start().await.unwrap();

    let report = serde_json::to_string(&Inquiry::of(stack.state()).run(|_| ()).await).unwrap();

    for member in &stack.state().members {
        for setting in member.settings.iter().filter(|setting| setting.value.is_secret()) {
            assert!(
                !report.contains(setting.value.expose()),
                "{} of {} stands in the report",
                setting.key,
                member.service
            );
        }
    }
    stack.stop().await.unwrap();
}

/// What restarts an engine is not done unasked.
#[tokio::test]
async fn nothing_is_restarted_unless_that_is_allowed() {
    let mut inquiry = Inquiry::of(warm::stack().await.state());
    inquiry.only = vec!["suho-nats-server".to_owned()];

    let report = inquiry.run(|_| ()).await;

    let nats = engines::by_service("suho-nats-server").unwrap();
    let restarting: Vec<_> = nats.features().iter().filter(|feature| feature.restarts).collect();
    assert!(!restarting.is_empty());
    for feature in restarting {
        let row = report
            .rows
            .iter()
            .find(|row| matches!(row.check, Check::Feature { name, .. } if name == feature.name))
            .unwrap();
        assert!(matches!(row.verdict, Verdict::NotAskable { .. }), "{row:?}");
    }
}

/// What of a feed reaches Kafka, and whether the candles are those of the whole feed.
async fn feed(on_the_way: impl Fn(Vec<Tick>) -> Vec<Tick>) -> Result<Evidence, EngineError> {
    whole::one_feed(&warm::stack().await.endpoints(), on_the_way).await
}

#[tokio::test]
async fn one_feed_gives_the_same_candles_in_both_stores() {
    let evidence = Box::pin(feed(|ticks| ticks)).await;

    assert!(matches!(evidence, Ok(Evidence::Proved(_))), "{evidence:?}");
}

#[rstest]
#[case::a_tick_that_is_lost(|mut ticks: Vec<Tick>| { ticks.remove(300); ticks }, "volume")]
#[case::a_price_that_is_another(
    |mut ticks: Vec<Tick>| { ticks[599].price = Decimal::new(99_999_999); ticks },
    "9999.9999"
)]
#[tokio::test]
async fn a_feed_that_is_changed_on_its_way_to_kafka_is_noticed(
    #[case] on_the_way: fn(Vec<Tick>) -> Vec<Tick>,
    #[case] word: &str,
) {
    let error = Box::pin(feed(on_the_way)).await.unwrap_err().in_full();

    assert!(error.contains("fold ticks into a candle on suho-clickhouse"), "{error}");
    assert!(error.contains(word), "{error}");
}
