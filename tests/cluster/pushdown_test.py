"""Aggregations that the storage nodes compute, and what they find the best, are
what select makes of the raw samples, within 1e-12 of each number."""

import itertools
import math
import random
import time
import unittest

from tests.promql.random_queries import same_number
from tests.support import http_client, remote_write
from tests.support.cluster import Cluster

STEP_MS, SAMPLES = 15_000, 240   # an hour
SERIES_PER_SHAPE = 12
SHAPES = ("counter", "gauge", "gaps", "stale", "nan", "inf", "tiny")
TOLERANCE = 1e-12
VARIANCE_TOLERANCE = 1e-9   # they lose digits by the order of what is added

OF_WINDOWS = (
    "rate", "increase", "delta", "irate", "idelta", "deriv", "changes",
    "resets", "avg_over_time", "sum_over_time", "min_over_time",
    "max_over_time", "count_over_time", "last_over_time", "first_over_time",
    "present_over_time", "stddev_over_time", "stdvar_over_time")
AGGREGATIONS = ("sum", "count", "min", "max", "avg", "group", "stddev",
                "stdvar")
GROUPINGS = ("", "by (shape)", "by (zone, shape)", "without (n)",
             "without (shape, n)")
SELECTORS = ("m", 'm{shape!~"nan|inf"}')
PICKS = (
    "topk(3, rate(m[5m]))", "bottomk by (zone) (2, m)",
    "topk without (n) (1, increase(m[7m]))", "topk(1 + time() % 5, m)",
    "bottomk by (shape) (1 + time() % 3, delta(m[5m]))",
    # Many are equal.
    "topk(5, count_over_time(m[5m]))", "bottomk(7, present_over_time(m[3m]))",
    "topk by (zone) (2, changes(m{shape=~'gaps|stale'}[1m]))",
    "bottomk without (zone, n) (3, resets(m[10m]))",
    # NaN is behind all numbers, and picked where these are few.
    "bottomk(4, m{shape='nan'})", "topk by (zone, shape) (11, m)",
    "topk(1000, m offset 2m)", "topk by (no_label) (3, avg_over_time(m[4m]))",
    "bottomk by (__name__, zone) (2, {shape!='inf', n=~'1.*'})")
# What goes on with what was aggregated or picked.
AROUND = (
    "topk(2, sum by (shape) (rate(m[5m])))",
    "sum by (zone) (topk by (zone) (2, rate(m[5m])))",
    "m > bool on (n) group_left topk by (n) (1, m{shape='gauge'})",
    "max_over_time(topk(3, m)[10m:1m])", "topk(2000, m)", "topk(0, m)",
    "topk(time() % 5 - 1, m)", "bottomk(time() % 1100, rate(m[2m]))",
    "topk(2, absent_metric)", "topk(2, rate({n='3'}[5m]))",
    "bottomk(2, avg without (n) (max_over_time(m[4m])))",
    "sum(rate(m[5m])) / count(rate(m[5m]))",
    "sum by (zone) (m offset 3m) - min by (zone) (last_over_time(m[2m]))",
    "max_over_time(sum(count_over_time(m[3m]))[10m:1m])",
    "sum(rate(absent_metric[5m]))", "group by (zone) (m > 50)")


