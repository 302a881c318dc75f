"""The metricsql dialect against a real victoria-metrics over the same data."""

import math
import time
import unittest
import urllib.parse

from tests.support import http_client
from tests.support.peers import beside_victoria_metrics
from tests.support.processes import peer

TOLERANCE = 1e-9   # VictoriaMetrics rounds differences of decimals
SCRAPE_SECONDS = 15

# Asked as instant and as range queries. `sum(m) offset 5m` is not among them:
# VictoriaMetrics evaluates it at multiples of the step, Varve at that moment.
QUERIES = """
requests_total
requests_total{host="a"}
rate(requests_total[5m])
rate(requests_total[1m])
rate(requests_total[15s])
rate(requests_total)
increase(requests_total[5m])
increase(requests_total[1m])
increase(requests_total)
delta(temperature[2m])
delta(temperature)
idelta(temperature[1m])
irate(requests_total[1m])
irate(requests_total)
deriv(temperature[2m])
changes(steps[5m])
changes(steps)
resets(requests_total[10m])
increase(dips_total[5m])
rate(dips_total[2m])
resets(dips_total[10m])
rate(late_total[5m])
increase(late_total[5m])
increase(sparse_total[10m])
rate(sparse_total)
sparse_total
gappy
count_over_time(gappy[2m])
sum_over_time(gappy[1m])
avg_over_time(temperature[2m])
min_over_time(temperature[2m])
max_over_time(temperature)
last_over_time(temperature[1m])
first_over_time(temperature[1m])
stddev_over_time(temperature[3m])
quantile_over_time(0.9, temperature[5m])
max_over_time(rate(requests_total[1m])[5m:30s])
max_over_time(rate(requests_total[1m])[5m:])
max_over_time(rate(requests_total))
sum(rate(requests_total[2m])) by (host)
sum(requests_total, temperature)
count(requests_total) without (host)
topk(1, requests_total)
quantile(0.5, requests_total)
requests_total / 2
requests_total > 1000
requests_total > 1000 keep_metric_names
(requests_total * 2) keep_metric_names
abs(temperature)
abs(temperature) keep_metric_names
round(temperature, 5)
ceil(temperature)
clamp_max(temperature, 20)
1 + 1
time()
1 == 1
1 == 2
3 > 2 > 1
sum(1)
scalar(sum(requests_total)) + 1
temperature default 0
gappy default 7
nothing default 3
nothing default temperature
temperature if requests_total
gappy ifnot temperature
0 if temperature{host="a"}
temperature{host="a" or host="b"}
{__name__="temperature",host="a" or __name__="steps"}
temperature * on(host) group_left(*) info
temperature * on(host) group_left(zone) prefix "p_" info
(temperature, steps)
union(temperature, temperature)
with (f = {host="a"}, double(q) = q * 2) double(temperature{f})
temperature[2m]
temperature offset 1m
rate(requests_total[4i])
temperature offset 2i
1.5Ki + 2K
rollup(temperature)
rollup_rate(requests_total)
rollup_deriv(temperature)
rollup_increase(requests_total)
rollup_delta(temperature)
rollup_scrape_interval(temperature)
rollup_candlestick(temperature)
quantiles_over_time("phi", 0.1, 0.9, temperature)
aggr_over_time(("min_over_time", "max_over_time"), temperature)
aggr_over_time(("rate", "count_over_time", "deriv"), requests_total[5s])
aggr_over_time(("rate", "count_over_time"), requests_total)
deriv(temperature[15s])
predict_linear(temperature[15s], 60)
holt_winters(requests_total[2m], 0.3, 0.6)
zscore_over_time(temperature[1m])
rate(requests_total[20s] @ start())
rate(requests_total @ end())
sparse_total @ end()
histogram_over_time(temperature)
steps == (1, 3, 5, 21)
steps != (1, 3, 5, 21)
(1, 21) == steps
last_over_time(temperature[1m] @ (end() - 60))
last_over_time(temperature[1m] @ scalar(start() + 5 + steps * 0))
absent(nothing)
absent(temperature)
-temperature
temperature == temperature
temperature or steps
temperature and steps
steps unless temperature
label_replace(steps, "x", "$1", "host", "(.*)")
histogram_quantile(0.9, sum(rate(latency_bucket[2m])) by (le))
histogram_quantile(0.5, latency_bucket)
sort_desc(temperature)
count_over_time(temperature[20m-5m])
count_over_time(temperature[20m-3i])
temperature offset 20m-5m
temperature offset -5m-1m
temperature offset 5m -1m
temperature offset 5m-2i
20m-5m*2
20m-5m30s-1m
-20m-5m
with (w = 20m-5m) count_over_time(temperature[w])
histogram_quantiles("phi", 0.5, 0.99, 1, latency_bucket)
histogram_quantiles("phi", 0.9, sum(rate(latency_bucket[2m])) by (le))
""".strip().splitlines()


