"""Series counts and series limits through a cluster of real processes."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster

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


if __name__ == "__main__":
    unittest.main()
