"""Series counts and series limits through a cluster of real processes."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

IGNORED = 'vm_rows_ignored_total{reason="%s"}'


def rows(name, count, at_ms=None, **labels):
    at_ms = at_ms or int(time.time() * 1000)
    return [({"__name__": name, "series": str(i), **labels}, [(at_ms, 1.0)])
            for i in range(count)]


class SeriesLimitTest(unittest.TestCase):

    def test_series_over_the_limit_are_on_no_node(self):
        limits = ["-storage.maxHourlySeries=60", "-storage.maxDailySeries=-1"]
        with Cluster(storages=3, replication_factor=2,
                     storage_args=limits) as cluster:
            for _ in range(2):
                self.assertEqual(cluster.write(rows("m", 200)).status, 204)
            merged = cluster.export("m")
            copies = 0
            for storage in cluster.storages:
                alone = cluster.add_select([storage],
                                           ["-replicationFactor=1"])
                copies += len(cluster.export("m", select=alone))
                self.assertLessEqual(http_client.metric(
                    storage.http, "vm_hourly_series_limit_current_series"), 60)
                self.assertEqual(http_client.metric(
                    storage.http, "vm_hourly_series_limit_max_series"), 60)
            self.assertEqual(copies, 2 * len(merged))
            self.assertLess(len(merged), 95)
            self.assertGreater(len(merged), 40)
            dropped = http_client.metric(
                cluster.insert, IGNORED % "hourly_limit_exceeded")
            self.assertEqual(dropped, 2 * (200 - len(merged)))
            self.assertGreaterEqual(sum(http_client.metric(
                s.http, "vm_hourly_series_limit_rows_dropped_total")
                for s in cluster.storages), dropped)
            # Known series go on.
            known = [(dict(labels), [(int(time.time() * 1000), 2.0)])
                     for labels in merged]
            self.assertEqual(cluster.write(known).status, 204)
            self.assertEqual(http_client.metric(
                cluster.insert, IGNORED % "hourly_limit_exceeded"), dropped)

    def test_each_tenant_has_its_limit(self):
        with Cluster(storages=1, storage_args=[
                "-storage.maxDailySeriesPerTenant=5"]) as cluster:
            for tenant in ("1", "2:7"):
                self.assertEqual(
                    cluster.write(rows("m", 9), tenant=tenant).status, 204)
                self.assertEqual(len(cluster.export("m", tenant=tenant)), 5)
            self.assertEqual(http_client.metric(
                cluster.insert, IGNORED % "daily_limit_exceeded"), 8)


class CardinalityTest(unittest.TestCase):

    def ask(self, cluster, path, select=None, **arguments):
        return http_client.get(select or cluster.select,
                               f"/select/0/prometheus/{path}",
                               arguments).json()

    def all_answer(self, cluster, path):
        # Right after a restart of all nodes there may be an error instead.
        return self.ask(cluster, path).get("isPartial") is False

    def counts(self, answer, name):
        return {one["name"]: one["value"] for one in answer["data"][name]}

    def test_copies_do_not_count(self):
        with Cluster(storages=3, replication_factor=2) as cluster:
            self.assertEqual(cluster.write(
                rows("a", 300, job="x") + rows("b", 120, job="y")).status, 204)
            cluster.storages[1].process.kill()
            # Copies that are made while a node is away make nodes differ.
            self.assertEqual(cluster.write(rows("c", 200)).status, 204)
            cluster.storages[1].start()
            wait_until(lambda: self.all_answer(
                cluster, "api/v1/series/count"), 60)
            self.assertEqual(
                self.ask(cluster, "api/v1/series/count")["data"], [620])
            status = self.ask(cluster, "api/v1/status/tsdb", topN=5,
                              focusLabel="job")
            data = status["data"]
            self.assertEqual(data["totalSeries"], 620)
            self.assertEqual(data["totalLabelValuePairs"], 3 * 420 + 2 * 200)
            self.assertEqual(self.counts(status, "seriesCountByMetricName"),
                             {"a": 300, "b": 120, "c": 200})
            self.assertEqual(
                self.counts(status, "seriesCountByFocusLabelValue"),
                {"x": 300, "y": 120})
            self.assertEqual(
                self.counts(status, "labelValueCountByLabelName"),
                {"__name__": 3, "series": 300, "job": 2})
            top = self.ask(cluster, "api/v1/status/tsdb", topN=2)
            self.assertEqual(self.counts(top, "seriesCountByMetricName"),
                             {"a": 300, "c": 200})
            some = self.ask(cluster, "api/v1/status/tsdb",
                            **{"match[]": '{job="y"}'})
            self.assertEqual(some["data"]["totalSeries"], 120)
            old = self.ask(cluster, "api/v1/status/tsdb", date="2020-01-02")
            self.assertEqual(old["data"]["totalSeries"], 0)

    def test_metric_names_are_counted_over_restarts(self):
        path = "api/v1/status/metric_names_stats"
        with Cluster(storages=2, replication_factor=2) as cluster:
            self.assertEqual(cluster.write(
                rows("read", 9) + rows("unread", 9)).status, 204)
            for _ in range(3):
                cluster.query("sum(read)", time.time())
            for _ in range(2):
                answer = self.ask(cluster, path)
                self.assertEqual(
                    [(one["metricName"], one["requestsCount"])
                     for one in answer["records"]],
                    [("unread", 0), ("read", 3)])
                self.assertEqual(answer["records"][0]["lastRequestTimestamp"],
                                 0)
                self.assertGreater(
                    answer["records"][1]["lastRequestTimestamp"], 1.7e9)
                unused = self.ask(cluster, path, le=0)["records"]
                self.assertEqual([one["metricName"] for one in unused],
                                 ["unread"])
                for storage in cluster.storages:
                    storage.process.terminate()
                    storage.process.stop()
                    storage.start()
                wait_until(lambda: self.all_answer(cluster, path), 60)
            # Every node has to be told: an error while one is away.
            wait_until(lambda: http_client.request(
                cluster.select, "POST",
                "/admin/api/v1/admin/status/metric_names_stats/reset", b"",
                {}).status == 204, 60)
            self.assertEqual({one["requestsCount"] for one in
                              self.ask(cluster, path)["records"]}, {0})


if __name__ == "__main__":
    unittest.main()
