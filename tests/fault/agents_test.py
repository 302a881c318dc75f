"""Two vmagents that scrape the same targets as a pair: with a dedup interval
there is one sample an interval, and no gap when one of them is gone."""

import json
import os
import tempfile
import time
import unittest

from tests.support.cluster import Cluster
from tests.support.peers import free_port
from tests.support.processes import Process, peer, wait_until

INTERVAL_S = 1


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
        self.config = os.path.join(self.folder, "scrape.yml")
        with open(self.config, "w", encoding="ascii") as file:
            json.dump({"global": {"scrape_interval": f"{INTERVAL_S}s"},
                       "scrape_configs": [{
                           "job_name": "pair",
                           "static_configs": [{"targets": [
                               self.cluster.select]}]}]}, file)

    def agent(self, number):
        insert = self.cluster.inserts[number][1]
        process = Process(f"vmagent-{number}", peer("vmagent"), [
            f"-promscrape.config={self.config}",
            f"-httpListenAddr=127.0.0.1:{free_port()}",
            f"-remoteWrite.tmpDataPath={self.folder}/queue-{number}",
            "-remoteWrite.flushInterval=500ms",
            f"-remoteWrite.url=http://{insert}/insert/0/prometheus/"
            "api/v1/write"])
        self.addCleanup(process.kill)
        return process

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

    def test_either_of_a_pair_may_be_gone(self):
        pair = [self.agent(0), self.agent(1)]
        self.wait_samples(4)
        for number in (0, 1):
            pair[number].kill()
            self.wait_samples(4)
            pair[number] = self.agent(number)
            begun = time.time()
            # Until the new one surely sends, the other one fills in.
            wait_until(lambda: time.time() - begun > 3 * INTERVAL_S, 10, "")
        times = self.times()
        intervals = [-(-at_ms // (INTERVAL_S * 1000)) for at_ms in times]
        self.assertEqual(len(intervals), len(set(intervals)), times)
        gaps = [b - a for a, b in zip(times, times[1:])]
        # Scrapes of both are up to an interval apart.
        self.assertLess(max(gaps), 2.5 * INTERVAL_S * 1000, times)


if __name__ == "__main__":
    unittest.main()
