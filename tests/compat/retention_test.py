"""Retention, retention filters and downsampling of real processes."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, wait_healthy

DAY_MS = 86_400_000


class RetentionTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time()) * 1000

    def restart(self, cluster):
        for storage in cluster.storages:
            storage.process.kill()
            storage.start()
            wait_healthy(storage.http)
        cluster.add_select()

    def times(self, cluster, match, tenant="0", start=0, end=None):
        """{job: timestamps} by the newest select node."""
        found = cluster.export(match, tenant=tenant, start=start, end=end,
                               select=cluster.selects[-1][1])
        return {dict(labels)["job"]: [at for at, _ in samples]
                for labels, samples in found.items()}

    def test_a_century_reaches_from_1970_into_the_future(self):
        far = self.now + 99 * 365 * DAY_MS
        # A text: numbers of the API are seconds only before 2038.
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                            time.gmtime(far // 1000 + 1))
        early = DAY_MS  # 1970-01-02
        with Cluster(storages=1, storage_args=["-futureRetention=100y"]) \
                as cluster:
            # 100 years are 36,500 days: 1970 is inside until 2069.
            answer = cluster.write([({"__name__": "m", "job": "a"},
                                     [(early, 1.0), (self.now, 2.0),
                                      (far, 3.0)])])
            self.assertEqual(answer.status, 204)
            for step in range(3):
                self.assertEqual(
                    self.times(cluster, "m", end=end),
                    {"a": [early, self.now, far]})
                if step == 1:
                    cluster.storages[0].flush()
                self.restart(cluster)

    def test_samples_outside_are_dropped_and_counted(self):
        with Cluster(storages=1, storage_args=[
                "-retentionPeriod=10d", "-futureRetention=3d",
                "-maxBackfillAge=5d"]) as cluster:
            ages = [11 * DAY_MS, 6 * DAY_MS, 4 * DAY_MS, -2 * DAY_MS,
                    -4 * DAY_MS]
            cluster.write([({"__name__": "m", "job": "a"},
                            [(self.now - age, 1.0) for age in ages])])
            self.assertEqual(
                self.times(cluster, "m", end=self.now // 1000 + 5 * 86400),
                {"a": [self.now - 4 * DAY_MS, self.now + 2 * DAY_MS]})
            metrics = cluster.storages[0].http
            for reason, count in (("small", 2), ("big", 1)):
                self.assertEqual(http_client.metric(
                    metrics, "vm_rows_ignored_total{reason=\"%s_timestamp\"}"
                    % reason), count)

    def test_the_shortest_matching_filter_holds(self):
        filters = ('{env="dev"}:30d,{env="dev",team="x"}:3d',
                   '{vm_account_id="5"}:2d')
        with Cluster(storages=1, storage_args=[
                f"-retentionFilter={f}" for f in filters]) as cluster:
            at = [self.now - days * DAY_MS - 1 for days in (40, 20, 2, 1)]
            for tenant in ("0", "5", "6:5"):
                cluster.write(
                    [({"__name__": "m", "job": job, **labels},
                      [(ms, 1.0) for ms in at])
                     for job, labels in (
                         ("prod", {"env": "prod"}), ("dev", {"env": "dev"}),
                         ("x", {"env": "dev", "team": "x"}))], tenant=tenant)
            for step in range(3):
                for tenant in ("0", "6:5"):
                    self.assertEqual(
                        self.times(cluster, "m", tenant=tenant),
                        {"prod": at, "dev": at[1:], "x": at[2:]})
                self.assertEqual(
                    self.times(cluster, "m", tenant="5"),
                    {"prod": at[3:], "dev": at[3:], "x": at[3:]})
                if step == 1:
                    cluster.storages[0].flush()
                self.restart(cluster)

    def test_old_samples_are_thinned_to_the_last_of_each_interval(self):
        period = ('-downsampling.period={job="raw"}:0s:0s,'
                  '{job="b"}:1d:1m,10d:10m,5d:5m')
        five = 300_000
        recent = (self.now - 2 * DAY_MS) // (2 * five) * 2 * five
        old = (self.now - 7 * DAY_MS) // (2 * five) * 2 * five
        oldest = (self.now - 12 * DAY_MS) // (2 * five) * 2 * five
        for args in ({"storage_args": [period], "select_args": [period]},
                     {"select_args": [period]}):
            with Cluster(storages=2, replication_factor=2, **args) as cluster:
                at = [base + n * 30_000 for base in (oldest, old, recent)
                      for n in range(1, 21)]  # ten minutes each
                cluster.write([({"__name__": "m", "job": job},
                                [(ms, 1.0) for ms in at])
                               for job in ("a", "b", "raw")])
                want = {
                    "raw": at,
                    "a": [oldest + 2 * five, old + five, old + 2 * five]
                    + at[40:],
                    "b": [ms for ms in at if ms % 60_000 == 0],
                }
                for step in range(2):
                    self.assertEqual(self.times(cluster, "m"), want)
                    for storage in cluster.storages:
                        storage.flush()
                    if step == 0:
                        self.restart(cluster)

    def test_queries_outside_retention_are_refused_when_asked(self):
        with Cluster(storages=1, storage_args=[
                "-retentionPeriod=10d",
                "-denyQueriesOutsideRetention"]) as cluster:
            now = self.now // 1000
            cluster.write([({"__name__": "m", "job": "a"},
                            [(self.now, 1.0)])])
            inside = cluster.query_range("m", now - 86400, now, 600)
            self.assertEqual(inside["status"], "success")
            answer = http_client.post_form(
                cluster.select, "/select/0/prometheus/api/v1/query_range",
                {"query": "m", "start": now - 11 * 86400, "end": now,
                 "step": 600})
            self.assertEqual(answer.status, 503)
            self.assertIn("-denyQueriesOutsideRetention", answer.text)


if __name__ == "__main__":
    unittest.main()
