"""The calls that Grafana's Prometheus data source makes, GET and POST."""

import gzip
import json
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster

API = "/select/0/prometheus/api/v1/"
# What breaks JSON that is put together carelessly.
ODD = "quote\" slash\\ line\nfeed tab\t \u00e9 \u4e16 \x01"


class GrafanaCallsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=2, replication_factor=2)
        cls.now = int(time.time())
        answer = cls.cluster.write([
            ({"__name__": "up", "job": job, "odd": ODD},
             [((cls.now - 60 + i) * 1000, i) for i in range(0, 60, 15)])
            for job in ("a", "b")])
        assert answer.status == 204, answer.text

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def both(self, path, arguments):
        """The answer of GET, which POST with a form gives too."""
        headers = {"X-Grafana-Org-Id": "1",
                   "Content-Type": "application/x-www-form-urlencoded"}
        by_get = http_client.get(self.cluster.select, API + path, arguments,
                                 headers=headers)
        by_post = http_client.post_form(self.cluster.select, API + path,
                                        arguments)
        self.assertEqual(by_get.status, 200, by_get.text)
        first, second = by_get.json(), by_post.json()
        for one in (first, second):
            one.pop("stats", None)
        self.assertEqual(first, second)
        self.assertEqual(first["status"], "success")
        return first["data"]

    def range(self):
        return {"start": self.now - 120, "end": self.now}

    def test_labels_and_values_with_match(self):
        self.assertEqual(self.both("labels", {**self.range(),
                                              "match[]": 'up{job="a"}'}),
                         ["__name__", "job", "odd"])
        self.assertEqual(self.both("label/job/values",
                                   {**self.range(), "match[]": "up"}),
                         ["a", "b"])
        self.assertEqual(self.both("label/odd/values", self.range()), [ODD])

    def test_series_keep_odd_values(self):
        series = self.both("series", {**self.range(), "match[]": "up"})
        self.assertEqual(series, [
            {"__name__": "up", "job": job, "odd": ODD} for job in ("a", "b")])

    def test_queries(self):
        vector = self.both("query", {"query": "up", "time": self.now})
        self.assertEqual([row["metric"]["odd"] for row in vector["result"]],
                         [ODD, ODD])
        matrix = self.both("query_range", {
            "query": "sum(up)", "step": "15", **self.range()})
        self.assertEqual(matrix["resultType"], "matrix")
        self.assertEqual(len(matrix["result"]), 1)

    def test_the_calls_without_data(self):
        self.assertEqual(self.both("status/buildinfo", {})["version"],
                         "2.24.0")
        self.assertEqual(self.both("metadata", {}), {})
        self.assertEqual(self.both("rules", {}), {"groups": []})
        self.assertEqual(self.both("alerts", {}), {"alerts": []})
        self.assertEqual(self.both("query_exemplars", {
            "query": "up", **self.range()}), [])

    def test_gzip_answers(self):
        answer = http_client.get(
            self.cluster.select, API + "query_range",
            {"query": "up", "step": 1, "start": self.now - 5000,
             "end": self.now}, headers={"Accept-Encoding": "gzip"})
        self.assertEqual(answer.headers["Content-Encoding"], "gzip")
        self.assertEqual(json.loads(gzip.decompress(answer.body))["status"],
                         "success")

    def test_malformed_arguments_name_themselves(self):
        for path, arguments, word in (
                ("query", {}, "query"),
                ("query", {"query": "up", "time": "x"}, "time"),
                ("query", {"query": "up", "timeout": "-x"}, "timeout"),
                ("query", {"query": "up", "limit": "x"}, "limit"),
                ("query", {"query": "up", "round_digits": "x"},
                 "round_digits"),
                ("query", {"query": "up", "lookback_delta": "x"},
                 "lookback_delta"),
                ("query", {"query": "up", "extra_label": "x"}, "extra_label"),
                ("query", {"query": "up", "extra_filters[]": "{"},
                 "extra_filters[]"),
                ("query_range", {"query": "up", "start": "x"}, "start"),
                ("query_range", {"query": "up", "step": "0"}, "step"),
                ("series", {"match[]": "{"}, "match[]"),
                ("series", {"match[]": "up", "limit": "x"}, "limit"),
                ("labels", {"start": "x"}, "start"),
                ("label/job/values", {"end": "x"}, "end"),
                ("export", {}, "match[]"),
                ("export", {"match[]": "up", "format": "x"}, "format"),
                ("export/csv", {"match[]": "up"}, "format"),
                ("query_exemplars", {"query": "{"}, "parse error"),
                ("status/tsdb", {"date": "x"}, "date"),
                ("status/top_queries", {"topN": "x"}, "topN"),
                ("format_query", {"query": "sum("}, "parse error")):
            with self.subTest(path=path, arguments=arguments):
                answer = http_client.get(self.cluster.select, API + path,
                                         arguments)
                self.assertEqual(answer.status, 400, answer.text)
                error = answer.json()
                self.assertEqual(error["errorType"], "400")
                self.assertIn(word, error["error"])


if __name__ == "__main__":
    unittest.main()
