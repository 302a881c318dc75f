"""Series of every kind with gaps, resets, staleness and odd values, made from
a seed: what random_agreement_test.py queries."""

import math
import re

from tests.support import remote_write

SCRAPE_MS = 15_000
SCRAPES = 160   # 40 minutes
SCHEMAS = (0, 2, 3)
CUSTOM_BOUNDS = ([0.5, 1.0, 5.0], [0.5, 2.0, 5.0], [0.5, 1.0, 5.0])
JOBS = ("api", "db")
STALE = remote_write.STALE_NAN


def twins(text):
    """With the names of histograms that have no buckets, which are as long."""
    return re.sub(r"\b(nh|ng|nc|mix)\b", lambda m: m.group().upper(), text)


def without_twins(text):
    return re.sub(r"\b(NH|NG|NC|MIX)\b", lambda m: m.group().lower(), text)


def buckets_of(histogram):
    """{which: count} of those that are not empty."""
    buckets = {"zero": histogram["zero_count"], "all": histogram["count"]}
    for side in ("negative", "positive"):
        counts = iter(histogram[side + "_buckets"])
        index = 0
        for offset, length in histogram[side + "_spans"]:
            index += offset
            for i in range(index, index + length):
                buckets[side, i] = next(counts)
            index += length
    return {which: count for which, count in buckets.items() if count}


def without_buckets(histogram, last):
    """Count and sum; and whether a counter was reset, which `last`, the buckets
    before, may be the only ones to tell."""
    reset = histogram["reset"]
    if reset == "unknown" and last is not None:
        now = buckets_of(histogram)
        reset = "yes" if any(now.get(which, 0) < count
                             for which, count in last.items()) else "no"
    return {"schema": 0, "count": histogram["count"], "sum": histogram["sum"],
            "zero_threshold": 0.0, "zero_count": histogram["count"],
            "positive_spans": [], "positive_buckets": [],
            "negative_spans": [], "negative_buckets": [], "reset": reset}


