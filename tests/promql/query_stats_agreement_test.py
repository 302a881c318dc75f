"""What a query reads at each step, as a real Prometheus counts it."""

import struct
import unittest
from unittest import mock

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.peers import Prometheus
from tests.support.processes import peer

START = 1_795_100_400          # a whole hour
STEP = 15
SCRAPES = 80
STALE = struct.unpack("<d", struct.pack("<Q", 0x7ff0000000000002))[0]

QUERIES = """
1 + 2
time()
vector(1)
m
m{i="0"}
-m
m + 1
m + m
m + on (i) other
m > 3
m and m{i="1"}
m or other
m unless m{i="1"}
m offset 1m
m @ 1795100700
m @ end()
m + m @ 1795100700
sum(m)
sum by (i) (m)
avg(m) + max(m)
count(m) / count(other)
topk(2, m)
bottomk by (i) (1, m)
quantile(0.5, m)
count_values("v", m)
stddev(m)
limitk(2, m)
abs(m)
clamp(m, 1, 3)
round(m)
timestamp(m)
timestamp(m + 1)
scalar(m{i="0"})
sort(m)
label_replace(m, "x", "$1", "i", "(.*)")
label_join(m, "x", "-", "i")
absent(m)
absent(nothing)
rate(m[1m])
rate(m[1m] offset 1m)
rate(m[1m] @ 1795100700)
sum(rate(m[1m]))
sum by (i) (increase(m[5m]))
rate(m[1m]) + rate(other[2m])
avg_over_time(m[2m])
max_over_time(m[1m])
last_over_time(m[1m])
count_over_time(m[15s])
quantile_over_time(0.5, m[1m])
predict_linear(m[2m], 60)
predict_linear(m[2m] @ 1795100700, 60)
absent_over_time(m[1m])
absent_over_time(nothing[1m])
max_over_time(m[2m:30s])
max_over_time(rate(m[1m])[2m:30s])
max_over_time(sum(m)[2m:30s])
sum(max_over_time(rate(m[1m])[2m:30s]))
max_over_time(max_over_time(m[2m:30s])[2m:1m])
avg_over_time(m[2m:30s] @ 1795100700)
avg_over_time(m[2m:30s] offset 1m)
gone
rate(gone[1m])
sum(rate(gone[2m]))
h
sum(h)
rate(h[1m])
sum(rate(h[2m]))
histogram_quantile(0.9, sum(rate(h[1m])))
h + h
h * 2
max_over_time(h[2m:30s])
last_over_time(h[1m])
""".strip().splitlines()
# What operators hold of histograms for a moment is counted by other sizes.
OF_HISTOGRAMS = ["h + h", "h * 2"]
INSTANT = ["m[1m]", "m[2m:30s]", "rate(m[1m])[2m:30s]", "h[1m]", '"text"']


def histogram(n):
    return {"schema": 0, "sum": 3.5 * n, "count": 6 * n, "zero_count": n,
            "zero_threshold": 0.001, "positive_spans": [[0, 2], [2, 1]],
            "positive_buckets": [n, n, 2 * n],
            "negative_spans": [[1, 1]], "negative_buckets": [n]}


def messages():
    """Floats at equal times, one series that ends, and histograms."""
    times = [(START + STEP * n) * 1000 for n in range(SCRAPES)]
    floats = [({"__name__": name, "i": str(i)},
               [(t, float(n * (i + 1))) for n, t in enumerate(times)])
              for name, series in (("m", 4), ("other", 3))
              for i in range(series)]
    floats.append(({"__name__": "gone"},
                   [(t, float(n)) for n, t in enumerate(times[:40])] +
                   [(times[40], STALE)]))
    return remote_write.write_request(floats) + b"".join(
        remote_write.histogram_series(
            {"__name__": "h", "i": str(i)},
            [(t, histogram(n + 1)) for n, t in enumerate(times)])
        for i in range(2))


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class QueryStatsAgreementTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        theirs = Prometheus(["promql-per-step-stats", "native-histograms",
                             "promql-experimental-functions"])
        cls.addClassCleanup(theirs.stop)
        cls.cluster = Cluster(
            storages=2, replication_factor=2,
            storage_args=["-retentionPeriod=100y"])
        cls.addClassCleanup(cls.cluster.close)
        body = messages()
        theirs.write_body(body)
        answer = cls.cluster.write_body(remote_write.snappy(body))
        assert answer.status == 204, answer.text
        cls.asked = (
            (cls.cluster.select, "/select/0/prometheus/api/v1/"),
            (theirs.address, "/api/v1/"))

    def stats(self, path, arguments):
        """Those of both: Varve's, then Prometheus'."""
        both = []
        for address, prefix in self.asked:
            answer = http_client.post_form(address, prefix + path, arguments)
            self.assertEqual(answer.status, 200, answer.text)
            both.append(answer.json()["data"].get("stats"))
        return both

    def check(self, path, arguments):
        ours, theirs = self.stats(path, dict(arguments, stats="all"))
        with self.subTest(query=arguments["query"], path=path):
            self.assertEqual(list(ours), list(theirs))
            self.assertEqual(list(ours["timings"]), list(theirs["timings"]))
            if arguments["query"] in OF_HISTOGRAMS:
                ours["samples"]["peakSamples"] = mock.ANY
            self.assertEqual(list(ours["samples"].items()),
                             list(theirs["samples"].items()))

    def test_range_queries_read_the_same_at_each_step(self):
        for query in QUERIES:
            self.check("query_range", {
                "query": query, "start": START + 300,
                "end": START + 300 + 10 * 60.25, "step": 60.25})

    def test_instant_queries_read_the_same(self):
        for query in QUERIES + INSTANT:
            self.check("query", {"query": query, "time": START + 480})

    def test_steps_are_told_only_when_they_are_asked_for(self):
        arguments = {"query": "sum(rate(m[1m]))", "time": START + 450}
        self.assertEqual(self.stats("query", arguments), [None, None])
        ours, theirs = self.stats("query", dict(arguments, stats="yes"))
        self.assertNotIn("totalQueryableSamplesPerStep", ours["samples"])
        self.assertEqual(ours["samples"], theirs["samples"])


if __name__ == "__main__":
    unittest.main()
