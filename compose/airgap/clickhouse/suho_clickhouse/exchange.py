"""One request, from its parameters to its last byte; no HTTP library is known here. It runs on a thread of its own."""

import base64
import binascii
import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import IO, Protocol

from . import codecs, sql
from .accounts import Account, Accounts
from .engine import Connection, Engine, Statistics
from .errors import AUTHENTICATION_FAILED, BAD_ARGUMENTS, READONLY, UNKNOWN_ROLE, ClickHouseError
from .sessions import Sessions

# An error within the first mebibyte of an answer still has its HTTP status; the server's buffer is as large.
_HEAD = 1 << 20
# The text of a statement; the data of an INSERT is not counted.
_LONGEST_STATEMENT = 16 << 20
# What is held back in memory for wait_end_of_query=1; the rest goes to a file.
_SPOOL = 16 << 20

# Parameters of the interface itself; every other one is a setting of the query.
_INTERFACE = frozenset({
    "query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check", "close_session",
    "user", "password", "quota_key", "role", "compress", "decompress", "wait_end_of_query", "buffer_size", "stacktrace",
    "client_protocol_version", "profile",
})

_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "CSVWithNamesAndTypes": "text/csv; charset=UTF-8; header=present",
    "XML": "application/xml; charset=UTF-8",
}
_TEXT_FORMATS = ("TabSeparated", "TSV", "Pretty", "Vertical", "Values", "Markdown", "SQLInsert", "LineAsString")


class ClientGone(Exception):
    """The connection to the client was lost."""


class Body(Protocol):
    def read(self) -> bytes:
        """The next piece of the request's body, empty at its end; raises `ClientGone`."""


class Responder(Protocol):
    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole answer."""

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer whose length is not known."""

    def write(self, data: bytes) -> None:
        """A piece of it; raises `ClientGone`."""

    def abort(self) -> None:
        """Breaks the answer off, so that no client takes it for complete."""


@dataclass(frozen=True)
class Request:
    method: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    address: str
    body: Body

    def flag(self, name: str, default: str = "0") -> bool:
        return self.parameters.get(name, default).lower() in ("1", "true")


class Interface:
    """What all requests share."""

    def __init__(self, engine: Engine, accounts: Accounts, sessions: Sessions, queries: Executor):
        self.engine, self.accounts, self.sessions, self.queries = engine, accounts, sessions, queries

    def handle(self, request: Request, responder: Responder) -> None:
        exchange = _Exchange(self, request, responder)
        try:
            exchange.run()
        except ClientGone:
            # Nobody is left to answer; an unfinished insert was taken back, a running query was ended.
            return
        except UnicodeDecodeError as error:
            exchange.refuse(ClickHouseError.of(BAD_ARGUMENTS, f"The statement is not UTF-8: {error}."))
        except ClickHouseError as error:
            exchange.refuse(error)


