"""The same native histograms in Varve and in a real Prometheus, asked alike."""

import math
import os
import random
import tempfile
import unittest
import urllib.parse

from tests.compat.prometheus_agreement_test import free_port, same
from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.processes import Process, peer

SEED = int(os.environ.get("VARVE_HISTOGRAM_SEED", "1"))
START = 1_795_100_400          # a whole hour
STEP = 15
SCRAPES = 60
CUSTOM = -53

QUERIES = """
h
h{kind="exp"}
h{kind="custom"}
h{kind="mixed"}
h{kind="float"}
histogram_count(h)
histogram_sum(h)
histogram_avg(h)
histogram_stddev(h)
histogram_stdvar(h)
histogram_quantile(0, h)
histogram_quantile(0.01, h)
histogram_quantile(0.3, h)
histogram_quantile(0.5, h)
histogram_quantile(0.9, h)
histogram_quantile(0.99, h)
histogram_quantile(1, h)
histogram_quantile(1.5, h)
histogram_fraction(-Inf, 0, h)
histogram_fraction(-0.5, 0.5, h)
histogram_fraction(1, 3, h)
histogram_fraction(0.7, Inf, h)
histogram_fraction(-Inf, +Inf, h)
rate(h[1m])
rate(h{kind="exp"}[2m])
rate(h{kind="zero"}[2m])
rate(h{kind="custom"}[2m])
rate(h{kind="mixed"}[2m])
rate(h{kind="gauge"}[2m])
increase(h{kind=~"exp|custom"}[5m])
delta(h{kind="gauge"}[1m])
delta(h{kind="exp"}[1m])
irate(h[1m])
idelta(h{kind="gauge"}[1m])
idelta(h{kind="exp"}[1m])
resets(h[2m])
changes(h[2m])
sum_over_time(h{kind="exp"}[1m])
avg_over_time(h{kind="exp"}[1m])
sum_over_time(h{kind="custom"}[1m])
avg_over_time(h{kind="custom"}[1m])
sum_over_time(h{kind="float"}[1m])
avg_over_time(h{kind="float"}[1m])
last_over_time(h[1m])
count_over_time(h[1m])
present_over_time(h[1m])
max_over_time(h[1m])
min_over_time(h{kind="float"}[2m])
stddev_over_time(h{kind="float"}[2m])
quantile_over_time(0.5, h{kind="float"}[2m])
deriv(h{kind="float"}[2m])
predict_linear(h{kind="float"}[2m], 60)
absent(h)
absent_over_time(h[1m])
sum(h{kind="exp"})
avg(h{kind="exp"})
sum(h{kind="zero"})
avg_over_time(h{kind="zero"}[2m])
sum by (kind) (h)
avg by (kind) (h)
sum by (kind) (rate(h[1m]))
avg by (kind) (rate(h[1m]))
sum(rate(h{kind="exp"}[1m]))
histogram_quantile(0.9, sum(rate(h{kind="exp"}[1m])))
histogram_quantile(0.9, sum by (kind) (rate(h{kind=~"exp|custom"}[1m])))
histogram_fraction(0, 2, sum by (kind) (increase(h{kind=~"exp|custom"}[1m])))
count(h)
count by (kind) (h)
group(h)
min(h)
max by (kind) (h)
stddev(h)
stdvar by (kind) (h)
quantile(0.5, h)
topk(2, h)
bottomk by (kind) (1, h)
count_values("v", h{kind="custom"})
count_values("v", h{kind="exp", id="0"})
count(limitk(2, h))
h + h
h - h
h{kind="exp"} - h{kind="exp"} offset 1m
h{kind="exp"} + on () group_left () h{kind="exp", id="0"}
h{kind="exp"} - on () group_left () h{kind="exp", id="1"}
h{kind="exp"} + on () group_left () h{kind="zero", id="0"}
h{kind="zero"} + on () group_left () h{kind="exp", id="0"}
h{kind="zero"} - on () group_left () h{kind="exp", id="2"}
h{kind="custom"} + on () group_left () h{kind="custom", id="0"}
h{kind="exp"} + on () group_left () h{kind="custom", id="0"}
h * 2
2 * h
h / 3
h * -1
-h
h / 0
2 / h
h * h
h / h
h + 1
1 - h
h ^ 2
h % 2
h == h
h != h
h == h offset 15s
h != h offset 15s
h > h
h == bool h
h > 1
h == 1
h and h{kind="exp"}
h or h{kind="exp"}
h unless h{kind="exp"}
h * on (kind, id) f
h / on (kind, id) f
f * on (kind, id) h
h + on (kind, id) f
f > on (kind, id) h
abs(h)
ceil(h)
clamp(h, 0, 1)
round(h)
sgn(h)
sort(h)
sort_desc(h)
timestamp(h)
scalar(h{kind="exp", id="0"})
vector(1) + scalar(h{kind="exp", id="0"})
label_replace(h, "x", "$1", "kind", "(.*)")
label_join(h, "x", "-", "kind", "id")
day_of_week(h)
rate(h{kind="exp"}[5m:30s])
increase(h{kind="mixed"}[5m:30s])
sum_over_time(rate(h{kind="exp"}[1m])[2m:30s])
last_over_time(h[2m:15s])
histogram_quantile(0.5, rate(h{kind="exp"}[1m] offset 1m))
h @ end()
double_exponential_smoothing(h[1m], 0.5, 0.5)
mad_over_time(h{kind="float"}[2m])
""".strip().splitlines()


