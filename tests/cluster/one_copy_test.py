"""Reads of one copy each, and aggregations computed on the storage nodes,
are exact whatever became of the copies."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.continuous import wait_made_up
from tests.support.processes import wait_until

SERIES = 400
STEP = 15


class Written:
    """What was acknowledged: every series the same samples, times its
    number; counts of seconds, so that every sum is exact."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.end = int(time.time()) // 60 * 60
        self.times = []

    def write(self, first, count):
        """`count` samples of each series from `first` steps after the start
        (an hour before now) on."""
        start = self.end - 3600
        times = [start + (first + i) * STEP for i in range(count)]
        series = [({"__name__": "jobs_total", "series": str(n),
                    "job": str(n % 7)},
                   [(t * 1000, float((t - start) * n)) for t in times])
                  for n in range(SERIES)]
        answer = self.cluster.write(series)
        assert answer.status == 204, answer.text
        self.times = sorted(set(self.times) | set(times))


class OneCopyTest(unittest.TestCase):

    def check(self, written):
        """Every way to read gives what was written, several times over."""
        start, end = written.end - 3600, written.end
        cluster = written.cluster
        window = end - start + 1
        for _ in range(3):
            counts = cluster.query(
                f"sum by (job) (count_over_time(jobs_total[{window}s]))", end)
            self.assertFalse(counts["isPartial"], counts)
            by_job = {r["metric"]["job"]: int(r["value"][1])
                      for r in counts["data"]["result"]}
            self.assertEqual(by_job, {
                str(job): len(written.times) * len(range(job, SERIES, 7))
                for job in range(7)})
            self.assertEqual(counts["stats"]["seriesFetched"], str(SERIES))
            total = cluster.query(
                f"sum(sum_over_time(jobs_total[{window}s]))", end)
            self.assertEqual(
                float(total["data"]["result"][0]["value"][1]),
                sum(t - start for t in written.times) * sum(range(SERIES)))
            # Not aggregated: the series themselves.
            each = cluster.query(f"count_over_time(jobs_total[{window}s])",
                                 end)["data"]["result"]
            self.assertEqual(len(each), SERIES)
            self.assertEqual({int(r["value"][1]) for r in each},
                             {len(written.times)})

    def restart(self, cluster, storage):
        storage.start()
        wait_until(lambda: http_client.metric(
            cluster.select, 'vm_tcpdialer_conns{name="vmselect",'
            f'addr="{storage.select_address}"}}') == 1, 10,
            "select is connected again")

    def test_a_node_that_was_away_does_not_answer_for_what_it_missed(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            written = Written(cluster)
            written.write(0, 40)
            self.check(written)
            cluster.storages[1].process.kill()
            written.write(40, 40)
            self.check(written)
            self.restart(cluster, cluster.storages[1])
            self.check(written)
            written.write(80, 40)
            self.check(written)
            wait_made_up(cluster)   # no rows come while it is flushed
            cluster.storages[0].flush()
            cluster.storages[1].flush()
            self.check(written)

    def test_rows_at_other_nodes_than_their_owners_are_found(self):
        for factor, storages in ((1, 2), (2, 3)):
            with self.subTest(factor=factor), \
                    Cluster(storages=storages,
                            replication_factor=factor) as cluster:
                written = Written(cluster)
                written.write(0, 20)
                self.check(written)
                cluster.storages[0].process.kill()
                written.write(20, 20)
                self.restart(cluster, cluster.storages[0])
                self.check(written)
                written.write(40, 20)
                self.check(written)

    def test_a_new_node_does_not_answer_for_the_time_before_it(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            written = Written(cluster)
            written.write(0, 20)
            self.check(written)
            cluster.storages.append(type(cluster.storages[0])(cluster, 2))
            insert = cluster.add_insert()
            cluster.inserts.reverse()
            select = cluster.add_select()
            cluster.selects.reverse()
            self.assertEqual((cluster.insert, cluster.select),
                             (insert, select))
            written.write(20, 20)
            self.check(written)

    def test_what_a_shorter_retention_dropped_is_read_elsewhere(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            short = cluster.storages[1]

            def rerun(retention):
                short.process.stop()
                short.args = [f"-retentionPeriod={retention}"]
                self.restart(cluster, short)

            rerun("1d")
            now = int(time.time())
            old, kept = now - 3 * 86400, now - 43200
            rows = [({"__name__": "jobs_total", "series": str(n)},
                     [(at * 1000, float(n)) for at in (old, kept)])
                    for n in range(SERIES)]
            self.assertEqual(cluster.write(rows).status, 204)
            # Or the log would give the rows back.
            short.flush()
            # From now on the flags are equal: what was dropped stays so.
            rerun("100y")
            for at in (old, kept):
                for text in ("jobs_total", "sum by (series) (jobs_total)"):
                    answer = cluster.query(text, at + 10)
                    self.assertFalse(answer["isPartial"], text)
                    self.assertEqual(len(answer["data"]["result"]), SERIES,
                                     (text, at))
            # Of the time that only the other node has it cannot answer.
            cluster.storages[0].process.kill()
            answer = cluster.query("jobs_total", old + 10)
            self.assertTrue(answer["isPartial"])
            self.assertEqual(answer["data"]["result"], [])
            answer = cluster.query("jobs_total", kept + 10)
            self.assertFalse(answer["isPartial"])
            self.assertEqual(len(answer["data"]["result"]), SERIES)

    def test_late_rows_are_seen(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            written = Written(cluster)
            written.write(40, 40)
            for storage in cluster.storages:
                storage.flush()
            self.check(written)
            written.write(0, 40)
            self.check(written)

    def test_names_that_collide_and_names_of_no_counters_are_told(self):
        for factor in (1, 2):
            with Cluster(storages=factor, replication_factor=factor) as cluster:
                end = int(time.time())
                rows = [({"__name__": name, "n": str(n)},
                         [((end - 60 + i) * 1000, float(i))
                          for i in range(0, 60, 15)])
                        for name in ("first_total", "second")
                        for n in range(50)]
                self.assertEqual(cluster.write(rows).status, 204)
                answer = cluster.query("sum(rate(second[5m]))", end)
                self.assertIn("might not be a counter", str(answer["infos"]))
                self.assertNotIn("infos", cluster.query(
                    "sum(rate(first_total[5m]))", end))
                names = '{__name__=~"first_total|second"}'
                both = cluster.query(
                    f"count by (__name__) (rate({names}[5m]))", end)
                # Names go at the end: the groups are of equal labels then.
                self.assertIn("same labelset", both["error"])
                self.assertEqual(cluster.query(
                    f"count(rate({names}[5m]))", end
                )["data"]["result"][0]["value"][1], "100")
                at_once = cluster.add_select(
                    args=["-search.delayedNameRemoval=false"])
                both = cluster.query(f"count(rate({names}[5m]))", end,
                                     select=at_once)
                self.assertIn("same labelset", both["error"])
                limit = cluster.add_select(
                    args=["-search.maxSamplesPerQuery=100"])
                over = cluster.query("sum(rate(second[5m]))", end,
                                     select=limit)
                self.assertIn("-search.maxSamplesPerQuery", over["error"])

    def test_a_series_over_its_limit_is_refused_where_it_is_aggregated(self):
        now = int(time.time()) * 1000
        with Cluster(storages=2, replication_factor=2) as cluster:
            self.assertEqual(cluster.write([
                ({"__name__": "m", "n": str(n)},
                 [(now - i * 1000, 1.0) for i in range(30 if n == 5 else 10)])
                for n in range(20)]).status, 204)
            limit = cluster.add_select(args=["-search.maxSamplesPerSeries=20"])
            text = ('the query reads 30 samples of the series m{n="5"}; the '
                    "maximum is 20; shorten its time range or raise "
                    "-search.maxSamplesPerSeries")
            for query in ("sum(count_over_time(m[5m]))",   # on the storage
                          "count_over_time(m[5m])"):       # on the select
                with self.subTest(query):
                    over = cluster.query(query, now / 1000, select=limit)
                    self.assertEqual(over["errorType"], "422")
                    self.assertIn(text, over["error"])
            under = cluster.query('sum(count_over_time(m{n!="5"}[5m]))',
                                  now / 1000, select=limit)
            self.assertEqual(under["data"]["result"][0]["value"][1], "190")


if __name__ == "__main__":
    unittest.main()
