"""PromQL expressions made from a seed, over the series of random_data.py.

Every expression is of the right types; whether it has an answer is another
matter. Left out is what Prometheus itself leaves open: which of equal values
topk takes, and which series limitk.
"""

import math

GAUGES = ("g", "other", "meta", "once")
COUNTERS = ("c_total", "lat_count", "lat_sum", "lat_bucket")
HISTOGRAMS = ("nh", "ng", "nc", "mix")
LABELS = ("job", "inst", "zone", "k", "le", "version", "none")
MATCHERS = ('job="api"', 'job!="api"', 'inst=~"a|b"', 'inst!~"b.*"', 'inst=""',
            'inst!=""', 'zone=~".+"', 'le="+Inf"', 'job=~"(api|db)"')
RANGES = ("10s", "30s", "1m", "75s", "2m", "5m", "11m", "1m30s", "5m+30s")
OFFSETS = ("15s", "1m", "-1m", "7m", "-45s", "1m*2")
WINDOW = ("rate", "increase", "delta", "irate", "idelta", "deriv", "changes",
          "resets", "avg_over_time", "sum_over_time", "min_over_time",
          "max_over_time", "count_over_time", "last_over_time",
          "present_over_time", "stddev_over_time",
          "stdvar_over_time", "mad_over_time", "absent_over_time",
          "ts_of_min_over_time", "ts_of_max_over_time",
          "ts_of_last_over_time", "rate", "increase", "avg_over_time",
          "sum_over_time")
MATH = ("abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn",
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
        "asinh", "acosh", "atanh", "deg", "rad", "round", "absent",
        "timestamp", "sort", "sort_desc")
DATES = ("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour",
         "minute", "month", "year")
OF_HISTOGRAMS = ("histogram_avg", "histogram_count", "histogram_sum",
                 "histogram_stddev", "histogram_stdvar")
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev",
                "stdvar", "sum", "avg")
ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
SETS = ("and", "or", "unless")
NUMBERS = ("0", "1", "2", "-1", "0.5", "3.7", "100", "1e9", "NaN", "Inf",
           "-Inf", "0.3")


class Node:
    """A part of an expression: its type, and texts and parts in order."""

    def __init__(self, kind, *parts):
        self.kind = kind
        self.parts = parts

    def __str__(self):
        return "".join(map(str, self.parts))

    def children(self):
        return [part for part in self.parts if isinstance(part, Node)]


