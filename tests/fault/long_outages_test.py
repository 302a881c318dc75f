"""Storage nodes that are down for longer than hints are kept for them, or miss
more than hints may take, under a writer and a reader: repair makes the copies.

Samples are of two hours ago: repair compares hours that are over.
"""

import random
import unittest

from tests.fault.battery import (
    Scenario, killed, rounds, two_hours_ago, wait_connected, wait_repaired)
from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

SHORT = ["-insert.hintMaxAge=2s"]
# Some dozens of writes of the continuous writer.
LITTLE_ROOM = ["-storage.maxHintsBytes=4KB"]


class LongOutagesTest(Scenario):

    def outage(self, seed, nodes, is_too_much, **arguments):
        """One of the nodes is away until is_too_much(load, a node that is up).
        """
        dice = random.Random(seed)
        cluster = Cluster(storages=nodes, replication_factor=2, **arguments)
        with self.load(cluster, clock=two_hours_ago) as load:
            down = dice.choice(cluster.storages)
            with killed(down):
                load.goes_on()
                wait_until(lambda: any(is_too_much(load, one)
                                       for one in cluster.storages
                                       if one is not down),
                           30, "no more hints are kept")
                load.goes_on(steps=20)
            wait_connected(cluster)
            load.goes_on()
            load.never_partial()
            load.cured_by_retries()
            load.settle(make_up=wait_repaired)

    @staticmethod
    def hints_have_ended(load, _):
        sent = "varve_hints_rows_sent_total"
        before = http_client.metric(load.cluster.insert, sent)
        load.writer.wait_progress(5)
        return 0 < before == http_client.metric(load.cluster.insert, sent)

    @staticmethod
    def takes_no_more(_, storage):
        return http_client.metric(storage.http,
                                  "varve_hints_refused_total") > 0

    @rounds
    def test_a_node_away_for_longer_than_hints_are_kept(self, seed):
        self.outage(seed, 3, self.hints_have_ended, insert_args=SHORT)

    @rounds
    def test_of_two_nodes_one_away_for_longer(self, seed):
        """Nobody else can store its copies."""
        self.outage(seed, 2, self.hints_have_ended, insert_args=SHORT)

    @rounds
    def test_a_node_that_misses_more_than_hints_may_take(self, seed):
        self.outage(seed, 3, self.takes_no_more, storage_args=LITTLE_ROOM)

    @rounds
    def test_of_two_nodes_one_misses_more_than_hints_may_take(self, seed):
        self.outage(seed, 2, self.takes_no_more, storage_args=LITTLE_ROOM)


if __name__ == "__main__":
    unittest.main()
