"""A node restored from an old backup beside nodes that went on, under a writer
and a reader."""

import os
import random
import shutil
import subprocess
import unittest

from tests.fault.battery import Scenario, killed, rounds, wait_connected
from tests.support.cluster import Cluster
from tests.support.continuous import read_back
from tests.support.processes import peer


def tool(name, *args):
    done = subprocess.run(
        [peer(name), *args, "-loggerLevel=ERROR", "-httpListenAddr="],
        capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"{name}: {done.stderr}")


@unittest.skipUnless(peer("vmbackup") and peer("vmrestore"),
                     "skipped: no peer")
class RestoreTest(Scenario):

    @rounds
    def test_a_node_restored_from_an_old_backup(self, seed):
        dice = random.Random(seed)
        cluster = Cluster(storages=3, replication_factor=2)
        with self.load(cluster) as load:
            restored, other = dice.sample(cluster.storages, 2)
            backup = os.path.join(cluster.folder, "backup")
            tool("vmbackup", f"-storageDataPath={restored.path}",
                 f"-snapshot.createURL=http://{restored.http}/snapshot/create",
                 f"-dst=fs://{backup}")
            load.goes_on()
            with killed(restored):
                shutil.rmtree(restored.path)
                tool("vmrestore", f"-src=fs://{backup}",
                     f"-storageDataPath={restored.path}")
                load.goes_on()
            wait_connected(cluster)
            load.goes_on()
            load.never_partial()
            # What was written after the backup is with one node only, for
            # some series: without that node answers say so.
            with killed(other):
                partial = load.reader.partial
                load.goes_on()
                self.assertGreater(load.reader.partial, partial)
            load.close()
            self.assertEqual(load.reader.problems, [])
            wait_connected(cluster)
            read_back(load.writer, cluster.select)


if __name__ == "__main__":
    unittest.main()
