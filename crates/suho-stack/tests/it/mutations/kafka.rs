use suho_stack::deployment::Setting;

use super::{Mutant, Mutation, Score, UNREACHABLE, changed, left_out, lots, misspelt, settings_of, try_lot, try_other_secrets};

const SERVICE: &str = "suho-kafka";

/// Another legal value for each line.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("config.providers", "env,another"),
    ("config.providers.env.class", UNREACHABLE),
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
    ("default.replication.factor", "2"),
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
    ("KAFKA_LOG4J_OPTS", UNREACHABLE),
    ("KAFKA_GC_LOG_OPTS", "-Xlog:gc=info"),
    (
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "-XX:+UseG1GC -XX:MaxGCPauseMillis=21 -XX:+ExitOnOutOfMemoryError",
    ),
];

fn plain_settings() -> Vec<Setting> {
    let settings = settings_of(SERVICE);
    settings.into_iter().filter(|setting| !setting.value.is_secret()).collect()
}

#[tokio::test]
async fn probe() {
    let mut score = Score::default();
    let settings = plain_settings();
    for lot in lots(&settings, 1, &changed(OTHER_VALUES)) {
        try_lot(&mut score, SERVICE, Mutation::Changed, &lot, &[]).await;
    }
    try_other_secrets(&mut score, SERVICE, &[]).await;
    score.settle(SERVICE, &[]);
}