class Data:
    """Requests of remote write, in the order they are to be sent; `twins`
    write each native histogram under another name without its buckets."""

    def __init__(self, rng, start_ms):
        self.rng = rng
        self.start_ms = start_ms
        self.requests = []
        self.twins = []
        self._last_buckets = {}
        self._floats()
        self._histograms()

    def _times(self, jitter_ms=0, gaps=0.0):
        """Scrapes: some missing, perhaps many in a row, late by some ms."""
        rng = self.rng
        hole = range(0)
        if rng.random() < gaps * 5:
            begin = rng.randrange(SCRAPES)
            hole = range(begin, begin + rng.randrange(5, 50))
        return [self.start_ms + i * SCRAPE_MS + rng.randint(0, jitter_ms)
                for i in range(SCRAPES)
                if i not in hole and rng.random() >= gaps]

    def _add(self, name, labels, samples):
        self.requests.append(remote_write.time_series(
            {"__name__": name, **labels}, samples))

    def _counter(self, times, reset_chance, step=10):
        value, out = 0.0, []
        for t in times:
            value += self.rng.choice((0, 1, step, step * self.rng.random()))
            if self.rng.random() < reset_chance:
                value = self.rng.choice((0.0, 1.0, value / 3))
            out.append((t, value))
        return out

    def _floats(self):
        rng = self.rng
        for job in JOBS:
            for inst in "abc":
                labels = {"job": job, "inst": inst}
                gaps = rng.choice((0, 0, 0.05, 0.2))
                self._add("g", labels, self._gauge(
                    self._times(rng.choice((0, 900)), gaps),
                    odd=(job, inst) == ("db", "c")))
                self._add("c_total", labels, self._counter(
                    self._times(rng.choice((0, 900)), gaps),
                    rng.choice((0, 0.02))))
                self._add("meta", {**labels, "zone": rng.choice("xy"),
                                   "version": f"v{rng.randint(1, 2)}"},
                          [(t, 1.0) for t in self._times()])
            self._add("other", {"job": job, "k": "1"},
                      self._gauge(self._times(0, 0.1)))
            self._classic(job)
        self._add("once", {"job": "api"}, [(self._times()[40], 3.0)])

    def _gauge(self, times, odd=False, ends=True):
        rng, value, out = self.rng, 20 * self.rng.random(), []
        stale = set()
        if ends and rng.random() < 0.3:
            stale = {rng.randrange(SCRAPES) for _ in range(3)}
        for i, t in enumerate(times):
            value += rng.uniform(-3, 3)
            shown = round(value, 3)
            if odd and rng.random() < 0.15:
                shown = rng.choice((math.nan, math.inf, -math.inf, 0.0, -0.0,
                                    1e300, -1e-300))
            out.append((t, STALE if i in stale else shown))
        return out

    def _classic(self, job):
        rng, times = self.rng, self._times(0, 0.02)
        totals = [0.0] * 5
        columns = [[] for _ in totals]
        sums, total = [], 0.0
        for t in times:
            if rng.random() < 0.01:
                totals, total = [0.0] * 5, 0.0
            low = rng.randrange(5)
            for i in range(low, 5):
                totals[i] += rng.randint(0, 3) if i == low else 3
            total += 5 * rng.random()
            for i, value in enumerate(totals):
                columns[i].append((t, max(totals[:i + 1])))
            sums.append((t, total))
        for le, column in zip(("0.1", "0.5", "1", "10", "+Inf"), columns):
            self._add("lat_bucket", {"job": job, "le": le}, column)
        self._add("lat_sum", {"job": job}, sums)
        self._add("lat_count", {"job": job}, columns[-1])

    def _histograms(self):
        rng = self.rng
        for job in JOBS:
            for k, inst in enumerate("abc"):
                labels = {"job": job, "inst": inst}
                gaps = rng.choice((0, 0.05))
                self._add_histograms(
                    "nh", labels, self._buckets(
                        self._times(rng.choice((0, 900)), gaps),
                        schema=SCHEMAS[k]))
                self._add_histograms(
                    "ng", labels, self._buckets(
                        self._times(0, gaps), schema=SCHEMAS[k], gauge=True))
            self._add_histograms("nc", {"job": job, "inst": "a"}, self._buckets(
                self._times(), bounds=CUSTOM_BOUNDS[JOBS.index(job)]))
        self._add_histograms("nc", {"job": "db", "inst": "b"}, self._buckets(
            self._times(0, 0.05), bounds=CUSTOM_BOUNDS[2]))
        self._mixed()

    def _add_histograms(self, name, labels, samples):
        self.requests.append(remote_write.histogram_series(
            {"__name__": name, **labels}, samples))
        series = (name, *labels.values())
        stripped = []
        for t, histogram in samples:
            last = self._last_buckets.get(series)
            self._last_buckets[series] = buckets_of(histogram)
            stripped.append((t, without_buckets(histogram, last)))
        self.twins.append(remote_write.histogram_series(
            {"__name__": twins(name), **labels}, stripped))

    def _buckets(self, times, schema=0, gauge=False, bounds=None):
        """[(ms, histogram)]: counts that grow, or that come and go."""
        rng = self.rng
        width = len(bounds) + 1 if bounds else rng.randint(2, 5)
        offset = 0 if bounds else rng.randint(-2, 2)
        zero = 0.0 if bounds else 0.001
        counts = [0] * (width + 2)   # the last two: zero bucket, a negative one
        total, out = 0.0, []
        for t in times:
            if gauge:
                counts = [rng.randint(0, 9) for _ in counts]
            elif rng.random() < 0.02:
                counts, total = [rng.randint(0, 1) for _ in counts], 1.0
            else:
                counts = [n + rng.choice((0, 0, 1, 5)) for n in counts]
            total += 3 * rng.random()
            if bounds:
                counts[-2:] = 0, 0
            negative = [] if bounds else [counts[-1]]
            out.append((t, {
                "schema": -53 if bounds else schema, "count": sum(counts),
                "sum": round(total, 3), "zero_threshold": zero,
                "zero_count": counts[-2],
                "positive_spans": [(offset, width)],
                "positive_buckets": counts[:width],
                "negative_spans": [(0, 1)] if negative else [],
                "negative_buckets": negative,
                "custom_bounds": bounds or [],
                "reset": "gauge" if gauge else "unknown"}))
        return out

    def _mixed(self):
        """Runs of floats and of histograms; one request for each. Prometheus
        takes a marker that comes in one with floats for a histogram's."""
        times = self._times()
        begin = 0
        floats = True
        while begin < len(times):
            end = begin + self.rng.randint(3, 25)
            part = times[begin:end]
            labels = {"job": "api", "inst": "m"}
            if floats:
                self._add("mix", labels, self._gauge(part, ends=False))
            else:
                self._add_histograms("mix", labels, self._buckets(part))
            begin, floats = end, not floats
