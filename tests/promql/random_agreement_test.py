"""Random expressions over random series: a cluster and a real Prometheus give
the same values, labels, order, warnings and errors.

VARVE_LONG=1 asks thousands from a new seed, VARVE_QUERIES=n as many as one
likes; VARVE_SEED and VARVE_START, which a run prints, repeat it. The data has
the same time in every run, so that steps, days and hours fall alike. A
difference is shown by the smallest part of the expression that still differs.
"""

import json
import math
import os
import random
import re
import unittest

from tests.promql.random_data import (
    SCRAPE_MS, SCRAPES, Data, twins, without_twins)
from tests.promql.random_queries import Generator, Node, same_number
from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.peers import Prometheus
from tests.support.processes import peer

LONG = bool(os.environ.get("VARVE_LONG"))
SEED = int(os.environ.get("VARVE_SEED") or
           (random.randrange(1, 10**6) if LONG else 1))
QUERIES = int(os.environ.get("VARVE_QUERIES") or (5000 if LONG else 300))
FEATURES = ("promql-experimental-functions", "promql-duration-expr",
            "native-histograms")
# 2023-11-14 23:30 UTC: midnight is within the 40 minutes of the data.
START_S = int(os.environ.get("VARVE_START") or 1_700_004_600)
TOLERANCE = 1e-12
KNOWN_MAX = 0.02   # of the expressions
SHOWN_MAX = 30
NOTES_SHOWN = 10   # Prometheus picks some at random beyond


def floats_of(histogram):
    """Count, sum and buckets that are not empty."""
    numbers = [float(histogram["count"]), float(histogram["sum"])]
    for bucket in histogram.get("buckets") or []:
        bucket = [float(part) for part in bucket]
        if bucket[3] != 0:
            numbers += bucket
    return numbers


def histograms_of(answer):
    data = answer.get("data", {})
    return [h for row in data.get("result", []) if isinstance(row, dict)
            for _, h in row.get("histograms") or (
                [row["histogram"]] if "histogram" in row else [])]


def is_whole(histogram):
    """Whether the buckets add up. Prometheus' avg_over_time of a subquery may
    change buckets that its steps share."""
    count, _, *buckets = floats_of(histogram)
    return not buckets or same_number(sum(buckets[3::4]), count, 1e-9)


def points_of(row):
    """{ms: numbers}; a float is one number."""
    points = {}
    for t, v in row.get("values") or ([row["value"]] if "value" in row else []):
        points[round(float(t) * 1000)] = [float(v)]
    for t, h in row.get("histograms") or (
            [row["histogram"]] if "histogram" in row else []):
        points[round(float(t) * 1000)] = floats_of(h)
    return points


def same_text(text):
    """Numbers to as many digits as are compared; whole ones are exact below
    2^53."""
    return re.sub(r"-?(\d+\.\d+(e[+-]?\d+)?|\d{16,})",
                  lambda number: f"{float(number.group()):.13g}", text)


def labels_of(metric):
    """count_values makes labels of numbers."""
    return tuple(sorted((name, same_text(value))
                        for name, value in metric.items()))


def series_of(data):
    if data["resultType"] in ("scalar", "string"):
        t, value = data["result"]
        return [((), {round(float(t) * 1000): [float(value)]})]
    return [(labels_of(row["metric"]), points_of(row))
            for row in data["result"]]


def same_points(a, b):
    """The parts of a histogram are as exact as its largest."""
    finite = [abs(x) for x in a if math.isfinite(x)]
    scale = max([0.001, *finite]) if len(a) > 1 else 0.001
    return len(a) == len(b) and all(
        same_number(x, y, TOLERANCE, scale) for x, y in zip(a, b))


def by_labels(rows):
    """Labels that count_values made of numbers may be the same in as many
    digits as are compared."""
    series = {}
    for labels, points in rows:
        joined = series.setdefault(labels, {})
        for t, numbers in points.items():
            joined[t] = sorted(joined[t] + numbers) if t in joined else numbers
    return series


def has_series_twice(data):
    labels = [tuple(sorted(row["metric"].items())) for row in data["result"]
              if isinstance(row, dict)]
    return len(set(labels)) != len(labels)


def differing_series(ours, theirs):
    """What differs first, or None."""
    mine, other = by_labels(ours), by_labels(theirs)
    for labels in sorted(mine.keys() | other.keys()):
        if labels not in mine or labels not in other:
            who = "Prometheus" if labels not in mine else "Varve"
            return f"{dict(labels)} only in {who}"
        a, b = mine[labels], other[labels]
        for t in sorted(a.keys() | b.keys()):
            if t not in a or t not in b or not same_points(a[t], b[t]):
                return (f"{dict(labels)} at {t}: Varve {a.get(t)}, "
                        f"Prometheus {b.get(t)}")
    return None


