"""MetricsQL's functions: the same queries over the same data on a cluster and
on the real victoria-metrics give the same answers, ranges and instants."""

import math
import time
import unittest

from tests.support import http_client
from tests.support.peers import beside_victoria_metrics
from tests.support.processes import peer

SAMPLES = 60
EVERY_S = 10
# It keeps 12 digits or so.
TOLERANCE = 1e-6

WINDOW_FUNCTIONS = [
    "ascent_over_time(g[2m])", "descent_over_time(g[2m])",
    "increases_over_time(g[2m])", "decreases_over_time(g[2m])",
    "increase_pure(c_total[2m])", "increase_prometheus(c_total[2m])",
    "rate_prometheus(c_total[2m])", "delta_prometheus(g[2m])",
    "changes_prometheus(g[2m])", "deriv_fast(g[2m])", "ideriv(g[2m])",
    "integrate(g[2m])", "lag(g[2m])", "lifetime(g[2m])",
    "scrape_interval(g[2m])", "tlast_change_over_time(g[2m])",
    "duration_over_time(g[2m], 15s)", "holt_winters(g[2m], 0.3, 0.6)",
    "zscore_over_time(g[2m])", "count_gt_over_time(g[2m], 1)",
    "count_le_over_time(g[2m], 1)", "count_eq_over_time(g[2m], 5)",
    "count_ne_over_time(g[2m], 5)", "share_gt_over_time(g[2m], 1)",
    "share_le_over_time(g[2m], 1)", "share_eq_over_time(g[2m], 5)",
    "sum_gt_over_time(g[2m], 1)", "sum_le_over_time(g[2m], 1)",
    "sum_eq_over_time(g[2m], 5)", "sum2_over_time(g[2m])",
    "geomean_over_time(c_total[1m])", "hoeffding_bound_upper(0.8, g[2m])",
    "hoeffding_bound_lower(0.8, g[2m])", "median_over_time(g[2m])",
    "range_over_time(g[2m])", "outlier_iqr_over_time(g[2m])",
    "distinct_over_time(g[2m])", "rate_over_sum(g[2m])",
    "stale_samples_over_time(g[2m])", "tmin_over_time(g[2m])",
    "tmax_over_time(g[2m])", "tfirst_over_time(g[2m])",
    "tlast_over_time(g[2m])", "timestamp_with_name(g[2m])",
    "mad_over_time(g[2m])", "sum(distinct_over_time(g[2m])) by (job)",
    "ascent_over_time(g[2m]) keep_metric_names",
    "ascent_over_time((g * 2)[2m:10s])",
    "rollup(g[2m])", 'rollup(g[2m], "max")', "rollup_delta(g[2m])",
    "rollup_deriv(g[2m])", "rollup_rate(c_total[2m])",
    "rollup_increase(c_total[2m])", "rollup_scrape_interval(g[2m])",
    "rollup_candlestick(g[2m])", 'rollup_candlestick(g[2m], "low")',
    'aggr_over_time(("min_over_time", "sum2_over_time", "lag"), g[2m])',
    'quantiles_over_time("phi", 0.1, 0.5, 0.99, g[2m])',
    'count_values_over_time("v", g[1m])', "histogram_over_time(g[2m])",
    "sum(histogram_over_time(g[2m])) by (vmrange)",
]
TRANSFORMS = [
    'label_set(g{i="1"}, "job", "x", "i", "", "new", "y")', 'alias(g, "other")',
    'label_del(g, "job")', 'label_keep(g, "i")',
    'label_copy(g, "job", "to", "none", "i")',
    'label_move(g, "job", "to", "none", "i")',
    'label_map(g, "i", "1", "one", "2", "two")',
    'label_lowercase(label_set(g, "job", "ABC"), "job")',
    'label_uppercase(g, "job", "__name__")',
    'label_transform(g, "i", "(1)", "<$1>")', 'label_value(g, "i")',
    'label_match(g, "i", "1.*")', 'label_mismatch(g, "i", "1.*")',
    'labels_equal(label_copy(g, "i", "k"), "i", "k")',
    "drop_common_labels(g, c_total)", '(g{i="1"}, g, c_total)',
    'sort_by_label_numeric(g, "i")', 'sort_by_label_numeric_desc(g, "i")',
    "drop_empty_series(g > 1e9) default 1",
    "running_sum(g)", "running_min(g)", "running_max(g)",
    'running_avg(g{job="a"})', "running_sum(1)",
    "range_sum(g)", "range_avg(g)", "range_min(g)", "range_max(g)",
    "range_first(g)", "range_last(g)", "range_median(g)",
    "range_quantile(0.3, g)", "range_stddev(g)", "range_stdvar(g)",
    "range_mad(g)", "range_zscore(g)", "range_normalize(g, c_total)",
    "range_linear_regression(g)", "range_trim_outliers(1, g)",
    "range_trim_spikes(0.4, g)", "range_trim_zscore(1, g)",
    "keep_last_value(g > 2)", "keep_next_value(g > 2)",
    "interpolate(g > 2)", "remove_resets(g)", "smooth_exponential(g, 0.4)",
    "bitmap_and(g + 10, 6)", "bitmap_or(g + 10, 6)", "bitmap_xor(g + 10, 6)",
    'timezone_offset("America/New_York")',
    "prometheus_buckets(h)", "buckets_limit(3, h)",
    "histogram_quantile(0.7, h)", "histogram_share(1.2, h)",
    'histogram_quantiles("phi", 0.25, 0.9, 1, h)',
    'histogram_share(1.2, h, "bound")', "histogram_share(3, b_bucket)",
]
AGGREGATIONS = [
    "median(g)", "median(g, c_total) by (job)", "mode(g)", "geomean(c_total)",
    "sum2(g) by (job)", "distinct(g)", "mad(g)",
    'quantiles("phi", 0.1, 0.9, g) by (job)', "histogram(g)",
    "share(c_total) by (job)", "zscore(g)", "outliers_iqr(many)",
    "outliers_mad(3, many)", "outliersk(1, many)", "topk_min(1, many)",
    "topk_max(1, many)", "topk_avg(1, many) by (job)", "topk_last(1, many)",
    "topk_median(1, many)", "bottomk_min(1, many)", "bottomk_max(1, many)",
    "bottomk_avg(1, many)", "bottomk_last(1, many)", "bottomk_median(1, many)",
    'topk_max(1, g, "i=rest")', 'topk_avg(1, c_total, "i=rest") by (job)',
]

