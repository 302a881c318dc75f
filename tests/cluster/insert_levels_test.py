"""An insert node above other insert nodes, over -clusternativeListenAddr, and
a select node above the select nodes of the same clusters."""

import os
import time
import unittest

from tests.cluster.hinted_write_test import total
from tests.cluster.insert_levels import INSERT_LEVEL_LINE, Levels, rows
from tests.cluster.kinds_test import histogram
from tests.support import http_client, remote_write
from tests.support.cluster import LOCAL, Cluster
from tests.support.processes import wait_until

INCOMPLETE = "vm_rpc_rows_incompletely_replicated_total"
FROM_ABOVE = 'vm_rows_inserted_total{type="clusternative"}'


class WriteTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.levels = Levels()
        cls.addClassCleanup(cls.levels.close)

    def test_rows_are_in_both_clusters_and_counted_once_a_copy(self):
        levels = self.levels
        now_s = int(time.time())
        before = [http_client.metric(one.http, FROM_ABOVE)
                  for one in levels.lower]
        for k in range(3):
            levels.store(rows("plain", (now_s - 30 + k) * 1000))
        for one, was in zip(levels.lower, before):
            self.assertEqual(http_client.metric(one.http, FROM_ABOVE) - was,
                             600)
        for select in (levels.upper, levels.selects[0][1],
                       levels.selects[1][1]):
            self.assertEqual(levels.count("plain", now_s, select),
                             (False, 200))
            found = levels.export("plain", select=select)
            self.assertEqual({len(s) for s in found.values()}, {3})
        # Both storage nodes of a cluster have a part of its copy.
        for storage in levels.storages:
            self.assertGreater(total(storage.http, "varve_index_series"), 0)
        self.assertEqual(total(levels.insert, INCOMPLETE), 0)

    def test_every_kind_goes_through_both_levels_unchanged(self):
        levels = self.levels
        at_s = int(time.time()) - 60
        at_ms = at_s * 1000
        request = remote_write.Request2()
        request.add({"__name__": "c_total", "job": "float"},
                    [(at_ms, -0.0, at_ms - 9_000)], kind=1,
                    help_text="how many",
                    exemplars=[({"trace_id": "t1"}, 0.5, at_ms + 7)])
        request.add({"__name__": "c_total", "job": "histogram"},
                    histograms=[(at_ms, histogram(5), at_ms - 8_000)])
        answer = levels.write_body(remote_write.snappy(request.message()),
                                   content_type=request.CONTENT_TYPE)
        self.assertEqual(answer.status, 204, answer.text)
        for select in (levels.upper, levels.selects[0][1],
                       levels.selects[1][1]):
            found = {}
            for row in levels.answer(
                    "query", select, time=at_s,
                    query="start_timestamp(c_total)")["data"]["result"]:
                found[row["metric"]["job"]] = float(row["value"][1])
            self.assertEqual(found, {"float": at_s - 9,
                                     "histogram": at_s - 8})
            counted = levels.answer(
                "query", select, time=at_s,
                query="histogram_count(c_total)")["data"]["result"]
            self.assertEqual([row["value"][1] for row in counted], ["11"])
            value = levels.answer("query", select, time=at_s,
                                  query='c_total{job="float"}')["data"]
            self.assertEqual(value["result"][0]["value"][1], "-0")
            exemplars = levels.answer(
                "query_exemplars", select, query="c_total",
                start=at_s - 60, end=at_s + 60)["data"]
            self.assertEqual(exemplars[0]["exemplars"], [{
                "labels": {"trace_id": "t1"}, "value": "0.5",
                "timestamp": (at_ms + 7) / 1000}])
            metadata = levels.answer("metadata", select)["data"]
            self.assertEqual(metadata["c_total"], [
                {"type": "counter", "help": "how many", "unit": ""}])

    def test_tenants_by_number_and_by_name_go_through(self):
        levels = self.levels
        now_s = int(time.time())
        body = remote_write.snappy(remote_write.write_request(
            rows("of_tenant", now_s * 1000, 5)))
        self.assertEqual(levels.write_body(body, tenant="7:9").status, 204)
        named = http_client.request(
            levels.insert, "POST", "/insert/prometheus/api/v1/write", body,
            {"Content-Encoding": "snappy", "X-Scope-OrgID": "acme",
             "Content-Type": "application/x-protobuf"})
        self.assertEqual(named.status, 204, named.text)
        for select in (levels.upper, levels.selects[0][1],
                       levels.selects[1][1]):
            tenants = http_client.get(select, "/admin/tenants").json()
            self.assertIn("7:9", tenants["data"])
            self.assertEqual(tenants["names"], ["acme"])
            self.assertEqual(len(levels.export("of_tenant", tenant="7:9",
                                               select=select)), 5)
            answer = http_client.request(
                select, "GET", "/select/prometheus/api/v1/query?query="
                f"count(of_tenant)&time={now_s}",
                headers={"X-Scope-OrgID": "acme"})
            self.assertEqual(
                answer.json()["data"]["result"][0]["value"][1], "5")

    def test_a_delete_above_takes_what_was_written_above(self):
        levels = self.levels
        now_s = int(time.time())
        levels.store(rows("goes", now_s * 1000, 20))
        answer = http_client.post_form(
            levels.upper, "/delete/0/prometheus/api/v1/admin/tsdb/"
            "delete_series", {"match[]": "goes"})
        self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(levels.count("goes", now_s), (False, 0))
        levels.store(rows("goes", now_s * 1000, 20))
        self.assertEqual(levels.count("goes", now_s), (False, 20))


class RelabelTest(unittest.TestCase):
    def test_each_level_applies_its_rules(self):
        with Cluster(storages=1, inserts=0) as cluster:
            config = os.path.join(cluster.folder, "relabel.yml")
            with open(config, "w", encoding="utf-8") as file:
                file.write("- target_label: cluster\n  replacement: dc1\n"
                           "- action: drop\n  if: '{series=\"3\"}'\n")
            cluster.add_insert(args=[f"-clusternativeListenAddr={LOCAL}",
                                     f"-relabelConfig={config}"])
            address = cluster.inserts[0][0].wait_line(
                INSERT_LEVEL_LINE).group(1)
            upper = cluster.add_insert(nodes=address)
            now_ms = int(time.time()) * 1000
            wait_until(lambda: cluster.write(
                rows("m", now_ms, 5), insert=upper).status == 204, 20,
                "writes")
            found = cluster.export("m")
            self.assertEqual({dict(labels)["cluster"] for labels in found},
                             {"dc1"})
            self.assertEqual({dict(labels)["series"] for labels in found},
                             {"0", "1", "2", "4"})
            self.assertEqual(http_client.metric(
                cluster.insert, "vm_relabel_metrics_dropped_total"), 1)


class AddressTest(unittest.TestCase):
    def test_a_port_that_is_taken_ends_the_program(self):
        with Cluster(storages=1, inserts=0, selects=0) as cluster:
            with self.assertRaises(AssertionError) as ended:
                cluster.add_insert(args=[
                    "-clusternativeListenAddr=" +
                    cluster.storages[0].insert_address])
                cluster.inserts[0][0].wait_line(INSERT_LEVEL_LINE)
            self.assertIn("clusternativeListenAddr", str(ended.exception))


if __name__ == "__main__":
    unittest.main()
