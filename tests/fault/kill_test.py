"""kill -9 of each process under load: nothing acknowledged is lost."""

import http.client
import os
import random
import threading
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

LONG = bool(os.environ.get("VARVE_LONG"))
CYCLES = 100 if LONG else 4
SERIES = 50
DAY_MS = 86_400_000


class Load:
    """Writes one sample a series and step; remembers what was acknowledged."""

    def __init__(self, cluster, step_ms=1, start_ms=None):
        self.cluster = cluster
        self.step_ms = step_ms
        self.acknowledged = []   # step numbers answered with 204
        self.refused = 0
        self.start_ms = start_ms or int(time.time() * 1000) - 3_600_000
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def time_ms(self, step):
        return self.start_ms + step * self.step_ms

    def series(self, step):
        return [({"__name__": "load", "series": str(i)},
                 [(self.time_ms(step), step * 1000.0 + i)])
                for i in range(SERIES)]

    def _run(self):
        step = 0
        while not self._stop.is_set():
            try:
                status = self.cluster.write(self.series(step)).status
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 204:
                self.acknowledged.append(step)
                step += 1
            else:
                self.refused += 1
                self._stop.wait(0.02)
                if self.refused % 3 == 0:
                    step += 1   # never answered: it may or may not be there

    def wait_progress(self, steps=20):
        goal = len(self.acknowledged) + steps
        wait_until(lambda: len(self.acknowledged) >= goal, 30, "writes go on")


class KillTest(unittest.TestCase):

    def check_all_there(self, cluster, load, select=None):
        # It may be about to dial a storage node that came back meanwhile.
        wait_until(lambda: http_client.post_form(
            select or cluster.select,
            "/select/0/prometheus/api/v1/labels", {}).status == 200,
            5, "the select node reaches its storage again")
        exported = cluster.export("load", select=select,
                                  start=load.start_ms / 1000 - 1)
        self.assertEqual(len(exported), SERIES)
        for key, samples in exported.items():
            number = int(dict(key)["series"])
            values = {}
            for timestamp_ms, value in samples:
                self.assertNotIn(timestamp_ms, values)
                values[timestamp_ms] = value
            for step in load.acknowledged:
                self.assertEqual(values.get(load.time_ms(step)),
                                 step * 1000 + number,
                                 f"series {number}, step {step} was "
                                 "acknowledged and is not there")

    def test_storage_killed_under_load_loses_nothing(self):
        seed = int(os.environ.get("VARVE_SEED", time.time()))
        print(f"seed {seed}")
        choose = random.Random(seed)
        with Cluster(storages=1) as cluster:
            with Load(cluster) as load:
                for _ in range(CYCLES):
                    load.wait_progress(choose.randint(1, 30))
                    cluster.storages[0].process.kill()
                    cluster.storages[0].start()
                load.wait_progress()
            self.check_all_there(cluster, load)

    def test_storage_killed_during_flushes_loses_nothing(self):
        """Flushes all the time, into days that are closed."""
        seed = int(os.environ.get("VARVE_SEED", time.time()))
        print(f"seed {seed}")
        choose = random.Random(seed)
        with Cluster(storages=1, storage_args=[
                "-storage.flushInterval=100ms",
                "-storage.maxLogBytes=64KiB"]) as cluster:
            # A step is a quarter of an hour, so that a cycle spans days; a
            # hundred cycles must not reach the future, which is not exported.
            with Load(cluster, step_ms=900_000,
                      start_ms=int(time.time() * 1000) - 1000 * DAY_MS) as load:
                for _ in range(CYCLES):
                    load.wait_progress(choose.randint(1, 30))
                    time.sleep(choose.random() * 1.5)  # a flush is each second
                    cluster.storages[0].process.kill()
                    cluster.storages[0].start()
                load.wait_progress()
            self.check_all_there(cluster, load)

    def test_each_process_killed_in_turn_loses_nothing(self):
        with Cluster(storages=2, replication_factor=2,
                     select_args=["-dedup.minScrapeInterval=1ms"]) as cluster:
            with Load(cluster) as load:
                for round_ in range(CYCLES):
                    load.wait_progress()
                    storage = cluster.storages[round_ % 2]
                    storage.process.kill()
                    load.wait_progress()
                    storage.start()
                    cluster.inserts[0][0].kill()
                    cluster.add_insert()
                    cluster.inserts.pop(0)
                    cluster.selects[0][0].kill()
                    cluster.add_select()
                    cluster.selects.pop(0)
                load.wait_progress()
            self.check_all_there(cluster, load)


if __name__ == "__main__":
    unittest.main()
