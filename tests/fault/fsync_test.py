"""An fsync that fails under a real storage node: it stops acknowledging and
says so, reads go on, a restart has all that was acknowledged."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

# Fails fdatasync of files below wal/ while the file $VARVE_FAIL_SYNC is there.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fdatasync(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof(path) - 1);
  path[size > 0 ? size : 0] = 0;
  if (strstr(path, "/wal/") && access(getenv("VARVE_FAIL_SYNC"), F_OK) == 0) {
    errno = EIO;
    return -1;
  }
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return real(fd);
}
"""


class FsyncTest(unittest.TestCase):

    def setUp(self):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            self.skipTest("skipped: no C compiler")
        folder = tempfile.mkdtemp(prefix="varve-fsync-")
        self.addCleanup(shutil.rmtree, folder)
        source = os.path.join(folder, "shim.c")
        with open(source, "w", encoding="ascii") as file:
            file.write(SHIM)
        self.shim = os.path.join(folder, "shim.so")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", self.shim, source,
                        "-ldl"], check=True)
        self.broken = os.path.join(folder, "broken")
        self.start_ms = int(time.time()) * 1000 - 60_000

    def write(self, cluster, step):
        return cluster.write([({"__name__": "m"},
                               [(self.start_ms + step, float(step))])]).status

    def steps(self, cluster):
        return [ms - self.start_ms for samples in cluster.export("m").values()
                for ms, _ in samples]

    def readable(self, cluster):
        return not cluster.query("m", time.time()).get("isPartial", True)

    def test_no_level_is_acknowledged_after_it(self):
        for ack in ("durable", "written", "memory"):
            with self.subTest(ack), Cluster(
                    storages=1, insert_args=[f"-insert.ack={ack}"]) as cluster:
                self.check(cluster)

    def check(self, cluster):
        storage = cluster.storages[0]
        storage.process.stop()
        storage.env = {"LD_PRELOAD": self.shim,
                       "VARVE_FAIL_SYNC": self.broken}
        storage.start()
        wait_until(lambda: self.write(cluster, 0) == 204, 10, "a write")
        self.assertEqual(http_client.metric(
            storage.http, "varve_log_failed"), 0)

        with open(self.broken, "wb"):
            pass
        # A level that does not wait for the fsync meets it within a second.
        acknowledged = [0]
        for step in range(1, 10_000):
            if self.write(cluster, step) != 204:
                break
            acknowledged.append(step)
        else:
            self.fail("the failed fsync was not met")
        os.remove(self.broken)
        self.assertEqual(self.write(cluster, 20_000), 503)
        for name in ("varve_log_failed", "vm_storage_is_read_only"):
            wait_until(lambda: http_client.metric(
                storage.http, name) == 1, 5, name)
        storage.process.wait_line("takes no more records until a restart")
        self.assertLessEqual(set(acknowledged), set(self.steps(cluster)))

        storage.process.kill()
        storage.env = {}
        storage.start()
        wait_until(lambda: self.write(cluster, 30_000) == 204, 10, "a write")
        acknowledged.append(30_000)
        # Select dials on its own.
        wait_until(lambda: self.readable(cluster), 30, "a read")
        self.assertLessEqual(set(acknowledged), set(self.steps(cluster)))


if __name__ == "__main__":
    unittest.main()
