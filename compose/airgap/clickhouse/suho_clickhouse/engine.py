"""The library itself: connections, statements, streams in and out. Everything here blocks, and belongs on a thread.

The extension module is imported alone: the package's own import opens and closes a connection of its own, after
which engine tables of message brokers refuse to work.
"""

import contextlib
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from . import sql
from .errors import BAD_ARGUMENTS, SYNTAX_ERROR, THERE_IS_NO_PROFILE, ClickHouseError

_package = find_spec("chdb")
if _package is None or _package.origin is None:
    raise ImportError("the package chdb-core is not installed")
sys.path.insert(0, str(Path(_package.origin).parent))
import _chdb  # noqa: E402

# SIGTERM is the server's to handle, not the library's.
_chdb.set_signal_handlers_enabled(0)


@dataclass(frozen=True)
class Statistics:
    """What a statement did, for the X-ClickHouse-Summary header."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_ns: int = 0

    @classmethod
    def of(cls, result) -> "Statistics":
        return cls(
            result.storage_rows_read(),
            result.storage_bytes_read(),
            result.rows_written(),
            result.bytes_written(),
            int(result.elapsed() * 1e9),
        )


class Connection:
    """One session of the engine: its settings, its current database, its temporary tables. For one thread at a time."""

    def __init__(self, uri: str):
        self._connection = _guarded(_chdb.connect, uri)

    def close(self) -> None:
        self._connection.close()

    def kind(self, statement: str) -> str:
        """READ_ONLY, MUTATING, MUTATING_GLOBAL, CONTROL or UNKNOWN; refuses more than one statement."""
        answer = self._connection.classify_query(statement)
        if answer["statement_count"] > 1:
            raise ClickHouseError.of(SYNTAX_ERROR, "Syntax error (Multi-statements are not allowed).")
        return answer["query_class"].name

    def query(self, statement: str, format: str = "TabSeparated", parameters: Mapping[str, str] = {}) -> tuple[bytes, Statistics]:
        """Runs a statement and returns its whole answer."""
        result = _guarded(self._connection.query, statement, format, params=dict(parameters))
        return result.bytes(), Statistics.of(result)

    def rows(self, statement: str) -> list[list[str]]:
        """The answer to a query of our own, as text."""
        answer, _ = self.query(statement, "TabSeparated")
        return [[sql.unescape(field) for field in line.split("\t")] for line in answer.decode().splitlines()]

    def query_into(self, descriptor: int, output: sql.Output, format: str, parameters: Mapping[str, str]) -> Statistics:
        """Runs a query whose rows the engine writes to a descriptor of this process while it reads them."""
        _, statistics = self.query(output.into(f"/proc/self/fd/{descriptor}"), format, parameters)
        return statistics

    def insert(self, header: str, format: str, chunks: Iterable[bytes]) -> Statistics:
        """Feeds data in the client's format to an INSERT; the engine makes parts of it as it comes."""
        stream = _guarded(self._connection.send_insert, header, format)
        try:
            for chunk in chunks:
                if chunk:
                    _guarded(self._connection.insert_append, stream, chunk)
        except BaseException:
            _guarded(self._connection.insert_cancel, stream)
            raise
        return Statistics.of(_InsertResult(_guarded(self._connection.insert_done, stream)))

    def apply(self, settings: Mapping[str, str]) -> None:
        if settings:
            assignments = ", ".join(f"{_identifier(name)} = {sql.literal(value)}" for name, value in settings.items())
            self.query(f"SET {assignments}")

    def use(self, database: str) -> None:
        self.query(f"USE {sql.identifier(database)}")


class _InsertResult:
    """An INSERT reads nothing; its result lacks the counters of reading."""

    def __init__(self, result):
        self._result = result

    def __getattr__(self, name: str):
        return getattr(self._result, name)

    def storage_rows_read(self) -> int:
        return self._result.rows_written()

    def storage_bytes_read(self) -> int:
        return self._result.bytes_written()


