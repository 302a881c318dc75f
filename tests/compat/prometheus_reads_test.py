"""A real Prometheus reads through us: remote read and federation."""

import json
import os
import tempfile
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.peers import free_port
from tests.support.processes import Process, peer, wait_until

SELECT = "/select/0/prometheus"


def histogram(i, floats=False):
    """The i-th of a growing one, with two buckets a side."""
    count = 10 * i + 6
    return {"schema": 1, "count": count + 0.5 if floats else count,
            "sum": 1.5 * i, "zero_threshold": 0.001, "zero_count": 2,
            "positive_spans": [[0, 1], [2, 1]],
            "positive_buckets": [5 * i + 1, 5 * i + 1],
            "negative_spans": [[1, 2]], "negative_buckets": [1, 1],
            "float_counts": floats}


class RealPrometheus:
    """Prometheus with the given configuration, on a port of its own."""

    def __init__(self, config):
        self.folder = tempfile.TemporaryDirectory(prefix="varve-prom-")
        path = os.path.join(self.folder.name, "prometheus.yml")
        with open(path, "w", encoding="ascii") as file:
            json.dump(config, file)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.process = Process("prometheus", peer("prometheus"), [
            f"--config.file={path}",
            f"--storage.tsdb.path={self.folder.name}/data",
            f"--web.listen-address={self.address}"])
        self.process.wait_line("Server is ready", 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop(30)
        self.folder.cleanup()

    def query(self, text, at):
        return http_client.post_form(self.address, "/api/v1/query",
                                     {"query": text, "time": at}).json()


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class RemoteReadTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=2, replication_factor=2)
        cls.now = int(time.time())
        begin_ms = (cls.now - 3600) * 1000
        times = [begin_ms + i * 15_000 for i in range(240)]
        floats = [({"__name__": "kept", "n": str(n), "odd": "a\"\\\n"},
                   [(t, n * i + 0.25) for i, t in enumerate(times)])
                  for n in range(50)]
        answer = cls.cluster.write(floats)
        assert answer.status == 204, answer.text
        body = b"".join(
            remote_write.histogram_series(
                {"__name__": "native", "kind": kind},
                [(t, histogram(i, kind == "float"))
                 for i, t in enumerate(times)])
            for kind in ("float", "integer"))
        answer = cls.cluster.write_body(remote_write.snappy(body))
        assert answer.status == 204, answer.text
        cls.prometheus = RealPrometheus({"remote_read": [{
            "url": f"http://{cls.cluster.select}{SELECT}/api/v1/read",
            "read_recent": True}]})

    @classmethod
    def tearDownClass(cls):
        cls.prometheus.__exit__()
        cls.cluster.close()

    def agree(self, query):
        theirs = self.prometheus.query(query, self.now)
        self.assertEqual(theirs["status"], "success", theirs)
        self.assertEqual(theirs.get("warnings", []), [])
        ours = self.cluster.query(query, self.now)
        key = lambda row: sorted(row["metric"].items())
        self.assertEqual(sorted(theirs["data"]["result"], key=key),
                         sorted(ours["data"]["result"], key=key))
        return theirs["data"]["result"]

    def test_floats_are_read_sample_for_sample(self):
        raw = self.agree('kept{n=~"1|49"}[1h]')
        self.assertEqual([len(row["values"]) for row in raw], [239, 239])
        self.assertEqual(len(self.agree("rate(kept[5m])")), 50)
        self.assertEqual(self.agree('kept{n="nothing"}'), [])

    def test_native_histograms_are_read(self):
        for kind in ("integer", "float"):
            with self.subTest(kind):
                rows = self.prometheus.query(
                    f'native{{kind="{kind}"}}[1h]',
                    self.now)["data"]["result"]
                self.assertEqual(len(rows[0]["histograms"]), 239)
                count = 10 * 239 + 6 + (0.5 if kind == "float" else 0)
                last = rows[0]["histograms"][-1][1]
                self.assertEqual(float(last["count"]), count)
                self.assertEqual(float(last["sum"]), 1.5 * 239)
                self.assertEqual(len(last["buckets"]), 5)

    def test_bodies_that_are_no_reads_are_refused(self):
        for body in (b"", b"garbage", remote_write.snappy(b"\xff\xff")):
            answer = http_client.request(self.cluster.select, "POST",
                                         SELECT + "/api/v1/read", body)
            if body:
                self.assertEqual(answer.status, 400)
                self.assertIn("remote read", answer.json()["error"])


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class FederationTest(unittest.TestCase):

    def test_a_prometheus_federates_and_stale_series_drop_out(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            with RealPrometheus({
                    "global": {"scrape_interval": "1s"},
                    "scrape_configs": [{
                        "job_name": "federate", "honor_labels": True,
                        # Samples have times; else they would linger.
                        "track_timestamps_staleness": True,
                        "metrics_path": SELECT + "/federate",
                        "params": {"match[]": ['{__name__=~"^job:.*"}']},
                        "static_configs": [{"targets": [cluster.select]}]}],
            }) as prometheus:
                self.federate(cluster, prometheus)

    def federate(self, cluster, prometheus):
        def write(value, names, at):
            answer = cluster.write([
                ({"__name__": name, "job": "own", "instance": "x"},
                 [(at, value)]) for name in names])
            self.assertEqual(answer.status, 204)
        write(1, ("job:a:sum", "job:b:sum", "other"),
              int(time.time() * 1000) - 1000)

        def seen():
            rows = prometheus.query('{job="own"}', time.time())
            return {row["metric"]["__name__"]: row["value"][1]
                    for row in rows["data"]["result"]}
        wait_until(lambda: seen() == {"job:a:sum": "1", "job:b:sum": "1"}, 20,
                   "federated series")
        page = http_client.get(cluster.select, SELECT + "/federate",
                               {"match[]": '{__name__=~"^job:.*"}'}).text
        lines = [line for line in page.splitlines()
                 if not line.startswith("#")]
        self.assertEqual(len(lines), 2, page)   # no copy twice
        write(remote_write.STALE_NAN, ("job:a:sum",), int(time.time() * 1000))
        page = http_client.get(cluster.select, SELECT + "/federate",
                               {"match[]": '{__name__=~"^job:.*"}'}).text
        self.assertNotIn("job:a:sum", page)
        wait_until(lambda: seen() == {"job:b:sum": "1"}, 20,
                   "the stale series drops out")
        up = prometheus.query("min_over_time(up[1m])", time.time())
        self.assertEqual(up["data"]["result"][0]["value"][1], "1")


if __name__ == "__main__":
    unittest.main()