class Generator:

    def __init__(self, rng, start_s, end_s):
        self.rng = rng
        self.start_s = start_s
        self.end_s = end_s

    def expression(self):
        chance = self.rng.random()
        if chance < 0.05:
            return self.scalar(3)
        if chance < 0.07:
            return self.matrix(2)
        if chance < 0.1:
            return self._mistaken()
        return self.vector(self.rng.choice((1, 2, 2, 3, 3, 4, 5)))

    def _mistaken(self):
        """Types that do not fit: the same error."""
        rng = self.rng
        parts = [maker(1) for maker in (self.scalar, self.vector, self.matrix)]
        rng.shuffle(parts)
        op = rng.choice(ARITHMETIC + COMPARISONS + SETS)
        return rng.choice((
            Node("vector", parts[0], f" {op} ", parts[1]),
            Node("vector", rng.choice(WINDOW + MATH) + "(", parts[0], ", ",
                 parts[1], ")"),
            Node("vector", "quantile(", parts[0], ", ", parts[1], ")"),
            Node("vector", "topk(", parts[0], ")"),
            Node("vector", "-", parts[0]),
            Node("vector", "(", parts[0], ")[5m:30s]"),
            Node("vector", "label_replace(", parts[0], ', "a b", "$1", ',
                 '"job", "((")')))

    def _one_of(self, *makers):
        return self.rng.choice(makers)

    # Scalars and durations.

    def scalar(self, depth):
        rng = self.rng
        if depth <= 0 or rng.random() < 0.6:
            return Node("scalar", rng.choice(NUMBERS))
        choice = rng.randrange(4)
        if choice == 0:
            return Node("scalar", "scalar(", self.vector(depth - 1), ")")
        if choice == 1:
            return Node("scalar", rng.choice(("time()", "pi()")))
        if choice == 2:
            return Node("scalar", "(-", self.scalar(depth - 1), ")")
        op = rng.choice(ARITHMETIC + tuple(f"{c} bool" for c in COMPARISONS))
        return Node("scalar", "(", self.scalar(depth - 1), f" {op} ",
                    self.scalar(depth - 1), ")")

    def _time(self):
        """offset and @, in either order."""
        rng, parts = self.rng, []
        if rng.random() < 0.15:
            offset = rng.choice(OFFSETS)
            parts.append(f" offset ({offset})" if "*" in offset
                         else f" offset {offset}")
        if rng.random() < 0.1:
            moment = rng.uniform(self.start_s - 100, self.end_s + 100)
            parts.append(rng.choice((" @ start()", " @ end()",
                                     f" @ {moment:.3f}")))
        rng.shuffle(parts)
        return "".join(parts)

    # Selectors.

    def _name(self):
        return self.rng.choice(self._one_of(GAUGES, COUNTERS, HISTOGRAMS))

    def _selector(self, name=None):
        rng = self.rng
        name = name or self._name()
        chosen = rng.sample(MATCHERS, rng.choice((0, 0, 0, 1, 1, 2)))
        if rng.random() < 0.06:
            names = "|".join({name, self._name()})
            return "{" + ",".join([f'__name__=~"{names}"', *chosen]) + "}"
        return name + ("{" + ",".join(chosen) + "}" if chosen else "")

    def instant(self, name=None):
        return Node("vector", self._selector(name) + self._time())

    def matrix(self, depth, name=None):
        rng = self.rng
        if depth > 0 and rng.random() < 0.25:
            step = rng.choice(("", "15s", "30s", "1m", "7s"))
            return Node("matrix", "(", self.vector(depth - 1), ")",
                        f"[{rng.choice(RANGES)}:{step}]" + self._time())
        return Node("matrix", self._selector(name) +
                    f"[{rng.choice(RANGES)}]" + self._time())

    # Vectors.

    def vector(self, depth):
        if depth <= 0:
            return self.instant()
        maker = self.rng.choices(
            (self.instant, self._window, self._math, self._aggregation,
             self._binary, self._histogram, self._labels, self._other),
            (2, 6, 3, 6, 6, 3, 1, 1))[0]
        return maker() if maker == self.instant else maker(depth)

    def _window(self, depth):
        rng = self.rng
        choice = rng.random()
        if choice < 0.05:
            return Node("vector", "quantile_over_time(", self.scalar(1), ", ",
                        self.matrix(depth - 1), ")")
        if choice < 0.1:
            return Node("vector", "predict_linear(", self.matrix(depth - 1),
                        ", ", self.scalar(1), ")")
        if choice < 0.13:
            return Node("vector", "double_exponential_smoothing(",
                        self.matrix(depth - 1),
                        f", {rng.choice(('0.3', '0.9'))}, 0.4)")
        return Node("vector", rng.choice(WINDOW) + "(", self.matrix(depth - 1),
                    ")")

    def _math(self, depth):
        rng = self.rng
        inner = self.vector(depth - 1)
        choice = rng.random()
        if choice < 0.1:
            return Node("vector", rng.choice(DATES) + "(", inner, ")")
        if choice < 0.2:
            return Node("vector", rng.choice(("clamp_min", "clamp_max")) + "(",
                        inner, ", ", self.scalar(1), ")")
        if choice < 0.25:
            return Node("vector", "clamp(", inner, ", ", self.scalar(1), ", ",
                        self.scalar(1), ")")
        if choice < 0.3:
            return Node("vector", "round(", inner, ", ", self.scalar(1), ")")
        if choice < 0.4:
            return Node("vector", "-(", inner, ")")
        return Node("vector", rng.choice(MATH) + "(", inner, ")")

    def _grouping(self):
        labels = self.rng.sample(LABELS, self.rng.choice((0, 1, 1, 2)))
        return self.rng.choice((
            "", f" by ({', '.join(labels)})",
            f" without ({', '.join(labels)})"))

    def _aggregation(self, depth):
        rng = self.rng
        group = self._grouping()
        choice = rng.random()
        if choice < 0.08:
            # Values that differ, so that the choice is not left open.
            k = rng.choice(("1", "2", "3", "0", "-1", "100", "2.7"))
            return Node("vector", rng.choice(("topk", "bottomk")) + group,
                        f"({k}, ", Node("vector", rng.choice(("g", "other")) +
                                        self._time()), ")")
        if choice < 0.16:
            return Node("vector", f"quantile{group}(", self.scalar(1), ", ",
                        self.vector(depth - 1), ")")
        if choice < 0.22:
            return Node("vector", f'count_values{group}("{rng.choice(LABELS)}"',
                        ", ", self.vector(depth - 1), ")")
        if choice < 0.25:
            ratio = rng.choice(("0.5", "-0.5", "1", "-1", "0.2", "1.5"))
            return Node("vector", f"limit_ratio{group}({ratio}, ",
                        self.vector(depth - 1), ")")
        if choice < 0.27:
            return Node("vector", "count(limitk" + group +
                        f"({rng.randrange(4)}, ", self.vector(depth - 1), "))")
        return Node("vector", rng.choice(AGGREGATIONS) + group + "(",
                    self.vector(depth - 1), ")")

    def _matching(self, sets):
        rng = self.rng
        if rng.random() < 0.45:
            return ""
        labels = ", ".join(rng.sample(LABELS, rng.choice((0, 1, 1, 2, 2))))
        clause = f" {rng.choice(('on', 'ignoring'))} ({labels})"
        if sets or rng.random() < 0.5:
            return clause
        include = ", ".join(rng.sample(LABELS, rng.choice((0, 0, 1))))
        return clause + f" {rng.choice(('group_left', 'group_right'))} " \
            f"({include})"

    def _binary(self, depth):
        rng = self.rng
        choice = rng.random()
        left = self.vector(depth - 1)
        if choice < 0.35:
            op = self._operator()
            sides = [left, self.scalar(1)]
            rng.shuffle(sides)
            return Node("vector", "(", sides[0], f" {op} ", sides[1], ")")
        if choice < 0.45:   # the same series on both sides
            right = left
        else:
            right = self.vector(depth - 1)
        if rng.random() < 0.25:
            return Node("vector", "(", left, f" {rng.choice(SETS)}" +
                        self._matching(True) + " ", right, ")")
        return Node("vector", "(", left, f" {self._operator()}" +
                    self._matching(False) + " ", right, ")")

    def _operator(self):
        op = self.rng.choice(ARITHMETIC + COMPARISONS)
        if op in COMPARISONS and self.rng.random() < 0.5:
            return op + " bool"
        return op

    def _histogram(self, depth):
        rng = self.rng
        inner = self._histogram_source(depth)
        choice = rng.random()
        if choice < 0.35:
            return Node("vector", "histogram_quantile(", self.scalar(1), ", ",
                        inner, ")")
        if choice < 0.55:
            return Node("vector", "histogram_fraction(", self.scalar(1), ", ",
                        self.scalar(1), ", ", inner, ")")
        return Node("vector", rng.choice(OF_HISTOGRAMS) + "(", inner, ")")

    def _histogram_source(self, depth):
        rng = self.rng
        choice = rng.random()
        if choice < 0.15:
            return self.vector(depth - 1)
        name = rng.choice(HISTOGRAMS + ("lat_bucket", "nh"))
        if choice < 0.4:
            return self.instant(name)
        rate = Node("vector", rng.choice((
            "rate(", "increase(", "delta(", "sum_over_time(", "irate(",
            "idelta(", "avg_over_time(")), self.matrix(0, name), ")")
        if choice < 0.6:
            return rate
        group = rng.choice((" by (job)", " by (le)", " by (job, le)", "",
                            " without (inst)"))
        return Node("vector", rng.choice(("sum", "avg")) + group + "(", rate,
                    ")")

    def _labels(self, depth):
        rng = self.rng
        inner = self.vector(depth - 1)
        name = rng.choice(("job", "inst", "new", "__name__"))
        if rng.random() < 0.5:
            source = rng.choice(LABELS)
            regex = rng.choice(("(.*)", "a.*", "(.)(.*)", ".*(?P<last>.)", ""))
            text = rng.choice(("$1", "x$2", "", "${last}y", "const"))
            return Node("vector", "label_replace(", inner,
                        f', "{name}", "{text}", "{source}", "{regex}")')
        sources = rng.sample(LABELS, rng.randint(0, 3))
        return Node("vector", "label_join(", inner, ", " + ", ".join(
            f'"{text}"' for text in (name, "-", *sources)) + ")")

    def _other(self, depth):
        rng = self.rng
        choice = rng.randrange(6)
        if choice == 5:
            pinned = rng.choice((" @ start()", " @ end()", " offset 1m"))
            return Node("vector", "max_over_time((", self.vector(depth - 1),
                        f")[2m:30s]{pinned})")
        if choice == 0:
            return Node("vector", "vector(", self.scalar(depth - 1), ")")
        if choice == 1:
            return Node("vector", "sort_by_label(", self.vector(depth - 1),
                        f', "{rng.choice(LABELS)}", "inst")')
        if choice == 2:
            return Node("vector", "info(", self.vector(depth - 1), ")")
        if choice == 3:
            return Node("vector", f"{rng.choice(DATES)}()")
        return Node("vector", "sum(", self.matrix_of_nothing(), ")")

    def matrix_of_nothing(self):
        return Node("vector", "rate(", Node("matrix", "nothing[5m]"), ")")


def same_number(a, b, tolerance, scale=0.001):
    """The difference is small beside the numbers, or `scale`."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    return abs(a - b) <= tolerance * max(abs(a), abs(b), scale)
