"""Prometheus' own suite and our scripts, run by its judge against a real
cluster; our scripts against a real Prometheus too."""

import os
import re
import subprocess
import sys
import unittest

from tests.support.cluster import Cluster
from tests.support.processes import peer

JUDGE = os.environ.get("VARVE_CONFORMANCE", "")
SCRIPTS = os.path.dirname(os.path.abspath(__file__))
# What scripts_test cannot run, for want of histograms, or of a Prometheus.
OUR_SCRIPTS = [os.path.join(SCRIPTS, name)
               for name in ("info.test", "native.test")]


@unittest.skipUnless(os.path.isfile(os.path.join(JUDGE, "promqltest.py")),
                     "skipped: no peer")
class ConformanceTest(unittest.TestCase):

    def judge(self, *arguments):
        """Counts of what passed and failed, by class of cases."""
        result = subprocess.run(
            [sys.executable, "-B", os.path.join(JUDGE, "promqltest.py"),
             "--strict", *arguments],
            capture_output=True, text=True, check=False, timeout=1200)
        print(result.stdout[-1500:])
        classes = re.findall(
            r"(?m)^(floats|native histograms) +(\d+) passed, (\d+) failed",
            result.stdout)
        self.assertTrue(classes, result.stdout[-2000:] + result.stderr[-2000:])
        return {name: (int(passed), int(failed))
                for name, passed, failed in classes}

    def judge_cluster(self, *arguments):
        with Cluster(storages=2, replication_factor=2) as cluster:
            settle = [f"--settle=http://{s.http}/internal/force_flush?to=disk"
                      for s in cluster.storages]
            return self.judge(
                "--write-url", f"http://{cluster.insert}/insert/{{tenant}}/"
                "prometheus/api/v1/write",
                "--query-url", f"http://{cluster.select}/select/{{tenant}}/"
                "prometheus", *settle, "--settle-delay", "0", "--retries", "0",
                *arguments)

    def check_suite(self, *arguments):
        classes = self.judge_cluster(*arguments)
        self.assertEqual(set(classes), {"floats", "native histograms"})
        for name, (passed, failed) in classes.items():
            self.assertEqual(failed, 0, f"{name}: {failed} failed")
            self.assertGreater(passed, 300, name)

    def test_the_suite_passes(self):
        self.check_suite("--epoch", "auto")

    def test_the_suite_passes_in_1970(self):
        self.check_suite("--epoch", "0")

    def test_our_scripts_pass_here_and_on_prometheus(self):
        for name, (_, failed) in self.judge_cluster(*OUR_SCRIPTS).items():
            self.assertEqual(failed, 0, f"{name}: {failed} failed")
        prometheus = peer("prometheus")
        if prometheus is None:
            self.skipTest("skipped: no peer")
        for name, (_, failed) in self.judge("--prometheus", prometheus,
                                            *OUR_SCRIPTS).items():
            self.assertEqual(failed, 0, f"{name}: {failed} failed")


if __name__ == "__main__":
    unittest.main()
