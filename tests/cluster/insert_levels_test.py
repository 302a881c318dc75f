"""An insert node above other insert nodes, over -clusternativeListenAddr, and
a select node above the select nodes of the same clusters."""

import json
import os
import threading
import time
import unittest

from tests.cluster.hinted_write_test import total
from tests.cluster.kinds_test import histogram
from tests.support import http_client, remote_write
from tests.support.cluster import (HTTP_LINE, LOCAL, SELECT_RPC_LINE, Cluster,
                                   wait_healthy)
from tests.support.processes import Process, binary, wait_until

INSERT_LEVEL_LINE = r'started TCP clusternative server at "(.*:\d{1,5})"$'
API = "/select/0/prometheus/api/v1/"
INCOMPLETE = "vm_rpc_rows_incompletely_replicated_total"
FROM_ABOVE = 'vm_rows_inserted_total{type="clusternative"}'


def rows(name, at_ms, count=200, value=1.0):
    return [({"__name__": name, "series": str(i)}, [(at_ms, value + i)])
            for i in range(count)]


class Lower:
    """An insert node of a level below; again on its ports when restarted."""

    def __init__(self, name, storages, factor):
        self.name = name
        self.nodes = ",".join(s.insert_address for s in storages)
        self.factor = factor
        self.http = self.address = None
        self.process = None

    def start(self):
        self.process = Process(
            self.name, binary("varve-insert"),
            [f"-httpListenAddr={self.http or LOCAL}",
             f"-clusternativeListenAddr={self.address or LOCAL}",
             "-clusternative.vminsertConnsShutdownDuration=1ms",
             f"-storageNode={self.nodes}",
             f"-replicationFactor={self.factor}"])
        self.http = self.process.wait_line(HTTP_LINE).group(1)
        self.address = self.process.wait_line(INSERT_LEVEL_LINE).group(1)
        return self


class Levels(Cluster):
    """Two clusters of two storage nodes each, below one insert node and one
    select node that count each of the clusters as a copy.

    Nodes 0 and 1 are the one cluster's, 2 and 3 the other's; so are lower[0],
    selects[0] and lower[1], selects[1]."""

    def __init__(self, lower_factor=1, upper_args=()):
        self.lower = []
        super().__init__(storages=4, inserts=0, selects=0)
        try:
            self.replication_factor = lower_factor
            for i, half in enumerate((self.storages[:2], self.storages[2:])):
                self.lower.append(
                    Lower(f"lower-{i}", half, lower_factor).start())
                self.add_select(
                    half, args=[f"-clusternativeListenAddr={LOCAL}"])
            lower_selects = [
                process.wait_line(SELECT_RPC_LINE).group(1)
                for process, _ in self.selects]
            self.replication_factor = 2
            self.add_insert(nodes=",".join(one.address for one in self.lower),
                            args=list(upper_args))
            self.upper = self.add_select(
                nodes=",".join(lower_selects),
                args=["-search.disableCache", "-search.latencyOffset=0s"])
            wait_until(lambda: self.reachable() == 2, 20,
                       "the insert nodes below")
        except BaseException:
            self.close()
            raise

    def close(self):
        for one in self.lower:
            if one.process is not None:
                one.process.terminate()
        try:
            super().close()
        finally:
            for one in self.lower:
                if one.process is not None:
                    one.process.stop()

    def reachable(self):
        return total(self.insert, "vm_rpc_vmstorage_is_reachable")

    def store(self, series):
        answer = self.write(series)
        if answer.status != 204:
            raise AssertionError(f"{answer.status} {answer.text}")

    def answer(self, path, select=None, **arguments):
        got = http_client.post_form(select or self.upper, API + path,
                                    arguments)
        if got.status != 200:
            raise AssertionError(f"{path}: {got.status} {got.text}")
        return got.json()

    def count(self, name, at_s, select=None):
        """(isPartial, how many series)."""
        answer = self.answer("query", select, query=f"count({name})",
                             time=at_s)
        result = answer["data"]["result"]
        return (answer["isPartial"],
                int(result[0]["value"][1]) if result else 0)


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


