"""Storage nodes that hang, and links to them that stall, crawl, cut or corrupt
what they carry, under a writer and a reader."""

import random
import unittest

from tests.fault.battery import (
    Scenario, bad_link, rounds, stopped, wait_connected)
from tests.support import http_client
from tests.support.linked_cluster import LinkedCluster
from tests.support.processes import wait_until
from tests.support.tcp_proxy import Link

# A query waits for a node that hangs until this ends it, with an error.
IMPATIENT = ["-search.maxQueryDuration=2s"]
SKIP_SLOW = "-search.skipSlowReplicas"
DIAL_ERRORS = "vm_tcpdialer_errors_total"


class LinksTest(Scenario):

    def cluster(self, seed):
        return LinkedCluster(seed, storages=3, replication_factor=2,
                             select_args=IMPATIENT)

    @rounds
    def test_a_node_that_hangs(self, seed):
        dice = random.Random(seed)
        with self.load(self.cluster(seed)) as load:
            with stopped(dice.choice(load.cluster.storages)):
                load.goes_on(answers=0)
            load.goes_on()
            load.never_partial()
            load.settle()

    @rounds
    def test_a_node_that_hangs_is_not_waited_for(self, seed):
        """With -search.skipSlowReplicas: what waits for it ends in an error."""
        cluster = LinkedCluster(seed, storages=3, replication_factor=2,
                                select_args=IMPATIENT + [SKIP_SLOW])
        with self.load(cluster) as load:
            with stopped(random.Random(seed).choice(cluster.storages)):
                load.goes_on(steps=20, answers=20)
            load.never_partial()
            self.assertEqual(load.reader.unanswered, 0)
            load.settle()

    @rounds
    def test_a_node_that_no_connection_reaches(self, seed):
        """Whoever dials it hangs; nobody who asks does."""
        with self.load(self.cluster(seed)) as load:
            cluster = load.cluster
            i = random.Random(seed).randrange(len(cluster.storages))
            with bad_link(cluster.insert_links[i], "blackhole"), \
                    bad_link(cluster.select_links[i], "blackhole"):
                for _, address in cluster.inserts + cluster.selects:
                    failed = http_client.metric(address, DIAL_ERRORS)
                    wait_until(lambda a=address, f=failed: http_client.metric(
                        a, DIAL_ERRORS) > f, 30, f"{address} gives up dialing")
                load.goes_on(steps=30, answers=10)
            load.never_partial()
            load.cured_by_retries()
            load.settle()

    def bad_links(self, seed, links_of, one_at_a_time):
        dice = random.Random(seed)
        with self.load(self.cluster(seed)) as load:
            modes = list(Link.MODES)
            dice.shuffle(modes)
            for mode in modes:
                link = dice.choice(links_of(load.cluster))
                with self.subTest(mode), bad_link(link, mode):
                    load.goes_on(answers=0 if mode == "stall" else 1)
                if one_at_a_time:
                    wait_connected(load.cluster)
            load.goes_on()
            load.never_partial()
            load.settle()

    @rounds
    def test_bad_links_to_where_it_is_written(self, seed):
        """A node may not be trusted again when the next one's link goes bad:
        then some series have no owner to be written to."""
        self.bad_links(seed, lambda cluster: cluster.insert_links, False)

    @rounds
    def test_bad_links_to_where_it_is_read(self, seed):
        self.bad_links(seed, lambda cluster: cluster.select_links, True)


if __name__ == "__main__":
    unittest.main()
