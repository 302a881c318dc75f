"""Small machines: the operator's arguments as another user, in little memory."""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, wait_healthy
from tests.support.processes import Process, binary, wait_until

NOBODY = 65534
SERIES = 20_000
MIB = 1 << 20
# The operator's default limits.
LIMITS = {"storage": 500 * MIB, "select": 300 * MIB, "insert": 200 * MIB}
CPU_QUOTA_US = 50_000   # of 100,000: half a core


class Cgroup:
    """A cgroup (v1) with the role's limits, where this machine lets us."""

    def __init__(self, role):
        self.folders = []
        limits = {"memory": ("memory.limit_in_bytes", LIMITS[role]),
                  "cpu": ("cpu.cfs_quota_us", CPU_QUOTA_US)}
        for controller, (file, value) in limits.items():
            folder = (f"/sys/fs/cgroup/{controller}/"
                      f"varve-test-{role}-{os.getpid()}")
            try:
                os.mkdir(folder)
                with open(f"{folder}/{file}", "w", encoding="ascii") as out:
                    out.write(str(value))
            except OSError:
                print(f"{role}: no {controller} cgroup here")
                continue
            self.folders.append(folder)

    def join_script(self):
        return "".join(f"echo $$ > {f}/cgroup.procs && "
                       for f in self.folders)

    def remove(self):
        for folder in self.folders:
            os.rmdir(folder)


# The operator's ports are fixed: the test runs in a network of its own, where
# nobody else has them. Set in that process.
INSIDE = "VARVE_TEST_NETWORK"


def can_unshare():
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "-m", "-n", "true"], capture_output=True,
        check=False).returncode == 0


def bring_loopback_up():
    siocsifflags, iff_up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, siocsifflags,
                    struct.pack("16sh14x", b"lo", iff_up))


class OperatorArgumentsTest(unittest.TestCase):
    """The argument lists of the operator, each word as it types them; only
    the host names are this machine's."""

    def start(self, name, args, folder):
        # A cgroup and a mount namespace of its own with everything read-only
        # but `folder`; the program runs as nobody.
        cgroup = Cgroup(name.removeprefix("varve-"))
        self.addCleanup(cgroup.remove)
        script = (cgroup.join_script() + f"mount --bind {folder} {folder} && "
                  "mount -o remount,ro,bind / && "
                  f"mount -o remount,rw,bind {folder} && cd {folder} && "
                  f"exec setpriv --reuid {NOBODY} --regid {NOBODY} "
                  "--clear-groups \"$@\"")
        return Process(name, "/usr/bin/unshare",
                       ["-m", "/bin/sh", "-c", script, "sh", binary(name),
                        *args])

    @unittest.skipUnless(can_unshare(), "skipped: no namespaces here")
    def test_20k_series_within_the_default_limits(self):
        if INSIDE not in os.environ:
            inner = subprocess.run(
                ["unshare", "-n", sys.executable, "-B", "-m", "unittest",
                 __spec__.name], env=dict(os.environ, **{INSIDE: "1"}),
                capture_output=True, text=True, check=False)
            print(inner.stdout)
            self.assertEqual(inner.returncode, 0, inner.stderr)
            return
        bring_loopback_up()
        processes = {}
        with tempfile.TemporaryDirectory(prefix="varve-small-") as folder:
            os.chmod(folder, 0o755)
            for sub in ("vm-data", "cache"):
                os.mkdir(f"{folder}/{sub}")
                os.chown(f"{folder}/{sub}", NOBODY, NOBODY)
            try:
                self.start_all(folder, processes)
                self.load_and_query()
                self.check_memory(processes)
            finally:
                for process in processes.values():
                    process.stop()

    def start_all(self, folder, processes):
        processes["storage"] = self.start("varve-storage", [
            "-dedup.minScrapeInterval=1ms", "-httpListenAddr=:8482",
            "-retentionPeriod=1", f"-storageDataPath={folder}/vm-data",
            "-vminsertAddr=:8400", "-vmselectAddr=:8401",
            "-loggerLevel=INFO", "-loggerFormat=json",
            "-envflag.enable=true"], folder)
        processes["insert"] = self.start("varve-insert", [
            "-httpListenAddr=:8480", "-replicationFactor=1",
            "-storageNode=localhost:8400"], folder)
        processes["select"] = self.start("varve-select", [
            f"-cacheDataPath={folder}/cache",
            "-dedup.minScrapeInterval=1ms", "-httpListenAddr=:8481",
            "-replicationFactor=1", "-selectNode=localhost:8481",
            "-storageNode=localhost:8401"], folder)
        for port in (8480, 8481, 8482):
            wait_healthy(f"127.0.0.1:{port}", 10)

    def load_and_query(self):
        now = int(time.time())
        writer = Cluster.__new__(Cluster)   # only its request maker
        writer.inserts = [(None, "127.0.0.1:8480")]
        def sent(series):
            return Cluster.write(writer, series).status == 204
        for step in range(20):
            for part in range(0, SERIES, 5000):
                series = [({"__name__": "small", "instance": f"host-{i % 200}",
                            "job": "node", "n": str(i)},
                           [((now - 300 + 15 * step) * 1000, i + step)])
                          for i in range(part, part + 5000)]
                wait_until(lambda: sent(series), 10, "a write")
        answer = http_client.post_form(
            "127.0.0.1:8481", "/select/0/prometheus/api/v1/query_range",
            {"query": "sum(rate(small[2m]))", "start": now - 200,
             "end": now, "step": 15}).json()
        self.assertEqual(answer["status"], "success", answer)
        self.assertGreater(len(answer["data"]["result"][0]["values"]), 5)
        count = http_client.post_form(
            "127.0.0.1:8481", "/select/0/prometheus/api/v1/query",
            {"query": "count(small)", "time": now}).json()
        self.assertEqual(count["data"]["result"][0]["value"][1], str(SERIES))

    def check_memory(self, processes):
        for role, process in processes.items():
            peak = process.status_bytes("VmHWM")
            print(f"{role}: {peak // MIB} MiB peak at {SERIES} series")
            self.assertLess(peak, LIMITS[role], role)


if __name__ == "__main__":
    unittest.main()
