"""Tells Prometheus how far each group of consumers is behind, by the metric names of kafka_exporter.

The broker is asked at each scrape, and one that does not answer is a failed scrape: stale numbers would hide it.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.structs import TopicPartition

PORT = 9308


def login():
    return {
        "bootstrap_servers": os.environ["KAFKA_SERVER"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": os.environ["KAFKA_USER"],
        "sasl_plain_password": os.environ["KAFKA_PASSWORD"],
        # The shortest that the client allows beside its session timeout.
        "request_timeout_ms": 11000,
        "api_version_auto_timeout_ms": 5000,
        "client_id": "suho-kafka-exporter",
    }


class Broker:
    """The connections, made at the first scrape and anew after a failure."""

    def __init__(self):
        self._lock = Lock()
        self._clients = None

    def metrics(self):
        with self._lock:
            if self._clients is None:
                self._clients = KafkaAdminClient(**login()), KafkaConsumer(**login())
            try:
                return scrape(*self._clients)
            except Exception:
                self._close()
                raise

    def _close(self):
        clients, self._clients = self._clients, None
        for client in clients:
            try:
                client.close()
            except Exception as error:
                print(f"failed to close a connection: {error}", file=sys.stderr)


def scrape(admin, consumer):
    topics = {topic: consumer.partitions_for_topic(topic) or () for topic in consumer.topics()}
    partitions = [TopicPartition(topic, number) for topic, numbers in topics.items() for number in numbers]
    ends = consumer.end_offsets(partitions) if partitions else {}
    lines = ["# TYPE kafka_brokers gauge", f"kafka_brokers {len(admin.describe_cluster()['brokers'])}"]
    lines.append("# TYPE kafka_topic_partition_current_offset gauge")
    for partition, end in sorted(ends.items()):
        lines.append(f'kafka_topic_partition_current_offset{{{of(partition)}}} {end}')
    lags, members = [], []
    for group, kind in admin.list_consumer_groups():
        if kind not in ("", "consumer"):
            continue
        described = admin.describe_consumer_groups([group])[0]
        members.append(f'kafka_consumergroup_members{{consumergroup="{escaped(group)}"}} {len(described.members)}')
        for partition, committed in sorted(admin.list_consumer_group_offsets(group).items()):
            if partition in ends and committed.offset >= 0:
                lag = max(0, ends[partition] - committed.offset)
                lags.append(f'kafka_consumergroup_lag{{consumergroup="{escaped(group)}",{of(partition)}}} {lag}')
    lines += ["# TYPE kafka_consumergroup_members gauge", *members, "# TYPE kafka_consumergroup_lag gauge", *lags]
    return "\n".join(lines) + "\n"


def of(partition):
    return f'topic="{escaped(partition.topic)}",partition="{partition.partition}"'


def escaped(value):
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Handler(BaseHTTPRequestHandler):
    broker = Broker()

    def do_GET(self):
        try:
            status, text = 200, self.broker.metrics()
        except Exception as error:
            print(f"failed to ask the broker: {error}", file=sys.stderr)
            status, text = 503, f"failed to ask the broker: {error}\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """A line per scrape tells nobody anything."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
