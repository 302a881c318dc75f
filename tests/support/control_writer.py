"""A writer that goes on while a test troubles the cluster: each of its samples
that was acknowledged is read back at the end."""

import itertools
import threading
import time

TENANT = "909"


class ControlWriter:
    """Each has a metric of its own."""

    _numbers = itertools.count()

    def __init__(self, cluster):
        self.cluster = cluster
        self.metric = f"control_{next(self._numbers)}"
        self.acknowledged = {}   # ms: value
        self.refused = []        # what was answered instead of 204
        self.slowest_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        value = 0
        first_ms = int(time.time() * 1000) - 3_600_000
        while not self._stop.is_set():
            value += 1
            stamp = first_ms + value
            begin = time.monotonic()
            try:
                answer = self.cluster.write(
                    [({"__name__": self.metric}, [(stamp, value)])], TENANT)
            except OSError as error:
                self.refused.append(repr(error))
                continue
            self.slowest_s = max(self.slowest_s, time.monotonic() - begin)
            if answer.status == 204:
                self.acknowledged[stamp] = value
            else:
                self.refused.append(f"{answer.status} {answer.text}")
            self._stop.wait(0.02)

    def check(self, test):
        """Ends the writer: all it wrote was taken and is there, once."""
        self._stop.set()
        self._thread.join()
        test.assertEqual(self.refused, [])
        test.assertGreater(len(self.acknowledged), 0)
        exported = self.cluster.export(self.metric, TENANT)
        (samples,) = exported.values()
        test.assertEqual(sorted(samples), sorted(self.acknowledged.items()))
