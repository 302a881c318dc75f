"""One random bit flipped, or one random file cut or lost, in the directory of a
storage node: it comes up, and answers are whole or say that they are not.

VARVE_SEED repeats a run; VARVE_LONG=1 makes it long.
"""

import os
import random
import shutil
import subprocess
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import binary, wait_until

ROUNDS = 100 if os.environ.get("VARVE_LONG") else 10
DAY_MS = 86_400_000
SERIES = 40


def files_of(root):
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            # Not a lock, which has no content.
            if os.path.getsize(path) > 0:
                found.append(os.path.relpath(path, root))
    return sorted(found)


def choose(files, dice):
    """Mostly what a start reads, seldom a snapshot or a marker."""
    folder = dice.choice(["data/", "data/", "index/", "index/", "wal/", ""])
    return dice.choice([path for path in files if path.startswith(folder)])


def damage(path, dice):
    """What was done to the file, in words."""
    size = os.path.getsize(path)
    way = dice.choice(["flip", "flip", "flip", "cut", "cut", "lose"])
    if way == "lose":
        os.remove(path)
        return "lost"
    at = dice.randrange(size)
    if way == "cut":
        os.truncate(path, at)
        return f"cut to {at} of {size} bytes"
    bit = 1 << dice.randrange(8)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ bit]))
    return f"byte {at} of {size} flipped by {bit}"


class RandomDamageTest(unittest.TestCase):

    def setUp(self):
        self.cluster = Cluster(storages=1,
                               storage_args=["-storage.flushInterval=1s"])
        self.addCleanup(self.cluster.close)
        self.storage = self.cluster.storages[0]
        self.now_ms = int(time.time()) * 1000
        self.want = {}

    def write(self, name, start_ms, samples, series=SERIES):
        """The status; with 204 all of it is expected from now on."""
        rows = [({"__name__": name, "series": str(i), "other": f"x{i * 7919}"},
                 [(start_ms + 1000 * k, k * 0.37 + i * i)
                  for k in range(samples)]) for i in range(series)]
        status = self.cluster.write(rows).status
        if status == 204:
            for labels, points in rows:
                self.want.setdefault((name, labels["series"]),
                                     {}).update(points)
        return status

    def flush(self):
        wait_until(lambda: http_client.metric(
            self.storage.http, 'vm_rows{type="storage/inmemory"}') == 0,
            30, "flush")

    def populate(self):
        """Closed and open days, deletes, a snapshot, rows only in the log."""
        ago = self.now_ms - 20 * DAY_MS
        self.assertEqual(self.write("old", ago, 120), 204)
        self.assertEqual(self.write("deleted", ago, 120), 204)
        self.flush()
        self.assertEqual(self.write("today", self.now_ms - 900_000, 120), 204)
        self.flush()
        deleted = http_client.post_form(
            self.cluster.select,
            "/delete/0/prometheus/api/v1/admin/tsdb/delete_series",
            {"match[]": "deleted"})
        self.assertEqual(deleted.status, 204)
        self.want = {key: rows for key, rows in self.want.items()
                     if key[0] != "deleted"}
        http_client.get(self.storage.http, "/snapshot/create")  # memtables
        http_client.get(self.storage.http, "/internal/force_merge")
        self.assertEqual(self.write("newer", self.now_ms - 600_000, 60), 204)
        self.flush()
        self.assertEqual(self.write("logged", self.now_ms - 300_000, 30), 204)
        self.storage.process.stop()

    def query(self):
        """({(name, series): {ms: value}}, partial?), or None."""
        answer = self.cluster.query('{__name__=~".+"}[30d]', time.time() + 60)
        if answer["status"] != "success":
            return None
        return {(one["metric"]["__name__"], one["metric"]["series"]):
                {round(t * 1000): float(v) for t, v in one["values"]}
                for one in answer["data"]["result"]}, answer["isPartial"]

    def check(self):
        """Partial?"""
        wait_until(lambda: self.query() is not None, 30, "reads")
        got, partial = self.query()
        for key, rows in got.items():
            self.assertIn(key, self.want)
            for row in rows.items():
                self.assertIn(row, self.want[key].items(), key)
        if not partial:
            self.assertEqual(
                {key: len(rows) for key, rows in got.items()},
                {key: len(rows) for key, rows in self.want.items()})
        return partial

    def inspect(self):
        done = subprocess.run(
            [binary("varve-inspect"), "verify", self.storage.path],
            capture_output=True, text=True, timeout=120, check=False)
        self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        return done.returncode

    def damaged_round(self, path, number):
        self.inspect()
        self.storage.start()
        partial = self.check()
        if partial:
            self.assertGreater(
                http_client.metric(self.storage.http,
                                   "varve_corrupt_blocks_total"), 0, path)
        wait_until(lambda: self.write("after", self.now_ms - 1000 * number,
                                      1, 3) == 204, 30, "writes")
        self.flush()
        # What was left of the index makes up for what was lost of it.
        if path.startswith("index/"):
            wait_until(lambda: not self.check(), 30, "a whole answer")
        self.check()
        self.storage.process.stop()
        self.storage.start()
        self.check()
        self.storage.process.stop()

    def test_any_one_file_damaged(self):
        seed = int(os.environ.get("VARVE_SEED", random.randrange(10**9)))
        dice = random.Random(seed)
        self.populate()
        image = self.storage.path + ".image"
        shutil.copytree(self.storage.path, image)
        sound = dict(self.want)
        for number in range(ROUNDS):
            shutil.rmtree(self.storage.path)
            shutil.copytree(image, self.storage.path)
            self.want = {key: dict(rows) for key, rows in sound.items()}
            path = choose(files_of(image), dice)
            done = damage(os.path.join(self.storage.path, path), dice)
            what = f"VARVE_SEED={seed}, round {number}: {path} {done}"
            print(what, flush=True)
            with self.subTest(what):
                try:
                    self.damaged_round(path, number)
                finally:
                    self.storage.process.stop()


if __name__ == "__main__":
    unittest.main()