# Without windows, over subqueries, at other times, of one another.
FORMS = [
    "ascent_over_time(g)", "lag(g)", "lifetime(g)", "scrape_interval(g)",
    "increase_pure(c_total)", "integrate(g)", "deriv_fast(g)", "ideriv(g)",
    "rollup(g)", "rollup_rate(c_total)", "duration_over_time(g, 15s)",
    'ru(g{i="1"}, g{i="1"} + 5)', "ttf(c_total)",
    "distinct_over_time((g > 1)[2m:10s])",
    "increase_pure((c_total * 2)[2m:10s])", "rollup((g * 2)[2m:10s])",
    "integrate((g * 2)[2m:10s])", "lag((g * 2)[2m:10s])",
    'quantiles_over_time("phi", 0.5, (g * 2)[2m:10s])',
    "histogram_over_time((g * 2)[2m:10s])",
    "sum(increase_pure(c_total[1m]))", "max(lag(g[1m])) by (job)",
    "count(rollup(g[1m])) by (rollup)",
    "zscore_over_time(g[2m] offset 1m)", "ascent_over_time(g[2m] @ end())",
    "rollup_candlestick(g[2m] offset 1m)",
    'aggr_over_time("lag", g[1m]) keep_metric_names',
    "range_sum(g @ start())", "running_sum(g @ start())",
    "start()", "end() - start()", "union(g, g)", "union(1)",
    "topk_max(2, g) by (job)", "outliers_iqr(many) by (x)",
    "median(many) without (k)", "share(abs(g))", "limitk(5, g)",
    "histogram_quantile(0.5, sum(h) by (vmrange))",
    "histogram_share(0.5, sum(b_bucket) by (le))",
    "count_values_over_time('job', g[1m])", "label_map(g, 'job', 'a', '')",
]