def expressions():
    """(text, tolerance): each window with each aggregation; groupings and
    selectors take turns."""
    for i, (window, aggregation) in enumerate(itertools.product(
            ("",) + OF_WINDOWS, AGGREGATIONS)):
        selector = SELECTORS[i // len(GROUPINGS) % len(SELECTORS)]
        inner = f"{window}({selector}[5m])" if window else selector
        yield (f"{aggregation} {GROUPINGS[i % len(GROUPINGS)]} ({inner})",
               VARIANCE_TOLERANCE if aggregation.startswith("std")
               else TOLERANCE)


def values(dice, shape):
    """SAMPLES of them, None where the scrape is missing."""
    value, out = dice.uniform(-50, 200), []
    for i in range(SAMPLES):
        if shape == "counter":
            value = 0.0 if dice.random() < 0.02 else (
                abs(value) + 10 * dice.random())
        else:
            value += dice.uniform(-5, 5)
        shown = value
        if shape == "gaps" and (dice.random() < 0.2 or 80 < i < 120):
            shown = None
        elif shape == "stale" and dice.random() < 0.1:
            shown = remote_write.STALE_NAN
        elif shape == "nan" and dice.random() < 0.1:
            shown = math.nan
        elif shape == "inf" and dice.random() < 0.1:
            shown = dice.choice((math.inf, -math.inf))
        elif shape == "tiny":
            shown = value * 1e-200
        out.append(shown)
    return out


def all_series(begin_ms):
    dice = random.Random(1)
    return [({"__name__": "m", "shape": shape, "n": str(n),
              "zone": "xyz"[n % 3]},
             [(begin_ms + i * STEP_MS, value)
              for i, value in enumerate(values(dice, shape))
              if value is not None])
            for shape in SHAPES for n in range(SERIES_PER_SHAPE)]


def actions(trace):
    """What the storage nodes were asked to do."""
    found = set()
    if " at storage node " in trace["message"]:
        found.add(trace["message"].split(" at storage node ")[0])
    for child in trace.get("children", []):
        found |= actions(child)
    return found


class PushdownTest(unittest.TestCase):

    def start(self, **shape):
        self.cluster = Cluster(**shape)
        self.addCleanup(self.cluster.close)
        self.end_ms = int(time.time() * 1000) - 60_000
        begin_ms = self.end_ms - SAMPLES * STEP_MS
        middle_ms = begin_ms + SAMPLES // 2 * STEP_MS
        series = all_series(begin_ms)
        # Half of it is in tables, half in memory.
        for is_old in (True, False):
            answer = self.cluster.write([
                (labels, [(at, v) for at, v in samples
                          if (at < middle_ms) == is_old])
                for labels, samples in series])
            self.assertEqual(answer.status, 204, answer.text)
            if is_old:
                for storage in self.cluster.storages:
                    storage.flush()

    def query(self, path, text, arguments):
        """(rows, what storage nodes did)."""
        answer = http_client.post_form(
            self.cluster.select, "/select/0/prometheus/api/v1/" + path,
            {"query": text, "trace": 1, "nocache": 1, **arguments}).json()
        self.assertEqual(answer["status"], "success", (text, answer))
        self.assertFalse(answer["isPartial"], (text, answer))
        return answer["data"]["result"], actions(answer["trace"])

    def ask(self, text, step, **arguments):
        """({labels: {time: number}}, what storage nodes did)."""
        result, done = self.query("query_range", text, {
            "start": (self.end_ms - 2_400_000) / 1000,
            "end": self.end_ms / 1000, "step": step, **arguments})
        return {tuple(sorted(row["metric"].items())):
                {at: float(v) for at, v in row["values"]}
                for row in result}, done

    def ask_once(self, text, at_ms, **arguments):
        """The same of an instant query, in the order of the answer."""
        result, done = self.query("query", text,
                                  {"time": at_ms / 1000, **arguments})
        return {tuple(sorted(row["metric"].items())):
                {row["value"][0]: float(row["value"][1])}
                for row in result}, done

    def pushed(self, ask, text, when):
        ours, done = ask(text, when)
        if done != {"aggregate"}:
            # A plan ends when what a node knows of its rows changes.
            ours, done = ask(text, when)
        self.assertEqual(done, {"aggregate"}, text)
        return ours

    def raw(self, ask, text, when):
        raw, done = ask(text, when, nopushdown=1)
        self.assertNotIn("aggregate", done, text)
        self.assertTrue(raw, text)
        return raw

    def assert_equal(self, text, ours, raw, tolerance):
        self.assertEqual(ours.keys(), raw.keys(), text)
        for labels, points in ours.items():
            self.assertEqual(points.keys(), raw[labels].keys(),
                             (text, labels))
            for at, number in points.items():
                self.assertTrue(
                    same_number(number, raw[labels][at], tolerance,
                                scale=1e-300),
                    (text, labels, at, number, raw[labels][at]))

    def check(self):
        for i, (text, tolerance) in enumerate(expressions()):
            step = ("60s", "37s", "5m")[i % 3]
            ours = self.pushed(self.ask, text, step)
            raw = self.raw(self.ask, text, step)
            self.assert_equal(text, ours, raw, tolerance)
        for i, text in enumerate(PICKS):
            step = ("15s", "37s", "5m")[i % 3]
            self.assert_equal(text, self.pushed(self.ask, text, step),
                              self.raw(self.ask, text, step), TOLERANCE)
            # At each of these something else is picked by time().
            for at_ms in (self.end_ms, self.end_ms - 602_000):
                ours = self.pushed(self.ask_once, text, at_ms)
                raw, _ = self.ask_once(text, at_ms, nopushdown=1)
                self.assertEqual(list(ours), list(raw), text)
                self.assert_equal(text, ours, raw, TOLERANCE)
        for text in AROUND:
            self.assert_equal(text, self.ask(text, "60s")[0],
                              self.ask(text, "60s", nopushdown=1)[0],
                              TOLERANCE)

    def test_one_node(self):
        self.start(storages=1)
        self.check()

    def test_series_on_three_nodes(self):
        self.start(storages=3)
        self.check()

    def test_two_copies_on_three_nodes(self):
        self.start(storages=3, replication_factor=2)
        self.check()


if __name__ == "__main__":
    unittest.main()
