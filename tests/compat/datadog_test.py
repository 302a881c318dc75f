"""DataDog's agent and API clients, here and at VictoriaMetrics."""

import gzip
import json
import time
import unittest
import zlib

from tests.support import datadog, http_client
from tests.support.cluster import Cluster
from tests.support.peers import VictoriaMetrics
from tests.support.processes import peer, wait_until

NOW = int(time.time()) - 60
JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def one_series(name, point, **members):
    return {"series": [{"metric": name, "points": [point], **members}]}


SERIES_1 = {"series": [
    {"metric": "v1.load - a_._b", "host": "web01", "device": "/dev/sda",
     "points": [[NOW, 1.25], [NOW + 1.5, -2]], "type": "gauge", "interval": 10,
     "tags": ["env:prod", "bare", "url:http://x:80", "host:other",
              "device:sdb", "env:dev", "empty:"]},
    {"metric": "v1.alone", "points": [[NOW, 0]], "tags": None}]}
SERIES_2 = {"series": [
    {"metric": "v2.load", "type": 3, "unit": "b", "source_type_name": "System",
     "points": [{"timestamp": NOW, "value": 0.5},
                {"timestamp": NOW + 1, "value": 2}],
     "resources": [{"type": "host", "name": "web01"},
                   {"type": "rack", "name": "r7"}],
     "tags": ["env:prod", "host:other"]}]}
PROTOBUF_2 = datadog.series(
    "v2.agent", [(NOW, 0.5), (NOW + 1, 2)], ["env:prod", "bare"],
    {"host": "web01"}, "System")
LATENCIES = dict(zip(
    (0, 1472, 1473, 1479, 1480, 1503, 1504, 1512, 1513, 1514, 1515, 1531, 1532),
    (0, 0, 1, 0, 1, 4, 6, 1, 2, 0, 1, 0, 1)))
SKETCHES = datadog.message(1, b"".join([
    datadog.message(1, "latency..seconds "), datadog.message(2, "web01"),
    datadog.message(4, "env:prod"), datadog.message(4, "bare"),
    datadog.message(4, "host:other"),
    datadog.message(7, datadog.dogsketch(NOW, 17, 8, 20, 230, LATENCIES)),
    datadog.message(7, datadog.dogsketch(
        NOW + 10, 10, -7, 9, 5, {-1500: 2, -1472: 2, 0: 2, 1300: 4})),
    datadog.message(7, datadog.dogsketch(NOW + 20, 0, 0, 0, 0, {}))]))
# What each path below /datadog is sent.
BODIES = [("api/v1/series", json.dumps(SERIES_1).encode(), JSON),
          ("api/v2/series", json.dumps(SERIES_2).encode(), JSON),
          ("api/v2/series", PROTOBUF_2, PROTOBUF),
          ("api/beta/sketches", SKETCHES, PROTOBUF)]
ANSWERED = [("api/v1/validate", 200, {"valid": True}),
            ("api/v1/check_run", 202, {"status": "ok"}),
            ("api/v1/metadata", 200, {}), ("intake", 200, {}),
            ("intake/", 200, {})]


class DatadogTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1)
        cls.addClassCleanup(cls.cluster.close)

    def post(self, path, body, headers=None, tenant="0"):
        return http_client.request(self.cluster.insert, "POST",
                                   f"/insert/{tenant}/datadog/{path}", body,
                                   headers)

    def rows(self, kind):
        return http_client.metric(
            self.cluster.insert, f'vm_rows_inserted_total{{type="{kind}"}}')

    @unittest.skipUnless(peer("victoria-metrics"), "skipped: no peer")
    def test_the_series_are_those_of_victoria_metrics(self):
        theirs = VictoriaMetrics()
        self.addCleanup(theirs.stop)
        for path, body, headers in BODIES:
            answer = self.post(path, body, headers, "7:1")
            self.assertEqual((answer.status, answer.json()),
                             (202, {"status": "ok"}))
            answer = http_client.request(theirs.address, "POST",
                                         f"/datadog/{path}", body, headers)
            self.assertEqual(answer.status, 202, answer.text)
        http_client.get(theirs.address, "/internal/force_flush")

        def there():
            answer = http_client.post_form(theirs.address, "/api/v1/export", {
                "match[]": '{__name__!=""}', "start": NOW - 10})
            return {tuple(sorted(row["metric"].items())):
                    list(zip(row["timestamps"], row["values"]))
                    for row in map(json.loads, answer.text.splitlines())}

        wait_until(lambda: len(there()) == 13, 10, "their series are seen")
        ours = self.cluster.export('{__name__!=""}', "7:1")
        self.assertEqual(set(ours), set(there()))
        for labels, samples in there().items():
            with self.subTest(labels):
                self.assertEqual([ms for ms, _ in ours[labels]],
                                 [ms for ms, _ in samples])
                for (_, here), (_, value) in zip(ours[labels], samples):
                    self.assertAlmostEqual(here, value, delta=1e-9 * abs(value))

    def test_the_agents_other_questions_are_answered(self):
        for path, status, body in ANSWERED:
            for sent in (None, b"{}"):
                with self.subTest(path, sent=sent):
                    answer = (self.post(path, sent) if sent else
                              http_client.get(self.cluster.insert,
                                              f"/insert/0/datadog/{path}"))
                    self.assertEqual(
                        (answer.status, answer.json(),
                         answer.headers["Content-Type"]),
                        (status, body, "application/json"))
        self.assertEqual(self.post("api/v1/nothing", b"{}").status, 400)

    def test_bodies_come_compressed_and_rows_are_counted(self):
        codings = {"gzip": gzip.compress, "deflate": zlib.compress}
        for number, (coding, compress) in enumerate(codings.items()):
            for (path, body, headers), kind, rows in zip(
                    BODIES, ("datadogv1", "datadogv2", "datadogv2",
                             "datadogsketches"), (3, 2, 2, 27)):
                with self.subTest(path, coding=coding):
                    before = self.rows(kind)
                    answer = self.post(path, compress(body), {
                        **headers, "Content-Encoding": coding}, f"8:{number}")
                    self.assertEqual(answer.status, 202, answer.text)
                    self.assertEqual(self.rows(kind), before + rows)
            self.assertEqual(
                len(self.cluster.export('{__name__!=""}', f"8:{number}")), 13)

    def test_a_broken_body_stores_nothing_a_bad_series_costs_itself(self):
        good = one_series("kept", [NOW, 1])["series"][0]
        whole = json.dumps({"series": [good, good]})
        for body in (b"", b"[]", whole[:-1].encode(), whole[:-10].encode()):
            self.assertEqual(self.post("api/v1/series", body, JSON).status, 400)
        self.assertEqual(self.cluster.export("kept"), {})
        bad = 'vm_rows_invalid_total{type="datadogv1"}'
        before = http_client.metric(self.cluster.insert, bad)
        body = {"series": [{"metric": 5, "points": [[NOW, 1]]}, good,
                           {"metric": "p", "points": [[NOW]]}]}
        self.assertEqual(self.post("api/v1/series", json.dumps(body)).status,
                         202)
        self.assertEqual(
            self.cluster.export('{__name__!=""}'),
            {(("__name__", "kept"),): [(NOW * 1000, 1)]})
        self.assertEqual(http_client.metric(self.cluster.insert, bad),
                         before + 2)

    def test_tenants_come_in_tags_and_extra_labels_are_added(self):
        body = json.dumps(one_series("shared", [NOW, 1], tags=[
            "vm_account_id:9", "vm_project_id:3"]))
        self.assertEqual(
            self.post("api/v1/series?extra_label=dc=x", body, JSON,
                      "multitenant").status, 202)
        self.assertEqual(
            self.cluster.export("shared", "9:3"),
            {(("__name__", "shared"), ("dc", "x")): [(NOW * 1000, 1)]})

    def test_names_stay_as_they_are_where_a_flag_says_so(self):
        with Cluster(storages=1, insert_args=[
                "-datadog.sanitizeMetricName=false",
                "-datadog.maxInsertRequestSize=1KiB"]) as cluster:
            body = json.dumps(one_series("a - b__c", [NOW, 1]))
            answer = http_client.request(
                cluster.insert, "POST", "/insert/0/datadog/api/v1/series", body)
            self.assertEqual(answer.status, 202, answer.text)
            self.assertEqual(list(cluster.export('{__name__!=""}')),
                             [(("__name__", "a - b__c"),)])
            answer = http_client.request(
                cluster.insert, "POST", "/insert/0/datadog/api/v1/series",
                json.dumps(one_series("x" * 2000, [NOW, 1])))
            self.assertEqual(answer.status, 400)
            self.assertIn("-datadog.maxInsertRequestSize", answer.text)


if __name__ == "__main__":
    unittest.main()
