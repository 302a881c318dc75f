"""OTLP/HTTP: the real OpenTelemetry SDK, answers, and names as
VictoriaMetrics makes them."""

import gzip
import json
import os
import shutil
import struct
import subprocess
import time
import unittest

from tests.support import http_client, otlp
from tests.support.cluster import Cluster
from tests.support.peers import Peer
from tests.support.processes import peer

FOLDER = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(os.environ.get("VARVE_PEERS", "/nonexistent"), "npm",
                        "node_modules")
HAS_SDK = shutil.which("node") and os.path.isdir(
    os.path.join(PACKAGES, "@opentelemetry", "sdk-metrics"))
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


@unittest.skipUnless(HAS_SDK, "skipped: no peer")
class OpenTelemetrySdkTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=2, replication_factor=2)
        cls.addClassCleanup(cls.cluster.close)

    def export(self, encoding, path, *header):
        run = subprocess.run(
            ["node", os.path.join(FOLDER, "otlp_exporter.js"), encoding,
             f"http://{self.cluster.insert}{path}", *header],
            env=dict(os.environ, NODE_PATH=PACKAGES), capture_output=True,
            text=True, timeout=60, check=False)
        self.assertEqual((run.stdout, run.stderr, run.returncode), ("", "", 0))

    def query(self, text, tenant):
        answer = http_client.post_form(
            self.cluster.select, f"/select/{tenant}/prometheus/api/v1/query",
            {"query": text, "time": time.time() + 1})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json()["data"]["result"]

    def values(self, text, tenant):
        return {tuple(sorted(one["metric"].items())): float(one["value"][1])
                for one in self.query(text, tenant)}

    def check(self, tenant, base, names):
        """`base`: labels of all series; `names`: of metrics as stored."""
        def series(name, **labels):
            return tuple(sorted({**base, "__name__": name, **labels}.items()))
        temperature, requests, queue, duration, latency = names
        want = {
            series(temperature, room="lab"): 21.5,
            series(requests, code="200"): 7.0,
            series(queue): -3.0,
            series(duration + "_count"): 4.0,
            series(duration + "_sum"): 615.0,
            series(duration + "_bucket", le="10"): 1.0,
            series(duration + "_bucket", le="100"): 3.0,
            series(duration + "_bucket", le="+Inf"): 4.0,
        }
        got = self.values(
            f'{{__name__=~".+",__name__!~"{latency}|target_info"}}', tenant)
        self.assertEqual(got, want)
        # The exponential one is a native histogram with every observation.
        (native,) = self.query(f'{{__name__="{latency}"}}', tenant)
        self.assertEqual(native["metric"], {**base, "__name__": latency})
        histogram = native["histogram"][1]
        self.assertEqual((histogram["count"], float(histogram["sum"])),
                         ("4", 7.5))
        for value, count in ((0, 1), (1.5, 1), (3, 2)):
            held = [bucket for bucket in histogram["buckets"]
                    if float(bucket[1]) <= value <= float(bucket[2])]
            self.assertEqual([float(b[3]) for b in held], [count], histogram)
        self.assertEqual(
            len(self.query(f'{{__name__="{requests}"}}[5m]', tenant)[0]
                ["values"]), 2)
        metadata = http_client.get(
            self.cluster.select,
            f"/select/{tenant}/prometheus/api/v1/metadata").json()["data"]
        self.assertEqual(metadata[requests][0]["type"], "counter")
        self.assertEqual(metadata[requests][0]["help"], "served")
        self.assertEqual(metadata[latency][0]["type"], "histogram")

    NAMES = ("room.temperature", "requests", "queue", "duration", "latency")
    PLAIN = {"service.name": "shop", "service.instance.id": "i-1", "zone": "a",
             "scope.name": "test", "scope.version": "1.2"}

    def test_every_point_sent_in_protobuf_is_read_back(self):
        self.export("proto", "/insert/7/opentelemetry/v1/metrics")
        self.check(7, self.PLAIN, self.NAMES)

    def test_every_point_sent_in_json_is_read_back(self):
        self.export("http", "/insert/8:1/opentelemetry/v1/metrics")
        self.check("8:1", self.PLAIN, self.NAMES)

    def test_paths_of_prometheus_name_as_prometheus_does(self):
        self.export("proto", "/otlp/v1/metrics", "AccountID=9")
        self.check(9, {"job": "shop", "instance": "i-1",
                       "otel_scope_name": "test", "otel_scope_version": "1.2"},
                   ("room_temperature_celsius", "requests_total", "queue",
                    "duration_milliseconds", "latency"))
        (info,) = self.query("target_info", 9)
        self.assertEqual(info["metric"], {
            "__name__": "target_info", "job": "shop", "instance": "i-1",
            "zone": "a"})
        self.assertEqual(info["value"][1], "1")


