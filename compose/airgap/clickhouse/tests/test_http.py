"""Against a running container: CLICKHOUSE_URL=http://127.0.0.1:8123 and the two passwords in the environment."""

import http.client
import json
import os
import threading
import time
import unittest
import urllib.parse

from suho_clickhouse.codecs import BlockDecoder, BlockEncoder

URL = urllib.parse.urlsplit(os.environ.get("CLICKHOUSE_URL", ""))
DATABASE = "scratch"


class Answer:
    def __init__(self, response: http.client.HTTPResponse):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def text(self) -> str:
        return self.body.decode().rstrip("\n")

    @property
    def summary(self) -> dict:
        return json.loads(self.headers["X-ClickHouse-Summary"])


def ask(query=None, body=None, user="suho", password=None, method="POST", headers={}, **parameters) -> Answer:
    variable = "SUHO_CLICKHOUSE_READER_PASSWORD" if user == "suho_reader" else "SUHO_CLICKHOUSE_PASSWORD"
    if user:
        headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password or os.environ[variable]} | headers
    if query is not None:
        parameters["query"] = query
    connection = http.client.HTTPConnection(URL.netloc, timeout=60)
    try:
        connection.request(method, "/?" + urllib.parse.urlencode(parameters), body, headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


@unittest.skipUnless(URL.netloc, "CLICKHOUSE_URL is not set")
class Http(unittest.TestCase):
    def setUp(self):
        self.table = f"{DATABASE}.t{time.monotonic_ns()}"

    def tearDown(self):
        ask(f"DROP TABLE IF EXISTS {self.table} SYNC")

    def create(self, columns="a UInt64, s String"):
        answer = ask(f"CREATE TABLE {self.table} ({columns}) ENGINE = MergeTree ORDER BY tuple()")
        self.assertEqual(answer.status, 200, answer.text)

    def count(self) -> int:
        return int(ask(f"SELECT count() FROM {self.table}").text)


class Queries(Http):
    def test_query_in_the_url_in_the_body_and_in_both(self):
        self.assertEqual(ask("SELECT 1").text, "1")
        self.assertEqual(ask(body="SELECT 2").text, "2")
        self.assertEqual(ask("SELECT", body="3").text, "3")

    def test_formats(self):
        answer = ask("SELECT 1 AS x", default_format="JSONEachRow")
        self.assertEqual((answer.text, answer.headers["X-ClickHouse-Format"]), ('{"x":1}', "JSONEachRow"))
        answer = ask("SELECT 1 AS x FORMAT CSVWithNames", default_format="JSONEachRow")
        self.assertEqual((answer.text, answer.headers["X-ClickHouse-Format"]), ('"x"\n1', "CSVWithNames"))
        self.assertEqual(ask("SELECT toUInt8(7) AS x FORMAT RowBinaryWithNamesAndTypes").body, b"\x01\x01x\x05UInt8\x07")

    def test_an_empty_result_has_its_frame(self):
        self.assertEqual(json.loads(ask("SELECT 1 AS x WHERE 0 FORMAT JSON").body)["rows"], 0)

    def test_parameters_are_bound(self):
        answer = ask(
            "SELECT {s:String}, {a:Array(String)}, {n:Nullable(Int8)} IS NULL FORMAT JSONCompactEachRow",
            param_s="a\\tb", param_a="['x', 'it\\'s']", param_n="\\N",
        )
        self.assertEqual(json.loads(answer.body), ["a\tb", ["x", "it's"], 1])

    def test_parameters_in_a_form(self):
        form = b"".join(
            b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair
            for pair in ((b"query", b"SELECT {x:UInt8} + 1"), (b"param_x", b"41"))
        )
        answer = ask(body=form + b"--edge--\r\n", headers={"Content-Type": "multipart/form-data; boundary=edge"})
        self.assertEqual(answer.text, "42")

    def test_one_statement_at_a_time(self):
        self.assertEqual(ask("SELECT 1; SELECT 2").headers["X-ClickHouse-Exception-Code"], "62")
        self.assertEqual(ask("SELECT 1;").text, "1")

    def test_get_does_not_write(self):
        answer = ask(f"CREATE TABLE {self.table} (a Int8) ENGINE = Memory", method="GET")
        self.assertEqual(answer.headers["X-ClickHouse-Exception-Code"], "164")

    def test_headers(self):
        answer = ask("SELECT number FROM numbers(10)", query_id="my-query")
        self.assertEqual(answer.headers["X-ClickHouse-Query-Id"], "my-query")
        self.assertEqual(answer.headers["X-ClickHouse-Timezone"], "UTC")
        self.assertEqual(answer.summary["read_rows"], "10")

    def test_large_results_are_streamed(self):
        answer = ask("SELECT number FROM numbers(3000000)")
        self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")
        self.assertEqual(answer.body.count(b"\n"), 3_000_000)

    def test_settings_database_and_profile(self):
        self.assertEqual(ask("SELECT getSetting('max_block_size')", max_block_size="77").text, "77")
        self.assertEqual(ask("SELECT currentDatabase()", database=DATABASE).text, DATABASE)
        self.assertEqual(ask("SELECT getSetting('async_insert')", profile="ingest").text, "true")
        self.assertEqual(ask("SELECT getSetting('async_insert')").text, "false")


class Errors(Http):
    def test_a_statement_that_is_not_utf8(self):
        answer = ask(body=b"SELECT '\xff'")
        self.assertEqual((answer.status, answer.headers["X-ClickHouse-Exception-Code"]), (400, "36"))

    def test_code_and_status(self):
        expected = {
            "SELECT * FROM nodb.t": (81, 404),
            f"SELECT * FROM {DATABASE}.no_such_table": (60, 404),
            "SELECT no_such_column": (47, 404),
            "SELEC 1": (62, 400),
            "SELECT 1 FORMAT NoSuchFormat": (73, 404),
            "SELECT throwIf(1)": (395, 500),
            "SELECT 1 INTO OUTFILE '/tmp/x'": (358, 500),
        }
        for query, (code, status) in expected.items():
            answer = ask(query)
            self.assertEqual((answer.headers["X-ClickHouse-Exception-Code"], answer.status), (str(code), status), query)
            self.assertRegex(answer.text, rf"^Code: {code}\. DB::Exception: ")

    def test_an_error_after_the_first_rows_is_marked_and_breaks_the_answer(self):
        with self.assertRaises(http.client.IncompleteRead) as caught:
            ask("SELECT throwIf(number = 3000000) FROM numbers(5000000)")
        self.assertIn(b"Code: 395.", caught.exception.partial[-600:])
        self.assertTrue(caught.exception.partial.endswith(b"__exception__\r\n"))

    def test_wait_end_of_query_gives_late_errors_their_status(self):
        self.assertEqual(ask("SELECT throwIf(number = 3000000) FROM numbers(5000000)", wait_end_of_query="1").status, 500)


class Access(Http):
    def test_nobody_comes_in_without_the_password(self):
        for arguments in ({"user": None}, {"password": "wrong"}, {"user": "nobody"}, {"user": "default", "password": "x"}):
            answer = ask("SELECT 1", **arguments)
            self.assertEqual((answer.status, answer.headers["X-ClickHouse-Exception-Code"]), (403, "516"), arguments)

    def test_the_reader_reads(self):
        self.create()
        self.assertEqual(ask(f"SELECT count() FROM {self.table}", user="suho_reader").text, "0")
        for query, body in ((f"INSERT INTO {self.table} FORMAT TSV", b"1\tx\n"), (f"DROP TABLE {self.table}", None)):
            self.assertEqual(ask(query, body, user="suho_reader").headers["X-ClickHouse-Exception-Code"], "164")

    def test_the_reader_stays_within_its_constraints(self):
        for name, value in (("max_memory_usage", "9000000000"), ("max_execution_time", "0"), ("profile", "service"), ("profile", "default")):
            answer = ask("SELECT 1", user="suho_reader", **{name: value})
            self.assertEqual(answer.headers["X-ClickHouse-Exception-Code"], "452", (name, value))
        self.assertEqual(ask("SELECT 1", user="suho_reader", readonly="0").headers["X-ClickHouse-Exception-Code"], "164")

    def test_no_password_is_in_reach_of_a_query(self):
        answer = ask("SELECT * FROM file('/proc/self/environ', 'RawBLOB')", user="suho_reader")
        self.assertNotIn(os.environ["SUHO_CLICKHOUSE_PASSWORD"], answer.text)


class Inserts(Http):
    def test_values_and_a_body_of_rows(self):
        self.create()
        self.assertEqual(ask(body=f"INSERT INTO {self.table} VALUES (1, 'x'), (2, 'y')").summary["written_rows"], "2")
        self.assertEqual(ask(f"INSERT INTO {self.table} FORMAT TSV", b"3\tz\n").status, 200)
        self.assertEqual(ask(f"INSERT INTO {self.table} SELECT number, 'n' FROM numbers(5)").status, 200)
        self.assertEqual(self.count(), 8)

    def test_a_chunked_body_and_a_table_by_parameter(self):
        self.create()
        database, table = self.table.split(".")
        rows = (b"%d\tx\n" % number * 1000 for number in range(300))
        answer = ask("INSERT INTO {d:Identifier}.{t:Identifier} FORMAT TSV", rows, param_d=database, param_t=table)
        self.assertEqual((answer.status, self.count()), (200, 300_000), answer.text)

    def test_what_the_format_does_not_take_is_refused(self):
        self.create()
        answer = ask(f"INSERT INTO {self.table} FORMAT TSV", b"not a number\tx\n")
        self.assertEqual((answer.status, answer.headers["X-ClickHouse-Exception-Code"], self.count()), (400, "27", 0))

    def test_a_body_that_breaks_off_inserts_nothing(self):
        self.create()
        connection = http.client.HTTPConnection(URL.netloc)
        connection.putrequest("POST", "/?" + urllib.parse.urlencode({"query": f"INSERT INTO {self.table} FORMAT TSV"}))
        connection.putheader("X-ClickHouse-User", "suho")
        connection.putheader("X-ClickHouse-Key", os.environ["SUHO_CLICKHOUSE_PASSWORD"])
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"1\tx\n")
        time.sleep(0.3)
        connection.close()
        time.sleep(0.3)
        self.assertEqual(self.count(), 0)

    def test_asynchronous_inserts_are_there_after_the_answer(self):
        self.create()
        self.assertEqual(ask(f"INSERT INTO {self.table} FORMAT TSV", b"1\tx\n", profile="ingest").status, 200)
        self.assertEqual(self.count(), 1)


