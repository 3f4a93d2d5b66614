use rdkafka::{
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    config::ClientConfig,
};
use rstest::rstest;
use suho_stack::{
    deployment::{Secret, Setting, Variables},
    engines::SettingVerdict,
    stack::{ImageSource, Stack},
};

use super::{
    Mutant, Mutate, Mutation, Score, UNREACHABLE, changed, expected_of, judge, left_out, lots, misspelt, mutated,
    settings_of, start, try_lot, try_other_secrets, verdicts,
};

const SERVICE: &str = "suho-kafka";

/// Another legal value for each line.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("config.providers", "env,another"),
    (
        "config.providers.env.class",
        "org.apache.kafka.common.config.provider.FileConfigProvider",
    ),
    ("config.providers.env.param.allowlist.pattern", "SUHO_.*"),
    ("broker.id", "2"),
    ("broker.id.generation.enable", "true"),
    ("log.dirs", "/var/lib/kafka/data/another"),
    ("zookeeper.connect", "suho-zookeeper:2181/another"),
    ("zookeeper.session.timeout.ms", "6001"),
    ("zookeeper.connection.timeout.ms", "30001"),
    ("listeners", "INTERNAL://:29092,EXTERNAL://0.0.0.0:9092"),
    (
        "advertised.listeners",
        "INTERNAL://suho-kafka:29092,EXTERNAL://localhost:${env:SUHO_KAFKA_ADVERTISED_PORT}",
    ),
    (
        "listener.security.protocol.map",
        "INTERNAL:SASL_PLAINTEXT,EXTERNAL:SASL_PLAINTEXT,ANOTHER:SASL_PLAINTEXT",
    ),
    ("inter.broker.listener.name", UNREACHABLE),
    ("sasl.enabled.mechanisms", "PLAIN,PLAIN"),
    ("sasl.mechanism.inter.broker.protocol", UNREACHABLE),
    (
        "listener.name.internal.plain.sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"broker\" \
         password=\"${env:SUHO_KAFKA_BROKER_PASSWORD}\" user_broker=\"${env:SUHO_KAFKA_BROKER_PASSWORD}\";",
    ),
    (
        "listener.name.external.plain.sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_suho=\"${env:SUHO_KAFKA_PASSWORD}\" \
         user_broker=\"${env:SUHO_KAFKA_BROKER_PASSWORD}\";",
    ),
    ("authorizer.class.name", ""),
    ("super.users", "User:broker;User:suho;User:another"),
    ("allow.everyone.if.no.acl.found", "true"),
    // Of two brokers there is one.
    ("default.replication.factor", UNREACHABLE),
    ("min.insync.replicas", "2"),
    ("offsets.topic.replication.factor", UNREACHABLE),
    ("transaction.state.log.replication.factor", "2"),
    ("transaction.state.log.min.isr", "2"),
    ("offsets.topic.num.partitions", "6"),
    ("transaction.state.log.num.partitions", "6"),
    ("group.initial.rebalance.delay.ms", "1"),
    ("auto.create.topics.enable", "true"),
    ("num.partitions", "4"),
    ("message.max.bytes", "2097153"),
    ("log.retention.hours", "169"),
    ("log.retention.bytes", "1073741825"),
    ("log.segment.bytes", "268435457"),
    ("log.retention.check.interval.ms", "60001"),
    ("log.segment.delete.delay.ms", "10001"),
    ("log.cleaner.backoff.ms", "5001"),
    ("offsets.retention.minutes", "43201"),
    ("log4j.rootLogger", "WARN, stdout"),
    ("log4j.appender.stdout", "org.apache.log4j.varia.NullAppender"),
    ("log4j.appender.stdout.layout", "org.apache.log4j.SimpleLayout"),
    ("log4j.appender.stdout.layout.ConversionPattern", "%m%n"),
    ("log4j.logger.state.change.logger", "ERROR"),
    ("log4j.logger.org.apache.zookeeper", "ERROR"),
    ("SUHO_KAFKA_ADVERTISED_HOST", "localhost"),
    ("SUHO_KAFKA_ADVERTISED_PORT", UNREACHABLE),
    ("KAFKA_HEAP_OPTS", "-Xms512m -Xmx900m"),
    (
        "KAFKA_LOG4J_OPTS",
        "-Dlog4j.configuration=file:/opt/kafka/config/log4j.properties",
    ),
    ("KAFKA_GC_LOG_OPTS", "-Xlog:gc=info"),
    (
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "-XX:+UseG1GC -XX:MaxGCPauseMillis=21 -XX:+ExitOnOutOfMemoryError",
    ),
];

