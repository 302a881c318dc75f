"""A full disk: read-only in time, reads go on, nothing acknowledged is lost."""

import http.client
import os
import random
import time
import unittest

from tests.fault.battery import (
    Scenario, held, killed, repeated, two_hours_ago, wait_connected,
    wait_repaired)
from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.continuous import wait_made_up
from tests.support.processes import wait_until
from tests.support.small_disk import SmallDisk


class DiskFullTest(unittest.TestCase):

    def start(self, *storage_args):
        self.disk = SmallDisk()
        self.addCleanup(self.disk.close)
        self.cluster = Cluster(storages=1, storage_args=storage_args,
                               insert_args=["-insert.maxQueueDuration=2s"],
                               small_disk=self.disk)
        self.addCleanup(self.cluster.close)
        self.storage = self.cluster.storages[0]
        self.start_ms = int(time.time()) * 1000 - 3_600_000
        self.acknowledged = []

    def write(self, step):
        """True when acknowledged."""
        try:
            status = self.cluster.write([
                ({"__name__": "m", "series": str(i)},
                 [(self.start_ms + step * 100 + k, random.random())
                  for k in range(100)]) for i in range(200)],
                seconds=30).status
        except (OSError, http.client.HTTPException):
            return False
        if status == 204:
            self.acknowledged.append(step)
        else:
            self.assertIn(status, (500, 502, 503))
        return status == 204

    def check(self):
        """Every acknowledged sample is there, and only whole writes."""
        rows = self.cluster.export('{__name__="m",series="7"}')
        times = {t for t, _ in next(iter(rows.values()))}
        for step in self.acknowledged:
            for k in range(100):
                self.assertIn(self.start_ms + step * 100 + k, times)

    def metric(self, name):
        return http_client.metric(self.storage.http, name)

    def write_again(self, step):
        wait_until(lambda: self.write(step), 60, "writes after room was made")

    @repeated
    def test_read_only_below_the_bound_and_back_above_it(self):
        self.start("-storage.minFreeDiskSpaceBytes=30MB",
                   "-storage.flushInterval=2s")
        for step in range(5):
            self.assertTrue(self.write(step))
        self.disk.fill(20 << 20)
        wait_until(lambda: self.metric("vm_storage_is_read_only") == 1, 10,
                   "read-only")
        self.assertFalse(self.write(5))
        self.check()
        # Above the bound, but not by enough: no flapping.
        self.disk.fill(32 << 20)
        self.assertFalse(self.write(6))
        self.assertEqual(self.metric("vm_storage_is_read_only"), 1)
        self.disk.free()
        self.write_again(7)
        self.assertEqual(self.metric("vm_storage_is_read_only"), 0)
        self.check()

    @repeated
    def test_a_disk_that_is_quite_full_loses_nothing_acknowledged(self):
        # The bound is out of the way: the log, the flush and RocksDB meet the
        # end of the disk themselves.
        self.start("-storage.minFreeDiskSpaceBytes=1",
                   "-storage.flushInterval=1s")
        for step in range(5):
            self.assertTrue(self.write(step))
        self.disk.fill(1 << 20)
        refused = 0
        for step in range(5, 60):
            refused += not self.write(step)
            if refused > 3:
                break
        self.assertGreater(refused, 3)
        self.check()
        self.disk.free()
        self.write_again(70)
        flushes = self.metric("varve_head_flushes_total")
        wait_until(lambda: self.metric("varve_head_flushes_total") > flushes,
                   60, "a flush after room was made")
        self.write_again(71)
        self.check()
        self.storage.process.kill()
        self.storage.start()
        wait_until(lambda: self.cluster.query("m", time.time()).get("status")
                   == "success", 20, "reads")
        self.write_again(72)
        self.check()

    def test_a_snapshot_without_room_is_refused_and_leaves_nothing(self):
        self.start("-storage.minFreeDiskSpaceBytes=1",
                   "-storage.flushInterval=1h")
        for step in range(5):
            self.assertTrue(self.write(step))
        self.disk.fill(0)
        answer = http_client.get(self.storage.http, "/snapshot/create")
        self.assertEqual(answer.status, 507, answer.text)
        self.assertEqual(answer.json()["status"], "error")
        self.assertIn("No space left", answer.json()["msg"])
        self.assertEqual(
            os.listdir(os.path.join(self.storage.path, "snapshots")), [])
        self.check()
        self.disk.free()
        self.write_again(5)
        answer = http_client.get(self.storage.http, "/snapshot/create")
        self.assertEqual(answer.status, 200, answer.text)
        self.check()


