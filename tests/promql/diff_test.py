"""Lists of queries whose answers are compared with a running Prometheus'."""

import os
import subprocess
import sys
import unittest

from tests.support.cluster import Cluster
from tests.support.processes import peer

JUDGE = os.environ.get("VARVE_CONFORMANCE", "")
PROMETHEUS = peer("prometheus")


@unittest.skipUnless(os.path.isfile(os.path.join(JUDGE, "promql_diff.py"))
                     and PROMETHEUS, "skipped: no peer")
class DiffTest(unittest.TestCase):

    def agree(self, queries):
        with Cluster(storages=2, replication_factor=2) as cluster:
            command = [
                sys.executable, "-B", os.path.join(JUDGE, "promql_diff.py"),
                os.path.join(JUDGE, queries),
                "--reference-prometheus", PROMETHEUS,
                "--write-url", f"http://{cluster.insert}/insert/{{tenant}}/"
                "prometheus/api/v1/write",
                "--query-url", f"http://{cluster.select}/select/{{tenant}}/"
                "prometheus"]
            result = subprocess.run(command, capture_output=True, text=True,
                                    check=False, timeout=600)
        print(result.stdout.rstrip().rsplit("\n", 1)[-1])
        # Of its last line: "100.00% (66 of 66 queries agree)".
        self.assertRegex(result.stdout, r"(?m)^100\.00% \([1-9]\d* of .*",
                         result.stdout[-4000:] + result.stderr[-2000:])
        self.assertEqual(result.returncode, 0, result.stdout[-4000:])

    def test_queries_of_a_small_kubernetes_cluster_agree(self):
        self.agree("queries.yml")

    def test_the_compliance_queries_agree(self):
        self.agree("compliance-queries.yml")


if __name__ == "__main__":
    unittest.main()