/// Without these the broker does not become ready: the service user has no rights, or the offsets of groups have no topic.
const NEEDED: [&str; 2] = ["super.users", "offsets.topic.replication.factor"];

/// Without these the broker does not start, with these words.
const FATAL: &[(&str, &str)] = &[
    (
        "zookeeper.connect",
        "Missing required configuration `zookeeper.connect`",
    ),
    ("listeners", "No security protocol defined for listener PLAINTEXT"),
    (
        "advertised.listeners",
        "advertised.listeners cannot use the nonroutable meta-address",
    ),
    (
        "listener.security.protocol.map",
        "No security protocol defined for listener INTERNAL",
    ),
    (
        "inter.broker.listener.name",
        "inter.broker.listener.name must be a listener name",
    ),
    ("sasl.enabled.mechanisms", "must be included in sasl.enabled.mechanisms"),
    (
        "sasl.mechanism.inter.broker.protocol",
        "sasl.mechanism.inter.broker.protocol must be included",
    ),
    (
        "listener.name.internal.plain.sasl.jaas.config",
        "JaasContext.loadServerContext",
    ),
    (
        "listener.name.external.plain.sasl.jaas.config",
        "JaasContext.loadServerContext",
    ),
    (
        "SUHO_KAFKA_ADVERTISED_HOST",
        "Unable to parse EXTERNAL://${env:SUHO_KAFKA_ADVERTISED_HOST}",
    ),
    (
        "SUHO_KAFKA_ADVERTISED_PORT",
        "${env:SUHO_KAFKA_ADVERTISED_PORT} to a broker endpoint",
    ),
];

/// Without these nothing is filled in from the environment, or the log is configured by another file.
const WRITTEN_OUT: [&str; 4] = [
    "config.providers",
    "config.providers.env.class",
    "config.providers.env.param.allowlist.pattern",
    "KAFKA_LOG4J_OPTS",
];

/// The keys of the log's file, which follow the option that names the file.
const LOG: [&str; 6] = [
    "log4j.rootLogger",
    "log4j.appender.stdout",
    "log4j.appender.stdout.layout",
    "log4j.appender.stdout.layout.ConversionPattern",
    "log4j.logger.state.change.logger",
    "log4j.logger.org.apache.zookeeper",
];

/// What follows from another user at a listener.
const FOLLOW: [&str; 1] = ["SUHO_KAFKA_PASSWORD"];

/// The lines that name a secret follow it.
const USERS: [&str; 2] = [
    "listener.name.internal.plain.sasl.jaas.config",
    "listener.name.external.plain.sasl.jaas.config",
];

