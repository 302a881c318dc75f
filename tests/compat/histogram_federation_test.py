"""A real Prometheus federates native histograms out of a cluster."""

import json
import os
import tempfile
import time
import unittest
import urllib.parse

from tests.compat.prometheus_agreement_test import free_port
from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.processes import Process, peer, wait_until

INTEGERS = {"schema": 1, "count": 10, "sum": 18.5, "zero_threshold": 0.25,
            "zero_count": 1, "positive_spans": [[0, 2], [2, 1]],
            "positive_buckets": [2, 3, 1], "negative_spans": [[1, 1]],
            "negative_buckets": [3]}
FLOATS = {**INTEGERS, "float_counts": True, "count": 1.5, "zero_count": 0.5,
          "positive_spans": [[0, 1]], "positive_buckets": [1.0],
          "negative_spans": [], "negative_buckets": [], "reset": "gauge"}


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class HistogramFederationTest(unittest.TestCase):

    def test_scraped_histograms_are_the_stored_ones(self):
        # Two copies, read as one.
        with Cluster(storages=2, replication_factor=2,
                     select_args=["-dedup.minScrapeInterval=1ms"]) as cluster, \
                tempfile.TemporaryDirectory(prefix="varve-prom-") as folder:
            self.write(cluster)
            port = free_port()
            prometheus = self.start(cluster, folder, port)
            try:
                self.compare(f"127.0.0.1:{port}")
            finally:
                prometheus.stop(30)

    def write(self, cluster):
        now_ms = int(time.time()) * 1000
        body = b"".join((
            remote_write.histogram_series(
                {"__name__": "job:integers", "job": "x"},
                [(now_ms, INTEGERS)]),
            remote_write.histogram_series(
                {"__name__": "job:floats", "job": "x"}, [(now_ms, FLOATS)]),
            remote_write.time_series(
                {"__name__": "job:value", "job": "x"}, [(now_ms, 42.0)])))
        self.assertEqual(
            cluster.write_body(remote_write.snappy(body)).status, 204)

    def start(self, cluster, folder, port):
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="ascii") as file:
            json.dump({"scrape_configs": [{
                "job_name": "federate", "scrape_interval": "1s",
                "scrape_timeout": "1s", "honor_labels": True,
                "metrics_path": "/select/0/prometheus/federate",
                "params": {"match[]": ['{__name__=~"^job:.*"}']},
                "static_configs": [{"targets": [cluster.select]}]}]}, file)
        prometheus = Process("prometheus", peer("prometheus"), [
            f"--config.file={path}", f"--storage.tsdb.path={folder}/data",
            "--enable-feature=native-histograms",
            f"--web.listen-address=127.0.0.1:{port}"])
        prometheus.wait_line("Server is ready", 30)
        return prometheus

    def compare(self, prometheus):
        def ask(query):
            result = http_client.get(
                prometheus, "/api/v1/query?" +
                urllib.parse.urlencode({"query": query})).json()
            return result["data"]["result"]
        wait_until(lambda: len(ask('{__name__=~"job:.+"}')) == 3, 30,
                   "the scraped series")
        found = {row["metric"]["__name__"]: row
                 for row in ask('{__name__=~"job:.+"}')}
        self.assertEqual(found["job:value"]["value"][1], "42")
        self.assertEqual(found["job:value"]["metric"]["job"], "x")
        integers = found["job:integers"]["histogram"][1]
        self.assertEqual((integers["count"], integers["sum"]), ("10", "18.5"))
        self.assertEqual(
            [(rule, count) for rule, _, _, count in integers["buckets"]],
            [(1, "3"), (3, "1"), (0, "2"), (0, "3"), (0, "1")])
        self.assertEqual(integers["buckets"][1][1:3], ["-0.25", "0.25"])
        self.assertEqual(integers["buckets"][4][1:3],
                         ["2.82842712474619", "4"])
        floats = found["job:floats"]["histogram"][1]
        self.assertEqual(floats["count"], "1.5")
        self.assertEqual([b[3] for b in floats["buckets"]], ["0.5", "1"])


if __name__ == "__main__":
    unittest.main()
