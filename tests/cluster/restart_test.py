"""What each level of acknowledgement keeps over kill -9, and how a node tells
how its last process ended."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, wait_healthy


class RestartTest(unittest.TestCase):

    def test_kill_9_loses_nothing_at_any_level(self):
        start_ms = int(time.time()) * 1000 - 60_000
        for ack in ("durable", "written", "memory"):
            with self.subTest(ack), Cluster(
                    storages=1, insert_args=[f"-insert.ack={ack}"]) as cluster:
                for step in range(20):
                    answer = cluster.write([
                        ({"__name__": "m", "series": str(i)},
                         [(start_ms + step, step * 100.0 + i)])
                        for i in range(50)])
                    self.assertEqual(answer.status, 204)
                cluster.storages[0].process.kill()
                cluster.storages[0].start()
                found = cluster.export("m", select=cluster.add_select())
                self.assertEqual(len(found), 50)
                for labels, samples in found.items():
                    i = int(dict(labels)["series"])
                    self.assertEqual(samples, [
                        (start_ms + step, step * 100 + i)
                        for step in range(20)])

    def test_a_node_tells_whether_its_last_process_was_closed(self):
        with Cluster(storages=1, inserts=0, selects=0) as cluster:
            storage = cluster.storages[0]

            def unclean():
                wait_healthy(storage.http)
                return http_client.metric(storage.http,
                                          "varve_unclean_shutdown")
            self.assertEqual(unclean(), 0)   # its first start
            storage.process.kill()
            storage.start()
            self.assertEqual(unclean(), 1)
            self.assertEqual(storage.process.stop(), 0)
            storage.start()
            self.assertEqual(unclean(), 0)


if __name__ == "__main__":
    unittest.main()
