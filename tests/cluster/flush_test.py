"""When memory goes to tables, and what of it stays in memory, told by the
metrics of real processes."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

TRIGGERS = 'varve_head_flush_triggers_total{reason="%s"}'


class FlushTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time()) * 1000

    def metric(self, cluster, name):
        return http_client.metric(cluster.storages[0].http, name)

    def write(self, cluster, samples, **labels):
        answer = cluster.write([({"__name__": "m", **labels}, samples)])
        self.assertEqual(answer.status, 204)

    def test_a_full_buffer_of_late_samples_flushes_and_drops_nothing(self):
        with Cluster(storages=1) as cluster:
            self.write(cluster, [(self.now, 0.0)])
            # Each is older than the one before it: none is in order.
            late = [(self.now - 1000 * i, float(i)) for i in range(1, 10_001)]
            for begin in range(0, len(late), 500):
                self.write(cluster, late[begin:begin + 500][::-1])
            wait_until(lambda: self.metric(
                cluster, TRIGGERS % "late_series") >= 1, 20, "a flush")
            (samples,) = cluster.export("m", start=self.now / 1000 - 20_000) \
                .values()
            self.assertEqual(samples, late[::-1] + [(self.now, 0.0)])

    def test_a_full_log_flushes_and_is_cut(self):
        with Cluster(storages=1, storage_args=[
                "-storage.maxLogBytes=64KiB"]) as cluster:
            written = []
            # 60 writes are more than a log may have; how many more arrive
            # until the flush has begun is the machine's matter.
            for flushes in (1, 2):
                for _ in range(60):
                    at = self.now - 500_000 + 1000 * len(written)
                    written.append(at)
                    answer = cluster.write([
                        ({"__name__": "m", "series": str(i)},
                         [(at, at / 7 + i)]) for i in range(300)])
                    self.assertEqual(answer.status, 204)
                wait_until(lambda: self.metric(
                    cluster, TRIGGERS % "log") >= flushes, 20, "a flush")
            wait_until(lambda: self.metric(
                cluster, "varve_log_bytes") < 128 << 10, 20, "a short log")
            found = cluster.export("m", start=self.now / 1000 - 1000)
            self.assertEqual(len(found), 300)
            for samples in found.values():
                self.assertEqual([ms for ms, _ in samples], written)

    def test_age_alone_flushes(self):
        with Cluster(storages=1, storage_args=[
                "-storage.flushInterval=1s"]) as cluster:
            self.write(cluster, [(self.now, 1.0)])
            wait_until(lambda: self.metric(
                cluster, 'vm_rows{type="storage/small"}') == 1, 20, "a table")
            self.assertGreaterEqual(
                self.metric(cluster, TRIGGERS % "age"), 1)

    def test_the_last_minutes_need_no_tables_after_a_flush(self):
        searches = "varve_searches_without_blocks_total"
        with Cluster(storages=1) as cluster:
            self.write(cluster, [(self.now - 15_000 * i, float(i))
                                 for i in range(100, 0, -1)])
            cluster.storages[0].flush()
            before = self.metric(cluster, searches)
            # The second one is older than what stays in memory.
            for window, want in (("1m", "3"), ("20m", "79"), ("2m", "7")):
                answer = cluster.query(f"count_over_time(m[{window}])",
                                       self.now // 1000)
                self.assertEqual(answer["data"]["result"][0]["value"][1], want)
            wait_until(lambda: self.metric(cluster, searches) >= before + 2,
                       5, "searches are counted")
            self.assertEqual(self.metric(cluster, searches), before + 2)

    def test_memory_is_shared_out_and_told(self):
        with Cluster(storages=1, storage_args=[
                "-memory.allowedBytes=512MiB"]) as cluster:
            self.write(cluster, [(self.now, 1.0)])
            for part, share in (("head", 4), ("blocks", 10),
                                ("searches", 8), ("label_pages", 32)):
                budget = self.metric(
                    cluster, 'varve_memory_budget_bytes{part="%s"}' % part)
                self.assertAlmostEqual(budget, (512 << 20) / share,
                                       delta=1 << 20, msg=part)
                self.assertLessEqual(self.metric(
                    cluster, 'varve_memory_used_bytes{part="%s"}' % part),
                    budget)
            wait_until(lambda: self.metric(
                cluster, 'varve_memory_used_bytes{part="head"}') > 0, 5,
                "a sample takes memory")


if __name__ == "__main__":
    unittest.main()
