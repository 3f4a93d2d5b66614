"""Sockets, start and stop."""

import asyncio
import os
import signal
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import StreamReader, web

from .accounts import Accounts
from .bootstrap import ACCOUNTS, CONFIG
from .engine import Engine
from .errors import ClickHouseError
from .exchange import ClientGone, Interface, Request
from .sessions import Sessions

_INIT_SCRIPTS = Path("/docker-entrypoint-initdb.d")
# Requests at once; further ones wait for a thread. Each may use a second one, on which the engine runs its query.
_REQUESTS = 64
# Of a body that the engine is not ready to take yet; then the client's socket is left to fill up.
_READ_BUFFER = 1 << 20
# As the server's http_max_uri_size: a query may stand in the URL.
_LONGEST_LINE = 1 << 20
# A form carries a query and its parameters.
_LARGEST_FORM = 16 << 20
# How long requests may go on after a signal to stop; aiohttp waits as long again after it has cancelled them.
_GRACE_SECONDS = 1.5

# As the server names them, each under the switch that it has in the configuration. The library gathers no asynchronous metrics:
# told are those that its tables tell as well, by the server's names and counted as it counts them.
_METRICS = {
    "metrics": """
        SELECT 'ClickHouseMetrics_' || metric AS name, toFloat64(value) AS value, description AS help, 'gauge' AS type
        FROM system.metrics""",
    "events": """
        SELECT 'ClickHouseProfileEvents_' || event AS name, toFloat64(value) AS value, description AS help, 'counter' AS type
        FROM system.events""",
    "asynchronous_metrics": """
        SELECT 'ClickHouseAsyncMetrics_' || metric.1 AS name, toFloat64(metric.2) AS value, metric.3 AS help, 'gauge' AS type
        FROM (
            SELECT arrayJoin([
                ('FilesystemMainPathTotalBytes', total_space, 'The size of the volume where the main path is mounted, in bytes.'),
                ('FilesystemMainPathAvailableBytes', free_space, 'Available bytes on the volume where the main path is mounted.')
            ]) AS metric
            FROM system.disks WHERE disks.name = 'default'
            UNION ALL
            SELECT arrayJoin([
                ('TotalBytesOfMergeTreeTables', sum(bytes), 'Bytes of all active parts of tables of the MergeTree family.'),
                ('TotalPartsOfMergeTreeTables', sum(parts), 'Active parts of all tables of the MergeTree family.'),
                ('MaxPartCountForPartition', max(parts), 'The most active parts of any partition of any such table.')
            ]) AS metric
            FROM (
                SELECT sum(bytes_on_disk) AS bytes, count() AS parts
                FROM system.parts WHERE active GROUP BY database, table, partition_id
            )
        )""",
    "errors": """
        SELECT
            'ClickHouseErrorMetric_' || if(grouping(errors.name) = 0, errors.name, 'ALL') AS name,
            toFloat64(sum(errors.value)) AS value, 'Times that this error occurred.' AS help, 'counter' AS type
        FROM system.errors AS errors GROUP BY GROUPING SETS ((errors.name), ())""",
}


class _Body:
    """The body as a thread reads it; the loop stops taking it from the socket while nobody does."""

    def __init__(self, loop: asyncio.AbstractEventLoop, content: StreamReader):
        self._loop, self._content = loop, content

    def read(self) -> bytes:
        return _await(self._loop, self._content.readany())


class _NoBody:
    def read(self) -> bytes:
        return b""