class Side:
    """The buckets of one sign: {index: count}."""

    def __init__(self):
        self.counts = {}

    def observe(self, index, n):
        self.counts[index] = self.counts.get(index, 0) + n

    def layout(self):
        """(spans, counts) of the buckets there are."""
        spans, counts, end = [], [], None
        for index in sorted(self.counts):
            if end is not None and index == end:
                spans[-1][1] += 1
            else:
                spans.append([index if end is None else index - end, 1])
            counts.append(self.counts[index])
            end = index + 1
        return spans, counts

    def lower(self):
        merged = {}
        for index, count in self.counts.items():
            lower = ((index - 1) >> 1) + 1
            merged[lower] = merged.get(lower, 0) + count
        self.counts = merged


class Exponential:
    """A counter as a client keeps it: its resolution falls, or its zero bucket
    grows. (With both in one sum, the order of the sum would matter, which
    Prometheus takes from its index.)"""

    def __init__(self, rng, schema, negative=True, widens=False):
        self.rng, self.first_schema, self.negative = rng, schema, negative
        self.widens = widens
        self.restart()

    def restart(self):
        self.schema, self.threshold = self.first_schema, 2.0 ** -7
        self.zero = self.sum = 0
        self.sides = (Side(), Side())

    def change(self):
        event = self.rng.random()
        if event < 0.03:
            self.restart()
        elif event < 0.08 and self.widens:
            self.widen()
        elif event < 0.08 and self.schema > -2:
            self.schema -= 1
            for side in self.sides:
                side.lower()
        for _ in range(self.rng.randrange(4)):
            self.observe(self.rng.choice((1, 1, 1, -1 if self.negative else 1))
                         * self.rng.lognormvariate(0.5, 1.5))

    def widen(self):
        """A power of 2 is a bound of every schema from 0 on."""
        self.threshold *= 2
        bound = round(math.log2(self.threshold)) * 2 ** self.schema
        for side in self.sides:
            for index in [i for i in side.counts if i <= bound]:
                self.zero += side.counts.pop(index)

    def observe(self, value):
        self.sum += value
        if abs(value) <= self.threshold:
            self.zero += 1
            return
        index = math.ceil(math.log2(abs(value)) * 2.0 ** self.schema)
        self.sides[value < 0].observe(index, self.rng.randrange(1, 4))

    def value(self):
        (positive_spans, positive), (negative_spans, negative) = (
            side.layout() for side in self.sides)
        return {"schema": self.schema, "sum": self.sum,
                "count": self.zero + sum(positive) + sum(negative),
                "zero_threshold": self.threshold, "zero_count": self.zero,
                "positive_spans": positive_spans, "positive_buckets": positive,
                "negative_spans": negative_spans, "negative_buckets": negative}