def data(start_s):
    """Two hours of series, each with one trait."""
    ticks = range(0, 7200, SCRAPE_SECONDS)
    series = []

    def add(name, values, jitter=0, **labels):
        series.append(({"__name__": name, **labels}, [
            ((start_s + t) * 1000 + (i * 37 % (jitter + 1)), v)
            for i, (t, v) in enumerate(zip(ticks, values))
            if v is not None]))

    n = len(ticks)
    for k, host in enumerate("ab"):
        counter, total = [], 0
        for i in range(n):
            total = 3 if i in (150, 300) else total + 10 + k + (i * 7) % 5
            counter.append(total)
        add("requests_total", counter, jitter=300 * k, host=host)
        add("temperature", [round(20 + 10 * math.sin(i / 20 + k), 3)
                            for i in range(n)], host=host)
        add("info", [1] * n, host=host, zone="z" + host, rack=str(k))
    add("steps", [i // 11 for i in range(n)], host="a")
    # Falls by less than an eighth, as a counter that is read twice may.
    add("dips_total", [1000 + 5 * i - (3 if i % 17 == 0 else 0)
                       for i in range(n)])
    add("late_total", [None if i < n // 2 else 500 + i for i in range(n)])
    add("sparse_total", [3 * i if i % 8 == 0 else None for i in range(n)])
    add("gappy", [None if i % 40 in range(10, 30) else i for i in range(n)],
        host="a")
    for le, part in (("0.1", 5), ("0.5", 8), ("1", 9), ("+Inf", 10)):
        add("latency_bucket", [i * part for i in range(n)], le=le)
    return series


def points(answer):
    """{labels: {timestamp: value}} of a vector or matrix."""
    result = answer["data"]
    if result["resultType"] not in ("vector", "matrix"):
        raise AssertionError(f"{result['resultType']} instead of series")
    found = {}
    for row in result["result"]:
        values = row.get("values") or [row["value"]]
        found[tuple(sorted(row["metric"].items()))] = {
            round(float(t), 3): float(v) for t, v in values}
    return found


def same(a, b):
    return a == b or abs(a - b) <= TOLERANCE * max(abs(a), abs(b), 1e-6)


def differences(ours, theirs):
    found = []
    for labels in theirs.keys() - ours.keys():
        found.append(f"missing in Varve: {dict(labels)}")
    for labels in ours.keys() - theirs.keys():
        found.append(f"missing in VictoriaMetrics: {dict(labels)}")
    for labels in sorted(ours.keys() & theirs.keys()):
        a, b = ours[labels], theirs[labels]
        for t in sorted(a.keys() | b.keys()):
            if t not in a or t not in b or not same(a[t], b[t]):
                found.append(f"{dict(labels)} at {t}: Varve {a.get(t)}, "
                             f"VictoriaMetrics {b.get(t)}")
                break
    return found


@unittest.skipUnless(peer("victoria-metrics"), "skipped: no peer")
class MetricsqlAgreementTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # Far enough in the past for latency offsets not to matter.
        cls.start = (int(time.time()) - 4 * 3600) // 3600 * 3600
        cls.cluster, cls.peer = beside_victoria_metrics(
            cls, data(cls.start), storages=1)

    def both(self, path, arguments):
        arguments = {**arguments, "nocache": "1"}
        ours = http_client.post_form(
            self.cluster.select, f"/select/0/prometheus{path}",
            {**arguments, "dialect": "metricsql"})
        theirs = http_client.post_form(self.peer, path, arguments)
        return ours, theirs

    def compare(self, path, arguments):
        """What is wrong with one query, or nothing."""
        ours, theirs = self.both(path, arguments)
        if theirs.status != 200:
            if ours.status != 200:
                return []
            return [f"Varve answers, VictoriaMetrics: {theirs.text[:200]}"]
        if ours.status != 200:
            return [f"Varve: {ours.text[:200]}"]
        try:
            return differences(points(ours.json()), points(theirs.json()))
        except AssertionError as error:
            return [str(error)]

    def check(self, path, arguments):
        failed = []
        for query in QUERIES:
            if path.endswith("range") and query == "temperature[2m]":
                continue
            found = self.compare(path, {**arguments, "query": query})
            if found:
                failed.append(query)
                print(f"{query}\n    " + "\n    ".join(found[:3]))
        print(f"{path} {arguments}: {len(QUERIES) - len(failed)} of "
              f"{len(QUERIES)} agree")
        self.assertEqual(failed, [])

    def test_instant_queries_agree(self):
        self.check("/api/v1/query", {"time": self.start + 5003})

    def test_instant_queries_in_a_gap_agree(self):
        self.check("/api/v1/query", {"time": self.start + 4810})

    def test_ranges_with_steps_above_the_scrape_interval_agree(self):
        self.check("/api/v1/query_range",
                   {"start": self.start + 1800, "end": self.start + 6000,
                    "step": "60s"})

    def test_ranges_with_steps_below_the_scrape_interval_agree(self):
        self.check("/api/v1/query_range",
                   {"start": self.start + 3600, "end": self.start + 4000,
                    "step": "7s"})

    def test_rounding_of_ranges_agrees(self):
        arguments = {"query": "temperature", "start": self.start + 1807,
                     "end": self.start + 6011, "step": "60s"}
        ours = http_client.post_form(
            self.cluster.select, "/select/0/prometheus/api/v1/query_range",
            {**arguments, "dialect": "metricsql"}).json()
        theirs = http_client.post_form(
            self.peer, "/api/v1/query_range", arguments).json()
        self.assertEqual(differences(points(ours), points(theirs)), [])

    def test_texts_of_templates_agree(self):
        query = 'WITH (f = {a="b"}, x(q) = q * 2) x(sum(m{f}))'
        path = "/expand-with-exprs?" + urllib.parse.urlencode(
            {"query": query, "format": "json"})
        ours = http_client.get(self.cluster.select,
                               "/select/0/prometheus" + path).json()
        theirs = http_client.get(self.peer, path).json()
        self.assertEqual(ours["status"], theirs["status"])
        self.assertEqual(ours["expr"].strip("()"), theirs["expr"].strip("()"))


if __name__ == "__main__":
    unittest.main()
