"""Hostile bodies at the endpoints of other systems' protocols: a clear 4xx or
bad lines skipped, bounded memory, all else goes on."""

import json
import random
import time
import unittest

from tests.support import datadog, http_client, otlp
from tests.support.cluster import Cluster
from tests.support.control_writer import ControlWriter
from tests.support.hostile_bodies import (CODINGS, REFUSED, gzip_bomb,
                                          zstd_bomb)

LIMIT_BYTES = 8 << 20
LIMIT_FLAGS = ("maxInsertRequestSize", "influx.maxRequestSize",
               "opentelemetry.maxRequestSize", "newrelic.maxInsertRequestSize",
               "opentsdbhttp.maxInsertRequestSize",
               "datadog.maxInsertRequestSize")
LIMIT_NAMED = r"-([\w.]*RequestSize|import.maxLineLen)="
NOW = int(time.time())
TAKEN = (200, 202, 204)


def otlp_protobuf():
    return otlp.request({"service.name": "x"}, None, otlp.metric(
        "good", 5, otlp.number_point({"n": "0"}, 1.5, NOW * 10**9)))


def otlp_json():
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [{
        "name": "good", "gauge": {"dataPoints": [
            {"asDouble": 1.5, "timeUnixNano": str(NOW * 10**9)}]}}]}]}]})


def datadog_json(version, tags=(), **members):
    point = [NOW, 1.5] if version == 1 else {"timestamp": NOW, "value": 1.5}
    return {"metric": "good", "points": [point], "tags": list(tags), **members}


# Path below the tenant, Content-Type, a good body, whether a body that does
# not parse is refused as a whole.
ENDPOINTS = (
    ("influx/write", "text/plain", lambda: f"good v=1.5 {NOW}000000000\n",
     False),
    ("influx/api/v2/write", "text/plain",
     lambda: f"good v=1.5 {NOW}000000000\n", False),
    ("prometheus/api/v1/import/csv?format=1:metric:good,2:time:unix_s",
     "text/csv", lambda: f"1.5,{NOW}\n", False),
    ("opentsdb/api/put", "application/json",
     lambda: json.dumps({"metric": "good", "timestamp": NOW, "value": 1.5}),
     True),
    ("newrelic/infra/v2/metrics/events/bulk", "application/json",
     lambda: json.dumps([{"Events": [{"eventType": "S", "good": 1.5}]}]),
     True),
    ("zabbixconnector/api/v1/history", "application/json",
     lambda: json.dumps({"host": {"host": "a", "name": "b"}, "groups": [],
                         "item_tags": [], "name": "good", "clock": NOW,
                         "ns": 0, "value": 1.5, "type": 0}) + "\n", False),
    ("opentelemetry/v1/metrics", "application/x-protobuf", otlp_protobuf,
     True),
    ("opentelemetry/v1/metrics", "application/json", otlp_json, True),
    ("datadog/api/v1/series", "application/json",
     lambda: json.dumps({"series": [datadog_json(1)]}), True),
    ("datadog/api/v2/series", "application/json",
     lambda: json.dumps({"series": [datadog_json(2)]}), True),
    ("datadog/api/v2/series", "application/x-protobuf",
     lambda: datadog.series("good", [(NOW, 1.5)]), True),
    ("datadog/api/beta/sketches", "application/x-protobuf",
     lambda: datadog.sketch("good", [(NOW, [1.5])]), True),
)


class BadProtocolBodiesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1, insert_args=[
            f"-{flag}={LIMIT_BYTES}" for flag in LIMIT_FLAGS] +
            ["-import.maxLineLen=1MiB"])
        cls.addClassCleanup(cls.cluster.close)
        cls.tenants = iter(range(1, 10_000))

    def setUp(self):
        self.tenant = str(next(self.tenants))
        self.control = ControlWriter(self.cluster)
        self.addCleanup(self.check_others)

    def check_others(self):
        self.control.check(self)
        for process in [p for p, _ in self.cluster.inserts]:
            self.assertTrue(process.running(), process.lines[-20:])
        self.assertTrue(self.cluster.storages[0].process.running())

    def post(self, path, content_type, body, coding=""):
        headers = {"Content-Type": content_type}
        if coding:
            headers["Content-Encoding"] = coding
        return http_client.request(self.cluster.insert, "POST",
                                   f"/insert/{self.tenant}/{path}", body,
                                   headers)

    def stored(self):
        return len(self.cluster.export("{__name__!=\"\"}", self.tenant))

    def test_good_bodies_are_taken_in_every_coding(self):
        for path, content_type, good, _ in ENDPOINTS:
            for coding in ("", "gzip", "deflate", "zstd"):
                self.tenant = str(next(self.tenants))
                body = good()
                body = CODINGS[coding](
                    body.encode() if isinstance(body, str) else body)
                with self.subTest(path=path, coding=coding):
                    answer = self.post(path, content_type, body, coding)
                    self.assertIn(answer.status, TAKEN, answer.text)
                    self.assertEqual(self.stored(),
                                     9 if "sketches" in path else 1)

    def test_cut_compressed_bodies_store_nothing(self):
        for path, content_type, good, _ in ENDPOINTS:
            body = good()
            body = body.encode() if isinstance(body, str) else body
            for coding in ("gzip", "deflate", "zstd"):
                whole = CODINGS[coding](body)
                for keep in (1, 5, len(whole) // 2, len(whole) - 1):
                    with self.subTest(path=path, coding=coding, keep=keep):
                        answer = self.post(path, content_type, whole[:keep],
                                           coding)
                        self.assertIn(answer.status, REFUSED, answer.text)
        self.assertEqual(self.stored(), 0)

    def test_bombs_are_refused_within_the_limit_of_bodies(self):
        bombs = (("gzip", gzip_bomb(31)), ("zstd", zstd_bomb()),
                 ("zstd", zstd_bomb(window_log=22)))
        for path, content_type, good, _ in ENDPOINTS:   # what each needs
            self.assertIn(self.post(path, content_type, good()).status, TAKEN)
        process = self.cluster.inserts[0][0]
        at_first = process.status_bytes("VmRSS")
        for path, content_type, _, _ in ENDPOINTS:
            for coding, bomb in bombs:
                with self.subTest(path=path, coding=coding):
                    before = process.status_bytes("VmRSS")
                    process.forget_peak_memory()
                    answer = self.post(path, content_type, bomb, coding)
                    self.assertIn(answer.status, REFUSED, answer.text)
                    self.assertRegex(answer.text, LIMIT_NAMED)
                    peak = process.status_bytes("VmHWM")
                    self.assertLess(peak - before, LIMIT_BYTES)
        # What the threads that took one, and their arenas, have kept.
        self.assertLess(process.status_bytes("VmRSS") - at_first, LIMIT_BYTES)

    def test_garbage_is_refused_or_skipped(self):
        seeded = random.Random(3)
        garbage = {
            "random": seeded.randbytes(20_000),
            "zeros": bytes(20_000), "ones": b"\xff" * 20_000,
            "open brackets": b"[" * 200_000,
            "open braces": b'{"a":' * 100_000,
            "groups in groups": b"\x0b" * 100_000 + b"\x0c" * 100_000,
            "a length of 2^63": b"\x0a" + b"\xff" * 9 + b"\x01",
            "quotes": b'"' * 50_001, "commas": b"," * 200_000,
            "equals": b"=" * 200_001, "backslashes": b"\\" * 200_001,
            "spaces": b" " * 200_000,
            "lines": b"\n" * 200_000, "NUL lines": b"\0\n" * 50_000,
            "not text": b"\xc3\x28 \xff\xfe=1\n" * 1000,
        }
        for path, content_type, _, whole in ENDPOINTS:
            for what, body in garbage.items():
                with self.subTest(path=path, what=what):
                    answer = self.post(path, content_type, body)
                    if whole and not body.strip():
                        continue
                    expected = REFUSED if whole else REFUSED + TAKEN
                    self.assertIn(answer.status, expected, answer.text)
                    self.assertLess(len(answer.text), 10_000)
        self.assertEqual(self.stored(), 0)

    def test_long_labels_and_many_of_them_are_refused(self):
        tags = ",".join(f"l{i}=x" for i in range(10_000))
        long = "x" * (1 << 20)
        bodies = {
            "influx/write": (f"bad,l={long} v=1\ngood v=2\n",
                             f"bad,{tags} v=1\ngood v=2\n"),
            "opentsdb/api/put": tuple(
                json.dumps([{"metric": "bad", "value": 1, "tags": tags},
                            {"metric": "good", "value": 2}])
                for tags in ({"l": long},
                             {f"l{i}": "x" for i in range(10_000)})),
            "newrelic/infra/v2/metrics/events/bulk": (
                json.dumps([{"Events": [{"eventType": long, "bad": 1}]},
                            {"Events": [{"eventType": "S", "good": 1}]}]),),
        }
        bodies.update({f"datadog/api/v{version}/series": tuple(
            json.dumps({"series": [datadog_json(version, tags, metric="bad"),
                                   datadog_json(version)]})
            for tags in (["l:" + long], [f"l{i}:x" for i in range(10_000)]))
            for version in (1, 2)})
        for path, content_type, _, _ in ENDPOINTS:
            if content_type == "application/x-protobuf":
                continue
            for body in bodies.get(path, ()):
                with self.subTest(path=path):
                    self.tenant = str(next(self.tenants))
                    answer = self.post(path, content_type, body)
                    self.assertIn(answer.status, TAKEN + REFUSED)
                    self.assertLess(len(answer.text), 10_000)
                    names = {dict(key)["__name__"] for key in
                             self.cluster.export('{__name__!=""}',
                                                 self.tenant)}
                    self.assertEqual(len(names), 1, (answer.text, names))
                    self.assertTrue(names.pop().startswith("good"))


if __name__ == "__main__":
    unittest.main()