def error_text(answer):
    """Without which of many series are named as examples."""
    text = answer["error"].removeprefix('invalid parameter "query": ')
    # The place of an operator is lost behind some parentheses.
    text = re.sub(r"^\d+:\d+(?=.* in ON and GROUP clause)", "", text)
    # Later releases know more durations.
    text = text.replace("number, duration, step(), or range()",
                        "number or duration")
    if "out of range" in text:   # 3.5 gives no place in the query
        return "out of range"
    text = re.sub(r"for the match group {.*\[.*\]", "[…]", text)
    # Of several errors, that of the first step.
    return "many matches" if "many-to-" in text else text


def last_of_same_words(notes):
    """Of notes that only differ in their places."""
    def place(note):
        return list(map(int, re.findall(r"\d+", note)[-2:]))
    return list({re.sub(r"\(\d+:\d+\)$", "", note): note
                 for note in sorted(notes, key=place)}.values())


def comparable_notes(notes):
    """Where a group has floats and histograms, its series' order decides
    whether Prometheus meets both, or first histograms that do not fit."""
    notes = {re.sub(".* (mix of histograms and floats for aggregation|"
                    "vector contains (histograms with incompatible custom "
                    "buckets|a mix of histograms with exponential and custom "
                    'buckets schemas) for metric name ".*")', "… do not fit",
                    same_text(note)) for note in notes}
    if any("mix of histograms and floats" in note for note in notes):
        notes = {note for note in notes if "vector contains" not in note}
    return sorted(notes)


def same_but_operands(ours, theirs):
    """Of operands that do not fit, Prometheus names the last pair of a step,
    whichever it is."""
    def split(notes):
        pairs = {n for n in notes if "incompatible sample types" in n}
        return pairs, [n for n in notes if n not in pairs]
    (mine, rest), (other, their_rest) = split(ours), split(theirs)
    return rest == their_rest and other <= mine and bool(other) == bool(mine)


# It reads samples of another time: it forgets timestamp()'s offset where there
# is an @, too, and of an @ around an @ that is in a subquery the inner one.
OTHER_TIME = (r"timestamp\(.*( offset .* @| @ .* offset )|"
              r" @ .*\[[^]]*:[^]]*\] @ .*\[[^]]*:[^]]*\]")
# What this release of Prometheus does otherwise, each with its reason.
KNOWN = (
    # It takes the first bucket of le to reach down to -Inf: later ones to 0.
    r"histogram_fraction\(",
    # A last digit decides where a rank lies that is at a bucket's border.
    r"histogram_quantile\(.*avg.*(rate|increase|delta)\(",
    # Labels of numbers differ by a last digit, and so do their hashes.
    r"limit_ratio.*count_values",
    # What is left of a difference is divided by.
    r"histogram_(avg|stddev|stdvar|quantile|fraction)\(.*delta\(",
    # Far apart from zero and close to one another: the order decides.
    r"std(dev|var).*(ts_of_|timestamp|1e9)",
    OTHER_TIME,
    # Powers differ by a last digit, which is an angle or a minute of its own.
    r"(sin|cos|tan|minute|hour|day_of_\w+|days_in_month|month|year)\("
    r".*(\^|sinh|cosh|exp)",
    # A mean of histograms is a whole number but for a last digit, which decides
    # whether a negative one has a power.
    r"histogram_(count|sum)\(avg.*delta\(.*\^|"
    r"\^.*histogram_(count|sum)\(avg.*delta\(",
    # Deviations do by more, and a remainder of them by more still.
    r"%.*std(dev|var)|std(dev|var).*%",
    # As is whether a value is the one before it.
    r"(rate|increase|changes|resets)\(\(",
    # With @ in the second argument, it evaluates the first for one step only.
    r"quantile[^(]*(\([^()]*\))?\(.*(time|scalar)\(.*@",
)
# Names that are to be dropped come back.
KNOWN_DELAYED = (r"info\(", r"@.*:|:.*@", r"last_over_time\(\(")
# Of the histograms of a query's first selector Prometheus decodes no more than
# count and sum where one of these functions is around it and not outermost: it
# does not see that bounds differ, or that only some buckets of a gauge fell.
STATISTICS = ("histogram_avg(", "histogram_count(", "histogram_sum(")
OF_BUCKETS = ("histogram_quantile(", "histogram_fraction(")


