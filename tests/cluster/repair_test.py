"""Repair: storage nodes make their copies whole from one another."""

import json
import os
import shutil
import time
import unittest

from tests.cluster.discovery_test import FAST, NodeFiles
from tests.support import http_client
from tests.support.cluster import Cluster, Storage
from tests.support.processes import wait_until

SERIES = 300
DAY_MS = 86_400_000


def progress(storage):
    answer = http_client.get(storage.http, "/internal/rebalance")
    if answer.status != 200:
        raise AssertionError(f"rebalance: {answer.status} {answer.text}")
    return json.loads(answer.text)


def repair(storage):
    """A pass from its beginning to its end; what it tells."""
    def idle():
        return progress(storage)["state"] == "idle"
    wait_until(idle, 60, f"storage-{storage.index} has no pass under way")
    before = progress(storage)["passes"]
    answer = http_client.get(storage.http, "/internal/force_repair")
    if answer.status != 200:
        raise AssertionError(f"force_repair: {answer.status} {answer.text}")
    wait_until(lambda: progress(storage)["passes"] > before, 60,
               f"storage-{storage.index} ends a pass")
    return progress(storage)


class RepairTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time()) * 1000

    def write(self, cluster):
        """Three days, and the last hours of which one is over."""
        for at in (self.now - 3 * DAY_MS, self.now - 3 * DAY_MS + 5_000,
                   self.now - 2 * DAY_MS, self.now - DAY_MS,
                   self.now - 2 * 3_600_000):
            answer = cluster.write([
                ({"__name__": "m", "n": str(n)}, [(at, n + at % 97 / 8)])
                for n in range(SERIES)])
            self.assertEqual(answer.status, 204, answer.text)
        stored = cluster.export("m")
        self.assertEqual(len(stored), SERIES)
        self.assertEqual({len(rows) for rows in stored.values()}, {5})
        return stored

    def tell_rings(self, cluster):
        """An insert node tells a new ring when it writes by it."""
        answer = cluster.write([({"__name__": "other"}, [(self.now, 1.0)])])
        self.assertEqual(answer.status, 204, answer.text)

    def repair_all(self, cluster, others):
        """Until each node has compared itself with so many others."""
        for storage in cluster.storages:
            def compared():
                self.tell_rings(cluster)
                told = repair(storage)
                return (told["lastPassComplete"]
                        and told["pendingParts"] == 0
                        and len(told["nodes"]) == others
                        and not any(node["error"] for node in told["nodes"]))
            wait_until(compared, 60, f"storage-{storage.index} is compared")

    def counted(self, cluster):
        return cluster.query("count(last_over_time(m[4d]))", self.now / 1000)

    def assert_whole_without(self, cluster, gone, stored):
        """With the node away nothing is missing, nor said to be."""
        gone.process.kill()
        def complete():
            answer = self.counted(cluster)
            return not answer["isPartial"] and (
                answer["data"]["result"][0]["value"][1] == str(SERIES))
        wait_until(complete, 30, f"all without storage-{gone.index}")
        self.assertEqual(cluster.export("m"), stored)
        self.begin(cluster, gone)
        self.wait_no_doubts(cluster)

    def wait_no_doubts(self, cluster):
        for storage in cluster.storages:
            wait_until(lambda s=storage: http_client.metric(
                s.http, "varve_missed_records") == 0, 90,
                f"storage-{storage.index} lacks nothing")

    def assert_partial_without(self, cluster, gone, why):
        gone.process.kill()
        def told():
            answer = self.counted(cluster)
            return answer["isPartial"] and why in str(answer["warnings"])
        wait_until(told, 30, f"partial without storage-{gone.index}: {why}")
        self.begin(cluster, gone)

    def begin(self, cluster, gone):
        gone.start()
        wait_until(lambda: http_client.metric(
            cluster.select, 'vm_tcpdialer_conns{name="vmselect",'
            f'addr="{gone.select_address}"}}') == 1, 20, "select connects")

    def rows_of(self, cluster, storage):
        alone = cluster.add_select([storage], ["-replicationFactor=1"])
        return cluster.export("m", select=alone)

    def test_a_node_whose_directory_was_lost_gets_its_rows_back(self):
        with Cluster(storages=3, replication_factor=2) as cluster:
            stored = self.write(cluster)
            lost = cluster.storages[2]
            peers = {node["node"] for node in
                     repair(cluster.storages[0])["nodes"]}
            lost.process.kill()
            shutil.rmtree(lost.path)
            self.begin(cluster, lost)
            # With one more node away some rows have no copy at all.
            self.assert_partial_without(
                cluster, cluster.storages[1],
                "1 nodes that rows are written to are at no address")
            # The insert node tells of its new id; nobody waits for the old one.
            def known():
                self.tell_rings(cluster)
                told = repair(cluster.storages[0])["nodes"]
                return {node["node"] for node in told} != peers
            wait_until(known, 60, "the ring with the new id")
            self.repair_all(cluster, 2)
            # Answers do not depend on what the lost one had any more.
            self.wait_no_doubts(cluster)
            self.assertGreater(progress(lost)["rows"], SERIES)
            self.assertGreater(
                http_client.metric(lost.http, "varve_repair_bytes_total"), 0)
            owned = self.rows_of(cluster, lost)
            self.assertGreater(len(owned), SERIES // 3)
            for labels, rows in owned.items():
                self.assertEqual(rows, stored[labels])
            for gone in cluster.storages[:2]:
                self.assert_whole_without(cluster, gone, stored)

    def test_a_new_node_gets_its_share(self):
        with Cluster(storages=3, inserts=0, selects=0,
                     replication_factor=2) as cluster:
            files = NodeFiles(cluster.folder)
            files.write(cluster.storages)
            files.start(cluster)
            stored = self.write(cluster)
            new = Storage(cluster, 3)
            cluster.storages.append(new)
            self.assertEqual(progress(new)["nodes"], [])
            files.write(cluster.storages)
            self.repair_all(cluster, 3)
            told = progress(new)
            self.assertGreater(told["rows"], SERIES)
            self.assertEqual(told["droppedRows"], 0)
            share = self.rows_of(cluster, new)
            self.assertGreater(len(share), SERIES // 4)
            self.assertLess(len(share), SERIES)
            for labels, rows in share.items():
                self.assertEqual(rows, stored[labels])
            self.assertEqual(cluster.export("m"), stored)
            self.assert_whole_without(cluster, cluster.storages[0], stored)

    def write_without(self, cluster, down):
        """Rows of an hour that is over, missed by a node that is down."""
        down.process.kill()
        at = self.now - 3 * 3_600_000
        answer = cluster.write([
            ({"__name__": "m", "n": str(n)}, [(at, n + 0.5)])
            for n in range(SERIES)])
        self.assertEqual(answer.status, 204, answer.text)
        return cluster.export("m")

    def assert_struck_by_repair(self, cluster, down, stored):
        """The node gets its rows from the others, and they know."""
        def told():
            return sum(http_client.metric(s.http, "varve_missed_records")
                       for s in cluster.storages)
        self.begin(cluster, down)
        for storage in cluster.storages:
            if storage is not down:
                self.assertGreater(http_client.metric(
                    storage.http, "varve_missed_records"), 0, storage.index)
        # A kill between any two steps takes no record that is needed.
        http_client.get(down.http, "/internal/force_repair")
        down.process.kill()
        self.begin(cluster, down)
        def struck():
            repair(down)
            return told() == 0
        wait_until(struck, 60, "no MISSED records")
        for gone in cluster.storages:
            self.assert_whole_without(cluster, gone, stored)

    def test_records_go_whose_hints_were_lost(self):
        with Cluster(storages=3, replication_factor=2) as cluster:
            self.write(cluster)
            self.wait_no_doubts(cluster)
            down = cluster.storages[2]
            stored = self.write_without(cluster, down)
            for holder in cluster.storages[:2]:
                self.assertGreater(http_client.metric(
                    holder.http, "varve_hints_rows_total"), 0)
                holder.process.kill()
                shutil.rmtree(os.path.join(holder.path, "hints"))
                self.begin(cluster, holder)
            self.assert_struck_by_repair(cluster, down, stored)

    def test_records_go_that_have_no_hints(self):
        with Cluster(storages=3, replication_factor=2,
                     insert_args=["-insert.hintMaxAge=0"]) as cluster:
            self.write(cluster)
            self.wait_no_doubts(cluster)
            down = cluster.storages[0]
            stored = self.write_without(cluster, down)
            self.assert_struck_by_repair(cluster, down, stored)

    def test_a_pass_begins_by_itself(self):
        with Cluster(storages=2, replication_factor=2,
                     storage_args=["-storage.repairInterval=100ms",
                                   "-storage.repairRate=100MB"]) as cluster:
            self.write(cluster)
            for storage in cluster.storages:
                wait_until(lambda: progress(storage)["passes"] > 2, 30,
                           f"passes of storage-{storage.index}")
                self.assertEqual(progress(storage)["rows"], 0)

    def test_the_endpoints_ask_for_their_key(self):
        with Cluster(storages=1, storage_args=["-forceRepairAuthKey=secret"]
                     ) as cluster:
            address = cluster.storages[0].http
            for path in ("/internal/rebalance", "/internal/force_repair"):
                self.assertEqual(http_client.get(address, path).status, 401)
                self.assertEqual(http_client.get(
                    address, path + "?authKey=secret").status, 200)
            forget = "/internal/cluster/forget?node=nobody"
            self.assertEqual(http_client.get(address, forget).status, 401)
            answer = http_client.get(address, forget + "&authKey=secret")
            self.assertEqual(answer.status, 404)
            self.assertIn("nobody", json.loads(answer.text)["msg"])


if __name__ == "__main__":
    unittest.main()