# In MetricsQL's dialect. What a first window starts from lies no further
# back than a step or the window.
DIALECT = [
    'aggr_over_time(("rate", "count_over_time", "deriv"), c_total[5s])',
    'aggr_over_time(("rate", "count_over_time"), c_total)',
    'aggr_over_time(("rate", "lag", "timestamp"), c_total[15s] offset 33s)',
    'aggr_over_time(("irate", "iqr_over_time"), g[2m] @ start())',
    'aggr_over_time("rate", (c_total * 2)[2m:10s])',
    "deriv(g[10s])", "predict_linear(g[10s], 60)", "deriv(g[2m])",
    "holt_winters(g[37s], 0.3, 0.6)", "zscore_over_time(g[37s])",
    "rate(c_total[12s] @ start())", "rate(c_total @ end())",
    "increase(c_total[12s] @ end())", "g @ start()",
]

# Selectors by Graphite's paths.
PATHS = [
    '{__graphite__="web.*.load"}', '{__graphite__="web.a.load"}',
    '{__graphite__="web.{a,c*}.load"}', '{__graphite__="web.[a-c].l*"}',
    '{__graphite__="*.b.*"}', '{__graphite__="web.*"}',
    '{__graphite__="web.(a|cc).load"}', '{__graphite__="web.(.*).load"}',
    '{__graphite__=~"web.*.load"}', '{__graphite__="web.none"}',
    '{__graphite__="*.*.load",dc="x"}',
    '{__graphite__!="web.*.load",__name__=~".+load"}',
    '{__graphite__="web.a.load" or __graphite__="db.*.load"}',
]


def dataset(start_ms):
    """[(labels, [(ms, value)])]"""
    def series(name, labels, value):
        return ({"__name__": name, **labels},
                [(start_ms + i * EVERY_S * 1000, float(value(i)))
                 for i in range(SAMPLES) if value(i) is not None])
    result = [
        series("c_total", {"job": "a", "i": "1"},
               lambda i: 10 + 3 * i if i < 40 else 2 + i - 40),
        series("c_total", {"job": "b", "i": "2"}, lambda i: 1000 + 7 * i),
        series("g", {"job": "a", "i": "1"}, lambda i: (i * 37) % 11 - 3),
        series("g", {"job": "a", "i": "2"}, lambda i: (i * 17) % 7 / 2),
        series("g", {"job": "b", "i": "10"}, lambda i: 5 if i % 3 else None),
        series("h", {"vmrange": "1.000e+00...1.136e+00"}, lambda i: 5 + i),
        series("h", {"vmrange": "1.136e+00...1.292e+00"}, lambda i: 7 + 2 * i),
        series("h", {"vmrange": "2.154e+00...2.448e+00"}, lambda i: 1 + i),
    ]
    for bound, count in (("0.1", 1), ("1", 3), ("5", 6), ("+Inf", 7)):
        result.append(series("b_bucket", {"le": bound},
                             lambda i, count=count: count * (i + 1)))
    for k, path in enumerate(("web.a.load", "web.b.load", "web.cc.load",
                              "web.b.disk.load", "db.b.load", "webXaXload")):
        result.append(series(path, {"dc": "xy"[k % 2]}, lambda i, k=k: i + k))
    for k in range(9):
        result.append(series("many", {"k": str(k)}, lambda i, k=k:
                             100 if k == 4 and i > 50 else k + i % 2))
    return result


def points(answer):
    """{labels: {time: value}}; a NaN is no point."""
    result = {}
    for series in answer["data"]["result"]:
        values = series.get("values") or [series["value"]]
        kept = {float(t): float(v) for t, v in values
                if not math.isnan(float(v))}
        if kept:
            result[tuple(sorted(series["metric"].items()))] = kept
    return result


def scalar_as_vector(answer):
    data = answer["data"]
    if data["resultType"] == "scalar":
        data["result"] = [{"metric": {}, "value": data["result"]}]
    return answer


def differences(ours, theirs):
    for key in sorted(ours.keys() | theirs.keys()):
        a, b = ours.get(key), theirs.get(key)
        if a is None or b is None:
            yield f"{dict(key)}: {'we' if b is None else 'they'} alone have it"
            continue
        if a.keys() != b.keys():
            yield f"{dict(key)}: points at {sorted(a)}, they {sorted(b)}"
            continue
        for moment, value in a.items():
            other = b[moment]
            if value != other and not math.isclose(
                    value, other, rel_tol=TOLERANCE, abs_tol=1e-9):
                yield f"{dict(key)}: {value} at {moment}, they {other}"
                break


