"""Bounds of queries, exemplars and metadata through real processes."""

import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.processes import wait_until


class BoundsTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time())

    def test_a_query_over_a_storage_nodes_series_names_its_flag(self):
        with Cluster(storages=1, storage_args=[
                "-search.maxUniqueTimeseries=10"]) as cluster:
            for count, status in ((10, 200), (11, 422)):
                answer = cluster.write([
                    ({"__name__": f"m{count}", "series": str(i)},
                     [(self.now * 1000, 1.0)]) for i in range(count)])
                self.assertEqual(answer.status, 204)
                answer = http_client.post_form(
                    cluster.select, "/select/0/prometheus/api/v1/query",
                    {"query": f"count(m{count})", "time": self.now})
                self.assertEqual(answer.status, status, answer.text)
            self.assertIn("-search.maxUniqueTimeseries", answer.text)

    def test_a_series_keeps_its_latest_exemplars(self):
        labels = {"__name__": "requests_bucket", "le": "1"}
        with Cluster(storages=1, storage_args=[
                "-storage.maxExemplarsPerSeries=3"]) as cluster:
            storage = cluster.storages[0]
            parts = [remote_write.time_series(
                labels, [(self.now * 1000, 1.0)])]
            for i in range(5):
                parts.append(remote_write.exemplar_series(
                    labels, [({"trace_id": f"t{i}"}, i / 4,
                              (self.now - 10 + i) * 1000)]))
            answer = cluster.write_body(remote_write.snappy(b"".join(parts)))
            self.assertEqual(answer.status, 204)
            for step in range(3):
                found = http_client.get(
                    cluster.selects[-1][1],
                    "/select/0/prometheus/api/v1/query_exemplars",
                    {"query": "requests_bucket", "start": self.now - 60,
                     "end": self.now + 60}).json()["data"]
                self.assertEqual([one["labels"]["trace_id"]
                                  for one in found[0]["exemplars"]],
                                 ["t2", "t3", "t4"], f"step {step}")
                if step == 0:
                    storage.flush()
                if step == 1:
                    storage.process.kill()
                    storage.start()
                    cluster.add_select()

    def test_metadata_over_its_bound_loses_the_eldest(self):
        help_text = "x" * 1000
        with Cluster(storages=1, storage_args=[
                "-storage.maxMetadataStorageSize=64KiB"]) as cluster:
            storage = cluster.storages[0].http
            for i in range(100):
                answer = cluster.write_body(remote_write.snappy(
                    remote_write.metadata(f"m{i:02}", 1, help_text, "")))
                self.assertEqual(answer.status, 204)
            size = http_client.metric(
                storage, "vm_metrics_metadata_storage_size_bytes")
            self.assertLessEqual(size, 64 << 10)
            self.assertEqual(http_client.metric(
                storage, "vm_metrics_metadata_storage_max_size_bytes"),
                64 << 10)
            kept = sorted(http_client.get(
                cluster.select,
                "/select/0/prometheus/api/v1/metadata").json()["data"])
            self.assertGreater(len(kept), 20)
            self.assertEqual(kept, [f"m{i:02}" for i in
                                    range(100 - len(kept), 100)])
            wait_until(lambda: http_client.metric(
                storage, "varve_metadata_evictions_total") == 100 - len(kept),
                5, "what goes is counted")


if __name__ == "__main__":
    unittest.main()
