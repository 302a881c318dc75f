"""Nodes that go and come back in every order, disks that are lost, clients whose
clocks jump, under a writer and a reader."""

import contextlib
import random
import shutil
import time
import unittest

from tests.cluster.old_peer_test import OldStorageCluster
from tests.fault.battery import (
    Scenario, killed, restart, rounds, shut_down, wait_connected)
from tests.support import http_client
from tests.support import release_0_1_wire as wire
from tests.support.cluster import Cluster
from tests.support.continuous import (
    MADE_UP_SECONDS, read_back, wait_made_up)
from tests.support.processes import Process, wait_until

HOUR = 3600


class RestartsTest(Scenario):

    @rounds
    def test_a_rolling_restart_of_everything(self, seed):
        """Two of insert and select: clients go to the other one."""
        dice = random.Random(seed)
        cluster = Cluster(storages=3, inserts=2, selects=2,
                          replication_factor=2)
        with self.load(cluster) as load:
            for storage in dice.sample(cluster.storages, 3):
                with shut_down(storage):
                    load.goes_on()
                wait_connected(cluster)
                wait_made_up(cluster)
            for nodes in (cluster.inserts, cluster.selects):
                for i in (0, 1):
                    restart(nodes, i)
                    wait_connected(cluster)
                    load.goes_on()
            load.never_partial()
            load.cured_by_retries()
            load.settle()

    @rounds
    def test_everything_restarted_in_any_order(self, seed):
        """One after another, whatever its tier; some are killed."""
        dice = random.Random(seed)
        cluster = Cluster(storages=3, inserts=2, selects=2,
                          replication_factor=2)
        with self.load(cluster) as load:
            every = [*range(3), *((nodes, i) for i in (0, 1) for nodes in
                                  (cluster.inserts, cluster.selects))]
            for one in dice.sample(every, len(every)):
                end = dice.choice((Process.stop, Process.kill))
                if isinstance(one, int):
                    storage = cluster.storages[one]
                    end(storage.process)
                    load.goes_on()
                    storage.start()
                    wait_made_up(cluster)
                else:
                    restart(*one, end)
                wait_connected(cluster)
                load.goes_on()
            load.never_partial()
            load.cured_by_retries()
            load.settle()

    @rounds
    def test_everything_restarted_beside_a_node_of_release_0_1(self, seed):
        """A storage node of each three, which is restarted too."""
        dice = random.Random(seed)
        cluster = OldStorageCluster(storages=2, callers=2)
        with self.load(cluster) as load:
            addresses = {}
            for storage in cluster.storages:
                with wire.Client(storage.insert_address, "storage") as client:
                    addresses[client.hello["node_id"]] = storage.insert_address

            def made_up():
                """What nodes do by themselves, the old one when told."""
                for owner in list(cluster.old.hints):
                    cluster.old.replay_hints(owner, addresses[owner])
                cluster.old.strike_missed(addresses)
                return not cluster.old.hints and not cluster.old.missed

            every = [cluster.old, *cluster.storages, *(
                (nodes, i) for i in (0, 1)
                for nodes in (cluster.inserts, cluster.selects))]
            for one in dice.sample(every, len(every)):
                end = dice.choice((Process.stop, Process.kill))
                if isinstance(one, tuple):
                    restart(*one, end)
                else:
                    if one is cluster.old:
                        one.stop()
                    else:
                        end(one.process)
                    load.goes_on()
                    one.start()
                wait_connected(cluster)
                wait_until(made_up, MADE_UP_SECONDS, "the old node is done")
                wait_made_up(cluster)
                load.goes_on()
            load.never_partial()
            load.cured_by_retries()
            load.settle(survivors=False)
            self.assertEqual(cluster.old.errors, [])

    @rounds
    def test_two_of_four_killed_at_once_with_three_copies(self, seed):
        """And insert and select with them; then two disks are lost."""
        dice = random.Random(seed)
        cluster = Cluster(storages=4, inserts=2, selects=2,
                          replication_factor=3)
        with self.load(cluster) as load:
            for _ in range(2):
                with contextlib.ExitStack() as down:
                    for storage in dice.sample(cluster.storages, 2):
                        down.enter_context(killed(storage))
                    for nodes in (cluster.inserts, cluster.selects):
                        restart(nodes, dice.randrange(2), Process.kill)
                    load.goes_on()
                wait_connected(cluster)
                wait_made_up(cluster)
            load.never_partial()
            load.settle(survivors=False)
            for storage in dice.sample(cluster.storages, 2):
                storage.process.kill()
                shutil.rmtree(storage.path)
            for _, select in cluster.selects:
                read_back(load.writer, select)

    @rounds
    def test_as_many_nodes_gone_as_there_are_copies(self, seed):
        """Partial as long as something may be missing, and no longer."""
        dice = random.Random(seed)
        cluster = Cluster(storages=3, replication_factor=2)
        with self.load(cluster) as load:
            first, second = dice.sample(cluster.storages, 2)
            with killed(first):
                load.goes_on()
                load.never_partial()
                with killed(second):
                    before = load.reader.whole
                    load.goes_on(answers=0)
                    load.reader.wait_answers()
                    # One may have been under way.
                    self.assertLessEqual(load.reader.whole, before + 1)
            wait_connected(cluster)
            wait_made_up(cluster)
            partial = load.reader.partial
            load.goes_on(answers=5)
            self.assertLessEqual(load.reader.partial, partial + 1)
            load.settle()

    @rounds
    def test_a_client_whose_clock_jumps(self, seed):
        """Hours and weeks to and fro, and a crash in the middle."""
        dice = random.Random(seed)
        jumps = [0, HOUR, -HOUR, 40 * HOUR, -30 * HOUR, -20 * 24 * HOUR]
        offset = [0]
        cluster = Cluster(storages=2, replication_factor=2)
        with self.load(cluster,
                       clock=lambda: time.time() + offset[0]) as load:
            for jump in dice.sample(jumps, len(jumps)):
                offset[0] = jump + dice.randrange(60)
                load.goes_on(steps=5, answers=1)
            http_client.get(dice.choice(cluster.storages).http,
                            "/internal/force_flush?to=disk", seconds=60)
            with killed(dice.choice(cluster.storages)):
                offset[0] = dice.choice(jumps)
                load.goes_on(steps=5, answers=1)
            load.never_partial()
            load.settle()


if __name__ == "__main__":
    unittest.main()