class FailureTest(unittest.TestCase):

    def test_without_one_cluster_writes_go_on_and_reads_tell(self):
        with Levels() as levels:
            now_s = int(time.time())
            early_s = now_s - 4 * 3600
            levels.store(rows("m", early_s * 1000))
            down = levels.lower[0]
            down.process.kill()
            levels.store(rows("m", now_s * 1000))
            self.assertEqual(total(levels.insert, INCOMPLETE), 200)
            self.assertEqual(levels.count("m", now_s), (False, 200))
            self.assertEqual(
                levels.count("m", now_s, levels.selects[0][1]), (False, 0))
            for storage in levels.storages[2:]:
                self.assertEqual(total(storage.http, "varve_missed_records"),
                                 1)
            down.start()
            wait_until(lambda: levels.reachable() == 2, 20, "it is back")
            levels.store(rows("later", now_s * 1000))
            self.assertEqual(
                levels.count("later", now_s, levels.selects[0][1]),
                (False, 200))
            self.assertEqual(levels.count("m", now_s), (False, 200))
            # The other cluster loses a part of what it alone has.
            levels.storages[2].process.stop()

            def partial():
                return levels.count("m", now_s)[0]
            wait_until(partial, 10, "a partial answer")
            answer = levels.answer("query", query="count(m)", time=now_s)
            self.assertIn("lacks rows", json.dumps(answer["warnings"]))
            # Before that nothing is missing: the first cluster has it all.
            self.assertEqual(levels.count("m", early_s), (False, 200))

    def test_a_storage_node_that_was_down_learns_who_lacks_rows(self):
        with Levels() as levels:
            now_s = int(time.time())
            first, second = levels.storages[:2]
            levels.store(rows("m", now_s * 1000 - 1))
            second.process.kill()
            levels.lower[1].process.kill()
            levels.store(rows("m", now_s * 1000))
            self.assertEqual(total(levels.insert, INCOMPLETE), 200)
            levels.lower[1].start()
            second.start()
            wait_healthy(second.http)
            def settled():
                """What the node itself missed is made up for."""
                records = [total(one.http, "varve_missed_records")
                           for one in (first, second)]
                return (total(first.http, "varve_hints_bytes") == 0 and
                        records[0] == records[1] > 0)
            wait_until(settled, 30, "the record of the other cluster")
            first.process.kill()

            def partial():
                return levels.count("m", now_s)[0]
            wait_until(partial, 20, "a partial answer")
            answer = levels.answer("query", query="count(m)", time=now_s)
            self.assertIn("lacks rows", json.dumps(answer["warnings"]))

    def test_another_insert_node_of_the_cluster_takes_over(self):
        with Levels() as levels:
            levels.lower.append(
                Lower("lower-2", levels.storages[:2], 1).start())
            upper = levels.add_insert(nodes=",".join(
                one.address for one in levels.lower))
            wait_until(lambda: total(
                upper, "vm_rpc_vmstorage_is_reachable") == 3, 20,
                "the insert nodes below")
            now_s = int(time.time())
            stop = threading.Event()
            statuses = []

            def write():
                while not stop.is_set():
                    statuses.append(levels.write(
                        rows(f"w{len(statuses)}", now_s * 1000, 5),
                        insert=upper).status)
            thread = threading.Thread(target=write)
            thread.start()
            try:
                for down in (levels.lower[0], levels.lower[2]):
                    seen = len(statuses)
                    wait_until(lambda: len(statuses) > seen + 10, 20, "writes")
                    down.process.kill()
                    seen = len(statuses)
                    wait_until(lambda: len(statuses) > seen + 10, 20,
                               "writes by way of another")
                    down.start()
                    wait_until(lambda: total(
                        upper, "vm_rpc_vmstorage_is_reachable") == 3, 20,
                        "it is back")
            finally:
                stop.set()
                thread.join()
            self.assertEqual(set(statuses), {204})
            self.assertEqual(total(upper, INCOMPLETE), 0)
            for _, select in levels.selects[:2]:
                found = levels.answer("query", select, time=now_s,
                                      query='count({__name__=~"w.*"})')
                self.assertEqual(found["data"]["result"][0]["value"][1],
                                 str(5 * len(statuses)))

    def test_insert_nodes_with_other_lists_are_one_cluster(self):
        with Levels() as levels:
            levels.lower.append(
                Lower("lower-2", levels.storages[1:2], 1).start())
            upper = levels.add_insert(nodes=",".join(
                one.address for one in levels.lower))
            wait_until(lambda: total(
                upper, "vm_rpc_vmstorage_is_reachable") == 3, 20,
                "the insert nodes below")
            now_s = int(time.time())

            def written():
                return levels.write(rows("m", now_s * 1000),
                                    insert=upper).status
            wait_until(lambda: written() == 204, 20, "writes")
            for _, select in levels.selects[:2]:
                self.assertEqual(levels.count("m", now_s, select),
                                 (False, 200))
            self.assertEqual(total(upper, INCOMPLETE), 0)
            # Its copy is missed under an id that its select nodes know.
            for one in (levels.lower[0], levels.lower[2]):
                one.process.kill()
            late_s = now_s - 7200
            self.assertEqual(levels.write(rows("late", late_s * 1000),
                                          insert=upper).status, 204)
            self.assertEqual(total(upper, INCOMPLETE), 200)
            levels.storages[2].process.stop()

            def partial():
                return levels.count("late", late_s)[0]
            wait_until(partial, 20, "a partial answer")
            answer = levels.answer("query", query="count(late)", time=late_s)
            self.assertIn("lacks rows", json.dumps(answer["warnings"]))

    def test_an_address_that_is_down_at_the_start_is_not_waited_for(self):
        with Levels() as levels:
            levels.lower.append(
                Lower("lower-2", levels.storages[:2], 1).start())
            nodes = ",".join(one.address for one in levels.lower)
            now_s = int(time.time())
            upper = levels.add_insert(nodes=nodes)
            wait_until(lambda: total(
                upper, "vm_rpc_vmstorage_is_reachable") == 3, 20,
                "the insert nodes below")
            self.assertEqual(levels.write(rows("m", now_s * 1000, 5),
                                          insert=upper).status, 204)
            levels.lower[2].process.kill()
            again = levels.add_insert(nodes=nodes)
            wait_until(lambda: total(
                again, "vm_rpc_vmstorage_is_reachable") == 2, 20,
                "the insert nodes that are up")
            answer = levels.write(rows("m", now_s * 1000 + 1, 5),
                                  insert=again)
            self.assertEqual(answer.status, 204, answer.text)
            self.assertEqual(total(again, INCOMPLETE), 0)

    def test_rows_of_before_a_cluster_was_known_are_told(self):
        with Levels() as levels:
            levels.inserts[0][0].stop()
            for one in levels.lower:
                one.process.kill()
            levels.lower[0].start()
            upper = levels.add_insert(nodes=",".join(
                one.address for one in levels.lower))
            now_s = int(time.time())
            wait_until(lambda: levels.write(
                rows("m", now_s * 1000), insert=upper).status == 204, 30,
                "writes without the other cluster")
            levels.lower[1].start()
            wait_until(lambda: total(
                upper, "vm_rpc_vmstorage_is_reachable") == 2, 20,
                "the other cluster")
            self.assertEqual(levels.count("m", now_s), (False, 200))
            levels.storages[0].process.kill()

            def partial():
                return levels.count("m", now_s)[0]
            wait_until(partial, 20, "a partial answer")

    def test_too_few_copies_are_refused(self):
        with Levels(upper_args=["-insert.minCopies=2"]) as levels:
            now_ms = int(time.time()) * 1000
            levels.store(rows("m", now_ms, 5))
            levels.lower[1].process.kill()
            self.assertEqual(levels.write(rows("m", now_ms + 1, 5)).status,
                             503)
            levels.lower[1].start()
            wait_until(lambda: levels.write(
                rows("m", now_ms + 1, 5)).status == 204, 20, "writes")

    def test_a_cluster_without_its_storage_nodes_is_a_node_that_is_down(self):
        with Levels() as levels:
            now_s = int(time.time())
            levels.store(rows("m", now_s * 1000 - 1))
            for storage in levels.storages[:2]:
                storage.process.kill()
            levels.store(rows("m", now_s * 1000))
            self.assertEqual(total(levels.insert, INCOMPLETE), 200)
            self.assertEqual(levels.count("m", now_s), (False, 200))
            for storage in levels.storages[:2]:
                storage.start()
                wait_healthy(storage.http)

            def whole():
                before = total(levels.insert, INCOMPLETE)
                levels.store(rows("again", now_s * 1000, 5))
                return total(levels.insert, INCOMPLETE) == before
            wait_until(whole, 30, "writes with both copies")

    def test_a_storage_node_dying_below_loses_nothing_acknowledged(self):
        with Levels(lower_factor=2) as levels:
            now_s = int(time.time())
            acknowledged = []
            stop = threading.Event()

            def write():
                k = 0
                while not stop.is_set():
                    name = f"w{k}"
                    if levels.write(rows(name, now_s * 1000, 20)).status == 204:
                        acknowledged.append(name)
                    k += 1
            thread = threading.Thread(target=write)
            thread.start()
            try:
                wait_until(lambda: len(acknowledged) > 10, 20, "writes")
                levels.storages[0].process.kill()
                seen = len(acknowledged)
                wait_until(lambda: len(acknowledged) > seen + 20, 20,
                           "writes without it")
            finally:
                stop.set()
                thread.join()

            def missing(select):
                found = levels.answer("query", select, time=now_s,
                                      query='count({__name__=~"w.*"}) '
                                      'by (__name__)')
                self.assertFalse(found["isPartial"], found)
                counts = {row["metric"]["__name__"]: row["value"][1]
                          for row in found["data"]["result"]}
                return [name for name in acknowledged
                        if counts.get(name) != "20"]
            self.assertEqual(missing(levels.upper), [])
            self.assertEqual(missing(levels.selects[1][1]), [])
            if total(levels.insert, INCOMPLETE) == 0:
                self.assertEqual(missing(levels.selects[0][1]), [])

    def test_all_come_back_in_any_order(self):
        with Levels(lower_factor=2) as levels:
            now_ms = int(time.time()) * 1000
            levels.store(rows("m", now_ms, 20))
            parts = [*levels.lower, *levels.storages]
            for k, order in enumerate((parts, parts[::-1])):
                for part in parts:
                    part.process.kill()
                for part in order:
                    part.start()
                at_ms = now_ms + 1 + k

                def whole():
                    before = total(levels.insert, INCOMPLETE)
                    answer = levels.write(rows("m", at_ms, 20))
                    return (answer.status == 204 and
                            total(levels.insert, INCOMPLETE) == before)
                wait_until(whole, 40, "writes with both copies")
            for _, select in levels.selects:
                wait_until(lambda s=select: levels.count(
                    "m", now_ms / 1000 + 1, s) == (False, 20), 20, "reads")
                self.assertEqual(
                    {len(set(samples)) for samples in
                     levels.export("m", select=select).values()}, {3})

    def test_each_ends_promptly_in_any_order(self):
        levels = Levels()
        try:
            levels.store(rows("m", int(time.time()) * 1000, 5))
            self.assertEqual(levels.lower[0].process.stop(seconds=5), 0)
            for storage in levels.storages:
                storage.process.kill()
            self.assertEqual(levels.lower[1].process.stop(seconds=5), 0)
            self.assertEqual(levels.inserts[0][0].stop(seconds=5), 0)
        finally:
            levels.close()


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
