"""Damaged files of a storage node, through the whole cluster, and what
varve-inspect says of them."""

import glob
import os
import subprocess
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import binary, wait_until


def inspect(verb, path):
    done = subprocess.run([binary("varve-inspect"), verb, path],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def flip(path, place=0.5):
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(int(size * place))
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))


class DamageTest(unittest.TestCase):

    def setUp(self):
        self.cluster = Cluster(storages=1,
                               storage_args=["-storage.flushInterval=1s"])
        self.addCleanup(self.cluster.close)
        self.storage = self.cluster.storages[0]
        self.start_ms = int(time.time()) * 1000 - 3_600_000
        self.write("m")
        self.wait_flush()

    def write(self, name, series=300):
        self.assertEqual(self.write_status(name, series), 204)

    def write_status(self, name, series):
        return self.cluster.write([
            ({"__name__": name, "series": str(i), "other": f"x{i * 7919}"},
             [(self.start_ms + 1000 * k, k * 0.37 + i * i)
              for k in range(60)]) for i in range(series)]).status

    def metric(self, name):
        return http_client.metric(self.storage.http, name)

    def wait_flush(self):
        wait_until(lambda: self.metric("varve_head_flushes_total") > 0 and
                   self.metric('vm_rows{type="storage/inmemory"}') == 0,
                   60, "flush")

    def wait_reads(self):
        wait_until(lambda: self.cluster.query("m", time.time())["status"] ==
                   "success", 20, "reads")

    def count(self):
        answer = self.cluster.query(
            'count(last_over_time({__name__=~"m|after"}[2h]))', time.time())
        self.assertEqual(answer["status"], "success", answer)
        result = answer["data"]["result"]
        return int(result[0]["value"][1]) if result else 0, \
            answer["isPartial"]

    def test_a_sound_node_is_sound_running_stopped_and_as_a_snapshot(self):
        name = http_client.get(self.storage.http, "/snapshot/create").json()
        snapshot = os.path.join(self.storage.path, "snapshots",
                                name["snapshot"])
        for path in (self.storage.path, snapshot):
            code, text = inspect("verify", path)
            self.assertEqual(code, 0, text)
            self.assertIn("300 series", text)
        self.storage.process.stop()
        code, text = inspect("verify", self.storage.path)
        self.assertEqual(code, 0, text)
        self.storage.start()
        wait_until(lambda: self.write_status("after", 1) == 204, 20, "writes")
        self.storage.process.kill()   # what is only in the log stays there
        code, text = inspect("verify", self.storage.path)
        self.assertEqual(code, 0, text)
        code, text = inspect("dump", self.storage.path)
        self.assertEqual(code, 0, text)
        for part in ('m{other="x0", series="0"}', "samples=60", "watermark",
                     "DEFINE", "parts.json", "node_id"):
            self.assertIn(part, text)
        os.remove(glob.glob(snapshot + "/restore/data/*.sst")[0])
        code, text = inspect("verify", snapshot)
        self.assertEqual(code, 1, text)
        self.assertIn("is missing", text)
        self.assertEqual(inspect("verify", "/nonexistent")[0], 1)
        self.assertEqual(inspect("list", snapshot)[0], 2)

    def damage(self, pattern):
        tables = glob.glob(os.path.join(self.storage.path, pattern))
        largest = max(tables, key=os.path.getsize)
        self.storage.process.stop()
        flip(largest, 0.3)
        code, text = inspect("verify", self.storage.path)
        self.assertEqual(code, 1, text)
        self.assertIn(os.path.basename(largest), text)
        code, text = inspect("dump", largest)
        self.assertEqual(code, 1, text)
        self.storage.start()
        self.wait_reads()

    def check_goes_on(self):
        count, partial = self.count()
        self.assertTrue(partial)
        self.assertLess(count, 300)
        self.assertGreater(
            self.metric("varve_corrupt_blocks_total"), 0)
        flushes = self.metric("varve_head_flushes_total")
        self.write("after", 10)
        wait_until(lambda: self.metric("varve_head_flushes_total") > flushes,
                   60, "a flush beside damage")
        self.assertEqual(self.count(), (count + 10, True))
        # Known for good, and not met again.
        self.storage.process.stop()
        self.storage.start()
        self.wait_reads()
        self.assertEqual(self.count(), (count + 10, True))
        self.assertEqual(self.metric("varve_corrupt_blocks_total"), 0)

    def test_a_damaged_block_of_samples_makes_answers_partial(self):
        self.damage("data/*.sst")
        self.check_goes_on()

    def test_a_damaged_index_is_made_whole_again(self):
        http_client.get(self.storage.http, "/snapshot/create")
        tables = glob.glob(os.path.join(self.storage.path, "index/*.sst"))
        for table in sorted(tables, key=os.path.getsize)[-3:]:
            self.damage(os.path.relpath(table, self.storage.path))
            # By a thread; until then answers say that they may lack something.
            wait_until(lambda: self.count() == (300, False), 30,
                       "a whole answer")
            flushes = self.metric("varve_head_flushes_total")
            wait_until(lambda: self.write_status("m", 300) == 204, 20, "writes")
            wait_until(lambda: self.metric("varve_head_flushes_total") >
                       flushes, 60, "a flush beside damage")
            self.assertEqual(self.count(), (300, False))
            self.storage.process.stop()
            code, text = inspect("verify", self.storage.path)
            self.assertEqual(code, 0, text)
            self.storage.start()
            self.wait_reads()
            if not os.path.exists(table):
                break   # what stands there now is new
        self.assertEqual(self.count(), (300, False))

    def test_a_damaged_manifest_is_written_anew(self):
        for database, way in (("data", "flip"), ("index", "lose"),
                              ("data", "cut")):
            self.storage.process.stop()
            manifest, = [path for path in glob.glob(os.path.join(
                self.storage.path, database, "MANIFEST-*"))
                if not path.endswith(".copy")]
            if way == "flip":
                flip(manifest)
            elif way == "cut":
                os.truncate(manifest, os.path.getsize(manifest) // 2)
            else:
                os.remove(manifest)
            code, text = inspect("verify", self.storage.path)
            self.assertEqual(code, 1, text)
            self.assertIn(os.path.basename(manifest), text)
            self.storage.start()
            self.wait_reads()
            self.assertEqual(self.count(), (300, False))
            self.assertEqual(self.metric("varve_corrupt_blocks_total"), 1)
        self.storage.process.stop()
        code, text = inspect("verify", self.storage.path)
        self.assertEqual(code, 0, text)


if __name__ == "__main__":
    unittest.main()
