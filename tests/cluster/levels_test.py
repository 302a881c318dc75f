"""A select node above other select nodes, over -clusternativeListenAddr."""

import json
import time
import unittest
import urllib.parse

from tests.support import http_client, remote_write
from tests.support.cluster import LOCAL, SELECT_RPC_LINE, Cluster
from tests.support.processes import wait_until

API = "/select/0/prometheus/api/v1/"
UPPER_LISTENS = [f"-clusternativeListenAddr={LOCAL}"]


def series(name, count, value, at_ms):
    return [({"__name__": name, "series": str(i)}, [(at_ms, value + i)])
            for i in range(count)]


class Levels(Cluster):
    """Two clusters of two storage nodes each, and one select node over both.

    Nodes 0 and 1 are the one cluster's, 2 and 3 the other's; inserts[0] and
    selects[0] are of the first, [1] of the second, `upper` is over both."""

    def __init__(self, upper_factor=1, storage_args=()):
        super().__init__(storages=4, inserts=0, selects=0,
                         storage_args=storage_args)
        for half in (self.storages[:2], self.storages[2:]):
            self.add_insert(half)
            self.add_select(half, args=UPPER_LISTENS)
        self.lower_addresses = [
            process.wait_line(SELECT_RPC_LINE).group(1)
            for process, _ in self.selects]
        self.replication_factor = upper_factor
        self.upper = self.add_select(nodes=",".join(self.lower_addresses),
                                     args=["-search.disableCache"])

    def write_both(self, rows):
        for _, insert in self.inserts:
            self.write_body(remote_write.snappy(
                remote_write.write_request(rows)), insert=insert)

    def ask(self, path, select=None, **arguments):
        return http_client.post_form(select or self.upper, API + path,
                                     arguments)

    def answer(self, path, select=None, **arguments):
        got = self.ask(path, select, **arguments)
        if got.status != 200:
            raise AssertionError(f"{path}: {got.status} {got.text}")
        return got.json()

    def values(self, query, at_ms, select=None):
        answer = self.answer("query", select, query=query, time=at_ms / 1000)
        if answer["isPartial"]:
            raise AssertionError(answer)
        return {json.dumps(one["metric"], sort_keys=True):
                float(one["value"][1]) for one in answer["data"]["result"]}


class UnionTest(unittest.TestCase):
    """Each cluster below has series of its own, and some that both have."""

    @classmethod
    def setUpClass(cls):
        cls.levels = Levels()
        cls.addClassCleanup(cls.levels.close)
        cls.at_ms = int(time.time()) * 1000 - 60_000
        levels, at_ms = cls.levels, cls.at_ms
        for k, (_, insert) in enumerate(levels.inserts):
            parts = [remote_write.time_series(labels, samples)
                     for labels, samples in series(f"own_{k}", 30, 1, at_ms) +
                     series("common", 50, 7, at_ms)]
            parts.append(remote_write.histogram_series(
                {"__name__": "sizes", "cluster": str(k)},
                [(at_ms, {"schema": 0, "zero_threshold": 0.001,
                          "zero_count": 1, "count": 4, "sum": 9.5,
                          "positive_spans": [(0, 2)],
                          "positive_buckets": [1, 2],
                          "negative_spans": [], "negative_buckets": []})]))
            parts.append(remote_write.exemplar_series(
                {"__name__": "own_0", "series": "0"},
                [({"trace_id": f"t{k}"}, 1.5, at_ms)]))
            parts.append(remote_write.metadata(f"own_{k}", 1, f"of {k}", ""))
            answer = levels.write_body(remote_write.snappy(b"".join(parts)),
                                       insert=insert)
            assert answer.status in (200, 204), answer.text

    def test_queries_see_each_series_once(self):
        levels, at_ms = self.levels, self.at_ms
        self.assertEqual(levels.values("count(common)", at_ms), {"{}": 50})
        self.assertEqual(
            levels.values("sum(common)", at_ms),
            levels.values("sum(common)", at_ms, levels.selects[0][1]))
        self.assertEqual(
            levels.values('count({__name__=~"own_.*"})', at_ms), {"{}": 60})
        self.assertEqual(
            levels.values("histogram_count(sizes)", at_ms),
            {'{"cluster": "0"}': 4, '{"cluster": "1"}': 4})
        exported = levels.export('{__name__=~"common|own_1"}',
                                 select=levels.upper)
        self.assertEqual(len(exported), 80)
        # Replicas are not joined unless a rule says so: both copies are the
        # same sample here.
        self.assertEqual({len(samples) for samples in exported.values()}, {1})

    def test_names_values_counts_and_metadata_are_of_both(self):
        levels = self.levels
        names = levels.answer("label/__name__/values")["data"]
        self.assertEqual(names, ["common", "own_0", "own_1", "sizes"])
        self.assertEqual(levels.answer("labels")["data"],
                         ["__name__", "cluster", "series"])
        found = levels.answer("series", **{"match[]": "common"})["data"]
        self.assertEqual(len(found), 50)
        status = levels.answer("status/tsdb", topN=5)["data"]
        self.assertEqual(status["totalSeries"], 112)
        self.assertEqual(status["seriesCountByMetricName"][0]["name"],
                         "common")
        self.assertEqual(status["seriesCountByMetricName"][0]["value"], 50)
        metadata = levels.answer("metadata")["data"]
        self.assertEqual(metadata["own_0"][0]["help"], "of 0")
        self.assertEqual(metadata["own_1"][0]["help"], "of 1")
        tenants = http_client.get(levels.upper, "/admin/tenants").json()
        self.assertEqual(tenants["data"], ["0:0"])
        exemplars = levels.answer(
            "query_exemplars", query="own_0", start=self.at_ms / 1000 - 1,
            end=self.at_ms / 1000 + 1)["data"]
        traces = {one["labels"]["trace_id"]
                  for found in exemplars for one in found["exemplars"]}
        self.assertEqual(traces, {"t0", "t1"})

    def test_limits_of_the_level_below_are_the_request_s_fault(self):
        answer = self.levels.ask("query", query="common{", time=1)
        self.assertEqual(answer.status, 400)
        over = self.levels.ask("series", **{"match[]": "common", "limit": 3})
        self.assertEqual(len(over.json()["data"]), 3)

    def test_a_trace_leads_through_both_levels(self):
        answer = self.levels.answer("query", query="sum(common)", trace=1,
                                    time=self.at_ms / 1000)
        text = json.dumps(answer["trace"])
        for address in self.levels.lower_addresses:
            self.assertIn(address, text)