class AnswersTest(unittest.TestCase):

    PATH = "/insert/3/opentelemetry/v1/metrics"

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1, insert_args=["-maxLabelValueLen=20"])
        cls.addClassCleanup(cls.cluster.close)

    def post(self, body, headers, path=PATH):
        return http_client.request(self.cluster.insert, "POST", path, body,
                                   headers)

    def body(self, values):
        """Data points of gauge g, in JSON, by the label v."""
        now = str(time.time_ns())
        points = [{"attributes": [{"key": "v", "value": {"stringValue": v}}],
                   "asInt": str(i), "timeUnixNano": now}
                  for i, v in enumerate(values)]
        return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
            {"name": "g", "gauge": {"dataPoints": points}}]}]}]}).encode()

    def test_a_success_is_an_empty_response_in_the_encoding_sent(self):
        answer = self.post(b"", PROTOBUF)
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["Content-Type"],
                         "application/x-protobuf")
        answer = self.post(gzip.compress(self.body("a")),
                           {**JSON, "Content-Encoding": "gzip"})
        self.assertEqual((answer.status, answer.text), (200, "{}"))
        self.assertEqual(answer.headers["Content-Type"], "application/json")

    def test_refused_points_are_counted_in_partial_success(self):
        answer = self.post(self.body(["x", "y" * 30, "z" * 40]), JSON)
        self.assertEqual(answer.status, 200)
        partial = answer.json()["partialSuccess"]
        self.assertEqual(partial["rejectedDataPoints"], "2")
        self.assertIn("-maxLabelValueLen", partial["errorMessage"])

    def test_all_series_of_a_refused_histogram_are_one_point(self):
        point = (otlp.attributes(9, {"v": "y" * 30}) +
                 otlp.fixed(3, time.time_ns()) + otlp.fixed(4, 3) +
                 otlp.double(5, 1.5) +
                 otlp.message(6, struct.pack("<2Q", 1, 2)) +
                 otlp.message(7, struct.pack("<d", 1)))
        answer = self.post(otlp.request({}, None, otlp.metric(
            "h", 9, otlp.message(1, point))), PROTOBUF)
        self.assertEqual(answer.status, 200)
        # rejected_data_points = 1, then error_message, behind tag and size.
        self.assertIn(otlp.integer(1, 1) + b"\x12", answer.body[1:8])

    def test_errors_are_statuses_in_the_encoding_sent(self):
        answer = self.post(b"{", JSON)
        self.assertEqual((answer.status, answer.json()["code"]), (400, 3))
        self.assertIn("broken JSON", answer.json()["message"])
        answer = self.post(b"\x0a\xff", PROTOBUF)
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.body[:2], otlp.integer(1, 3))
        answer = self.post(b"x", {"Content-Type": "text/plain"})
        self.assertEqual(answer.status, 415)

    def test_a_large_request_that_breaks_at_its_end_is_stored_not_at_all(self):
        points = b"".join(otlp.number_point({"v": str(i)}, i, time.time_ns())
                          for i in range(70_000))
        body = otlp.request({}, None, otlp.metric("half", 5, points))
        path = self.PATH.replace("/3/", "/4/")
        self.assertEqual(self.post(body + b"\x0a\xff", PROTOBUF, path).status,
                         400)
        self.assertEqual(self.count("half", 4), 0)
        self.assertEqual(self.post(body, PROTOBUF, path).status, 200)
        self.assertEqual(self.count("half", 4), 70_000)

    def count(self, name, tenant):
        result = http_client.post_form(
            self.cluster.select, f"/select/{tenant}/prometheus/api/v1/query",
            {"query": f"count({name})", "time": time.time() + 1}).json()
        return sum(int(one["value"][1]) for one in result["data"]["result"])