#[tokio::test]
async fn every_setting_that_is_changed_misspelt_or_left_out_is_named() {
    let mut score = Score::default();
    let settings: Vec<_> = settings_of(SERVICE)
        .into_iter()
        .filter(|setting| !setting.value.is_secret())
        .collect();
    let (written_out, rest): (Vec<_>, Vec<_>) = settings
        .into_iter()
        .partition(|setting| WRITTEN_OUT.contains(&setting.key.as_str()));
    let (fatal, may_go): (Vec<_>, Vec<_>) = rest
        .iter()
        .filter(|setting| !NEEDED.contains(&setting.key.as_str()))
        .cloned()
        .partition(|setting| FATAL.iter().any(|(key, _)| *key == setting.key));
    // What the broker does not know it takes without a word: one start carries everything.
    let batches: [(Mutation, Mutate<'_>, &[Setting]); 3] = [
        (Mutation::Changed, &changed(OTHER_VALUES), &rest),
        (Mutation::Missing, &left_out, &may_go),
        (Mutation::Misspelt, &misspelt, &may_go),
    ];

    for (mutation, mutate, settings) in batches {
        for lot in lots(settings, 1, mutate) {
            try_lot(&mut score, SERVICE, mutation, &lot, &FOLLOW).await;
        }
        for lot in lots(&written_out, 1, mutate) {
            try_written_out(&mut score, mutation, &lot).await;
        }
    }
    // To the broker a misspelt key is one that is missing.
    for lot in lots(&fatal, fatal.len(), &misspelt) {
        expect_refusal_to_start(&mut score, &lot).await;
    }
    try_other_secrets(&mut score, SERVICE, &USERS).await;

    score.settle(SERVICE, &[]);
}

/// As `try_lot`, on a file in which every variable is filled in already.
async fn try_written_out(score: &mut Score, mutation: Mutation, lot: &[Mutant]) {
    let values = [
        ("SUHO_KAFKA_ADVERTISED_HOST", "127.0.0.1".to_owned()),
        ("SUHO_KAFKA_ADVERTISED_PORT", free_port().to_string()),
        ("SUHO_KAFKA_PASSWORD", "k1written1out".to_owned()),
        ("SUHO_KAFKA_BROKER_PASSWORD", "b1written1out".to_owned()),
    ];
    let mut variables = Variables::default();
    variables.set("SUHO_KAFKA_PORT", Secret::new(values[1].1.as_str()));
    variables.set("SUHO_KAFKA_PASSWORD", Secret::new(values[2].1.as_str()));
    variables.set("SUHO_KAFKA_BROKER_PASSWORD", Secret::new(values[3].1.as_str()));
    let files = mutated(lot);
    let text = files.text("kafka.properties").unwrap().to_owned();
    let text = values.iter().fold(text, |text, (name, value)| {
        text.replace(&format!("${{env:{name}}}"), value)
    });

    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let builder = builder.variables(variables).files(files.with("kafka.properties", text));
    let stack = builder.start().await.unwrap();
    judge(score, &stack, SERVICE, mutation, lot, &LOG).await;
    stack.stop().await.unwrap();
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Nobody can ask a broker that does not start; it says itself why.
async fn expect_refusal_to_start(score: &mut Score, lot: &[Mutant]) {
    let key = lot[0].setting.key.as_str();
    let (_, words) = FATAL.iter().find(|(fatal, _)| *fatal == key).unwrap();
    let log = start(SERVICE, mutated(lot)).await.err().unwrap_or_default();
    score.note(Mutation::Misspelt, &lot[0].setting, log.contains(words));
    assert!(log.contains(words), "without {key}:\n{log}");
}

/// What becomes of the line of `row` on a stack whose broker is given `key` while it runs.
async fn verdict_after(key: &str, value: &str, row: &str) -> SettingVerdict {
    let builder = Stack::builder().engines([SERVICE]).images(ImageSource::Airgap);
    let stack = builder.start().await.unwrap();
    let endpoint = stack.endpoint(SERVICE).unwrap();
    let admin: AdminClient<_> = ClientConfig::new()
        .set("bootstrap.servers", format!("127.0.0.1:{}", endpoint.ports[&9092]))
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "suho")
        .set("sasl.password", endpoint.environment["SUHO_KAFKA_PASSWORD"].expose())
        .create()
        .unwrap();
    let altered = [&AlterConfig::new(ResourceSpecifier::Broker(1)).set(key, value)];
    let outcomes = admin.alter_configs(altered, &AdminOptions::new()).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");

    let settings = expected_of(&stack, SERVICE);
    let row = settings.iter().position(|setting| setting.key == row).unwrap();
    let mut verdict = SettingVerdict::InEffect;
    for _ in 0..100 {
        verdict = verdicts(&stack, SERVICE, &settings).await.swap_remove(row);
        if verdict != SettingVerdict::InEffect {
            break;
        }
    }
    stack.stop().await.unwrap();
    verdict
}

/// The value may be the same: it comes from elsewhere all the same, and stays when the file is changed.
#[rstest]
#[case::of_the_very_key("log.cleaner.backoff.ms", "5000", "log.cleaner.backoff.ms")]
#[case::of_a_stronger_key("log.retention.ms", "604800000", "log.retention.hours")]
#[tokio::test]
async fn what_a_dynamic_configuration_has_set_is_told_as_an_override(
    #[case] key: &str,
    #[case] value: &str,
    #[case] row: &str,
) {
    let verdict = verdict_after(key, value, row).await;

    assert!(
        matches!(&verdict, SettingVerdict::Overridden { by } if by.contains("dynamic configuration of this broker")),
        "{verdict:?}"
    );
}