@unittest.skipUnless(peer("victoria-metrics"), "skipped: no peer")
class MetricsqlFunctionsAgreementTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # Two days ago, a moment that all steps here divide.
        cls.start_s = int(time.time()) // 3600 * 3600 - 2 * 86400
        cls.cluster, cls.peer = beside_victoria_metrics(
            cls, dataset(cls.start_s * 1000), storages=2, replication_factor=2)

    @classmethod
    def ask(cls, address, path, arguments):
        return http_client.post_form(address, path, arguments).json()

    def compare(self, query, path, arguments):
        arguments = {"query": query, "nocache": "1", **arguments}
        ours = self.ask(self.cluster.select,
                        "/select/0/prometheus" + path, arguments)
        theirs = self.ask(self.peer, path, arguments)
        if theirs["status"] != "success" or ours["status"] != "success":
            return [f"we {ours.get('error')}, they {theirs.get('error')}"]
        return list(differences(points(scalar_as_vector(ours)),
                                points(scalar_as_vector(theirs))))

    def check(self, queries, steps=("30s",), **arguments):
        wrong = []
        for query in queries:
            found = self.compare(query, "/api/v1/query",
                                 {"time": self.start_s + 570, **arguments})
            for step in steps:
                found = found or self.compare(query, "/api/v1/query_range", {
                    "start": self.start_s + 300, "end": self.start_s + 570,
                    "step": step, **arguments})
            if found:
                wrong.append(query + "\n    " + "\n    ".join(found[:3]))
        print(f"{len(queries) - len(wrong)} of {len(queries)} queries agree")
        self.assertFalse(wrong, "\n" + "\n".join(wrong))

    def test_window_functions_agree(self):
        self.check(WINDOW_FUNCTIONS)

    def test_transforms_agree(self):
        self.check(TRANSFORMS)

    def test_aggregations_agree(self):
        self.check(AGGREGATIONS)

    def test_other_forms_agree(self):
        self.check(FORMS)

    def test_paths_of_graphite_agree(self):
        self.check(PATHS)
        self.check([f"sum(rate({path}[1m])) by (dc)" for path in PATHS])
        # As match[] of series and as extra filters.
        times = {"start": self.start_s, "end": self.start_s + 600}
        for path in PATHS:
            with self.subTest(path):
                for names, arguments in (
                        ("series", {"match[]": path}),
                        ("label/__name__/values", {"match[]": path}),
                        ("series", {"match[]": '{__name__=~".+load"}',
                                    "extra_filters[]": path})):
                    ours = self.ask(
                        self.cluster.select,
                        "/select/0/prometheus/api/v1/" + names,
                        {**times, **arguments})
                    theirs = self.ask(self.peer, "/api/v1/" + names,
                                      {**times, **arguments})
                    self.assertEqual(sorted(map(str, ours["data"])),
                                     sorted(map(str, theirs["data"])))

    def test_federation_takes_paths_of_graphite(self):
        now_ms = int(time.time() * 1000)
        self.assertEqual(self.cluster.write([
            ({"__name__": name}, [(now_ms, 1.0)])
            for name in ("fed.a.load", "fed.b.c.load", "fed.b.load")]
        ).status, 204)
        answer = http_client.post_form(
            self.cluster.select, "/select/0/prometheus/federate",
            {"match[]": '{__graphite__="fed.*.load"}'})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertIn("fed_a_load", answer.text)
        self.assertIn("fed_b_load", answer.text)
        self.assertNotIn("fed_b_c_load", answer.text)
        bad = http_client.post_form(
            self.cluster.select, "/select/0/prometheus/api/v1/query",
            {"query": '{__graphite__="fed.{a"}'})
        self.assertEqual(bad.status // 100, 4)
        self.assertIn("fed.{a", bad.text)

    def test_the_dialect_agrees(self):
        self.check(DIALECT, steps=("30s", "6s"), dialect="metricsql")


if __name__ == "__main__":
    unittest.main()
