"""What an operator sees of queries, and how they end, storage included."""

import http.client
import re
import threading
import time
import unittest
import urllib.parse

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

API = "/select/0/prometheus/api/v1/"
SERIES, SAMPLES, STEP_MS = 2000, 240, 15_000
# Half a minute of work and more, on any machine.
HEAVY = " + ".join(f"sum(max_over_time(rate(heavy[{minutes}m])[1h:1s]))"
                   for minutes in range(20, 100))
RUNNING = "vm_vmselect_concurrent_requests_current"


def every_node(trace):
    yield trace
    for child in trace.get("children", []):
        yield from every_node(child)


class OperatingQueriesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(
            storages=2, replication_factor=2,
            select_args=["-search.maxQueryDuration=60s",
                         "-search.logSlowQueryDuration=1ms",
                         "-search.queryStats.minQueryDuration=0"])
        cls.end_ms = int(time.time()) * 1000
        begin_ms = cls.end_ms - SAMPLES * STEP_MS
        for first in range(0, SERIES, 500):
            answer = cls.cluster.write([
                ({"__name__": "heavy", "n": str(n), "text": f"value-{n:06}"},
                 [(begin_ms + i * STEP_MS, n * i) for i in range(SAMPLES)])
                for n in range(first, first + 500)])
            assert answer.status == 204, answer.text

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def select(self, path, arguments=None):
        return http_client.post_form(self.cluster.select, API + path,
                                     arguments or {})

    def active(self):
        return http_client.get(self.cluster.select,
                               API + "status/active_queries").json()["data"]

    def storages_are_idle(self):
        return all(http_client.metric(s.http, RUNNING) == 0
                   for s in self.cluster.storages)

    def heavy_arguments(self):
        return {"query": HEAVY, "start": self.end_ms / 1000 - 3600,
                "end": self.end_ms / 1000, "step": "1s"}

    def test_a_trace_leads_to_each_storage_node(self):
        body = self.select("query", {"query": "count(heavy)", "trace": "1",
                                     "time": self.end_ms / 1000}).json()
        nodes = list(every_node(body["trace"]))
        for node in nodes:
            self.assertGreaterEqual(node["duration_msec"], 0)
        messages = [node["message"] for node in nodes]
        series = 0   # of each one copy is read, on one node or the other
        for storage in self.cluster.storages:
            told = [m for m in messages if storage.select_address in m and
                    "samples" in m]
            self.assertEqual(len(told), 1, messages)
            found = re.search(r"(\d+) series, (\d+) samples, (\d+) bytes",
                              told[0])
            self.assertTrue(found, told)
            self.assertGreater(int(found.group(3)), 0)
            series += int(found.group(1))
        self.assertIn(series, (SERIES, 2 * SERIES))
        matched = [int(m.split()[3]) for m in messages
                   if m.startswith("search the index")]
        self.assertEqual(sum(matched), series)
        self.assertEqual(len([m for m in messages if "blocks" in m]), 2)
        failed = self.select("query", {"query": "heavy @", "trace": "1"})
        self.assertEqual(failed.status, 400)
        self.assertIn("duration_msec", failed.json()["trace"])

    def test_copies_are_read_and_aggregated_as_one_says(self):
        all_copies = self.cluster.add_select(
            args=["-search.readAllCopies"])
        alone = self.cluster.add_select(args=["-search.disablePushdown"])
        ways = {"aggregate": [(self.cluster.select, {})],
                "search own share": [(self.cluster.select, {"nopushdown": 1}),
                                     (alone, {})],
                "search": [(self.cluster.select, {"all_copies": 1}),
                           (all_copies, {})]}
        for query in ("sum(increase(heavy[10m]))",
                      "topk(1, increase(heavy[10m]))"):
            results = []
            for action, asked in ways.items():
                for select, arguments in asked:
                    answer = self.cluster.query(
                        query, self.end_ms / 1000, select=select, trace=1,
                        **arguments)
                    results.append(answer["data"]["result"][0]["value"][1])
                    self.assert_asked(answer["trace"], action)
            for result in results:
                self.assertAlmostEqual(float(result) / float(results[0]), 1,
                                       delta=1e-12)

    def assert_asked(self, trace, action):
        """Both storage nodes, and for this alone."""
        told = [node["message"] for node in every_node(trace)
                if " at storage node " in node["message"]]
        self.assertEqual(len(told), 2, told)
        for message in told:
            self.assertTrue(message.startswith(f"{action} at "), told)

    def test_a_canceled_query_ends_everywhere(self):
        answers = []
        client = threading.Thread(target=lambda: answers.append(
            self.select("query_range", self.heavy_arguments())))
        client.start()
        wait_until(lambda: self.active(), 20, "an active query")
        one = self.active()[0]
        self.assertEqual(one["query"], HEAVY)
        self.assertEqual(one["step"], 1000)
        begun = time.monotonic()
        answer = self.select("status/active_queries/cancel",
                             {"id": one["id"]})
        self.assertEqual(answer.status, 200, answer.text)
        client.join(20)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(answers[0].status, 422)
        self.assertIn("canceled", answers[0].json()["error"])
        wait_until(self.storages_are_idle, 5, "idle storage nodes")
        self.assertEqual(self.active(), [])

    def test_a_client_that_hangs_up_ends_its_query(self):
        host, port = self.cluster.select.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port))
        connection.request(
            "GET", API + "query_range?" +
            urllib.parse.urlencode(self.heavy_arguments()))
        wait_until(lambda: self.active(), 20, "an active query")
        connection.close()
        wait_until(lambda: not self.active(), 5, "the end of the query")
        wait_until(self.storages_are_idle, 5, "idle storage nodes")

    def test_a_query_over_its_time_ends_everywhere(self):
        begun = time.monotonic()
        answer = self.select("query_range",
                             {**self.heavy_arguments(), "timeout": "500ms"})
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(answer.status, 422)
        self.assertIn("-search.maxQueryDuration", answer.json()["error"])
        wait_until(self.storages_are_idle, 5, "idle storage nodes")

    def test_top_queries_and_the_slow_log_tell_the_cost(self):
        query = "sum(quantile_over_time(0.5, heavy[1h])) "  # some milliseconds
        for _ in range(3):
            self.select("query", {"query": query, "time": self.end_ms / 1000})

        def top_queries():
            return self.select("status/top_queries", {"topN": 5}).json()

        def count():
            return {q["query"]: q["count"]
                    for q in top_queries()["topByCount"]}.get(query)
        # A query is counted after its answer.
        wait_until(lambda: count() == 3, 5, "three queries are counted")
        top = top_queries()
        self.assertEqual(top["topN"], "5")
        for name, key in (("topByAvgDuration", "avgDurationSeconds"),
                          ("topBySumDuration", "sumDurationSeconds"),
                          ("topByAvgMemoryUsage", "avgMemoryBytes")):
            values = [q[key] for q in top[name]]
            self.assertEqual(values, sorted(values, reverse=True))
        process = self.cluster.selects[0][0]
        slow = [line for line in process.lines if "slow query" in line
                and f'query="{query}"' in line]
        self.assertTrue(slow)
        self.assertRegex(slow[0], rf"series={SERIES}, samples=\d+, "
                         r"bytes=\d{3,}, blocks=\d+, blockBytes=\d+, "
                         r"cpuMsec=\d+, storageCpuMsec=\d+, peakMemory")


if __name__ == "__main__":
    unittest.main()
