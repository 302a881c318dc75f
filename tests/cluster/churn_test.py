"""What is over goes away by itself: days, the series that only they had, and
snapshots."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, wait_healthy
from tests.support.processes import wait_until

DAY_MS = 86_400_000
PODS = 200
DAYS = 6


class ChurnTest(unittest.TestCase):

    def rows(self, day, now):
        at = now - (DAYS - day) * DAY_MS
        return [({"__name__": "pod_up", "day": str(day), "pod": f"{day}-{i}"},
                 [(at, 1.0), (at + 15_000, 2.0)]) for i in range(PODS)]

    def test_old_days_leave_no_series_and_old_snapshots_go(self):
        now = int(time.time()) * 1000
        with Cluster(storages=1) as cluster:
            storage = cluster.storages[0]

            def metric(name):
                return http_client.metric(storage.http, name)

            for day in range(1, DAYS + 1):
                answer = cluster.write(self.rows(day, now) + [
                    ({"__name__": "stable"},
                     [(now - (DAYS - day) * DAY_MS, float(day))])])
                self.assertEqual(answer.status, 204)
            storage.flush()
            created = http_client.get(storage.http, "/snapshot/create")
            self.assertEqual(created.json()["status"], "ok")
            self.assertEqual(metric("varve_index_series"), DAYS * PODS + 1)
            rows = metric('vm_rows{type="storage/small"}')

            # Half of the days are over for a node with a shorter retention.
            storage.process.kill()
            storage.args = ["-retentionPeriod=3d", "-snapshotsMaxAge=1s"]
            storage.start()
            wait_healthy(storage.http)
            wait_until(lambda: metric("varve_index_series") < DAYS * PODS, 90,
                       "series of old days leave within a minute")
            wait_until(lambda: metric("vm_snapshots") == 0, 10,
                       "the old snapshot goes")
            kept = metric("varve_index_series")
            self.assertIn(kept, (3 * PODS + 1, 4 * PODS + 1))
            self.assertEqual(metric("varve_index_series_forgotten_total"),
                             DAYS * PODS + 1 - kept)
            self.assertLess(metric('vm_rows{type="storage/small"}'),
                            rows * 0.75)

            select = cluster.add_select()
            values = http_client.get(
                select, "/select/0/prometheus/api/v1/label/pod/values",
                {"start": 0}).json()["data"]
            self.assertEqual(len(values), kept - 1)
            self.assertFalse([one for one in values if one.startswith("1-")])
            (stable,) = cluster.export("stable", select=select).values()
            self.assertEqual(stable[-1], (now, DAYS))
            # A series that went comes back under a new id.
            labels = {"__name__": "pod_up", "day": "1", "pod": "1-0"}
            wait_until(lambda: cluster.write(
                [(labels, [(now, 7.0)])]).status == 204, 10, "a write")
            found = cluster.export('{pod="1-0"}', select=select)
            self.assertEqual(list(found.values()), [[(now, 7)]])


if __name__ == "__main__":
    unittest.main()
