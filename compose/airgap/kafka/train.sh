#!/usr/bin/env bash
# Runs a broker of the deployment's kind once, through everything that a start and a first client load, and keeps the
# classes in an archive.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/broker.properties" <<-END
	broker.id=1
	zookeeper.connect=127.0.0.1:2181/kafka
	log.dirs=$work/data
	listeners=INTERNAL://127.0.0.1:29092
	listener.security.protocol.map=INTERNAL:SASL_PLAINTEXT
	inter.broker.listener.name=INTERNAL
	sasl.enabled.mechanisms=PLAIN
	sasl.mechanism.inter.broker.protocol=PLAIN
	config.providers=env
	config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
	listener.name.internal.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="\${env:PASSWORD}" user_broker="\${env:PASSWORD}";
	authorizer.class.name=kafka.security.authorizer.AclAuthorizer
	super.users=User:broker
	offsets.topic.num.partitions=1
	offsets.topic.replication.factor=1
	transaction.state.log.num.partitions=1
	transaction.state.log.replication.factor=1
	transaction.state.log.min.isr=1
	group.initial.rebalance.delay.ms=0
END
cat >"$work/client.properties" <<-END
	security.protocol=SASL_PLAINTEXT
	sasl.mechanism=PLAIN
	sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="training";
END

KAFKA_OPTS=-Dzookeeper.admin.enableServer=false \
  kafka-run-class org.apache.zookeeper.server.quorum.QuorumPeerMain 2181 "$work/zookeeper" &
zookeeper=$!
PASSWORD=training KAFKA_OPTS=-XX:ArchiveClassesAtExit=/opt/kafka/classes.jsa \
  kafka-server-start "$work/broker.properties" &
broker=$!

client=(--bootstrap-server 127.0.0.1:29092)
kafka-topics "${client[@]}" --command-config "$work/client.properties" --create --topic training --partitions 1
echo one | kafka-console-producer "${client[@]}" --producer.config "$work/client.properties" --topic training
kafka-console-consumer "${client[@]}" --consumer.config "$work/client.properties" --topic training \
  --from-beginning --max-messages 1

# A JVM that is told to stop exits with 143.
kill "$broker"
wait "$broker" || [[ $? -eq 143 ]]
kill "$zookeeper"
wait "$zookeeper" || [[ $? -eq 143 ]]
test -s /opt/kafka/classes.jsa
