import unittest

from suho_clickhouse import sql
from suho_clickhouse.errors import ClickHouseError


class Insert(unittest.TestCase):
    def test_data_begins_after_the_line_of_the_format(self):
        text = b"INSERT INTO t (a, b) FORMAT RowBinary\n\x01\x02"
        insert = sql.as_insert(text)
        self.assertEqual((insert.header, insert.format, text[insert.data_offset :]), ("INSERT INTO t (a, b) ", "RowBinary", b"\x01\x02"))

    def test_values_follow_their_keyword(self):
        text = b"INSERT INTO t SETTINGS async_insert = 1 VALUES (1), (2)"
        insert = sql.as_insert(text)
        self.assertEqual((insert.format, text[insert.data_offset :]), ("Values", b" (1), (2)"))

    def test_a_select_brings_its_own_rows(self):
        for text in (b"INSERT INTO t SELECT 1", b"INSERT INTO t (a) WITH 1 AS x SELECT x", b"INSERT INTO t (SELECT 1)", b"SELECT 1"):
            self.assertIsNone(sql.as_insert(text), text)

    def test_words_in_quotes_and_brackets_are_not_keywords(self):
        insert = sql.as_insert(b"INSERT INTO `values` (`format`, \"select\") /* FORMAT CSV */ FORMAT TSV\n")
        self.assertEqual(insert.format, "TSV")

    def test_without_a_format_the_body_holds_values(self):
        insert = sql.as_insert(b"INSERT INTO t (a, b) ;")
        self.assertEqual((insert.header, insert.format), ("INSERT INTO t (a, b)", "Values"))

    def test_files_of_the_server_are_not_read(self):
        with self.assertRaises(ClickHouseError):
            sql.as_insert(b"INSERT INTO t FROM INFILE '/etc/passwd' FORMAT TSV")


class Output(unittest.TestCase):
    def test_format_at_the_end_with_and_without_settings(self):
        output = sql.as_output(b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1;")
        self.assertEqual((output.statement, output.format), ("SELECT 1 ", "JSON"))
        self.assertEqual(output.into("/x"), "SELECT 1  INTO OUTFILE '/x' APPEND FORMAT JSON SETTINGS max_threads = 1")

    def test_a_column_named_format_is_a_column(self):
        for text in (b"SELECT format FROM t", b"SELECT (1 FORMAT JSON)", b"SELECT 'FORMAT JSON'", b"SELECT 1 -- FORMAT JSON"):
            self.assertIsNone(sql.as_output(text).format, text)

    def test_files_of_the_server_are_not_written(self):
        with self.assertRaises(ClickHouseError) as caught:
            sql.as_output(b"SELECT 1 INTO OUTFILE '/tmp/x'")
        self.assertEqual(caught.exception.code, 358)


class Quoting(unittest.TestCase):
    def test_strings_and_names(self):
        self.assertEqual(sql.literal("it's \\"), "'it\\'s \\\\'")
        self.assertEqual(sql.identifier("a`b"), "`a\\`b`")
        self.assertEqual(sql.unescape("a\\tb\\\\c"), "a\tb\\c")


if __name__ == "__main__":
    unittest.main()