class Compression(Http):
    def test_blocks_both_ways(self):
        self.create()
        rows = BlockEncoder().feed(b"1\tx\n" * 500_000)
        self.assertEqual(ask(f"INSERT INTO {self.table} FORMAT TSV", rows, decompress="1").status, 200)
        answer = ask(f"SELECT a, s FROM {self.table}", compress="1")
        self.assertEqual(BlockDecoder().feed(answer.body), b"1\tx\n" * 500_000)

    def test_damaged_blocks_are_refused(self):
        self.create()
        rows = bytearray(BlockEncoder().feed(b"1\tx\n" * 100))
        rows[-1] ^= 1
        answer = ask(f"INSERT INTO {self.table} FORMAT TSV", bytes(rows), decompress="1")
        self.assertEqual((answer.headers["X-ClickHouse-Exception-Code"], self.count()), ("40", 0))


class SessionsOverHttp(Http):
    def test_a_session_keeps_tables_and_settings_but_not_those_of_a_request(self):
        session = {"session_id": f"s{time.monotonic_ns()}"}
        self.assertEqual(ask("CREATE TEMPORARY TABLE tmp (a Int8)", **session).status, 200)
        self.assertEqual(ask("SELECT count() FROM tmp", **session).text, "0")
        ask("SET max_block_size = 99", **session)
        self.assertEqual(ask("SELECT getSetting('max_block_size')", max_block_size="77", **session).text, "77")
        self.assertEqual(ask("SELECT getSetting('max_block_size')", **session).text, "99")
        self.assertEqual(ask("SELECT count() FROM tmp").status, 404)

    def test_sessions_are_locked_checked_and_end(self):
        session = {"session_id": f"s{time.monotonic_ns()}"}
        self.assertEqual(ask("SELECT 1", session_check="1", **session).headers["X-ClickHouse-Exception-Code"], "372")
        slow = threading.Thread(target=ask, args=("SELECT sleep(1)",), kwargs=session)
        slow.start()
        time.sleep(0.4)
        self.assertEqual(ask("SELECT 1", **session).headers["X-ClickHouse-Exception-Code"], "373")
        slow.join()
        self.assertEqual(ask("SELECT 1", session_timeout="1", **session).text, "1")
        time.sleep(3)
        self.assertEqual(ask("SELECT 1", session_check="1", **session).headers["X-ClickHouse-Exception-Code"], "372")