class _Responder:
    """The answer as a thread gives it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, request: web.Request):
        self._loop, self._request = loop, request
        # What is sent where the client left before it had an answer.
        self.response = web.StreamResponse(status=499)

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.response = web.Response(status=status, headers=headers, body=body)

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.response = web.StreamResponse(status=status, headers=headers)
        _await(self._loop, self.response.prepare(self._request))

    def write(self, data: bytes) -> None:
        if data:
            _await(self._loop, self.response.write(data))

    def abort(self) -> None:
        _await(self._loop, self._drop())

    async def _drop(self) -> None:
        if self._request.transport:
            # What was written is sent; the last chunk, by which a client knows the end, is not.
            self._request.transport.close()


def _await[T](loop: asyncio.AbstractEventLoop, step: Coroutine[Any, Any, T]) -> T:
    """Lets the loop do a step of the connection while the thread waits for it."""
    try:
        return asyncio.run_coroutine_threadsafe(step, loop).result()
    except (ConnectionError, web.RequestPayloadError, CancelledError) as error:
        raise ClientGone from error


class Server:
    def __init__(self, engine: Engine, accounts: Accounts, config: Path):
        self._engine = engine
        self._config = ElementTree.parse(config)
        self._sessions = Sessions()
        self._requests = ThreadPoolExecutor(_REQUESTS, "request")
        self._interface = Interface(engine, accounts, self._sessions, ThreadPoolExecutor(_REQUESTS, "query"))

    async def serve(self) -> None:
        """Answers until a signal asks to stop."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        hosts = [element.text.strip() for element in self._config.findall("listen_host") if element.text]
        http = await self._listen(self._http(), hosts, self._number("http_port", 8123))
        metrics = None
        if port := self._number("prometheus/port", 0):
            metrics = await self._listen(self._metrics(), hosts, port)
        _say(f"ClickHouse {self._engine.version} as a library answers HTTP on {', '.join(hosts)}")
        expiry = asyncio.create_task(self._expire_sessions())
        await stop.wait()
        _say("stopping")
        expiry.cancel()
        for runner in filter(None, (http, metrics)):
            await runner.cleanup()
        await asyncio.to_thread(self._engine.cancel_all)
        await asyncio.to_thread(self._engine.close)

    async def _listen(self, application: web.Application, hosts: list[str], port: int) -> web.AppRunner:
        runner = web.AppRunner(
            application,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self._number("keep_alive_timeout", 10),
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            read_bufsize=_READ_BUFFER,
            shutdown_timeout=_GRACE_SECONDS,
        )
        await runner.setup()
        for host in hosts:
            await web.TCPSite(runner, host, port).start()
        return runner

    def _http(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_FORM)
        application.add_routes([
            web.get("/ping", self._ok),
            web.get("/replicas_status", self._ok),
            web.get("/", self._query),
            web.post("/", self._query),
        ])
        return application

    def _metrics(self) -> web.Application:
        application = web.Application()
        application.add_routes([web.get(self._text("prometheus/endpoint", "/metrics"), self._scrape)])
        return application

    async def _ok(self, _request: web.Request) -> web.Response:
        return web.Response(text="Ok.\n", content_type="text/html", charset="UTF-8")

    async def _query(self, request: web.Request) -> web.StreamResponse:
        parameters = dict(request.query)
        if request.method != "POST" and "query" not in parameters:
            return await self._ok(request)
        loop = asyncio.get_running_loop()
        body: _Body | _NoBody = _Body(loop, request.content)
        if request.content_type == "multipart/form-data":
            form = await request.post()
            parameters |= {name: value for name, value in form.items() if isinstance(value, str)}
            body = _NoBody()
        headers = {name.lower(): value for name, value in request.headers.items()}
        responder = _Responder(loop, request)
        asked = Request(request.method, parameters, headers, request.remote or "", body)
        await loop.run_in_executor(self._requests, self._interface.handle, asked, responder)
        return responder.response

    async def _scrape(self, _request: web.Request) -> web.Response:
        wanted = [query for switch, query in _METRICS.items() if self._text(f"prometheus/{switch}", "1") in ("1", "true")]
        query = " UNION ALL ".join(wanted) + " FORMAT Prometheus"
        text = await asyncio.to_thread(self._engine.metrics, query) if wanted else b""
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=UTF-8"})

    async def _expire_sessions(self) -> None:
        while True:
            await asyncio.sleep(1)
            await asyncio.to_thread(self._sessions.expire)

    def _text(self, path: str, default: str) -> str:
        return (self._config.findtext(path) or default).strip()

    def _number(self, path: str, default: int) -> int:
        return int(self._text(path, str(default)))


def _say(message: str) -> None:
    print(time.strftime("%Y.%m.%d %H:%M:%S"), message, file=sys.stderr, flush=True)


def _initialise(engine: Engine, accounts: Accounts) -> None:
    """Runs the init scripts as the user whom the image's own start would take."""
    profile = accounts[os.environ.get("CLICKHOUSE_USER", "default")].profile
    for script in sorted(_INIT_SCRIPTS.glob("*.sql")):
        _say(f"running {script}")
        engine.run_script(script, profile)


def main() -> int:
    """Starts the engine, runs the init scripts on an empty data directory, and serves."""
    try:
        first_start = not (Engine.data_path(CONFIG) / "data").exists()
        engine = Engine(CONFIG)
        accounts = Accounts.load(ACCOUNTS)
        if first_start:
            _initialise(engine, accounts)
        asyncio.run(Server(engine, accounts, CONFIG).serve())
    except ClickHouseError as error:
        # Where the reason is missing here, the engine has written it to the log itself.
        if "Error initializing EmbeddedServer: ." not in str(error):
            _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # The library's threads would keep the interpreter from ending.
    os._exit(status)