def path_to_selector(node):
    """From the node down to its first selector, or []. An aggregation's
    parameter comes after what it aggregates."""
    children = node.children()
    if not children:
        is_call = re.fullmatch(r"\w+\(\)", str(node))
        return [] if node.kind == "scalar" or is_call else [node]
    if re.match("quantile[ (]", str(node.parts[0])):
        children.reverse()
    for child in children:
        path = path_to_selector(child)
        if path:
            return [node] + path
    return []


def with_twin_at(node, path):
    if len(path) == 1:
        return twins(str(node))
    i = node.parts.index(path[1])
    return "".join((*map(str, node.parts[:i]),
                    with_twin_at(path[1], path[1:]),
                    *map(str, node.parts[i + 1:])))


def with_twin(node):
    """The text with the twin of the histogram whose buckets Prometheus does
    not read, if there is one."""
    path = path_to_selector(node)
    for outer in reversed(path[1:]):
        if outer.parts[0] in OF_BUCKETS:
            break
        if outer.parts[0] in STATISTICS:
            return with_twin_at(node, path)
    return str(node)


def matches_any(patterns, query):
    return any(re.search(pattern, query) for pattern in patterns)


def roughly_differ(query, ours, theirs):
    """Of what is known to have other values: whether there is an answer, and
    how many series unless these values decide it."""
    if ours["status"] != theirs["status"]:
        return (f"Varve {ours.get('error', 'answers')}, Prometheus "
                f"{theirs.get('error', 'answers')}")
    if theirs["status"] != "success":
        return None
    # Such has a series for each value, or others.
    if "count_values" in query or re.search(OTHER_TIME, query):
        return None
    counts = [len(series_of(answer["data"])) for answer in (ours, theirs)]
    if counts[0] != counts[1]:
        return f"series: Varve {counts[0]}, Prometheus {counts[1]}"
    return None


def notes_differ(ours, theirs):
    for kind in ("warnings", "infos"):
        a, b = ours.get(kind, []), theirs.get(kind, [])
        if len(b) >= NOTES_SHOWN:
            continue
        a, b = comparable_notes(a), comparable_notes(b)
        if a != b and not same_but_operands(a, b):
            return f"{kind}: Varve {sorted(a)}, Prometheus {sorted(b)}"
    return None


def order_of(query, series):
    """What of an instant answer's order is no accident."""
    if query.startswith(("sort(", "sort_desc(")):   # equal values in any order
        return [[[same_text(repr(x)) for x in numbers]
                 for numbers in points.values()] for _, points in series]
    if query.startswith("sort_by_label(") and len(
            {tuple(name for name, _ in labels) for labels, _ in series}) == 1:
        return [labels for labels, _ in series]
    return None   # a label that is missing is before all values, or is not