def all_kinds(now_ns):
    """Metrics that VictoriaMetrics stores in the form we do."""
    time_field = otlp.fixed(3, now_ns)
    gauge = otlp.number_point(
        {"a.b": "x", "_u": "u", "1d": "d", "__r": "r", "dup": "point",
         "i": 5, "f": 1.5, "b": True, "empty": "", "none": None,
         "list": ["x", 1, 2.5, True, None, b"ab", {"k": "v"}],
         "map": {"p": "q", "n": {"m": 1}}, "bytes": b"\x01\xff"},
        1.25, now_ns)
    histogram = (time_field + otlp.fixed(4, 3) + otlp.double(5, 6.5) +
                 otlp.message(6, struct.pack("<3Q", 1, 2, 0)) +
                 otlp.message(7, struct.pack("<2d", 0.5, 1e6)))
    summary = time_field + otlp.fixed(4, 10) + otlp.double(5, 6.5)
    for quantile, value in ((0.99, 3), (1, 4)):
        summary += otlp.message(
            6, otlp.double(1, quantile) + otlp.double(2, value))
    cumulative, delta, monotonic = (
        otlp.integer(2, 2), otlp.integer(2, 1), otlp.integer(3, 1))
    seven = otlp.number_point({}, 7, now_ns)
    metrics = b"".join((
        otlp.metric("my.gauge", 5, gauge, "By/s", "help text"),
        otlp.metric("my.counter", 7, seven + cumulative + monotonic, "1"),
        otlp.metric("my.delta", 7, seven + delta + monotonic, "{req}"),
        otlp.metric("my.updown", 7, seven + cumulative, "1"),
        otlp.metric("my.ratio", 5, seven, "1"),
        otlp.metric("my.stale", 5, otlp.number_point(
            {}, 0, now_ns, otlp.integer(8, 1))),
        otlp.metric("h", 9, otlp.message(1, histogram) + cumulative, "ms"),
        otlp.metric("s", 11, otlp.message(1, summary))))
    scope = (otlp.message(1, "lib") + otlp.message(2, "1.0") +
             otlp.attributes(3, {"sa": "sv", "dup": "scope"}))
    resource = {"service.name": "svc", "service.namespace": "ns",
                "dup": "resource", "host.name": "h"}
    return (otlp.request(resource, scope, metrics) +
            otlp.request({}, None, otlp.metric("plain", 5, seven)) +
            otlp.request(resource, b"", otlp.metric("unnamed", 5, seven)))


@unittest.skipUnless(peer("victoria-metrics"), "skipped: no peer")
class VictoriaMetricsAgreementTest(unittest.TestCase):

    def agree(self, *flags):
        theirs = Peer("victoria-metrics", lambda folder, address: [
            f"-storageDataPath={folder}/data", f"-httpListenAddr={address}",
            *flags], "/health")
        self.addCleanup(theirs.stop)
        body = all_kinds(int(time.time()) * 10**9)
        match = {"match[]": '{__name__!=""}'}
        with Cluster(storages=1, insert_args=list(flags)) as cluster:
            answer = http_client.request(
                cluster.insert, "POST", "/insert/0/opentelemetry/v1/metrics",
                body, PROTOBUF)
            self.assertEqual((answer.status, answer.body), (200, b""))
            ours = http_client.post_form(
                cluster.select, "/select/0/prometheus/api/v1/export", match)
            our_metadata = http_client.get(
                cluster.select, "/select/0/prometheus/api/v1/metadata").json()
        answer = http_client.request(theirs.address, "POST",
                                     "/opentelemetry/v1/metrics", body,
                                     PROTOBUF)
        self.assertEqual(answer.status, 200)
        http_client.get(theirs.address, "/internal/force_flush")
        wanted = http_client.post_form(theirs.address, "/api/v1/export", match)
        def lines(text):
            return sorted(
                (json.loads(line) for line in text.splitlines()), key=str)
        self.maxDiff = None
        self.assertGreater(len(lines(wanted.text)), 14)
        by_name = lambda one: json.dumps(one, sort_keys=True)
        self.assertEqual(sorted(map(by_name, lines(ours.text))),
                         sorted(map(by_name, lines(wanted.text))))
        their_metadata = http_client.get(
            theirs.address, "/api/v1/metadata").json()["data"]
        self.assertEqual(
            {name: one[0]["type"] for name, one in
             our_metadata["data"].items()},
            {name: one[0]["type"] for name, one in their_metadata.items()})

    def test_names_and_labels_by_default(self):
        self.agree()

    def test_names_and_labels_with_prometheus_naming(self):
        self.agree("-opentelemetry.usePrometheusNaming")

    def test_names_converted_labels_as_they_are_some_promoted(self):
        self.agree("-opentelemetry.convertMetricNamesToPrometheus",
                   "-opentelemetry.promoteAllResourceAttributes=false",
                   "-opentelemetry.promoteResourceAttributes=host.name",
                   "-opentelemetry.promoteScopeMetadata=false")


if __name__ == "__main__":
    unittest.main()
