"""When every node was replaced by an empty one, and these have repaired
themselves, each copy is read once again and aggregated where it lies."""

import unittest

from tests.cluster import one_copy_test
from tests.cluster.discovery_test import NodeFiles
from tests.cluster.repair_test import progress, repair
from tests.compat.operating_queries_test import every_node
from tests.support.cluster import Cluster, Storage
from tests.support.processes import wait_until


class ReplacedNodesTest(unittest.TestCase):

    check = one_copy_test.OneCopyTest.check

    def repair_all(self, cluster):
        """Until each has compared itself with the other nodes of now."""
        addresses = {storage.insert_address for storage in cluster.storages}
        for storage in cluster.storages:
            def compared():
                # An insert node tells a new ring when it writes by it.
                written = cluster.write(
                    [({"__name__": "other"}, [(self.written.end * 1000, 1)])])
                self.assertEqual(written.status, 204, written.text)
                told = repair(storage)
                members = {node["addr"] for node in told["nodes"]
                           if not node["error"]}
                return (told["lastPassComplete"] and
                        members == addresses - {storage.insert_address})
            wait_until(compared, 60, f"storage-{storage.index} is compared")

    def actions(self, cluster, **arguments):
        """What the nodes were asked for, by the trace of a query."""
        answer = cluster.query("sum(count_over_time(jobs_total[1h]))",
                               self.written.end, trace=1, **arguments)
        self.assertFalse(answer["isPartial"], answer)
        return [node["message"].split(" at storage node ")[0]
                for node in every_node(answer["trace"])
                if " at storage node " in node["message"]]

    def test_each_copy_is_read_once_when_all_nodes_are_others(self):
        with Cluster(storages=3, inserts=0, selects=0,
                     replication_factor=2) as cluster:
            files = NodeFiles(cluster.folder)
            files.write(cluster.storages)
            files.start(cluster)
            self.written = one_copy_test.Written(cluster)
            self.written.write(0, 20)
            self.check(self.written)
            self.assertEqual(self.actions(cluster), ["aggregate"] * 3)
            for i in range(3):
                cluster.storages[i].process.kill()
                cluster.storages[i] = Storage(cluster, 3 + i)
                files.write(cluster.storages)
                self.written.write(20 * (i + 1), 20)
                self.repair_all(cluster)
                self.check(self.written)
            self.assertTrue(all(progress(one)["rows"] > 0
                                for one in cluster.storages))
            wait_until(
                lambda: self.actions(cluster) == ["aggregate"] * 3, 200,
                "one node reads each slot, and aggregates")
            self.assertEqual(self.actions(cluster, nopushdown=1),
                             ["search own share"] * 3)
            self.check(self.written)
            # Rows of now and late ones are seen.
            self.written.write(80, 20)
            self.check(self.written)
            self.assertEqual(self.actions(cluster), ["aggregate"] * 3)


if __name__ == "__main__":
    unittest.main()
