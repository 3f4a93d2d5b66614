"""Errors as ClickHouse words them, and the HTTP status that belongs to each code."""

import re

UNKNOWN_FORMAT = 73
BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
SYNTAX_ERROR = 62
UNKNOWN_COMPRESSION_METHOD = 89
READONLY = 164
THERE_IS_NO_PROFILE = 180
CANNOT_DECOMPRESS = 271
CHECKSUM_DOESNT_MATCH = 40
INTO_OUTFILE_NOT_ALLOWED = 358
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
INVALID_SESSION_TIMEOUT = 374
UNKNOWN_ROLE = 511
AUTHENTICATION_FAILED = 516
STD_EXCEPTION = 1001

_NAMES = {value: name for name, value in list(globals().items()) if name.isupper()}

_STATUS_OF_CODES = {
    400: {6, 26, 27, 32, 33, 34, 36, 38, 41, 42, 43, 53, 62, 69, 70, 72, 117, 130, 131, 320, 321, 349, 374, 441, 452, 457},
    401: {194},
    403: {192, 193, 497, 511, 512, 516},
    404: {46, 47, 50, 51, 60, 63, 73, 78, 81, 115, 336, 372},
    408: {159},
    411: {381},
    413: {128, 223, 307},
    501: {48},
    503: {202, 209},
}
_STATUS = {code: status for status, codes in _STATUS_OF_CODES.items() for code in codes}

# The library wraps an error of the start into one or two of its own.
_WRAPPERS = re.compile(r"^(?:Code: \d+\. DB::Exception: )?(?:Failed to create connection|Connection failed): ")
_STACK_TRACE = re.compile(r", Stack trace \(when copying.*?(?= \(version )", re.DOTALL)
_CODE = re.compile(r"\s*Code: (\d+)")


class ClickHouseError(Exception):
    """An error with ClickHouse's code; its text is what a client finds in the body of the answer."""

    def __init__(self, code: int, text: str):
        super().__init__(text)
        self.code = code

    @classmethod
    def of(cls, code: int, message: str) -> "ClickHouseError":
        """An error of the front's own, worded as the server words it."""
        return cls(code, f"Code: {code}. DB::Exception: {message} ({_NAMES[code]})")

    @classmethod
    def from_engine(cls, error: Exception) -> "ClickHouseError":
        """What the library raised; it gives the text alone, and the code is the first thing in it."""
        text = _STACK_TRACE.sub("", _WRAPPERS.sub("", str(error).strip()))
        found = _CODE.match(text)
        if found:
            return cls(int(found.group(1)), text)
        return cls.of(STD_EXCEPTION, text)

    @property
    def status(self) -> int:
        return _STATUS.get(self.code, 500)