class Custom(Exponential):
    """Custom bounds, which a restart may change."""

    def __init__(self, rng, bounds, other_bounds=None):
        self.bounds = bounds
        self.other_bounds = other_bounds or bounds
        super().__init__(rng, 0)

    def restart(self):
        super().restart()
        self.bounds, self.other_bounds = self.other_bounds, self.bounds

    def change(self):
        if self.rng.random() < 0.04:
            self.restart()
        for _ in range(self.rng.randrange(4)):
            value = self.rng.lognormvariate(0.5, 1)
            self.sum += value
            self.sides[0].observe(sum(value > b for b in self.bounds), 1)

    def value(self):
        spans, counts = self.sides[0].layout()
        return {"schema": CUSTOM, "sum": self.sum, "count": sum(counts),
                "zero_threshold": 0, "zero_count": 0, "positive_spans": spans,
                "positive_buckets": counts, "negative_spans": [],
                "negative_buckets": [], "custom_bounds": self.bounds}


def gauge(value):
    return {**value, "reset": "gauge"}


def all_series(rng):
    """[(labels, floats, histograms)] with one sample per scrape, mostly."""
    made = [("exp", str(i), Exponential(rng, schema, negative=i != 3))
            for i, schema in enumerate((3, 1, 0, 2))]
    made += [("custom", "0", Custom(rng, [0.5, 1, 2, 5])),
             ("custom", "1", Custom(rng, [0.5, 1, 2, 5])),
             ("custom", "2", Custom(rng, [0.5, 1, 2, 5], [1, 3]))]
    made += [("zero", str(i), Exponential(rng, 2, widens=True))
             for i in range(3)]
    made += [("gauge", str(i), Exponential(rng, 1)) for i in range(2)]
    made += [("float", str(i), Exponential(rng, 1)) for i in range(2)]
    # Of exponential and of custom buckets by turns.
    made += [("mixed", "0", (Exponential(rng, 1), Custom(rng, [1, 2])))]
    series = []
    for kind, index, maker in made:
        makers = maker if isinstance(maker, tuple) else (maker,)
        floats, histograms = [], []
        for scrape in range(SCRAPES):
            for each in makers:
                each.change()
            at_ms = (START + scrape * STEP) * 1000
            if rng.random() < 0.05:
                continue
            value = makers[scrape // 7 % len(makers)].value()
            if kind == "float" and scrape // 5 % 3 == 0:
                floats.append((at_ms, float(scrape)))
            else:
                histograms.append((at_ms,
                                   gauge(value) if kind == "gauge" else value))
        labels = {"__name__": "h", "kind": kind, "id": index}
        series.append((labels, floats, histograms))
        series.append(({**labels, "__name__": "f"},
                       [((START + i * STEP) * 1000, float(i % 4))
                        for i in range(SCRAPES)], []))
    return series


def points(answer):
    """{labels: {time: number or (count, sum, buckets)}}."""
    data = answer["data"]
    if data["resultType"] == "scalar":
        return {(): {data["result"][0]: float(data["result"][1])}}
    found = {}
    for row in data["result"]:
        at = {float(t): float(v) for t, v in
              row.get("values", [row["value"]] if "value" in row else [])}
        for t, h in row.get("histograms", [row["histogram"]]
                            if "histogram" in row else []):
            at[float(t)] = [float(h["count"]), float(h["sum"])] + [
                float(x) for bucket in h.get("buckets", []) for x in bucket]
        found[tuple(sorted(row["metric"].items()))] = at
    return found


def alike(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(near, a, b))
    return isinstance(a, float) and isinstance(b, float) and near(a, b)


def near(a, b):
    # What is left of a difference of equal sums has no digits in common.
    return same(a, b) or abs(a - b) < 1e-12


def differences(ours, theirs):
    for labels in ours.keys() ^ theirs.keys():
        where = "Varve" if labels in theirs else "Prometheus"
        yield f"missing in {where}: {dict(labels)}"
    for labels in ours.keys() & theirs.keys():
        a, b = ours[labels], theirs[labels]
        for t in sorted(a.keys() | b.keys()):
            if t not in a or t not in b or not alike(a[t], b[t]):
                yield (f"{dict(labels)} at {t:.0f}:\n    Varve      {a.get(t)}"
                       f"\n    Prometheus {b.get(t)}")
                break


def start_prometheus(folder, port):
    path = os.path.join(folder, "prometheus.yml")
    with open(path, "w", encoding="ascii") as file:
        file.write("global: {}\n")
    prometheus = Process("prometheus", peer("prometheus"), [
        f"--config.file={path}", f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--enable-feature=native-histograms,promql-experimental-functions,"
        "promql-delayed-name-removal"])
    prometheus.wait_line("Server is ready", 30)
    return prometheus


def write_bodies():
    """A request per scrape: Prometheus takes nothing older than it has."""
    series = all_series(random.Random(SEED))
    for scrape in range(SCRAPES):
        at_ms = (START + scrape * STEP) * 1000
        body = b""
        for labels, floats, histograms in series:
            floats = [s for s in floats if s[0] == at_ms]
            histograms = [s for s in histograms if s[0] == at_ms]
            if floats:
                body += remote_write.time_series(labels, floats)
            if histograms:
                body += remote_write.histogram_series(labels, histograms)
        yield remote_write.snappy(body)


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class HistogramAgreementTest(unittest.TestCase):

    def test_the_same_queries_have_the_same_answers(self):
        with Cluster(storages=2, replication_factor=2) as cluster, \
                tempfile.TemporaryDirectory(prefix="varve-prom-") as folder:
            port = free_port()
            prometheus = start_prometheus(folder, port)
            try:
                self.write(cluster, f"127.0.0.1:{port}")
                self.compare(cluster, f"127.0.0.1:{port}")
            finally:
                prometheus.stop(30)

    def write(self, cluster, prometheus):
        for body in write_bodies():
            self.assertEqual(cluster.write_body(body).status, 204)
            answer = http_client.request(
                prometheus, "POST", "/api/v1/write", body,
                {"Content-Encoding": "snappy",
                 "Content-Type": "application/x-protobuf"})
            self.assertEqual(answer.status, 204, answer.text)

    def compare(self, cluster, prometheus):
        end = START + SCRAPES * STEP
        failures, notes, empty = [], [], []
        for query in QUERIES:
            for path, arguments in (
                    ("query", {"time": START + 40 * STEP + 7}),
                    ("query_range",
                     {"start": START, "end": end, "step": 20})):
                arguments["query"] = query
                ours = http_client.post_form(
                    cluster.select, f"/select/0/prometheus/api/v1/{path}",
                    arguments).json()
                theirs = http_client.get(
                    prometheus, f"/api/v1/{path}?" +
                    urllib.parse.urlencode(arguments)).json()
                if ours["status"] != theirs["status"]:
                    failures.append(f"{path} {query}: Varve "
                                    f"{ours.get('error', 'succeeds')}, "
                                    "Prometheus "
                                    f"{theirs.get('error', 'succeeds')}")
                if "error" in ours or "error" in theirs:
                    continue
                if path == "query_range" and not theirs["data"]["result"]:
                    empty.append(query)
                for difference in list(differences(points(ours),
                                                   points(theirs)))[:3]:
                    failures.append(f"{path} {query}: {difference}")
                for kind in ("warnings", "infos"):
                    # Without the place: it is not the call in Prometheus when
                    # a subquery is the argument.
                    a, b = ({note.rpartition(" (")[0]
                             for note in x.get(kind, [])}
                            for x in (ours, theirs))
                    if a != b:
                        notes.append(f"{path} {query}: {kind}: only Varve: "
                                     f"{a - b}, only Prometheus: {b - a}")
        print(f"seed {SEED}, {len(QUERIES)} queries, instant and range, "
              f"{len(empty)} of them without results: {len(failures)} "
              f"differences, {len(notes)} of annotations")
        self.assertFalse(failures + notes, "\n".join(failures + notes))
        self.assertLess(len(empty), len(QUERIES) / 4, empty)


if __name__ == "__main__":
    unittest.main()