class Engine:
    """The engine of this process. Its connection is kept: with the last one the engine would shut down."""

    @staticmethod
    def data_path(config: Path) -> Path:
        return Path(_text_of(config, "path", "/var/lib/clickhouse/"))

    def __init__(self, config: Path):
        level = _text_of(config, "logger/level", "information")
        # The library would otherwise log at `trace` as soon as the configuration asks for the console.
        self._uri = f"{self.data_path(config)}?config-file={config}&log-level={level}"
        self._keeper = Connection(self._uri)
        self._profiles = self._read_profiles()
        [[self.version, self.display_name, self.timezone]] = self._keeper.rows(
            "SELECT version(), displayName(), timezone()"
        )

    def connect(self, profile: str) -> Connection:
        """A new session under a profile of the users file."""
        connection = Connection(self._uri)
        connection.apply(self.profile_settings(profile))
        return connection

    def profile_settings(self, name: str) -> dict[str, str]:
        """A profile as settings: the library's `SET profile` brings the constraints and leaves the values behind."""
        if name not in self._profiles:
            raise ClickHouseError.of(THERE_IS_NO_PROFILE, f"There is no settings profile `{name}` in user directories.")
        settings = dict(self._profiles[name])
        # Both close doors behind them: the constraints first, `readonly` last of all.
        readonly = settings.pop("readonly", None)
        settings["profile"] = name
        if readonly is not None:
            settings["readonly"] = readonly
        return settings

    def _read_profiles(self) -> dict[str, dict[str, str]]:
        elements = self._keeper.rows(
            "SELECT profile_name, ifNull(inherit_profile, ''), ifNull(setting_name, ''), ifNull(value, '') "
            "FROM system.settings_profile_elements WHERE profile_name IS NOT NULL ORDER BY profile_name, index"
        )

        def resolve(name: str) -> dict[str, str]:
            settings: dict[str, str] = {}
            for profile, parent, setting, value in elements:
                if profile == name and parent:
                    settings |= resolve(parent)
                elif profile == name and value:
                    settings[setting] = value
            return settings

        return {name: resolve(name) for name in {element[0] for element in elements}}

    def cancel(self, mark: str) -> None:
        """Ends the query whose text has a mark; without a reader it would go on."""
        pattern = sql.literal(f"%{mark}%")
        connection = Connection(self._uri)
        try:
            connection.query(f"KILL QUERY WHERE query LIKE {pattern} AND query_id != queryID() ASYNC")
        finally:
            connection.close()

    def cancel_all(self) -> None:
        self._keeper.query("KILL QUERY WHERE query_id != queryID() ASYNC")

    def run_script(self, path: Path, profile: str) -> None:
        connection = self.connect(profile)
        try:
            connection.query(path.read_text())
        finally:
            connection.close()

    def metrics(self, query: str) -> bytes:
        connection = Connection(self._uri)
        try:
            return connection.query(query)[0]
        finally:
            connection.close()

    def close(self) -> None:
        """Writes out what is still in memory and closes the engine."""
        # An engine that never saw an asynchronous insert has no queue, and says so.
        with contextlib.suppress(ClickHouseError):
            self._keeper.query("SYSTEM FLUSH ASYNC INSERT QUEUE")
        self._keeper.close()


def _guarded(call, *arguments, **named):
    """Calls the library; what it raises has ClickHouse's text and no type of its own."""
    try:
        return call(*arguments, **named)
    except (RuntimeError, ValueError) as error:
        raise ClickHouseError.from_engine(error) from None


def _text_of(config: Path, path: str, default: str) -> str:
    """A value of the configuration, or the default where the file is not XML: the engine says what is wrong with it."""
    try:
        return (ElementTree.parse(config).findtext(path) or default).strip()
    except ElementTree.ParseError:
        return default


def _identifier(name: str) -> str:
    if not name.replace("_", "").replace(".", "").isalnum():
        raise ClickHouseError.of(BAD_ARGUMENTS, f"'{name}' is not the name of a setting.")
    return name