class FailureTest(unittest.TestCase):
    def test_a_node_lost_two_levels_down_makes_the_answer_partial(self):
        with Levels() as levels:
            at_ms = int(time.time()) * 1000 - 60_000
            levels.write_both(series("common", 200, 0, at_ms))
            levels.storages[0].process.stop()
            address = levels.storages[0].select_address

            def partial():
                return levels.answer("query", query="count(common)",
                                     time=at_ms / 1000)["isPartial"]
            wait_until(partial, 10, "a partial answer")
            answer = levels.answer("query", query="count(common)",
                                   time=at_ms / 1000)
            # The other cluster has all of them.
            self.assertEqual(answer["data"]["result"][0]["value"][1], "200")
            self.assertIn(address, json.dumps(answer["warnings"]))
            for path in ("labels", "series", "status/tsdb"):
                self.assertTrue(levels.answer(
                    path, **{"match[]": "common"})["isPartial"], path)
            refused = levels.ask("query", query="count(common)",
                                 time=at_ms / 1000, deny_partial_response=1)
            self.assertEqual(refused.status, 503)
            self.assertIn(address, refused.text)

    def test_with_two_copies_in_two_clusters_one_may_be_lost(self):
        with Levels(upper_factor=2) as levels:
            at_ms = int(time.time()) * 1000 - 60_000
            levels.write_both(series("common", 200, 0, at_ms))
            self.assertEqual(levels.values("count(common)", at_ms),
                             {"{}": 200})
            levels.storages[0].process.stop()
            self.assertEqual(levels.values("count(common)", at_ms),
                             {"{}": 200})
            levels.selects[0][0].stop()
            self.assertEqual(levels.values("count(common)", at_ms),
                             {"{}": 200})
            levels.storages[2].process.stop()
            answer = levels.answer("query", query="count(common)",
                                   time=at_ms / 1000)
            self.assertTrue(answer["isPartial"])
            for process in (levels.storages[1].process,
                            levels.storages[3].process,
                            levels.selects[1][0]):
                process.stop()
            nobody = levels.ask("query", query="count(common)",
                                time=at_ms / 1000)
            self.assertEqual(nobody.status, 503, nobody.text)

    def test_a_client_that_hangs_up_ends_the_query_on_both_levels(self):
        with Levels() as levels:
            now_ms = int(time.time()) * 1000
            rows = [({"__name__": "heavy", "series": str(i)},
                     [(now_ms - 1000 * k, k) for k in range(60)])
                    for i in range(200)]
            levels.write_both(rows)
            arguments = {
                "query": "sum(quantile_over_time(0.5, heavy[1h:1s]))",
                "start": now_ms / 1000 - 7200, "end": now_ms / 1000,
                "step": "1s"}
            connection = http_client.http.client.HTTPConnection(
                *levels.upper.rsplit(":", 1))
            connection.request("GET", API + "query_range?" +
                               urllib.parse.urlencode(arguments))

            def running(select):
                return http_client.metric(select,
                                          "vm_concurrent_select_current")
            wait_until(lambda: running(levels.upper) == 1, 20,
                       "the query above")
            connection.close()
            wait_until(lambda: running(levels.upper) == 0, 10,
                       "the end of the query above")
            for _, select in levels.selects[:2]:
                wait_until(lambda s=select: running(s) == 0, 10,
                           "the end of the query below")

    def test_each_ends_promptly_in_any_order(self):
        levels = Levels()
        try:
            levels.selects[0][0].stop(seconds=5)
            levels.selects[2][0].stop(seconds=5)
            levels.selects[1][0].stop(seconds=5)
        finally:
            levels.close()


class DeleteTest(unittest.TestCase):
    def test_a_delete_above_is_a_delete_everywhere_below(self):
        with Levels() as levels:
            at_ms = int(time.time()) * 1000 - 60_000
            levels.write_both(series("common", 20, 0, at_ms) +
                              series("stays", 5, 0, at_ms))
            answer = http_client.post_form(
                levels.upper, "/delete/0/prometheus/api/v1/admin/tsdb/"
                "delete_series", {"match[]": "common"})
            self.assertEqual(answer.status, 204, answer.text)
            for select in [address for _, address in levels.selects]:
                self.assertEqual(levels.values("count(common)", at_ms, select),
                                 {})
                self.assertEqual(levels.values("count(stays)", at_ms, select),
                                 {"{}": 5})


class AddressTest(unittest.TestCase):
    def test_a_port_that_is_taken_ends_the_program(self):
        with Cluster(storages=1, inserts=0, selects=0) as cluster:
            with self.assertRaises(AssertionError) as ended:
                cluster.add_select(args=[
                    "-clusternativeListenAddr=" +
                    cluster.storages[0].select_address])
            self.assertIn("clusternativeListenAddr", str(ended.exception))


if __name__ == "__main__":
    unittest.main()
