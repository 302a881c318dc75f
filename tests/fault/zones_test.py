"""Storage nodes in zones and in groups: whole ones of them are gone, under a
writer and a reader."""

import contextlib
import random
import time
import unittest

from tests.fault.battery import (
    Scenario, killed, repeated, rounds, wait_connected)
from tests.support.cluster import Cluster
from tests.support.continuous import read_back, wait_made_up

SERIES = 200


def named(group_of, storages, role):
    """-storageNode of insert or select, each address behind its group."""
    return ",".join(f"{group_of(one)}/{getattr(one, role + '_address')}"
                    for one in storages)


class ZonesTest(Scenario):

    @staticmethod
    def zone_of(storage):
        return "east" if storage.index < 2 else "west"

    def cluster(self):
        """Two zones of two nodes, each sample once in each."""
        cluster = Cluster(storages=4, inserts=0, selects=0,
                          replication_factor=2)
        self.addCleanup(cluster.close)
        cluster.add_insert(nodes=named(self.zone_of, cluster.storages,
                                       "insert"))
        cluster.add_select(nodes=named(self.zone_of, cluster.storages,
                                       "select"),
                           args=["-replicationFactor=1",
                                 "-globalReplicationFactor=2"])
        return cluster

    @rounds
    def test_either_of_two_zones_may_be_gone(self, seed):
        cluster = self.cluster()
        zones = {zone: [one for one in cluster.storages
                        if self.zone_of(one) == zone]
                 for zone in ("east", "west")}
        with self.load(cluster) as load:
            for zone in random.Random(seed).sample(sorted(zones), 2):
                with contextlib.ExitStack() as down:
                    for storage in zones[zone]:
                        down.enter_context(killed(storage))
                    load.goes_on()
                wait_connected(cluster)
                wait_made_up(cluster)
            load.never_partial()
            load.settle()
            for storages in zones.values():
                read_back(load.writer, cluster.add_select(
                    storages, ["-replicationFactor=1"]))
                cluster.selects.pop()[0].stop()


class GroupsTest(unittest.TestCase):
    """Three nodes with two copies and two with one, each group with all."""

    @staticmethod
    def group_of(storage):
        return "a" if storage.index < 3 else "b"

    def setUp(self):
        self.cluster = Cluster(storages=5, inserts=0, selects=0)
        self.addCleanup(self.cluster.close)
        storages = self.cluster.storages
        inserts = [self.cluster.add_insert(storages[:3],
                                           ["-replicationFactor=2"]),
                   self.cluster.add_insert(storages[3:])]
        self.now = int(time.time())
        for insert in inserts:
            answer = self.cluster.write(
                [({"__name__": "m", "n": str(n)},
                  [(self.now * 1000, float(n))]) for n in range(SERIES)],
                insert=insert)
            self.assertEqual(answer.status, 204, answer.text)
        nodes = named(self.group_of, storages, "select")
        factors = "-replicationFactor=a:2,b:1"
        # By as many groups as hold each sample.
        self.selects = {
            1: self.cluster.add_select(nodes=nodes, args=[factors]),
            2: self.cluster.add_select(
                nodes=nodes, args=[factors, "-globalReplicationFactor=2"])}

    def check(self, down):
        groups_failed = (sum(i < 3 for i in down) >= 2) + any(
            i >= 3 for i in down)
        for factor, select in self.selects.items():
            answer = self.cluster.query("count(m)", self.now, select=select)
            self.assertEqual(answer["status"], "success", (down, answer))
            self.assertEqual(answer["isPartial"], groups_failed >= factor,
                             (factor, down, answer))
            if groups_failed < 2:   # some group has all of it
                self.assertEqual(answer["data"]["result"][0]["value"][1],
                                 str(SERIES), (factor, down))
            denied = self.cluster.query("count(m)", self.now, select=select,
                                        deny_partial_response=1)
            self.assertEqual(denied["status"] == "error",
                             groups_failed >= factor, (factor, down, denied))

    def wait_all_back(self):
        wait_connected(self.cluster)
        wait_made_up(self.cluster)

    @repeated
    def test_an_answer_is_partial_when_enough_groups_lack_enough_nodes(self):
        self.check([])
        for order in ([0, 1, 2, 3], [3, 4, 0], [3, 1, 2]):
            with contextlib.ExitStack() as killed_nodes:
                for i, node in enumerate(order):
                    killed_nodes.enter_context(
                        killed(self.cluster.storages[node]))
                    self.check(order[:i + 1])
            self.wait_all_back()
            self.check([])


if __name__ == "__main__":
    unittest.main()
