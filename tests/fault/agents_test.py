"""Real vmagents: a pair that scrapes the same targets, of which either may be
gone, and two of two tenants whose insert nodes are gone for minutes.
"""

import os
import tempfile
import time
import unittest

from tests.fault.battery import ROUNDS, begin_again, repeated
from tests.support import http_client
from tests.support.agent import Agent
from tests.support.cluster import Cluster
from tests.support.processes import peer, wait_until

INTERVAL_S = 1
OUTAGE_S, LONG_OUTAGE_S = 15, 180


@unittest.skipUnless(peer("vmagent"), "skipped: no peer")
class AgentsTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="varve-agents-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        dedup = f"-dedup.minScrapeInterval={INTERVAL_S}s"
        self.cluster = Cluster(storages=2, inserts=2, replication_factor=2,
                               storage_args=[dedup], select_args=[dedup])
        self.addCleanup(self.cluster.close)

    def agent(self, number, path, args=(), name="pair"):
        """Writes to the insert node of that number."""
        insert = self.cluster.inserts[number][1]
        agent = Agent(os.path.join(self.folder, str(number)), name,
                      [self.cluster.select], [f"{insert}/{path}"], args)
        self.addCleanup(agent.process.kill)
        return agent


class PairTest(AgentsTest):
    """With a dedup interval there is one sample an interval, and no gap when
    one of them is gone."""

    def scraping(self, number):
        return self.agent(number, "insert/0/prometheus/api/v1/write")

    def times(self):
        """Milliseconds of the samples of `up`."""
        found = self.cluster.export('up{job="pair"}')
        self.assertLessEqual(len(found), 1, found)   # both are one series
        return [at_ms for samples in found.values() for at_ms, _ in samples]

    def wait_samples(self, count):
        """More of them than there are."""
        goal = len(self.times()) + count
        wait_until(lambda: len(self.times()) >= goal, 30,
                   f"{count} more samples")

    @repeated
    def test_either_of_a_pair_may_be_gone(self):
        pair = [self.scraping(0), self.scraping(1)]
        self.wait_samples(4)
        for number in (0, 1):
            pair[number].process.kill()
            self.wait_samples(4)
            pair[number] = self.scraping(number)
            begun = time.time()
            # Until the new one surely sends, the other one fills in.
            wait_until(lambda: time.time() - begun > 3 * INTERVAL_S, 10, "")
        times = self.times()
        intervals = [-(-at_ms // (INTERVAL_S * 1000)) for at_ms in times]
        self.assertEqual(len(intervals), len(set(intervals)), times)
        gaps = [b - a for a, b in zip(times, times[1:])]
        # Scrapes of both are up to an interval apart.
        self.assertLess(max(gaps), 2.5 * INTERVAL_S * 1000, times)


class OutageTest(AgentsTest):
    TENANTS = ("tenant-a", "infra")

    def times(self, tenant):
        """Milliseconds of the samples of `up`, of the tenant's job alone."""
        answer = http_client.get(
            self.cluster.select, "/prometheus/api/v1/query",
            {"query": "up[1h]"}, headers={"X-Scope-OrgID": tenant}).json()
        found = answer["data"]["result"]
        self.assertLessEqual({row["metric"]["job"] for row in found}, {tenant})
        return sorted(int(at * 1000) for row in found
                      for at, _ in row["values"])

    def test_an_outage_of_insert_leaves_no_gap(self):
        for number, tenant in enumerate(self.TENANTS):
            self.agent(number, "api/v1/push",
                       [f"-remoteWrite.headers=X-Scope-OrgID: {tenant}",
                        "-remoteWrite.retryMaxInterval=5s"], tenant)
        for tenant in self.TENANTS:
            wait_until(lambda t=tenant: len(self.times(t)) >= 2, 30, tenant)
        self.outage(LONG_OUTAGE_S if ROUNDS > 1 else OUTAGE_S)
        for _ in range(ROUNDS - 1):
            self.outage(OUTAGE_S)

    def outage(self, seconds):
        for process, _ in self.cluster.inserts:
            process.kill()
        begun = time.time()
        wait_until(lambda: time.time() - begun > seconds, seconds + 10,
                   "outage")
        ended = time.time()
        for number in range(len(self.cluster.inserts)):
            begin_again(self.cluster.inserts, number)
        for tenant in self.TENANTS:
            # A new sample may come before the queue of the outage.
            def complete(tenant=tenant):
                times = self.times(tenant)
                gaps = [b - a for a, b in zip(times, times[1:])]
                return (times[0] < begun * 1000 and
                        times[-1] > ended * 1000 and
                        max(gaps) < 2.5 * INTERVAL_S * 1000)
            wait_until(complete, seconds + 60,
                       f"the samples of the outage of {tenant}")


if __name__ == "__main__":
    unittest.main()
