"""Prometheus' own suite, run by its judge against a real cluster."""

import os
import re
import subprocess
import sys
import unittest

from tests.support.cluster import Cluster

JUDGE = os.environ.get("VARVE_CONFORMANCE", "")
# Share of the float cases that must pass.
FLOATS_MIN = 1.0


@unittest.skipUnless(os.path.isfile(os.path.join(JUDGE, "promqltest.py")),
                     "skipped: no peer")
class ConformanceTest(unittest.TestCase):

    def test_float_cases_of_the_suite_pass(self):
        with Cluster(storages=1) as cluster:
            result = subprocess.run(
                [sys.executable, "-B", os.path.join(JUDGE, "promqltest.py"),
                 "--write-url", f"http://{cluster.insert}/insert/{{tenant}}/"
                 "prometheus/api/v1/write",
                 "--query-url", f"http://{cluster.select}/select/{{tenant}}/"
                 "prometheus",
                 "--settle",
                 f"http://{cluster.storages[0].http}"
                 "/internal/force_flush?to=disk",
                 "--settle-delay", "0", "--retries", "0", "--epoch", "auto"],
                capture_output=True, text=True, check=False, timeout=1200)
        print(result.stdout[-1500:])
        match = re.search(r"(?m)^floats +(\d+) passed, (\d+) failed",
                          result.stdout)
        self.assertTrue(match, result.stdout[-2000:] + result.stderr[-2000:])
        passed, failed = int(match.group(1)), int(match.group(2))
        self.assertGreaterEqual(passed / (passed + failed), FLOATS_MIN)


if __name__ == "__main__":
    unittest.main()