class Metrics(Http):
    def test_every_family_that_is_switched_on_has_its_lines(self):
        connection = http.client.HTTPConnection(URL.hostname, 9363, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        for family in (
            "ClickHouseMetrics_Query",
            "ClickHouseProfileEvents_Query",
            "ClickHouseAsyncMetrics_MaxPartCountForPartition",
            "ClickHouseErrorMetric_ALL",
        ):
            self.assertTrue(any(line.startswith(f"{family} ") for line in lines), family)


class Together(Http):
    def test_sixteen_clients_do_not_wait_for_each_other(self):
        threads = [threading.Thread(target=ask, args=("SELECT sleep(1)",)) for _ in range(16)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLess(time.monotonic() - begin, 4)

    def test_a_client_that_leaves_takes_its_query_along(self):
        connection = http.client.HTTPConnection(URL.netloc)
        headers = {"X-ClickHouse-User": "suho", "X-ClickHouse-Key": os.environ["SUHO_CLICKHOUSE_PASSWORD"]}
        mark = f"left{time.monotonic_ns()}"
        query = urllib.parse.quote(f"SELECT number, '{mark}' FROM system.numbers")
        connection.request("POST", f"/?query={query}", headers=headers)
        connection.getresponse().read(2_000_000)
        connection.close()
        running = f"SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query_id != queryID()"
        deadline = time.monotonic() + 10
        while ask(running).text != "0" and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(ask(running).text, "0")


if __name__ == "__main__":
    unittest.main()