def difference(query, ours, theirs, is_range):
    # MetricsQL's syntax is there beside PromQL's, and min() in durations.
    if "parse error" in theirs.get("error", "") and "data" in ours:
        return None
    # It takes NaN, and seconds that overflow as nanoseconds, for some duration.
    if "duration out of range" in ours.get("error", "") and (
            re.search(r"offset.*(NaN|\*|\+|\^)", query)):
        return None
    # It writes histograms that were divided by NaN into labels, and panics.
    if "custom buckets have no zero bucket" in theirs.get("error", ""):
        return None
    if re.search("unexpected <aggr:(min|max)> in", theirs.get("error", "")):
        return None if "parse error" in ours.get("error", "") else "no error"
    if ours["status"] != theirs["status"]:
        return (f"Varve {ours.get('error', 'answers')}, Prometheus "
                f"{theirs.get('error', 'answers')}")
    if theirs["status"] != "success":
        a, b = error_text(ours), error_text(theirs)
        return None if a == b else f"Varve {a}, Prometheus {b}"
    if ours["data"]["resultType"] != theirs["data"]["resultType"]:
        return f"types {ours['data']['resultType']}"
    if has_series_twice(ours["data"]):
        return "Varve has series twice"
    mine, other = series_of(ours["data"]), series_of(theirs["data"])
    found = differing_series(mine, other)
    if found:
        return found
    if order_of(query, mine) != order_of(query, other) or (
            is_range and [row[0] for row in mine] != [row[0] for row in other]):
        return f"order: Varve {[dict(row[0]) for row in mine]}"
    return notes_differ(ours, theirs)


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class RandomAgreementTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.start_s = START_S
        cls.end_s = cls.start_s + SCRAPES * SCRAPE_MS // 1000
        data = Data(random.Random(SEED), cls.start_s * 1000)
        cls.cluster = Cluster(storages=2, replication_factor=2)
        cls.addClassCleanup(cls.cluster.close)
        cls.early = cls.cluster.add_select(
            args=["-search.delayedNameRemoval=false"])
        cls.peers = []
        for features in (FEATURES,
                         FEATURES + ("promql-delayed-name-removal",)):
            prometheus = Prometheus(features)
            cls.addClassCleanup(prometheus.stop)
            cls.peers.append(prometheus)
            for request in data.requests:
                prometheus.write_body(request)
        for request in data.requests + data.twins:
            answer = cls.cluster.write_body(remote_write.snappy(request))
            assert answer.status == 204, answer.text

    def ask(self, address, prefix, path, arguments):
        return http_client.post_form(address, prefix + path, arguments).json()

    def answers(self, node, when, delayed):
        path = "/api/v1/query" if "time" in when else "/api/v1/query_range"
        arguments = {"query": str(node), **when}
        select = self.cluster.select if delayed else self.early
        ours = self.ask(select, "/select/0/prometheus", path, arguments)
        return ours, self.ask(self.peers[delayed].address, "", path, arguments)

    def compare(self, node, when, delayed):
        """What differs, or None."""
        ours, theirs = self.answers(node, when, delayed)
        return difference(str(node), ours, theirs, "time" not in when)

    def smallest(self, node, when, delayed):
        """The smallest part that differs, and how."""
        for child in node.children():
            found = self.smallest(child, when, delayed)
            if found:
                return found
        if node.kind == "matrix" and "time" not in when:
            return None
        found = self.compare(node, when, delayed)
        return (node, found) if found else None

    def moments(self, rng):
        if rng.random() < 0.5:
            return {"time": round(rng.uniform(self.start_s, self.end_s), 3)}
        begin = rng.randrange(self.start_s, self.end_s)
        step = rng.choice((7, 15, 30, 60, 61))
        return {"start": begin, "end": begin + step * rng.choice((0, 5, 20)),
                "step": step}

    def check(self, delayed, count):
        rng = random.Random(SEED + delayed)
        generator = Generator(rng, self.start_s, self.end_s)
        found, known, vanished = [], 0, 0
        for _ in range(count):
            node, when = generator.expression(), self.moments(rng)
            if self.compare(node, when, delayed) is None:
                continue
            node, how = (self.smallest(node, when, delayed) or
                         (node, self.compare(node, when, delayed)))
            if how is None:   # all of it agrees when it is asked again
                vanished += 1
                continue
            is_known, how = self.but_for_known(node, how, when, delayed)
            known += is_known
            if how:
                found.append((node, when, how))
        if found:   # some queries have a Prometheus err in later ones
            self.peers[delayed].restart()
            asked = len(found)
            found = [(node, when, how) for node, when, how in found
                     if self.compare(node, when, delayed)]
            vanished += asked - len(found)
        repeat = f"VARVE_SEED={SEED} VARVE_START={START_S}"
        agree = count - len(found) - known - vanished
        print(f"{repeat}: {agree} of {count} agree, {known} known differences, "
              f"{vanished} only when first asked")
        shown = [f"{node}\n    {when}: {how}"
                 for node, when, how in found[:SHOWN_MAX]]
        self.assertFalse(found, repeat + "\n" + "\n".join(shown))
        self.assertLessEqual(known, KNOWN_MAX * count, repeat)

    def but_for_known(self, node, how, when, delayed):
        """Whether the difference has a known reason, and what is left of it."""
        query = str(node)
        if delayed and matches_any(KNOWN_DELAYED, query):
            return True, None   # names that come back may also be an error
        answers = self.answers(node, when, delayed)
        if with_twin(node) != query:
            answers = self.answers_without_buckets(node, when, delayed)
            how = difference(query, *answers, "time" not in when)
            if how is None:
                return True, None
        if not all(map(is_whole, histograms_of(answers[1]))):
            return True, None
        if matches_any(KNOWN, query):
            return True, roughly_differ(query, *answers)
        return False, how

    def answers_without_buckets(self, node, when, delayed):
        """Varve's where it has no buckets where Prometheus reads none."""
        ours, _ = self.answers(with_twin(node), when, delayed)
        _, theirs = self.answers(node, when, delayed)
        ours = json.loads(without_twins(json.dumps(ours)))
        for kind in ("warnings", "infos"):
            ours[kind] = last_of_same_words(ours.get(kind, []))
        return ours, theirs

    def test_random_expressions_agree(self):
        self.check(False, QUERIES)

    def test_they_agree_with_delayed_name_removal(self):
        self.check(True, QUERIES // 3)


if __name__ == "__main__":
    unittest.main()
