"""The little that must be known of a statement before the engine sees it.

Works on bytes: the data of an INSERT follows its header in the same body and may be binary.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import INTO_OUTFILE_NOT_ALLOWED, ClickHouseError

_TOKEN = re.compile(
    rb"""
    (?P<blank>  \s+ | --[^\n]* | \#[ !][^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<quoted> '(?:[^'\\]|\\.|'')*(?:'|\Z) | `(?:[^`\\]|\\.)*(?:`|\Z) | "(?:[^"\\]|\\.)*(?:"|\Z)
              | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z) )
  | (?P<word>   [A-Za-z_][A-Za-z0-9_]* )
  | (?P<other>  . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _Token:
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def keyword(self) -> bytes:
        return self.text.upper() if self.depth == 0 else b""


def _tokens(sql: bytes) -> Iterator[_Token]:
    """Tokens without blanks and comments; a bracket has the depth of what is around it."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        if match.lastgroup == "blank":
            continue
        text = match.group()
        depth -= text in (b")", b"]", b"}")
        yield _Token(text, match.start(), match.end(), depth)
        depth += text in (b"(", b"[", b"{")


def first_keyword(sql: bytes) -> str:
    """The word a statement begins with, in upper case."""
    return next((token.text.upper().decode("latin-1") for token in _tokens(sql)), "")


@dataclass(frozen=True)
class Insert:
    """An INSERT whose rows come from the client: the statement without FORMAT or VALUES, and where the data begins."""

    header: str
    format: str
    data_offset: int


def as_insert(sql: bytes) -> Insert | None:
    """Takes an INSERT apart; `None` for anything else, INSERT … SELECT included."""
    tokens = _tokens(sql)
    if (first := next(tokens, None)) is None or first.keyword != b"INSERT":
        return None
    end = first.end
    previous = first
    for token in tokens:
        if token.keyword == b"VALUES":
            return Insert(sql[: token.start].decode(), "Values", token.end)
        if token.keyword == b"FORMAT" and (name := next(tokens, None)):
            return Insert(sql[: token.start].decode(), name.text.decode(), _after_format(sql, name.end))
        if token.text.upper() in (b"SELECT", b"WITH") and (token.depth == 0 or previous.text == b"("):
            return None
        if token.keyword == b"INFILE":
            raise ClickHouseError.of(INTO_OUTFILE_NOT_ALLOWED, "FROM INFILE is not allowed over HTTP.")
        if token.keyword == b";":
            break
        end = token.end
        previous = token
    return Insert(sql[:end].decode(), "Values", len(sql))


def _after_format(sql: bytes, position: int) -> int:
    """Data begins after the line of the format's name, or after the blanks when it is on the same line."""
    match = re.compile(rb"[ \t\f]*\r?\n?").match(sql, position)
    return match.end() if match else position


@dataclass(frozen=True)
class Output:
    """A statement that answers with rows, taken apart at its FORMAT clause."""

    statement: str
    tail: str
    format: str | None

    def into(self, path: str) -> str:
        """The statement with its rows written to a file."""
        return f"{self.statement} INTO OUTFILE '{path}' APPEND {self.tail}"


def as_output(sql: bytes) -> Output:
    """Finds a FORMAT clause at the end: nothing but SETTINGS may follow it. The closing semicolon is left out."""
    tokens = list(_tokens(sql))
    while tokens and tokens[-1].text == b";":
        tokens.pop()
    end = tokens[-1].end if tokens else 0
    for index, token in enumerate(tokens):
        if token.keyword == b"INTO" and index + 1 < len(tokens) and tokens[index + 1].keyword == b"OUTFILE":
            raise ClickHouseError.of(INTO_OUTFILE_NOT_ALLOWED, "INTO OUTFILE is not allowed over HTTP.")
    for index in range(len(tokens) - 2, 0, -1):
        after = tokens[index + 2].keyword if index + 2 < len(tokens) else b"SETTINGS"
        if tokens[index].keyword == b"FORMAT" and after == b"SETTINGS":
            start = tokens[index].start
            return Output(sql[:start].decode(), sql[start:end].decode(), tokens[index + 1].text.decode())
    return Output(sql[:end].decode(), "", None)


def literal(value: str) -> str:
    """A string as SQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """A name as SQL, whatever characters it has."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


_ESCAPES = {"b": "\b", "f": "\f", "r": "\r", "n": "\n", "t": "\t", "0": "\0", "a": "\a", "v": "\v"}


def unescape(value: str) -> str:
    """The text behind ClickHouse's TSV escaping, in which parameters of a query arrive."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found.group(1), found.group(1)), value, flags=re.DOTALL)
