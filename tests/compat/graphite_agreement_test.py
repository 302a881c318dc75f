"""Graphite's render API beside VictoriaMetrics', over the same samples."""

import tempfile
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, wait_healthy
from tests.support.processes import Process, peer, wait_until

PATH = "/select/0/graphite/render"
TARGETS = [
    "web.*.load", "web.{a,c}.load", "web.[ab].load", "seriesByTag('dc=x')",
    "seriesByTag('name=~web', 'dc!=x')",
    "sumSeries(web.*.load)", "sum(web.a.load,web.b.load)",
    "averageSeries(web.*.load)", "avg(web.*.load)", "maxSeries(web.*.load)",
    "minSeries(web.*.load)", "diffSeries(web.*.load)",
    "rangeOfSeries(web.*.load)", "stddevSeries(web.a.load,web.b.load)",
    "multiplySeries(web.a.load,web.b.load)",
    "aggregate(web.*.load,'range')",
    "divideSeries(web.*.load,web.b.load)", "asPercent(web.*.load)",
    "asPercent(web.*.load,200)", "asPercent(web.a.load,web.b.load)",
    "groupByNode(web.*.load,0,'sum')", "groupByNodes(web.*.load,'max',0,2)",
    "groupByTags(web.c.load,'sum','dc')",
    "sumSeriesWithWildcards(web.*.load,1)",
    "alias(web.a.load,'x')", "aliasByNode(scale(web.*.load,2),1)",
    "aliasByNode(web.*.load,1,-1)", "aliasByTags(web.c.load,'dc')",
    "aliasByMetric(web.a.load)",
    "aliasSub(web.*.load,'^web\\.(\\w+)','\\1')",
    "scale(web.c.load,0.5)", "offset(web.a.load,-10)",
    "absolute(offset(web.a.load,-30))", "invert(web.b.load)",
    "squareRoot(web.a.load)", "pow(web.a.load,2)", "integral(web.c.load)",
    "derivative(web.b.load)", "nonNegativeDerivative(web.c.load)",
    "perSecond(web.a.load)", "perSecond(web.c.load,3)",
    "keepLastValue(web.c.load)", "transformNull(web.c.load,7)",
    "transformNull(web.c.load)", "timeShift(web.a.load,'20s')",
    "timeShift(web.a.load,'-20s')", "scaleToSeconds(web.a.load,60)",
    "consolidateBy(web.a.load,'max')", "constantLine(5)",
    "isNonNull(web.c.load)", "removeAboveValue(web.a.load,20)",
    "removeBelowValue(web.a.load,20)",
    "highestMax(web.*.load,1)",
    "highestCurrent(web.*.load,2)", "highestAverage(web.*.load,1)",
    "lowestAverage(web.*.load,1)", "averageAbove(web.*.load,50)",
    "maximumBelow(web.*.load,50)", "sortByMaxima(web.*.load)",
    "sortByName(web.*.load,false,true)", "sortByTotal(web.*.load)",
    "removeEmptySeries(web.*.load)", "exclude(web.*.load,'a')",
    "grep(web.*.load,'[ab]')", "unique(web.a.load,web.a.load)",
    "group(web.a.load,web.b.load)", "fallbackSeries(nothing,web.a.load)",
    "none.*",
]
# There the series of these end a point later.
LONGER_THERE = ["movingAverage(web.a.load,3)", "movingAverage(web.a.load,'20s')",
                "movingSum(web.a.load,2)", "movingMax(web.b.load,3)",
                "movingMin(web.b.load,3)", "summarize(web.a.load,'20s','max')",
                "summarize(web.a.load,'30s','sum')"]


