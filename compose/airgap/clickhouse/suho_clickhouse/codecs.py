"""Compression of bodies: that of HTTP by Content-Encoding, and ClickHouse's own blocks (compress=1, decompress=1)."""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import lz4.block
import lz4.frame
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from .errors import CANNOT_DECOMPRESS, CHECKSUM_DOESNT_MATCH, UNKNOWN_COMPRESSION_METHOD, ClickHouseError


class Codec(Protocol):
    """One direction of one stream."""

    def feed(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class Identity:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Compressor:
    """The libraries' compressors, which differ in nothing but how they begin."""

    def __init__(self, compress, flush, head: bytes = b""):
        self._compress, self._flush, self._head = compress, flush, head

    def feed(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + self._compress(data)

    def finish(self) -> bytes:
        return self._head + self._flush()


def _zlib_compressor(window_bits: int) -> Codec:
    # Level 3 is the server's default as well.
    compressor = zlib.compressobj(3, zlib.DEFLATED, window_bits)
    return _Compressor(compressor.compress, compressor.flush)


def _zstd_compressor() -> Codec:
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    return _Compressor(compressor.compress, compressor.flush)


def _lz4_compressor() -> Codec:
    compressor = lz4.frame.LZ4FrameCompressor()
    return _Compressor(compressor.compress, compressor.flush, compressor.begin())


class _Frames:
    """Decompression of a stream of frames, of which each new one needs a new decompressor."""

    def __init__(self, make):
        self._make = make
        self._frame = None

    def feed(self, data: bytes) -> bytes:
        out = []
        try:
            while data:
                if self._frame is None:
                    self._frame = self._make()
                out.append(self._frame.decompress(data))
                data = b""
                if self._frame.eof:
                    data, self._frame = self._frame.unused_data or b"", None
        except (zlib.error, zstandard.ZstdError, RuntimeError) as error:
            raise ClickHouseError.of(CANNOT_DECOMPRESS, f"Cannot decompress the body: {error}.") from error
        return b"".join(out)

    def finish(self) -> bytes:
        if self._frame is not None:
            raise ClickHouseError.of(CANNOT_DECOMPRESS, "The compressed body ends too early.")
        return b""


# In the order of preference where a client takes several.
_ENCODERS: dict[str, Callable[[], Codec]] = {
    "zstd": _zstd_compressor,
    "lz4": _lz4_compressor,
    "gzip": lambda: _zlib_compressor(31),
    "deflate": lambda: _zlib_compressor(15),
}
_DECODERS: dict[str, Callable[[], Codec]] = {
    "": Identity,
    "identity": Identity,
    "zstd": lambda: _Frames(lambda: zstandard.ZstdDecompressor().decompressobj()),
    "lz4": lambda: _Frames(lz4.frame.LZ4FrameDecompressor),
    "gzip": lambda: _Frames(lambda: zlib.decompressobj(31)),
    "deflate": lambda: _Frames(lambda: zlib.decompressobj(15)),
}


def negotiate(accept_encoding: str) -> str | None:
    """The encoding to answer with, out of an Accept-Encoding header; `None` to leave the body as it is."""
    accepted = set()
    for item in accept_encoding.lower().split(","):
        name, _, weight = item.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0"):
            accepted.add(name.strip())
    return next((name for name in _ENCODERS if name in accepted), None)


def encoder(name: str | None) -> Codec:
    return _ENCODERS[name]() if name else Identity()


def decoder(content_encoding: str) -> Codec:
    try:
        return _DECODERS[content_encoding.strip().lower()]()
    except KeyError:
        message = f"Unknown compression method '{content_encoding}'. Supported: {', '.join(_ENCODERS)}."
        raise ClickHouseError.of(UNKNOWN_COMPRESSION_METHOD, message) from None


# ClickHouse's block: checksum (16), method (1), size of what follows from the method on (4), size of the data (4), data.
_CHECKSUM, _HEADER = 16, 9
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_BLOCK = 1 << 20
# A block larger than that is an attack or noise; the server draws the same line at 1 GiB.
_LARGEST_BLOCK = 1 << 28


def _checksum(block: bytes) -> bytes:
    """The hash's first half before its second, each little-endian; the library's number has them the other way round."""
    number = CityHash128(block)
    return (number >> 64).to_bytes(8, "little") + (number & (1 << 64) - 1).to_bytes(8, "little")


class BlockEncoder:
    """ClickHouse's blocks, compressed with LZ4."""

    def feed(self, data: bytes) -> bytes:
        return b"".join(self._blocks(data))

    def finish(self) -> bytes:
        return b""

    def _blocks(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _BLOCK):
            raw = data[start : start + _BLOCK]
            packed = lz4.block.compress(raw, store_size=False)
            sizes = (len(packed) + _HEADER).to_bytes(4, "little") + len(raw).to_bytes(4, "little")
            block = bytes([_LZ4]) + sizes + packed
            yield _checksum(block) + block


class BlockDecoder:
    """ClickHouse's blocks of any method a client writes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        out = []
        while (block := self._next_block()) is not None:
            out.append(self._unpack(block))
        return b"".join(out)

    def finish(self) -> bytes:
        if self._buffer:
            raise ClickHouseError.of(CANNOT_DECOMPRESS, "The last compressed block ends too early.")
        return b""

    def _next_block(self) -> bytes | None:
        if len(self._buffer) < _CHECKSUM + _HEADER:
            return None
        size = int.from_bytes(self._buffer[_CHECKSUM + 1 : _CHECKSUM + 5], "little")
        if not _HEADER <= size <= _LARGEST_BLOCK:
            raise ClickHouseError.of(CANNOT_DECOMPRESS, f"A compressed block of {size} bytes is not plausible.")
        if len(self._buffer) < _CHECKSUM + size:
            return None
        block = bytes(self._buffer[_CHECKSUM : _CHECKSUM + size])
        if _checksum(block) != self._buffer[:_CHECKSUM]:
            raise ClickHouseError.of(CHECKSUM_DOESNT_MATCH, "Checksum doesn't match: corrupted data.")
        del self._buffer[: _CHECKSUM + size]
        return block

    @staticmethod
    def _unpack(block: bytes) -> bytes:
        method, size, packed = block[0], int.from_bytes(block[5:9], "little"), block[_HEADER:]
        if size > _LARGEST_BLOCK:
            raise ClickHouseError.of(CANNOT_DECOMPRESS, f"A block of {size} bytes is not plausible.")
        try:
            if method == _LZ4:
                return lz4.block.decompress(packed, uncompressed_size=size)
            if method == _ZSTD:
                return zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
        except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
            raise ClickHouseError.of(CANNOT_DECOMPRESS, f"Cannot decompress a block: {error}.") from error
        if method == _NONE:
            return packed
        raise ClickHouseError.of(UNKNOWN_COMPRESSION_METHOD, f"Unknown method byte of a block: {method:#x}.")
