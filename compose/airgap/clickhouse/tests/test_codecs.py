import unittest

from suho_clickhouse import codecs
from suho_clickhouse.errors import ClickHouseError

DATA = bytes(range(256)) * 20_000


def pieces(data: bytes, size: int):
    return (data[start : start + size] for start in range(0, len(data), size))


class Encodings(unittest.TestCase):
    def test_round_trip_in_small_pieces(self):
        for name in ("gzip", "deflate", "zstd", "lz4"):
            encoder, decoder = codecs.encoder(name), codecs.decoder(name)
            packed = b"".join(map(encoder.feed, pieces(DATA, 70_000))) + encoder.finish()
            self.assertEqual(b"".join(map(decoder.feed, pieces(packed, 1_000))) + decoder.finish(), DATA, name)

    def test_several_frames_one_after_the_other(self):
        encoder, again, decoder = codecs.encoder("lz4"), codecs.encoder("lz4"), codecs.decoder("lz4")
        packed = encoder.feed(b"a") + encoder.finish() + again.feed(b"b") + again.finish()
        self.assertEqual(decoder.feed(packed) + decoder.finish(), b"ab")

    def test_a_body_cut_short_is_an_error(self):
        encoder, decoder = codecs.encoder("gzip"), codecs.decoder("gzip")
        decoder.feed((encoder.feed(DATA) + encoder.finish())[:-10])
        self.assertRaises(ClickHouseError, decoder.finish)

    def test_negotiation(self):
        self.assertEqual(codecs.negotiate("gzip, deflate, zstd;q=0"), "gzip")
        self.assertIsNone(codecs.negotiate("br"))
        self.assertRaises(ClickHouseError, codecs.decoder, "br")


class Blocks(unittest.TestCase):
    def test_round_trip_in_small_pieces(self):
        packed, decoder = codecs.BlockEncoder().feed(DATA), codecs.BlockDecoder()
        self.assertEqual(b"".join(map(decoder.feed, pieces(packed, 999))) + decoder.finish(), DATA)

    def test_a_block_that_is_not_compressed(self):
        body = b"\x02" + (9 + 3).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"\x00\x01\x02"
        self.assertEqual(codecs.BlockDecoder().feed(codecs._checksum(body) + body), b"\x00\x01\x02")

    def test_noise_and_endings(self):
        packed = bytearray(codecs.BlockEncoder().feed(b"abc" * 100))
        packed[-1] ^= 1
        with self.assertRaises(ClickHouseError) as caught:
            codecs.BlockDecoder().feed(bytes(packed))
        self.assertEqual(caught.exception.code, 40)
        decoder = codecs.BlockDecoder()
        decoder.feed(b"abc")
        self.assertRaises(ClickHouseError, decoder.finish)


if __name__ == "__main__":
    unittest.main()
