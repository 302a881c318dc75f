"""Start timestamps from remote write 2.0 to disk and start_timestamp(), and
remote write 2.0 by a real Prometheus, through real processes."""

import os
import tempfile
import time
import unittest

from tests.cluster.kinds_test import histogram
from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.processes import Process, peer, wait_until

WRITTEN = "X-Prometheus-Remote-Write-{}-Written"


def written(answer):
    """What an answer says was written: samples, histograms, exemplars."""
    headers = {name.lower(): text for name, text in answer.headers.items()}
    return tuple(int(headers[WRITTEN.format(what).lower()])
                 for what in ("Samples", "Histograms", "Exemplars"))


def write2(cluster, request):
    return cluster.write_body(remote_write.snappy(request.message()),
                              content_type=request.CONTENT_TYPE)


def starts(cluster, text, at_s, select=None, **arguments):
    """{job: value} of start_timestamp()."""
    answer = cluster.query(text, at_s, select=select, nocache=1, **arguments)
    if answer["status"] != "success" or answer.get("isPartial"):
        raise AssertionError(answer)
    found = {}
    for row in answer["data"]["result"]:
        if "__name__" in row["metric"]:
            raise AssertionError(f"a name is left: {row}")
        found[row["metric"]["job"]] = float(row["value"][1])
    return found


