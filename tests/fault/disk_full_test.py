"""A full disk: read-only in time, reads go on, nothing acknowledged is lost."""

import http.client
import os
import random
import subprocess
import tempfile
import time
import unittest

from tests.fault.battery import repeated
from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

DISK = 96 << 20


def mount(path):
    return os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", path],
        capture_output=True, check=False).returncode == 0


class DiskFullTest(unittest.TestCase):

    def start(self, *storage_args):
        disk = tempfile.mkdtemp(prefix="varve-disk-")
        if not mount(disk):
            os.rmdir(disk)
            self.skipTest("skipped: mounting a tmpfs needs root")
        self.addCleanup(os.rmdir, disk)
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        self.disk = disk
        self.ballast = os.path.join(disk, "ballast")
        old, tempfile.tempdir = tempfile.tempdir, disk
        try:
            self.cluster = Cluster(
                storages=1, storage_args=storage_args,
                insert_args=["-insert.maxQueueDuration=2s"])
        finally:
            tempfile.tempdir = old
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

    def fill(self, leave):
        """Leaves that much room, with no more at any moment."""
        stat = os.statvfs(self.disk)
        size = stat.f_bavail * stat.f_frsize - leave
        with open(self.ballast, "ab") as file:
            if size < 0:
                file.truncate(file.tell() + size)
            while size > 0:
                size -= file.write(b"x" * min(size, 1 << 20))

    def free(self):
        os.remove(self.ballast)

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
        self.fill(20 << 20)
        wait_until(lambda: self.metric("vm_storage_is_read_only") == 1, 10,
                   "read-only")
        self.assertFalse(self.write(5))
        self.check()
        # Above the bound, but not by enough: no flapping.
        self.fill(32 << 20)
        self.assertFalse(self.write(6))
        self.assertEqual(self.metric("vm_storage_is_read_only"), 1)
        self.free()
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
        self.fill(1 << 20)
        refused = 0
        for step in range(5, 60):
            refused += not self.write(step)
            if refused > 3:
                break
        self.assertGreater(refused, 3)
        self.check()
        self.free()
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
        self.fill(0)
        answer = http_client.get(self.storage.http, "/snapshot/create")
        self.assertEqual(answer.status, 507, answer.text)
        self.assertEqual(answer.json()["status"], "error")
        self.assertIn("No space left", answer.json()["msg"])
        self.assertEqual(
            os.listdir(os.path.join(self.storage.path, "snapshots")), [])
        self.check()
        self.free()
        self.write_again(5)
        answer = http_client.get(self.storage.http, "/snapshot/create")
        self.assertEqual(answer.status, 200, answer.text)
        self.check()


if __name__ == "__main__":
    unittest.main()