class _Exchange:
    def __init__(self, interface: Interface, request: Request, responder: Responder):
        self._interface, self._request, self._responder = interface, request, responder
        self._engine = interface.engine
        self._id = request.parameters.get("query_id") or str(uuid.uuid4())
        self._tag = secrets.token_hex(8)
        self.headers = {
            "X-ClickHouse-Query-Id": _header_safe(self._id),
            "X-ClickHouse-Server-Display-Name": self._engine.display_name,
            "X-ClickHouse-Timezone": self._engine.timezone,
            "X-ClickHouse-Exception-Tag": self._tag,
        }

    def run(self) -> None:
        account = self._authenticate()
        with self._session(account) as connection, self._query_scope(connection):
            self._execute(connection)

    def refuse(self, error: ClickHouseError) -> None:
        self._responder.send(error.status, self.headers | _error_headers(error), self._error_text(error))

    def _error_text(self, error: ClickHouseError) -> bytes:
        text = str(error)
        if "(version " not in text:
            text += f" (version {self._engine.version})"
        return f"{text}\n".encode()

    # Who asks.

    def _authenticate(self) -> Account:
        name, password = self._credentials()
        return self._interface.accounts.authenticate(name, password, self._request.address)

    def _credentials(self) -> tuple[str, str]:
        headers, parameters = self._request.headers, self._request.parameters
        found = []
        if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
            found.append((headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")))
        if "authorization" in headers:
            found.append(_basic(headers["authorization"]))
        if "user" in parameters or "password" in parameters:
            found.append((parameters.get("user", "default"), parameters.get("password", "")))
        if len(found) > 1:
            message = "Invalid authentication: it is not allowed to use several ways of authentication at once."
            raise ClickHouseError.of(AUTHENTICATION_FAILED, message)
        return found[0] if found else ("default", "")

    # Under which settings.

    @contextlib.contextmanager
    def _session(self, account: Account) -> Iterator[Connection]:
        parameters = self._request.parameters

        def connect() -> Connection:
            return self._engine.connect(account.profile)

        if name := parameters.get("session_id"):
            must_exist, timeout = self._request.flag("session_check"), parameters.get("session_timeout", "")
            with self._interface.sessions.borrow(account.name, name, timeout, must_exist, connect) as connection:
                yield connection
        else:
            with contextlib.closing(connect()) as connection:
                yield connection

    @contextlib.contextmanager
    def _query_scope(self, connection: Connection) -> Iterator[None]:
        """The settings and the database of the request, which a session forgets with it."""
        parameters = self._request.parameters
        if "role" in parameters:
            raise ClickHouseError.of(UNKNOWN_ROLE, f"There is no role `{parameters['role']}` in user directories.")
        settings = self._engine.profile_settings(parameters["profile"]) if "profile" in parameters else {}
        settings |= {
            name: value
            for name, value in parameters.items()
            if name not in _INTERFACE and not name.startswith("param_")
        }
        database = parameters.get("database") or self._request.headers.get("x-clickhouse-database")
        before = self._remember(connection, settings, database) if "session_id" in parameters else None
        connection.apply(settings)
        if database:
            connection.use(database)
        try:
            yield
        finally:
            if before:
                # A session that became read-only cannot be set back; it then stays as the request left it.
                with contextlib.suppress(ClickHouseError):
                    connection.apply(before[0])
                    connection.use(before[1])

    @staticmethod
    def _remember(connection: Connection, settings: Mapping[str, str], database: str | None) -> tuple[dict, str] | None:
        if not settings and not database:
            return None
        names = ", ".join(sql.literal(name) for name in settings) or "''"
        rows = connection.rows(f"SELECT name, value FROM system.settings WHERE name IN ({names})")
        return dict(rows), connection.rows("SELECT currentDatabase()")[0][0]

    # What is asked.

    def _execute(self, connection: Connection) -> None:
        statement, data = self._statement()
        insert = sql.as_insert(statement)
        if insert is None:
            statement = self._complete(statement, data)
        kind = connection.kind(insert.header if insert else statement.decode())
        if self._request.method in ("GET", "HEAD") and not _allowed_by_get(kind, statement):
            message = (
                "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
                "You should use method POST for modifying queries."
            )
            raise ClickHouseError.of(READONLY, message)
        if insert:
            self._insert(connection, insert, statement, data)
        else:
            self._query(connection, statement, kind)

    def _statement(self) -> tuple[bytes, Iterator[bytes]]:
        """The statement, or the beginning of the body that contains it, and what is left of the body."""
        data = self._body()
        if query := self._request.parameters.get("query"):
            return query.encode(), data
        head = bytearray()
        for piece in data:
            head += piece
            if len(head) >= _HEAD:
                break
        return bytes(head), data

    def _body(self) -> Iterator[bytes]:
        """The body's pieces, decompressed; both ways of compression may be used at once."""
        outer = codecs.decoder(self._request.headers.get("content-encoding", ""))
        inner = codecs.BlockDecoder() if self._request.flag("decompress") else codecs.Identity()
        while piece := self._request.body.read():
            yield inner.feed(outer.feed(piece))
        yield inner.feed(outer.finish()) + inner.finish()

    def _complete(self, statement: bytes, data: Iterator[bytes]) -> bytes:
        """A statement is the `query` parameter and the body, one after the other."""
        rest = bytearray()
        for piece in data:
            rest += piece
            if len(rest) > _LONGEST_STATEMENT:
                raise ClickHouseError.of(BAD_ARGUMENTS, f"A statement may have {_LONGEST_STATEMENT} bytes.")
        separator = b"\n" if rest and "query" in self._request.parameters else b""
        return statement + separator + bytes(rest)

    def _parameters(self) -> dict[str, str]:
        prefix = "param_"
        return {name[len(prefix) :]: value for name, value in self._request.parameters.items() if name.startswith(prefix)}

    def _insert(self, connection: Connection, insert: sql.Insert, statement: bytes, data: Iterator[bytes]) -> None:
        # The library binds no parameters to a stream of data, but knows them as settings, where they are not escaped.
        connection.apply({f"param_{name}": sql.unescape(value) for name, value in self._parameters().items()})

        def chunks() -> Iterator[bytes]:
            yield statement[insert.data_offset :]
            yield from data

        statistics = connection.insert(insert.header, insert.format, chunks())
        self._responder.send(200, self.headers | _summary(statistics), b"")

    def _query(self, connection: Connection, statement: bytes, kind: str) -> None:
        output = sql.as_output(statement)
        default = self._request.headers.get("x-clickhouse-format", "TabSeparated")
        format = output.format or self._request.parameters.get("default_format") or default
        self.headers |= {"X-ClickHouse-Format": _header_safe(format), "Content-Type": _content_type(format)}
        if kind == "READ_ONLY" and sql.first_keyword(statement) in ("SELECT", "WITH", "FROM", "("):
            self._stream(connection, output, format)
        else:
            # Such an answer is small, and the engine takes no file for some of these statements.
            body, statistics = connection.query(statement.decode(), format, self._parameters())
            self._send(body, statistics)

    # The answer.

    def _encoder(self) -> codecs.Codec:
        if self._request.flag("compress"):
            return codecs.BlockEncoder()
        name = None
        if self._request.flag("enable_http_compression", "1"):
            name = codecs.negotiate(self._request.headers.get("accept-encoding", ""))
        if name:
            self.headers["Content-Encoding"] = name
        return codecs.encoder(name)

    def _send(self, body: bytes, statistics: Statistics) -> None:
        encoder = self._encoder()
        answer = encoder.feed(body) + encoder.finish()
        self._responder.send(200, self.headers | _summary(statistics), answer)

    def _stream(self, connection: Connection, output: sql.Output, format: str) -> None:
        """The engine writes its rows into a pipe, which holds it back while the client is slower than it."""
        reading, writing = os.pipe()
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _HEAD)

        def run() -> Statistics:
            try:
                return connection.query_into(writing, marked, format, self._parameters())
            finally:
                os.close(writing)

        mark = f"/* {uuid.uuid4()} */"
        marked = sql.Output(f"{output.statement} {mark}", output.tail, output.format)
        running = self._interface.queries.submit(run)
        try:
            with open(reading, "rb", buffering=0) as rows:
                self._relay(rows, running)
        finally:
            if not running.done():
                self._engine.cancel(mark)
            # The connection must not be touched while the query still runs on it.
            running.exception()

    def _relay(self, rows: IO[bytes], running: Future[Statistics]) -> None:
        head, ended = _read_up_to(rows, _HEAD)
        if ended:
            self._send(head, running.result())
            return
        if self._request.flag("wait_end_of_query"):
            self._relay_afterwards(head, rows, running)
            return
        encoder = self._encoder()
        self._responder.start(200, self.headers | _summary(Statistics()))
        self._responder.write(encoder.feed(head))
        while piece := rows.read(_HEAD):
            self._responder.write(encoder.feed(piece))
        try:
            running.result()
        except ClickHouseError as error:
            self._responder.write(encoder.feed(self._late_error(error)) + encoder.finish())
            self._responder.abort()
        else:
            self._responder.write(encoder.finish())

    def _relay_afterwards(self, head: bytes, rows: IO[bytes], running: Future[Statistics]) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            spool.write(head)
            while piece := rows.read(_HEAD):
                spool.write(piece)
            statistics = running.result()
            spool.seek(0)
            encoder = self._encoder()
            self._responder.start(200, self.headers | _summary(statistics))
            while piece := spool.read(_HEAD):
                self._responder.write(encoder.feed(piece))
            self._responder.write(encoder.finish())

    def _late_error(self, error: ClickHouseError) -> bytes:
        """An error after the status was sent: a block at the end, by the tag of which a client knows it from data."""
        text, tag = self._error_text(error), self._tag.encode()
        length = str(len(text)).encode()
        return b"\r\n__exception__\r\n" + tag + b"\r\n" + text + length + b" " + tag + b"\r\n__exception__\r\n"


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        raise ClickHouseError.of(AUTHENTICATION_FAILED, "Invalid authentication: expected 'Basic' HTTP authorization.") from None
    return name, password


def _allowed_by_get(kind: str, statement: bytes) -> bool:
    # What the engine cannot parse goes on to it for its message.
    return kind in ("READ_ONLY", "UNKNOWN") or sql.first_keyword(statement) in ("SET", "USE")


def _read_up_to(rows: IO[bytes], size: int) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    length = 0
    while length < size:
        piece = rows.read(size)
        if not piece:
            return b"".join(pieces), True
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces), False