class StartsTest(unittest.TestCase):
    """Five samples a series, 15 s apart and long ago, so that a forced merge
    rewrites their day."""

    def setUp(self):
        self.begin_s = int(time.time()) // 86400 * 86400 - 5 * 86400 + 3600
        self.first_ms = (self.begin_s - 1000) * 1000 + 250
        self.second_ms = (self.begin_s + 25) * 1000  # a restart

    def at_ms(self, i):
        return (self.begin_s + 15 * i) * 1000

    def start_of(self, i):
        return self.first_ms if i < 2 else self.second_ms

    def write_rows(self, cluster, rows):
        request = remote_write.Request2()
        # The newer form: with each sample.
        request.add({"__name__": "c_total", "job": "sample"},
                    [(self.at_ms(i), i, self.start_of(i)) for i in rows],
                    kind=1, help_text="how many")
        # The older one: of a series; here as one series a sample.
        for i in rows:
            request.add({"__name__": "c_total", "job": "created"},
                        [(self.at_ms(i), i)], created=self.start_of(i))
        request.add({"__name__": "c_total", "job": "histogram"},
                    histograms=[(self.at_ms(i), histogram(i),
                                 self.start_of(i)) for i in rows])
        request.add({"__name__": "c_total", "job": "unknown"},
                    [(self.at_ms(i), i) for i in rows],
                    exemplars=[({"trace_id": "t"}, 0.5, self.at_ms(rows[0]))])
        answer = write2(cluster, request)
        self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(written(answer), (3 * len(rows), len(rows), 1))

    def check(self, cluster, rows, select=None):
        for i in rows:
            at_s, start = self.at_ms(i) / 1000, self.start_of(i) / 1000
            # The sample itself, not the one before it.
            self.assertEqual(
                starts(cluster, "timestamp(c_total)", at_s, select),
                dict.fromkeys(
                    ("sample", "created", "histogram", "unknown"), at_s))
            self.assertEqual(
                starts(cluster, "start_timestamp(c_total)", at_s, select),
                {"sample": start, "created": start, "histogram": start,
                 "unknown": 0}, f"sample {i}")

    def check_everywhere(self, cluster, rows):
        """Both storages together and each alone have the same."""
        self.check(cluster, rows)
        for storage in cluster.storages:
            select = cluster.add_select([storage], ["-replicationFactor=1"])
            self.check(cluster, rows, select)

    def restart(self, cluster):
        for storage in cluster.storages:
            storage.process.kill()
            storage.start()
        wait_until(lambda: self.readable(cluster), 20,
                   "storages that answer again")

    @staticmethod
    def readable(cluster):
        answer = cluster.query("1", time.time())
        whole = cluster.query("count(c_total)", time.time())
        # A write that finds one node away has one copy.
        return (answer["status"] == "success" and
                whole["status"] == "success" and not whole["isPartial"] and
                http_client.metric(
                    cluster.insert, "vm_rpc_vmstorage_is_reachable") ==
                len(cluster.storages))

    def test_starts_are_read_before_and_after_flush_crash_and_merge(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            self.write_rows(cluster, [0, 2])
            self.check_everywhere(cluster, [0, 2])
            self.restart(cluster)
            self.check(cluster, [0, 2])
            for storage in cluster.storages:
                storage.flush()
            self.check(cluster, [0, 2])
            # Late, repeated, and further ones.
            self.write_rows(cluster, [1])
            self.write_rows(cluster, [0, 2])
            self.write_rows(cluster, [3, 4])
            self.check(cluster, range(5))
            for storage in cluster.storages:
                storage.flush()
            self.check_everywhere(cluster, range(5))
            for storage in cluster.storages:
                http_client.get(storage.http, "/internal/force_merge")
            for storage in cluster.storages:
                storage.process.wait_line(r"rewrote 4 of 4 series of the closed")
            self.check_everywhere(cluster, range(5))
            self.restart(cluster)
            self.check_everywhere(cluster, range(5))
            # What was never told a start has none; what is no selector gives
            # nothing.
            self.assertEqual(starts(cluster, "start_timestamp(c_total + 1)",
                                    self.at_ms(4) / 1000), {})
            self.assertEqual(
                starts(cluster, 'max_over_time(start_timestamp('
                       'c_total{job="sample"})[1m:15s])',
                       self.at_ms(4) / 1000),
                {"sample": self.second_ms / 1000})

    def test_a_delete_takes_starts_with_it(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            self.write_rows(cluster, [0, 1, 2])
            answer = http_client.post_form(
                cluster.select,
                "/delete/0/prometheus/api/v1/admin/tsdb/delete_series",
                {"match[]": 'c_total{job="sample"}'})
            self.assertEqual(answer.status, 204, answer.text)
            # The same times again, by a sender that knows no starts.
            self.assertEqual(cluster.write([
                ({"__name__": "c_total", "job": "sample"},
                 [(self.at_ms(i), i) for i in range(3)])]).status, 204)
            for _ in range(2):
                found = starts(cluster, "start_timestamp(c_total)",
                               self.at_ms(2) / 1000)
                self.assertEqual(found["sample"], 0)
                self.assertEqual(found["created"], self.second_ms / 1000)
                for storage in cluster.storages:
                    storage.flush()


class RealSenderTest(unittest.TestCase):
    @unittest.skipUnless(peer("prometheus"), "no prometheus")
    def test_a_prometheus_that_sends_2_0_loses_nothing(self):
        with Cluster(storages=2, replication_factor=2) as cluster, \
                tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "prometheus.yml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f"""
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: varve
  static_configs: [{{targets: ["{cluster.storages[0].http}"]}}]
remote_write:
- url: http://{cluster.insert}/insert/0/prometheus/api/v1/write
  protobuf_message: io.prometheus.write.v2.Request
  metadata_config: {{send: false}}
""")
            sender = Process("prometheus", peer("prometheus"), [
                f"--config.file={config}",
                f"--storage.tsdb.path={folder}/data",
                "--enable-feature=metadata-wal-records",
                "--web.listen-address=127.0.0.1:0"])
            try:
                def stored():
                    return cluster.query("count(up) and count({job='varve'}) "
                                         "> 50", time.time())["data"]["result"]
                wait_until(stored, 60, "samples of a Prometheus by 2.0")
                rows = http_client.metric(
                    cluster.insert,
                    'vm_rows_inserted_total{type="promremotewrite"}')
                self.assertGreater(rows, 50)
                invalid = http_client.get(cluster.insert, "/metrics").text
                for line in invalid.splitlines():
                    if line.startswith("vm_rows_ignored_total"):
                        self.assertEqual(line.rsplit(" ", 1)[1], "0", line)
            finally:
                sender.terminate()
                sender.stop()


if __name__ == "__main__":
    unittest.main()
