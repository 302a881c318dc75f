"""Kept answers of range queries, seen through real processes: used where
nothing changed, never where something did."""

import os
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

DELETE = "/delete/0/prometheus/api/v1/admin/tsdb/delete_series"
HITS = "vm_rollup_result_cache_%s_hits_total"


class ResultCacheTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time()) // 60 * 60
        self.cluster = Cluster(storages=2, replication_factor=2)
        self.addCleanup(self.cluster.close)
        self.write("a", range(-7200, -60, 30))
        self.assertTrue(self.range("sum(up)"))

    def write(self, job, seconds):
        answer = self.cluster.write([
            ({"__name__": "up", "job": job},
             [((self.now + s) * 1000, float(s)) for s in seconds])])
        self.assertEqual(answer.status, 204)

    def range(self, query, nocache=0, end=-600):
        answer = http_client.post_form(
            self.cluster.select, "/select/0/prometheus/api/v1/query_range",
            {"query": query, "start": self.now - 3600, "end": self.now + end,
             "step": 60, "nocache": nocache}).json()
        self.assertEqual(answer["status"], "success", answer)
        self.assertFalse(answer["isPartial"], answer)
        return answer["data"]["result"]

    def hits(self, kind):
        return http_client.metric(self.cluster.select, HITS % kind)

    def assert_fresh(self, query="sum(up)"):
        self.assertEqual(self.range(query), self.range(query, nocache=1))

    def test_repeated_queries_are_answered_from_what_was_kept(self):
        self.assertEqual(self.hits("full"), 0)
        for _ in range(3):
            self.assert_fresh()
        self.assertEqual(self.hits("full"), 3)
        # Up to now: the last minutes are read each time.
        self.range("sum(up)", end=0)
        self.write("b", [-30])
        self.assertEqual(self.range("sum(up)", end=0),
                         self.range("sum(up)", end=0, nocache=1))
        self.assertEqual(self.hits("partial"), 2)
        # What is written in the ordinary course makes nothing old.
        self.assert_fresh()
        self.assertEqual(self.hits("full"), 4)

    def test_a_late_row_is_seen_at_once(self):
        before = self.range("sum(up)")
        self.write("late", [-1800])
        self.assertNotEqual(self.range("sum(up)"), before)
        self.assert_fresh()

    def test_a_delete_is_seen_at_once(self):
        self.write("other", range(-3000, -2000, 30))
        before = self.range("sum(up)")
        answer = http_client.post_form(self.cluster.select, DELETE,
                                       {"match[]": '{job="other"}'})
        self.assertEqual(answer.status, 204)
        self.assertNotEqual(self.range("sum(up)"), before)
        self.assert_fresh()

    def test_a_storage_that_was_away_makes_a_miss(self):
        hits = self.hits("full")
        self.cluster.storages[0].process.kill()
        self.assert_fresh()
        self.assertEqual(self.hits("full"), hits)
        self.cluster.storages[0].start()
        wait_until(lambda: self.range("count(up)") and
                   self.range("sum(up)") and self.hits("full") > hits,
                   20, "answers are kept again")
        self.assert_fresh()

    def test_a_reset_forgets_and_a_flag_keeps_nothing(self):
        hits = self.hits("full")
        http_client.get(self.cluster.select,
                        "/internal/resetRollupResultCache")
        self.assert_fresh()
        self.assertEqual(self.hits("full"), hits)
        without = self.cluster.add_select(args=["-search.disableCache"])
        for _ in range(2):
            http_client.post_form(
                without, "/select/0/prometheus/api/v1/query_range",
                {"query": "up", "start": self.now - 3600,
                 "end": self.now - 600, "step": 60})
        self.assertEqual(http_client.metric(without, HITS % "full"), 0)
        self.assertEqual(http_client.metric(
            without, 'vm_cache_entries{type="promql/rollupResult"}'), 0)

    def test_answers_survive_a_restart_of_select(self):
        folder = os.path.join(self.cluster.folder, "cache")
        args = [f"-cacheDataPath={folder}"]
        path = "/select/0/prometheus/api/v1/query_range"
        query = {"query": "sum(up)", "start": self.now - 3600,
                 "end": self.now - 600, "step": 60}
        first = self.cluster.add_select(args=args)
        want = http_client.post_form(first, path, query).json()["data"]
        self.cluster.selects[-1][0].terminate()
        self.cluster.selects[-1][0].stop()
        for more, hits in (([], 1), (
                ["-search.resetRollupResultCacheOnStartup"], 0)):
            again = self.cluster.add_select(args=args + more)
            got = http_client.post_form(again, path, query).json()["data"]
            self.assertEqual(got, want)
            self.assertEqual(http_client.metric(again, HITS % "full"), hits)


if __name__ == "__main__":
    unittest.main()