def _summary(statistics: Statistics) -> dict[str, str]:
    values = {
        "read_rows": statistics.read_rows,
        "read_bytes": statistics.read_bytes,
        "written_rows": statistics.written_rows,
        "written_bytes": statistics.written_bytes,
        "total_rows_to_read": statistics.read_rows,
        "result_rows": statistics.written_rows,
        "result_bytes": statistics.written_bytes,
        "elapsed_ns": statistics.elapsed_ns,
    }
    # Strings, because a number of 64 bits is not safe in every client's JSON.
    return {"X-ClickHouse-Summary": json.dumps({name: str(value) for name, value in values.items()}, separators=(",", ":"))}


def _error_headers(error: ClickHouseError) -> dict[str, str]:
    headers = {"X-ClickHouse-Exception-Code": str(error.code), "Content-Type": "text/plain; charset=UTF-8"}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
    return headers


def _content_type(format: str) -> str:
    if format in _CONTENT_TYPES:
        return _CONTENT_TYPES[format]
    if format.startswith("JSON"):
        return "application/x-ndjson; charset=UTF-8" if "EachRow" in format else "application/json; charset=UTF-8"
    if format.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values; charset=UTF-8"
    return "text/plain; charset=UTF-8" if format.startswith(_TEXT_FORMATS) else "application/octet-stream"


def _header_safe(value: str) -> str:
    return "".join(character for character in value if character.isprintable())
