"""Queries that go very deep or very wide get an answer or a 4xx, soon."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster

N = 10_000
DEEPEST = 990   # a little less than the parser's limit of nesting
DEEPEST_PAIR = 480   # of what counts twice each time
SECONDS_MAX = 60  # twice -search.maxQueryDuration

DEEP = {
    "parentheses": "(" * N + "1" + ")" * N,
    "signs": "-" * N + "m",
    "chain": "1" + "+1" * N,
    "chain of series": "m" + " + m" * N,
    "powers": "2" + "^1" * N,
    "sets": "m" + " or m" * N,
    "defaults": "m" + " default m" * N,
    "calls": "abs(" * N + "m" + ")" * N,
    "aggregations": "sum(" * N + "m" + ")" * N,
    "subqueries": "max_over_time(" * N + "m" + "[5m:])" * N,
    "durations": "m[" + "(" * N + "1m" + ")" * N + "]",
    "sum of durations": "m[1m" + "+1m" * N + "]",
    "offsets": "m offset " + "(" * N + "1m" + ")" * N,
    "times": "m @ (" * N + "1" + ")" * N,
    "times of times": "m @ scalar(" * N + "m" + ")" * N,
    "unions": "(" * N + "m, m" + ")" * N,
    "list": "m == (" + ",".join(["1"] * N) + ")",
    "groups of matchers":
        "{" + " or ".join(f'a="{i}"' for i in range(N)) + "}",
    "labels": "sum by (" + ",".join(f"l{i}" for i in range(N)) + ") (m)",
    "regular expression": 'm{a=~"' + "(" * N + ")" * N + '"}',
    "repeated regular expression": 'm{a=~"((a{100}){100}){100}"}',
    "escapes": "\\-" * N,
    "templates": "with (a0 = 1" + "".join(
        f", a{i} = a{i - 1} + 1" for i in range(1, N)) + f") a{N - 1}",
    "doubling templates": "with (a0 = 1" + "".join(
        f", a{i} = a{i - 1} + a{i - 1}" for i in range(1, 100)) + ") a99",
    "templates in templates": "with (a = " * N + "1" + ") a" * N,
}
# What is evaluated and printed as deep as it can be parsed.
DEEPEST_PARSED = {
    "parentheses": "(" * DEEPEST + "m" + ")" * DEEPEST,
    "signs": "-" * DEEPEST + "m",
    "powers": "2" + "^1" * DEEPEST,
    "calls": "abs(" * DEEPEST + "m" + ")" * DEEPEST,
    "aggregations": "sum(" * DEEPEST + "m" + ")" * DEEPEST,
    "subqueries":
        "max_over_time(" * DEEPEST_PAIR + "m" + "[5m:])" * DEEPEST_PAIR,
    "durations": "m[" + "(" * DEEPEST + "1m" + ")" * DEEPEST + "]",
    "offsets": "m offset " + "(" * DEEPEST + "1m" + ")" * DEEPEST,
    "times": "m @ (" * DEEPEST_PAIR + "1" + ")" * DEEPEST_PAIR,
    "times of times":
        "m @ scalar(" * DEEPEST_PAIR + "m" + ")" * DEEPEST_PAIR,
    "unions": "(" * DEEPEST + "m, m" + ")" * DEEPEST,
    "right operands": "m + (" * DEEPEST_PAIR + "m" + ")" * DEEPEST_PAIR,
    "templates in templates": "with (a = " * DEEPEST + "1" + ") a" * DEEPEST,
}
PATHS = ("api/v1/query", "api/v1/query_range", "api/v1/format_query",
         "api/v1/parse_query", "prettify-query", "expand-with-exprs")


class DeepQueriesTest(unittest.TestCase):

    def test_deep_and_wide_queries_are_answered_or_refused(self):
        now = int(time.time())
        with Cluster(storages=1,
                     select_args=["-search.maxQueryLen=4MiB"]) as cluster:
            answer = cluster.write([
                ({"__name__": "m", "x": str(i)},
                 [((now - 60 * k) * 1000, k) for k in range(9, 0, -1)])
                for i in range(3)])
            self.assertEqual(answer.status, 204)
            for path in PATHS:
                for name, query in DEEP.items():
                    for dialect in ("promql", "metricsql"):
                        with self.subTest(path=path, query=name,
                                          dialect=dialect):
                            self.ask(cluster, path, {
                                "query": query, "dialect": dialect,
                                "time": now, "start": now - 300, "end": now,
                                "step": 60})
            for path in PATHS:
                for name, query in DEEPEST_PARSED.items():
                    with self.subTest(path=path, deepest=name):
                        answer = self.ask(cluster, path, {
                            "query": query, "time": now, "start": now - 300,
                            "end": now, "step": 60})
                        self.assertNotIn("levels deep", answer.text)
            self.assertTrue(cluster.selects[0][0].running())

    def ask(self, cluster, path, arguments):
        began = time.monotonic()
        answer = http_client.post_form(
            cluster.select, "/select/0/prometheus/" + path, arguments,
            seconds=2 * SECONDS_MAX)
        self.assertIn(answer.status, (200, 400, 422), answer.text[:200])
        self.assertTrue(answer.text.startswith('{"status":'), answer.text[:99])
        self.assertLess(time.monotonic() - began, SECONDS_MAX)
        return answer


if __name__ == "__main__":
    unittest.main()
