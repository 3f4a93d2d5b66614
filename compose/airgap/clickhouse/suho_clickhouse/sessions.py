"""Connections that outlive a request: the session_id of HTTP clients, with temporary tables and settings of its own."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .engine import Connection
from .errors import INVALID_SESSION_TIMEOUT, SESSION_IS_LOCKED, SESSION_NOT_FOUND, ClickHouseError

DEFAULT_TIMEOUT = 60
MAX_TIMEOUT = 3600


class _Session:
    def __init__(self, connection: Connection):
        self.connection = connection
        self.busy = True
        self.expires = 0.0


class Sessions:
    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._lock = threading.Lock()

    @contextmanager
    def borrow(
        self, account: str, name: str, timeout: str, must_exist: bool, connect: Callable[[], Connection]
    ) -> Iterator[Connection]:
        """Lends a session to one request; a second request at the same time is refused, as the server does."""
        seconds = _seconds(timeout)
        key = (account, name)
        with self._lock:
            session = self._sessions.get(key)
            if session is None and must_exist:
                raise ClickHouseError.of(SESSION_NOT_FOUND, f"Session {name} not found.")
            if session is not None and session.busy:
                raise ClickHouseError.of(SESSION_IS_LOCKED, f"Session {name} is locked by a concurrent client.")
            if session is None:
                session = self._sessions[key] = _Session(connect())
            session.busy = True
        try:
            yield session.connection
        finally:
            with self._lock:
                session.busy = False
                session.expires = time.monotonic() + seconds

    def expire(self) -> None:
        """Closes the sessions whose time is over."""
        now = time.monotonic()
        with self._lock:
            over = [key for key, session in self._sessions.items() if not session.busy and session.expires < now]
            closed = [self._sessions.pop(key) for key in over]
        for session in closed:
            session.connection.close()


def _seconds(timeout: str) -> int:
    if not timeout:
        return DEFAULT_TIMEOUT
    if not timeout.isdigit() or int(timeout) > MAX_TIMEOUT:
        message = f"Invalid session timeout: '{timeout}'; the maximum is {MAX_TIMEOUT}."
        raise ClickHouseError.of(INVALID_SESSION_TIMEOUT, message)
    return int(timeout)
