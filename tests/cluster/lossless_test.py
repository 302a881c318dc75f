"""Every value comes back bit for bit, from memory, tables and closed days."""

import math
import os
import random
import struct
import time
import unittest

from tests.support.cluster import Cluster, wait_healthy

DAY_MS = 86_400_000
SAMPLES = 300   # more than two blocks of 128 residuals


def bits(value):
    return struct.pack("<d", value).hex()


def from_bits(pattern):
    return struct.unpack("<d", struct.pack("<Q", pattern))[0]


def shapes(choose):
    """name -> values, one for each way of the codec and its exceptions."""
    def any_bits():
        while True:
            value = from_bits(choose.getrandbits(64))
            if not math.isnan(value):   # JSON has one NaN
                return value
    odd = [-0.0, 0.0, 5e-324, -5e-324, 2.2250738585072014e-308,
           1.7976931348623157e308, -1.7976931348623157e308, 1 / 3, math.pi,
           2.0**53, 2.0**53 + 2, 2.0**63, -2.0**63, 0.1, 0.1 + 0.2, 1e22, 1e23]
    total = 0.0
    sums = []
    for _ in range(SAMPLES):
        total += choose.choice((0.1, 0.2, 0.3))
        sums.append(total)
    return {
        "constant": [42.5] * SAMPLES,
        "random_bits": [any_bits() for _ in range(SAMPLES)],
        "decimals": [choose.randrange(10**6) / 1000 for _ in range(SAMPLES)],
        "counter_with_resets": [float(i % 97 * 13) for i in range(SAMPLES)],
        "squares": [float(i * i) for i in range(SAMPLES)],
        "near_decimal": sums,
        "pages": [4096.0 * choose.randrange(1000) for _ in range(SAMPLES)],
        "units_in_the_last_place": [
            from_bits(0x400921FB54442D18 + choose.randrange(8))
            for _ in range(SAMPLES)],
        "odd": [choose.choice(odd) for _ in range(SAMPLES)],
        "decimals_and_odd": [choose.choice(odd) if choose.random() < 0.1
                             else i / 100 for i in range(SAMPLES)],
    }


class LosslessTest(unittest.TestCase):

    def check(self, cluster, written, where):
        found = cluster.export('{__name__="exact"}',
                               select=cluster.selects[-1][1])
        self.assertEqual(len(found), len(written))
        for labels, samples in found.items():
            name = dict(labels)["shape"]
            self.assertEqual([(ms, bits(float(v))) for ms, v in samples],
                             [(ms, bits(v)) for ms, v in written[name]],
                             f"{name} {where}")

    def test_all_shapes_in_memory_in_tables_and_in_closed_days(self):
        seed = int(os.environ.get("VARVE_SEED", time.time()))
        print(f"seed {seed}")
        choose = random.Random(seed)
        now = int(time.time()) * 1000
        written = {}
        for name, values in shapes(choose).items():
            # Half of them weeks ago, in a day that is closed at once.
            half = len(values) // 2
            written[name] = [
                ((now - 20 * DAY_MS if i < half else now - 5_000_000) +
                 i * 15_000 + choose.randrange(3), value)
                for i, value in enumerate(values)]
        with Cluster(storages=1) as cluster:
            storage = cluster.storages[0]
            answer = cluster.write([
                ({"__name__": "exact", "shape": name}, samples)
                for name, samples in written.items()])
            self.assertEqual(answer.status, 204)
            self.check(cluster, written, "in memory")
            for where in ("from the log", "in tables"):
                storage.process.kill()
                storage.start()
                wait_healthy(storage.http)
                cluster.add_select()
                self.check(cluster, written, where)
                storage.flush()
                self.check(cluster, written, where + ", flushed")


if __name__ == "__main__":
    unittest.main()