@unittest.skipUnless(peer("victoria-metrics"), "skipped: no peer")
class GraphiteAgreementTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # Whole minutes, so that all intervals begin where the range does.
        cls.start = int(time.time()) // 60 * 60 - 600
        cls.cluster = Cluster(storages=2, replication_factor=2)
        cls.addClassCleanup(cls.cluster.close)
        folder = tempfile.TemporaryDirectory(prefix="varve-graphite-")
        cls.addClassCleanup(folder.cleanup)
        vm = Process("victoria-metrics", peer("victoria-metrics"), [
            f"-storageDataPath={folder.name}", "-retentionPeriod=100y",
            "-httpListenAddr=127.0.0.1:0"])
        cls.addClassCleanup(vm.stop)
        cls.vm = vm.wait_line(r"started server at http://(.*:\d+)/").group(1)
        wait_healthy(cls.vm)
        lines = []
        for i in range(12):
            ms = (cls.start + 10 * i) * 1000
            lines += [f"web.a.load {i * i} {ms}", f"web.b.load {100 - i} {ms}"]
            if i != 5:
                lines.append(f'web.c.load{{dc="x",host="h1"}} {i % 4} {ms}')
        body = "".join(line + "\n" for line in lines)
        for address, path in (
                (cls.vm, "/api/v1/import/prometheus"),
                (cls.cluster.insert,
                 "/insert/0/prometheus/api/v1/import/prometheus")):
            answer = http_client.request(address, "POST", path, body)
            assert answer.status == 204, answer.text
        http_client.get(cls.vm, "/internal/force_flush")
        wait_until(lambda: len(cls.there("web.*.load")) == 3, 10,
                   "the samples are seen")

    @classmethod
    def arguments(cls, target):
        return {"target": target, "format": "json", "from": cls.start,
                "until": cls.start + 60}

    @classmethod
    def there(cls, target):
        return http_client.get(cls.vm, "/render", cls.arguments(target)).json()

    def here(self, target):
        answer = http_client.post_form(self.cluster.select, PATH,
                                       self.arguments(target))
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json()

    def assert_agree(self, target, points=None):
        def rows(answer):
            # Here in the order of the functions, there in no certain one.
            return sorted((
                (row["target"],
                 [(at, None if value is None else round(value, 9))
                  for value, at in row["datapoints"][:points]])
                for row in answer), key=str)
        self.assertEqual(rows(self.here(target)), rows(self.there(target)))

    def test_functions_give_the_same_names_and_points(self):
        for target in TARGETS:
            with self.subTest(target):
                self.assert_agree(target)

    def test_moving_windows_agree_up_to_the_end(self):
        for target in LONGER_THERE:
            with self.subTest(target):
                points = len(self.here(target)[0]["datapoints"])
                self.assert_agree(target, points)

    def test_every_function_here_is_one_there(self):
        functions = http_client.get(self.cluster.select,
                                    "/select/0/graphite/functions").json()
        known = http_client.get(self.vm, "/functions").json()
        self.assertGreater(len(functions), 80)
        self.assertEqual(sorted(set(functions) - set(known) -
                                {"logarithm"}), [])

    def test_bounds_of_a_request(self):
        for select, arguments, text in (
                ({"-search.graphiteMaxPointsPerSeries": 5}, {},
                 "-search.graphiteMaxPointsPerSeries"),
                ({"-search.maxGraphiteSeries": 2}, {},
                 "-search.maxGraphiteSeries"),
                ({"-search.maxMemoryPerQuery": 1000}, {},
                 "-search.maxMemoryPerQuery")):
            with self.subTest(text):
                address = self.cluster.add_select(
                    args=[f"{name}={value}" for name, value in select.items()])
                answer = http_client.get(
                    address, PATH,
                    {**self.arguments("web.*.load"), **arguments})
                self.assertEqual(answer.status, 422, answer.text)
                self.assertIn(text, answer.json()["error"])
        answer = http_client.get(self.cluster.select, PATH,
                                 self.arguments("nosuch(web.a.load)"))
        self.assertEqual(answer.status, 400)
        self.assertIn("nosuch", answer.json()["error"])


if __name__ == "__main__":
    unittest.main()
