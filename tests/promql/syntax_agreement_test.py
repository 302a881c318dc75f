"""parse_query, format_query and parse errors against a real Prometheus."""

import unittest
import urllib.parse

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.peers import Prometheus
from tests.support.processes import peer

# Trees and printed forms are the same.
QUERIES = """
up
foo{}
-foo ^ 2 + 3
1 + 2 * 3
0x1F + 1_000
round(foo, 0.5) * 1e10 - Inf + NaN
"text"
time()
month()
topk(5, foo) or vector(1)
sum without () (a)
a + on() b
sum by (x, y) (rate(foo_total{a="b",c!~"d.*"}[5m] offset 1h)) / on (x) \
group_left (z) bar > bool 0.5
(foo and ignoring (a) bar) unless baz
foo @ 1609746000 offset -5m
foo[5m:1m] @ start()
max_over_time(rate(foo[1m])[5m:30s] @ end() offset 1m)
label_replace(up, "host", "$1", "instance", "(.*):.*")
count_values("version", build_info)
{"foo.bar", "a.b"="c"}
avg_over_time(foo[1h30m])
absent(nothing{x="y"}) == 1
histogram_quantile(0.9, sum by (le) (rate(\
prometheus_http_request_duration_seconds_bucket{handler="/api/v1/query_range",\
instance="localhost:9090"}[5m])))
sum(rate(very_long_metric_name_number_one{job="some-job",\
instance="some-instance"}[5m])) by (cluster, namespace, pod) / sum(\
very_long_metric_name_number_two{job="some-job"}) without (instance)
-(sum(rate(very_long_metric_name_number_one{job="some-job",\
instance="some-instance"}[5m])) by (cluster, namespace))
quantile(0.9, max_over_time(sum(rate(\
very_long_metric_name_number_one{job="some-job",instance="i"}[5m]))[1h:5m]))
""".strip().splitlines()

# Refused with the same text at the same position.
REFUSED = """
sum(
rate(foo[5m]
foo{a=}
foo bar
sum by x (a)
1 == 1
a and 1
topk(foo)
foo[5m][5m]
rate(1)
{}
foo{a="b" c="d"}
foo @ x
1 +
nosuch(a)
foo sum
foo{a=sum}
foo by
"a" + 1
abs("x")
foo[5m:0s]
a == bool
a + bool b
a + on(x) group_left(x) b
*1
label_join(a)
""".strip().splitlines()


def ask(address, path, query):
    return http_client.get(
        address, path + "?" + urllib.parse.urlencode({"query": query}))


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class SyntaxAgreementTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        prometheus = Prometheus()
        cls.addClassCleanup(prometheus.stop)
        cls.peer = prometheus.address
        cls.cluster = Cluster(storages=1)
        cls.addClassCleanup(cls.cluster.close)

    def both(self, path, query):
        return (ask(self.cluster.select, "/select/0/prometheus" + path, query),
                ask(self.peer, path, query))

    def test_trees_and_texts_agree(self):
        for path in ("/api/v1/parse_query", "/api/v1/format_query"):
            for query in QUERIES:
                with self.subTest(path=path, query=query):
                    ours, theirs = self.both(path, query)
                    self.assertEqual(ours.json().get("data"),
                                     theirs.json()["data"])

    def test_errors_agree(self):
        for query in REFUSED:
            with self.subTest(query=query):
                ours, theirs = self.both("/api/v1/query", query)
                self.assertEqual((ours.status, theirs.status), (400, 400))
                self.assertEqual(
                    ours.json()["error"],
                    theirs.json()["error"].removeprefix(
                        'invalid parameter "query": '))


if __name__ == "__main__":
    unittest.main()
