"""Bad input: a 4xx that names the cause, nothing half stored, alive."""

import gzip
import json
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster

WRITE = "/insert/0/prometheus/api/v1/write"


class BadInputTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1)
        cls.now = int(time.time())

    @classmethod
    def tearDownClass(cls):
        for process, _ in cls.cluster.inserts + cls.cluster.selects:
            assert process.running(), process.lines[-20:]
        assert cls.cluster.storages[0].process.running()
        cls.cluster.close()

    def good(self, name, count=3):
        return [({"__name__": name, "n": str(i)}, [(self.now * 1000, i)])
                for i in range(count)]

    def stored(self, name):
        return len(self.cluster.query(name, self.now)["data"]["result"])

    def test_truncated_bodies_store_nothing(self):
        body = remote_write.write_request(self.good("cut"))
        whole = remote_write.snappy(body)
        for keep in range(1, len(whole), 7):
            answer = self.cluster.write_body(whole[:keep])
            self.assertEqual(answer.status, 400, keep)
        for keep in range(1, len(body)):
            answer = self.cluster.write_body(remote_write.snappy(body[:keep]))
            if answer.status != 400:   # a cut between two series is a message
                self.assertEqual(answer.status, 204)
        self.assertLessEqual(self.stored("cut"), 2)

    def test_garbage_is_refused(self):
        for body in (b"\xff" * 100, b"garbage", b"\x00" * 1000,
                     remote_write.snappy(b"\xff" * 50)):
            for encoding in ("snappy", "zstd", "gzip", ""):
                answer = self.cluster.write_body(body, encoding=encoding)
                self.assertEqual(answer.status, 400, (body[:10], encoding))
                self.assertTrue(answer.text.strip())

    def test_a_body_that_claims_gigabytes_is_refused_by_its_header(self):
        bomb = remote_write.varint(3 << 30) + b"\xfe\xff\xff" * 100
        answer = self.cluster.write_body(bomb)
        self.assertEqual(answer.status, 400)
        self.assertIn("-maxInsertRequestSize", answer.text)

    def test_a_gzip_bomb_is_refused_while_it_unpacks(self):
        before = self.cluster.inserts[0][0].status_bytes("VmHWM")
        bomb = gzip.compress(b"up 1\n" * (60 << 20), 9)
        answer = http_client.request(
            self.cluster.insert, "POST",
            "/insert/0/prometheus/api/v1/import/prometheus", bomb,
            {"Content-Encoding": "gzip"})
        self.assertEqual(answer.status, 400)
        self.assertIn("-maxInsertRequestSize", answer.text)
        grown = self.cluster.inserts[0][0].status_bytes("VmHWM") - before
        self.assertLess(grown, 200 << 20)

    def test_an_oversized_body_names_the_flag(self):
        series = self.good("big", 1)
        series[0][0]["pad"] = "x" * (33 << 20)
        answer = self.cluster.write(series)
        self.assertEqual(answer.status, 400)
        self.assertIn("-maxInsertRequestSize", answer.text)

    def test_bad_tenants_and_paths_are_refused(self):
        body = remote_write.snappy(remote_write.write_request(self.good("t")))
        for tenant in ("-1", "abc", "4294967296", "1:4294967296", "1:2:3",
                       "1:", ":1", "1.5", "%20"):
            for path in (f"/insert/{tenant}/prometheus/api/v1/write",
                         f"/select/{tenant}/prometheus/api/v1/query?query=1"):
                server = (self.cluster.insert if "insert" in path
                          else self.cluster.select)
                answer = http_client.request(server, "POST", path, body)
                self.assertEqual(answer.status, 400, path)
        for server in (self.cluster.insert, self.cluster.select,
                       self.cluster.storages[0].http):
            answer = http_client.get(server, "/no/such/path")
            self.assertEqual(answer.status, 400)
            self.assertIn("unsupported path requested", answer.text)

    def test_malformed_queries_are_400_with_their_position(self):
        for query in ("", "up{", "sum(", "rate(up, up)", "up[5m]]", "1 +",
                      "foo{bar=~\"(\"}", "(" * 10000, "up offset"):
            answer = http_client.post_form(
                self.cluster.select, "/select/0/prometheus/api/v1/query",
                {"query": query, "time": self.now})
            self.assertIn(answer.status, (400, 422), query[:20])
            error = answer.json()
            self.assertEqual(error["status"], "error")
            self.assertEqual(error["errorType"], str(answer.status))
            self.assertTrue(error["error"])

    def test_bad_series_are_named_and_the_good_ones_stored(self):
        bad = [
            ([("__name__", "mixed"), ("l", b"\xff\xfe")], "UTF-8"),
            ([("__name__", "mixed"), ("a", "1"), ("a", "2")], "duplicate"),
            ([("__name__", "mixed"), ("l", "x" * 4097)],
             "-maxLabelValueLen"),
            ([("__name__", "mixed"), ("l" * 257, "x")], "-maxLabelNameLen"),
            ([("__name__", "mixed")] +
             [(f"l{i:02}", "x") for i in range(41)],
             "-maxLabelsPerTimeseries"),
        ]
        for number, (labels, cause) in enumerate(bad):
            name = f"mixed{number}"
            series = self.good(name) + [(labels, [(self.now * 1000, 1)])]
            answer = self.cluster.write(series)
            self.assertEqual(answer.status, 400, cause)
            self.assertIn(cause, answer.text)
            self.assertIn("3", answer.text)
            self.assertEqual(self.stored(name), 3, cause)
        self.assertEqual(self.stored("mixed"), 0)
        self.assertGreaterEqual(http_client.metric(
            self.cluster.insert, "vm_rows_ignored_total"), len(bad))

    def test_bad_lines_of_a_text_import_are_skipped(self):
        answer = http_client.request(
            self.cluster.insert, "POST",
            "/insert/0/prometheus/api/v1/import/prometheus",
            f"# HELP text_good x\ntext_good{{a=\"b\"}} 7 {self.now * 1000}\n"
            "text_bad{ 1\nnot a line\n"
            f"text_good{{a=\"c\"}} NaN {self.now * 1000}\n".encode())
        self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(self.stored("text_good"), 2)

    def test_json_lines_come_back_bit_for_bit(self):
        values = [1.7319999999999998, -0.0, 5e-324, 1.7976931348623157e308,
                  0.1, 123456789012345678]
        stamps = [self.now * 1000 - 1000 * i for i in range(len(values))]
        line = json.dumps({"metric": {"__name__": "json_exact", "é": "ü"},
                           "values": values, "timestamps": stamps})
        answer = http_client.request(
            self.cluster.insert, "POST",
            "/insert/0/prometheus/api/v1/import", line.encode() + b"\n")
        self.assertEqual(answer.status, 204, answer.text)
        exported = self.cluster.export("json_exact", start=self.now - 100)
        (samples,) = exported.values()
        self.assertEqual(
            {t: repr(float(v)) for t, v in samples},
            {t: repr(float(v)) for t, v in zip(stamps, values)})

    def test_an_empty_write_is_accepted(self):
        self.assertEqual(self.cluster.write_body(b"").status, 204)

    def test_out_of_retention_samples_are_dropped_and_counted(self):
        future = (self.now + 10 * 86400) * 1000
        answer = self.cluster.write(
            [({"__name__": "future"}, [(future, 1), (self.now * 1000, 2)])])
        self.assertEqual(answer.status, 204)
        (samples,) = self.cluster.export(
            "future", end=self.now + 20 * 86400).values()
        self.assertEqual(samples, [(self.now * 1000, 2)])
        self.assertEqual(http_client.metric(
            self.cluster.storages[0].http,
            'vm_rows_ignored_total{reason="big_timestamp"}'), 1)


if __name__ == "__main__":
    unittest.main()
