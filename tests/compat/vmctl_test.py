"""The real vmctl copies data into, out of and between clusters, unchanged."""

import glob
import json
import os
import struct
import subprocess
import tempfile
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.peers import Prometheus, VictoriaMetrics
from tests.support.processes import peer

STALE = struct.unpack("<d", struct.pack("<Q", 0x7ff0000000000002))[0]
T = int(time.time()) // 3600 * 3600 * 1000 - 3_600_000
STEPS = [T + 15_000 * i for i in range(200)]
# What VictoriaMetrics keeps to the last bit: numbers of one magnitude in a
# series, of at most 15 digits.
SERIES = [
    ({"__name__": "copied_total", "job": "a"},
     [(t, 1000 * i) for i, t in enumerate(STEPS)]),
    ({"__name__": "copied_gauge", "job": "ä\x01\n\"", "zone": "x"},
     [(t + i % 3, (i * 7919 % 1009 - 500) / 1000)
      for i, t in enumerate(STEPS)]),
    ({"__name__": "copied_constant"}, [(t, -2.5) for t in STEPS]),
    ({"__name__": "copied_huge"},
     [(t, 1e300 * (i + 1)) for i, t in enumerate(STEPS[:9])]),
    ({"__name__": "copied_tiny"},
     [(t, float(f"-{3 * (i + 1)}e-20")) for i, t in enumerate(STEPS[:9])]),
    ({"__name__": "copied_infinite"},
     [(STEPS[0], float("inf")), (STEPS[1], float("-inf")), (STEPS[2], 7)]),
    ({"__name__": "copied_ended"}, [(STEPS[0], 1), (STEPS[1], STALE)]),
]
# What only Varve keeps beside each other.
MIXED = [({"__name__": "mixed"}, list(zip(STEPS, [
    1e300, 2.5, -1e-200, float("inf"), STALE, 0.0, 1e17, -0.1, 0.1 + 0.2,
    123456789.125, 2**60, -1 / 3])))]


def samples(address, path, match):
    """{labels: [(ms, value as JSON)]}; the same of both systems."""
    answer = http_client.post_form(address, path + "/api/v1/export", {
        "match[]": match, "start": T / 1000 - 10, "end": T / 1000 + 7200})
    if answer.status != 200:
        raise AssertionError(f"{answer.status} {answer.text}")
    result = {}
    for line in answer.text.splitlines():
        row = json.loads(line)
        key = tuple(sorted(row["metric"].items()))
        # Integers of JSON may be longer than a double.
        values = [v if v is None else float(v) for v in row["values"]]
        result.setdefault(key, []).extend(zip(row["timestamps"], values))
    return {key: sorted(values, key=str) for key, values in result.items()}


@unittest.skipUnless(peer("vmctl") and peer("victoria-metrics"),
                     "skipped: no peer")
class VmctlTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=2, replication_factor=2,
                              select_args=["-dedup.minScrapeInterval=1ms"])
        cls.addClassCleanup(cls.cluster.close)
        cls.insert = f"http://{cls.cluster.insert}"
        cls.select = f"http://{cls.cluster.select}"

    def assertSame(self, got, expected):
        self.assertEqual(got.keys(), expected.keys())
        for key, values in expected.items():
            with self.subTest(key):
                self.assertEqual(got[key], values)

    def theirs(self):
        peer_of_test = VictoriaMetrics()
        self.addCleanup(peer_of_test.stop)
        return peer_of_test

    def ours(self, tenant, match='{__name__=~"copied.*|mixed"}'):
        return samples(self.cluster.select,
                       f"/select/{tenant}/prometheus", match)

    def write(self, tenant, series):
        answer = self.cluster.write(series, tenant=tenant)
        self.assertEqual(answer.status, 204, answer.text)

    def vmctl(self, mode, *args):
        run = subprocess.run(
            [peer("vmctl"), mode, "-s", "--disable-progress-bar", *args],
            capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def copy(self, source, target, *args):
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(T / 1000 - 60))
        self.vmctl(
            "vm-native", f"--vm-native-src-addr={source}",
            f"--vm-native-dst-addr={target}",
            f"--vm-native-filter-time-start={start}",
            "--vm-native-backoff-retries=1", *args)

    def test_from_victoria_metrics_all_samples_come(self):
        theirs = self.theirs()
        theirs.write(SERIES)
        self.copy(f"http://{theirs.address}",
                  f"{self.insert}/insert/10/prometheus")
        expected = samples(theirs.address, "", '{__name__=~"copied.*"}')
        self.assertEqual(len(expected), len(SERIES))
        self.assertSame(self.ours(10), expected)

    def test_to_victoria_metrics_all_samples_go(self):
        theirs = self.theirs()
        self.write("11:5", SERIES)
        self.copy(f"{self.select}/select/11:5/prometheus",
                  f"http://{theirs.address}")
        http_client.get(theirs.address, "/internal/force_flush")
        got = samples(theirs.address, "", '{__name__=~"copied.*"}')
        self.assertEqual(len(got), len(SERIES))
        self.assertSame(got, self.ours("11:5"))

    def test_between_clusters_numbers_of_all_sizes_stay(self):
        self.write("12", SERIES + MIXED)
        self.copy(f"{self.select}/select/12/prometheus",
                  f"{self.insert}/insert/13/prometheus",
                  "--vm-extra-label=copy=yes")
        expected = {tuple(sorted([*key, ("copy", "yes")])): values
                    for key, values in self.ours(12).items()}
        self.assertEqual(len(expected), len(SERIES) + 1)
        self.assertSame(self.ours(13), expected)

    def test_between_clusters_all_tenants_are_copied(self):
        with Cluster(storages=1) as other:
            for tenant in ("14", "15:3"):
                self.write(tenant, SERIES[:2])
            self.copy(self.select, f"http://{other.insert}",
                      "--vm-intercluster",
                      '--vm-native-filter-match={__name__=~"copied_.*"}')
            for tenant in ("14", "15:3"):
                got = samples(other.select, f"/select/{tenant}/prometheus",
                              '{__name__!=""}')
                self.assertEqual(len(got), 2)
                self.assertSame(got, self.ours(tenant))

    def test_json_lines_are_taken_by_and_from_vmctl_too(self):
        theirs = self.theirs()
        theirs.write(SERIES[:3])
        self.copy(f"http://{theirs.address}",
                  f"{self.insert}/insert/16/prometheus",
                  "--vm-native-disable-binary-protocol")
        self.assertSame(
            self.ours(16),
            samples(theirs.address, "", '{__name__=~"copied.*"}'))

    def test_what_is_exported_is_a_block_to_vmctl(self):
        self.write("17", SERIES + MIXED)
        answer = http_client.post_form(
            self.cluster.select, "/select/17/prometheus/api/v1/export/native",
            {"match[]": '{__name__!=""}', "start": T / 1000 - 10})
        self.assertEqual(answer.status, 200)
        with tempfile.TemporaryDirectory(prefix="varve-block-") as folder:
            path = os.path.join(folder, "block")
            with open(path, "wb") as file:
                file.write(answer.body)
            def verified():
                return subprocess.run(
                    [peer("vmctl"), "verify-block", path],
                    capture_output=True, timeout=60, check=False)
            good = verified()
            self.assertEqual(good.returncode, 0, good)
            with open(path, "ab") as file:
                file.write(b"\0\0\0\1")
            self.assertNotEqual(verified().returncode, 0)

    def import_prometheus(self, tenant, mode):
        theirs = Prometheus()
        self.addCleanup(theirs.stop)
        # Its lines of control characters are not JSON.
        labels = {"__name__": "copied_gauge", "job": "ä\n\"\\"}
        floats = [SERIES[0], (labels, SERIES[1][1]), SERIES[2]]
        theirs.write(floats)
        self.vmctl(*mode(theirs), f"--vm-addr={self.insert}",
                   f"--vm-account-id={tenant}")
        self.assertSame(self.ours(tenant), {
            tuple(sorted(labels.items())):
            sorted([(t, float(v)) for t, v in values], key=str)
            for labels, values in floats})

    def test_a_snapshot_of_prometheus_is_imported(self):
        def mode(theirs):
            answer = http_client.request(
                theirs.address, "POST", "/api/v1/admin/tsdb/snapshot")
            self.assertEqual(answer.status, 200, answer.text)
            folder, = glob.glob(f"{theirs.folder}/data/snapshots/*")
            return "prometheus", f"--prom-snapshot={folder}"
        self.import_prometheus(18, mode)

    def test_prometheus_is_imported_by_remote_read(self):
        def mode(theirs):
            return ("remote-read",
                    f"--remote-read-src-addr=http://{theirs.address}",
                    "--remote-read-step-interval=hour",
                    "--remote-read-use-stream",
                    "--remote-read-filter-label=__name__",
                    "--remote-read-filter-label-value=copied.*",
                    "--remote-read-filter-time-start=" + time.strftime(
                        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(T / 1000 - 60)))
        self.import_prometheus(19, mode)


if __name__ == "__main__":
    unittest.main()
