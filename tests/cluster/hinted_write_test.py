"""Writes while a storage node is down or hangs: what it should have is kept
for it by another node and handed over when it is back."""

import os
import re
import signal
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.continuous import wait_made_up
from tests.support.processes import wait_until

SERIES = 300
# Between a node's death and the first write that is acknowledged.
AGAIN_SECONDS = 1.0
STRUCK = "MISSED records of hints .* are struck out"


def rows(name, at_ms, count=SERIES):
    return [({"__name__": name, "series": str(i)}, [(at_ms, 1.0 + i)])
            for i in range(count)]


def total(address, name):
    """The sum of all of a metric's series; 0 without any."""
    found = 0.0
    for line in http_client.get(address, "/metrics").text.splitlines():
        if line.split("{")[0].split(" ")[0] == name:
            found += float(line.rsplit(" ", 1)[1])
    return found


def registered(storage):
    return total(storage.http, "varve_index_series")


class HintedWriteTest(unittest.TestCase):

    def write(self, cluster, name, at_ms):
        answer = cluster.write(rows(name, at_ms))
        self.assertEqual(answer.status, 204, answer.text)

    def assert_complete(self, cluster, name, at, what):
        answer = cluster.query(f"count({name})", at)
        self.assertFalse(answer["isPartial"], (what, answer))
        self.assertEqual(answer["data"]["result"][0]["value"][1],
                         str(SERIES), (what, name))

    def wait_replayed(self, storages):
        for storage in storages:
            def replayed():
                return (total(storage.http, "varve_hints_replayed_rows_total")
                        == total(storage.http, "varve_hints_rows_total")
                        and total(storage.http, "varve_hints_bytes") == 0)
            wait_until(replayed, 30,
                       f"hints of storage-{storage.index} handed over")

    def wait_struck_out(self, storage, logs):
        """Until its MISSED records of that many logs of hints are gone."""
        def struck():
            lines = list(storage.process.lines)
            return sum(bool(re.search(STRUCK, line)) for line in lines) == logs
        wait_until(struck, 30, f"records struck at storage-{storage.index}")

    def wait_connected(self, cluster, storage):
        wait_until(lambda: http_client.metric(
            cluster.select, 'vm_tcpdialer_conns{name="vmselect",'
            f'addr="{storage.select_address}"}}') == 1, 10, "select connects")

    def test_a_node_that_was_down_gets_what_it_missed(self):
        with Cluster(storages=3, replication_factor=2) as cluster:
            now = int(time.time())
            self.write(cluster, "known", now * 1000)
            self.write(cluster, "other", now * 1000)
            down, others = cluster.storages[2], cluster.storages[:2]
            before = [registered(s) for s in others]
            down.process.kill()
            killed = time.monotonic()
            self.write(cluster, "known", now * 1000 + 1)
            self.assertLess(time.monotonic() - killed, AGAIN_SECONDS)
            # Rows that are kept for it are no series of the node that does.
            self.assertEqual([registered(s) for s in others], before)
            held = sum(total(s.http, "varve_hints_rows_total") for s in others)
            self.assertGreater(held, 0)
            self.assertEqual(total(
                cluster.insert, "varve_hints_rows_sent_total"), held)
            self.write(cluster, "new", now * 1000)
            self.assertEqual(http_client.metric(
                cluster.insert, "vm_rpc_rows_incompletely_replicated_total"),
                0)
            self.assertEqual(total(
                cluster.insert, "vm_rpc_rows_rerouted_from_here_total"), 0)
            self.assert_complete(cluster, "new", now + 1, "one is down")
            down.start()
            self.wait_replayed(others)
            # Each of them holds some and has copies that the other one holds.
            for storage in others:
                self.wait_struck_out(storage, 2)
            alone = cluster.add_select([down], ["-replicationFactor=1"])
            owned = {dict(k)["series"] for k in cluster.export(
                "other", select=alone)}
            self.assertTrue(owned)
            received = cluster.export("known", select=alone)
            self.assertTrue(received)
            for labels, samples in received.items():
                self.assertEqual([at for at, _ in samples],
                                 [now * 1000, now * 1000 + 1], labels)
            self.assertTrue(cluster.export("new", select=alone))
            self.assert_all_but_one(cluster, ["known", "new"], now + 1)

    def assert_all_but_one(self, cluster, names, at):
        """Each node in turn is gone, and nothing is missing."""
        for gone in cluster.storages:
            wait_made_up(cluster)
            gone.process.kill()
            for name in names:
                def complete():
                    answer = cluster.query(f"count({name})", at)
                    return not answer["isPartial"] and (
                        answer["data"]["result"][0]["value"][1] ==
                        str(SERIES))
                wait_until(complete, 20,
                           f"all of {name} without storage-{gone.index}")
            gone.start()
            self.wait_connected(cluster, gone)

    def test_of_two_nodes_either_has_everything_in_the_end(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            now = int(time.time())
            self.write(cluster, "first", now * 1000)
            first, second = cluster.storages
            second.process.kill()
            self.write(cluster, "during", now * 1000)
            second.start()
            self.wait_replayed([first])
            self.wait_connected(cluster, second)
            self.assert_all_but_one(cluster, ["first", "during"], now + 1)

    def test_a_node_that_hangs_costs_one_write_its_patience(self):
        with Cluster(storages=3, replication_factor=2) as cluster:
            now = int(time.time())
            self.write(cluster, "m", now * 1000)
            hung = cluster.storages[1]
            os.kill(hung.process.pid, signal.SIGSTOP)
            try:
                slow = 0
                for i in range(1, 60):
                    begun = time.monotonic()
                    self.write(cluster, "m", now * 1000 + i)
                    slow += time.monotonic() - begun > AGAIN_SECONDS
                self.assertLessEqual(slow, 1)
            finally:
                os.kill(hung.process.pid, signal.SIGCONT)
            self.wait_replayed([cluster.storages[0], cluster.storages[2]])
            alone = cluster.add_select([hung], ["-replicationFactor=1"])
            def caught_up():
                received = cluster.export("m", select=alone)
                return received and {len(s) for s in received.values()} == {60}
            wait_until(caught_up, 20, "all rows at the node that hung")


if __name__ == "__main__":
    unittest.main()
