"""The commands of docs/operations.md that add, drain, remove and replace
storage nodes, as they stand there, under a writer and a reader: nothing is
lost, nothing is there twice, and answers are partial when data is missing."""

import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from tests.fault.battery import repeated
from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.continuous import (
    ContinuousReader, ContinuousWriter, read_back, read_back_from_survivors)
from tests.support.peers import free_port
from tests.support.processes import REPOSITORY, binary, wait_until

SECTION = "Add, remove, replace, drain a storage node"
PROGRAMS = ("varve-insert", "varve-select", "varve-storage")


def blocks():
    """[(title, script)] of the section; several blocks may share a title."""
    path = os.path.join(REPOSITORY, "docs", "operations.md")
    with open(path, encoding="utf-8") as file:
        section = file.read().split(f"\n## {SECTION}\n")[1].split("\n## ")[0]
    found = []
    for part in section.split("\n### ")[1:]:
        found += [(part.splitlines()[0], script) for script in
                  re.findall(r"^```sh\n(.*?)^```$", part, re.M | re.S)]
    return found


class Started:
    """A process that the document's commands started and we do not own."""

    def terminate(self):
        pass

    def stop(self):
        pass


class DocumentedStorage:
    def __init__(self, number, http, insert, select):
        self.index = number
        self.http, self.select_address = http, select
        self.insert_address = insert


class Commands:
    """Runs the document's blocks in order, in a folder of their own."""

    def __init__(self, test):
        self.folder = tempfile.mkdtemp(prefix="varve-commands-")
        test.addCleanup(shutil.rmtree, self.folder)
        test.addCleanup(self._end)
        os.mkdir(os.path.join(self.folder, "bin"))
        for name in PROGRAMS:
            os.symlink(os.path.abspath(binary(name)),
                       os.path.join(self.folder, "bin", name))
        self.blocks = blocks()
        self._ports = {}
        self._sessions = []
        self._functions = "".join(re.findall(
            r"^\w+_storage\(\) .*?^}\n", self.blocks[0][1], re.M | re.S))

    def address(self, port):
        """Where the document's 127.0.0.1:<port> is in this run."""
        return f"127.0.0.1:{self._ports.setdefault(port, free_port())}"

    def _mapped(self, script):
        return re.sub(r"127\.0\.0\.1:(\d{4})\b",
                      lambda match: self.address(match.group(1)), script)

    def run(self, title):
        """The next block, which must be of this title."""
        found, script = self.blocks.pop(0)
        if found != title:
            raise AssertionError(f"{found!r} instead of {title!r}")
        log = os.path.join(self.folder, "commands.log")
        with open(log, "wb") as output:
            child = subprocess.Popen(
                ["bash", "-xeuc", self._mapped(self._functions + script)],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
                env=dict(os.environ, PATH=os.path.join(self.folder, "bin") +
                         os.pathsep + os.environ["PATH"]))
            self._sessions.append(child.pid)
            try:
                code = child.wait(60)
            except subprocess.TimeoutExpired:
                code = "no end"
        if code:
            raise AssertionError(f"{title}: {code}\n{self._logs()}")

    def _logs(self):
        """The ends of what the commands and the programs said."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.folder, "*.log"))):
            with open(path, encoding="utf-8", errors="replace") as file:
                found += ["-- " + os.path.basename(path),
                          *file.read().splitlines()[-12:]]
        return "\n".join(found)

    def kill_storage(self, number):
        path = os.path.join(self.folder, f"storage-{number}.pid")
        with open(path, encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def _end(self):
        for session in self._sessions:
            try:
                os.killpg(session, signal.SIGKILL)
            except ProcessLookupError:
                pass   # it left nothing running


class NodeChangesTest(unittest.TestCase):

    def setUp(self):
        self.commands = Commands(self)
        self.cluster = Cluster(storages=0, inserts=0, selects=0,
                               replication_factor=2)
        self.addCleanup(self.cluster.close)

    def storage(self, number, *ports):
        return DocumentedStorage(number, *map(self.commands.address, ports))

    def step(self, title):
        """Runs a block; writes and queries go on and miss nothing."""
        self.commands.run(title)
        self.writer.wait_progress()
        self.reader.wait_answers()
        with self.subTest(title):
            self.assertEqual(self.writer.failures, [])
            self.assertEqual(self.reader.problems, [])
            self.assertEqual(self.reader.partial, 0,
                             self.reader.last_warnings)

    @repeated
    def test_nodes_change_under_load(self):
        commands, cluster = self.commands, self.cluster
        commands.run("Lists in files")
        cluster.inserts.append((Started(), commands.address("8480")))
        cluster.selects.append((Started(), commands.address("8481")))
        for _, address in cluster.inserts + cluster.selects:
            def healthy(address=address):
                try:
                    return http_client.get(address, "/health").status == 200
                except OSError:
                    return False
            wait_until(healthy, 30, f"{address} serves")
        with ContinuousWriter(cluster) as self.writer, \
                ContinuousReader(cluster, self.writer) as self.reader:
            self.writer.wait_progress()
            self.step("A node that is stopped for maintenance")
            self.step("Add")
            self.step("Drain")
            self.step("Drain")   # the others pull what it holds
            self.step("Drain")   # and it is written once more
            self.step("Remove")
            self.step("Remove")   # and forget it
            self.step("Replace")
            commands.kill_storage(4)
            self.writer.wait_progress()
            shutil.rmtree(os.path.join(commands.folder, "data-4"))
            self.step("A disk is lost")
            self.assertEqual(commands.blocks, [])
            self.assertGreater(self.reader.whole, 20)
        cluster.storages = [
            self.storage(1, "8482", "8410", "8411"),
            self.storage(5, "8486", "8450", "8451"),
            self.storage(4, "8485", "8440", "8441")]
        read_back(self.writer, cluster.select)
        read_back_from_survivors(cluster, self.writer)
        cluster.storages = []


if __name__ == "__main__":
    unittest.main()