class OneFullDiskOfThreeTest(Scenario):
    """Two copies, under a writer and a reader."""

    BOUND = "-storage.minFreeDiskSpaceBytes=30MB"

    def cluster(self, *storage_args):
        """The first node is on the small disk."""
        self.disk = SmallDisk()
        self.addCleanup(self.disk.close)
        cluster = Cluster(storages=3, replication_factor=2,
                          storage_args=storage_args, small_disk=self.disk)
        self.addCleanup(cluster.close)
        self.full = cluster.storages[0]
        return cluster

    def wait_read_only(self, is_so):
        wait_until(lambda: http_client.metric(
            self.full.http, "vm_storage_is_read_only") == is_so, 30,
            f"read-only: {is_so}")

    @staticmethod
    def write(cluster, at_s):
        """So many series that each node has some, or hints of some."""
        rows = [({"__name__": "hinted", "series": str(i)},
                 [(int(at_s * 1000), 1.0)]) for i in range(100)]
        wait_until(lambda: cluster.write(rows).status == 204, 30,
                   "acknowledged")

    @staticmethod
    def rerouted(cluster):
        return http_client.metric(cluster.insert,
                                  "vm_rpc_rows_rerouted_to_here_total")

    @repeated
    def test_a_node_that_is_read_only(self):
        with self.load(self.cluster(self.BOUND)) as load:
            self.disk.fill(20 << 20)
            self.wait_read_only(True)
            load.goes_on(steps=30, answers=5)
            self.disk.free()
            self.wait_read_only(False)
            load.goes_on()
            load.never_partial()
            load.cured_by_retries()
            load.settle()

    @repeated
    def test_a_node_without_room_for_its_log(self):
        with self.load(self.cluster("-storage.minFreeDiskSpaceBytes=1",
                                    "-storage.flushInterval=1s")) as load:
            self.disk.fill(0)
            hinted = "varve_hints_rows_sent_total"
            wait_until(lambda: http_client.metric(load.cluster.insert,
                                                  hinted) > 0, 30, "hints")
            load.goes_on(steps=30, answers=5)
            self.disk.free()
            load.goes_on()
            load.never_partial()
            load.cured_by_retries()
            load.settle()

    @repeated
    def test_a_node_with_room_again_keeps_hints_again(self):
        self.keeps_hints_again(self.BOUND, 20 << 20)

    @repeated
    def test_a_node_that_could_not_write_hints_keeps_them_again(self):
        self.keeps_hints_again("-storage.minFreeDiskSpaceBytes=1", 0)

    def keeps_hints_again(self, bound, leave):
        """Else it stores the rows as its own, and their owner waits for
        repair."""
        with self.cluster(bound) as cluster:
            self.write(cluster, time.time())
            with killed(cluster.storages[1]):
                self.disk.fill(leave)
                if leave:
                    self.wait_read_only(True)
                self.write(cluster, time.time())
                self.assertGreater(http_client.metric(
                    self.full.http, "varve_hints_refused_total"), 0)
                self.disk.free()
                self.wait_read_only(False)
            wait_connected(cluster)
            wait_made_up(cluster)
            rerouted = self.rerouted(cluster)
            with killed(cluster.storages[1]):
                self.write(cluster, time.time())
            self.assertEqual(self.rerouted(cluster), rerouted)
            wait_connected(cluster)
            wait_made_up(cluster)

    @repeated
    def test_the_holder_of_hints_of_a_dead_node(self):
        with self.load(self.cluster(self.BOUND), clock=two_hours_ago) as load:
            with killed(load.cluster.storages[1]):
                load.goes_on()
                self.write(load.cluster, two_hours_ago())
                wait_until(lambda: held(self.full) > 0, 30, "hints")
                load.never_partial()
                self.disk.fill(20 << 20)
                self.wait_read_only(True)
                load.goes_on(steps=30, answers=5)
            wait_connected(load.cluster)
            wait_until(lambda: held(self.full) == 0, 60,
                       "hints get off a full disk")
            load.goes_on()
            self.disk.free()
            self.wait_read_only(False)
            load.goes_on()
            load.cured_by_retries()
            load.settle(make_up=wait_repaired)


if __name__ == "__main__":
    unittest.main()
