"""Tells Prometheus what NATS tells on its monitoring port, by the metric names of prometheus-nats-exporter.

Takes that exporter's arguments and reads of them where the server is. The server is asked at each scrape, and one that does
not answer is a failed scrape: stale numbers would hide it.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

PORT = 7777
ANSWER_LIMIT = 5

# Of /varz, each as gnatsd_varz_<name>.
SERVER = ["connections", "max_connections", "in_msgs", "out_msgs", "in_bytes", "out_bytes", "mem", "cpu", "slow_consumers", "subscriptions"]
# Of each stream's state and configuration, by the exporter's names.
STREAM = {"total_messages": "messages", "total_bytes": "bytes", "first_seq": "first_seq", "last_seq": "last_seq", "consumer_count": "consumer_count"}
LIMITS = {"limit_bytes": "max_bytes", "limit_messages": "max_msgs"}
CONSUMER = ["num_pending", "num_ack_pending", "num_redelivered", "num_waiting"]


class Page:
    """Samples by their metric, as Prometheus wants them together."""

    def __init__(self):
        self._samples = {}

    def add(self, name, value, **labels):
        text = ",".join(f'{key}="{escaped(str(label))}"' for key, label in labels.items())
        self._samples.setdefault(name, []).append(f"{name}{{{text}}} {value}")

    def text(self):
        return "".join(f"# TYPE {name} gauge\n" + "\n".join(lines) + "\n" for name, lines in self._samples.items())


def escaped(value):
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def ask(server, path):
    with urlopen(server + path, timeout=ANSWER_LIMIT) as answer:
        return json.load(answer)


def scrape(server):
    varz, jsz = ask(server, "/varz"), ask(server, "/jsz?consumers=true&config=true")
    page = Page()
    for name in SERVER:
        page.add(f"gnatsd_varz_{name}", varz[name], server_id=server)
    of_server = {"server_id": server, "server_name": varz["server_name"]}
    page.add("jetstream_server_max_memory", jsz["config"]["max_memory"], **of_server)
    page.add("jetstream_server_max_storage", jsz["config"]["max_storage"], **of_server)
    page.add("jetstream_server_total_streams", jsz["streams"], **of_server)
    page.add("jetstream_server_total_consumers", jsz["consumers"], **of_server)
    page.add("jetstream_server_total_messages", jsz["messages"], **of_server)
    page.add("jetstream_server_total_message_bytes", jsz["bytes"], **of_server)
    for account in jsz.get("account_details") or []:
        of_account = {**of_server, "account": account["name"]}
        page.add("jetstream_account_memory_used", account["memory"], **of_account)
        page.add("jetstream_account_storage_used", account["storage"], **of_account)
        for stream in account.get("stream_detail") or []:
            add_stream(page, stream, {**of_account, "stream_name": stream["name"]})
    return page.text()


def add_stream(page, stream, labels):
    for name, field in STREAM.items():
        page.add(f"jetstream_stream_{name}", stream["state"][field], **labels)
    for name, field in LIMITS.items():
        page.add(f"jetstream_stream_{name}", stream["config"][field], **labels)
    for consumer in stream.get("consumer_detail") or []:
        for name in CONSUMER:
            page.add(f"jetstream_consumer_{name}", consumer[name], **labels, consumer_name=consumer["name"])


class Handler(BaseHTTPRequestHandler):
    server_url = ""

    def do_GET(self):
        try:
            status, text = 200, scrape(self.server_url)
        except Exception as error:
            print(f"failed to ask {self.server_url}: {error}", file=sys.stderr)
            status, text = 503, f"failed to ask {self.server_url}: {error}\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """A line per scrape tells nobody anything."""


if __name__ == "__main__":
    Handler.server_url = sys.argv[-1]
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
