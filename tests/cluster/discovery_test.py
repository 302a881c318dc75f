"""Lists of storage nodes that change while insert and select run."""

import os
import subprocess
import sys
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, Storage
from tests.support.dns_server import DnsServer
from tests.support.processes import wait_until

SERIES = 300
FAST = "-storageNode.discoveryInterval=20ms"


class NodeFiles:
    """The lists of storage nodes of insert and select."""

    def __init__(self, folder):
        self.paths = {role: os.path.join(folder, f"{role}-nodes")
                      for role in ("insert", "select")}

    def write(self, storages):
        for role, path in self.paths.items():
            with open(path + ".new", "w") as file:
                for storage in storages:
                    file.write(getattr(storage, f"{role}_address") + "\n")
            os.rename(path + ".new", path)

    def start(self, cluster):
        cluster.add_insert(nodes=f"file:{self.paths['insert']}", args=[FAST])
        cluster.add_select(nodes=f"file:{self.paths['select']}", args=[FAST])


class DiscoveryTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time()) * 1000
        self.cluster = Cluster(storages=2, inserts=0, selects=0)
        self.addCleanup(self.cluster.close)

    def write(self, round_):
        answer = self.cluster.write([
            ({"__name__": "up", "n": str(n)},
             [(self.now + round_ * 15_000, float(round_))])
            for n in range(SERIES)])
        self.assertEqual(answer.status, 204, answer.text)

    def rows(self, storage):
        return http_client.metric(storage.http, "vm_rows_added_to_storage_total")

    def assert_whole(self, rounds):
        found = self.cluster.export("up")
        self.assertEqual(len(found), SERIES)
        expected = [(self.now + r * 15_000, r) for r in rounds]
        for labels, samples in found.items():
            self.assertEqual(sorted(samples), expected, labels)

    def connections(self, role, address):
        """Of insert or select to a storage node; 0 for one it never heard
        of."""
        process = self.cluster.insert if role == "insert" else \
            self.cluster.select
        name = f'vm_tcpdialer_conns{{name="vm{role}",addr="{address}"}} '
        for line in http_client.get(process, "/metrics").text.splitlines():
            if line.startswith(name):
                return float(line[len(name):])
        return 0

    def wait_connected(self, storages):
        for role in ("insert", "select"):
            for one in storages:
                address = getattr(one, f"{role}_address")
                wait_until(lambda: self.connections(role, address) == 1, 20,
                           f"{role} reaches {address}")
                process = (self.cluster.inserts if role == "insert"
                           else self.cluster.selects)[0][0]
                process.wait_line(f'successfully dialed .*"{address}"')

    def test_nodes_of_a_file_join_and_leave_without_a_restart(self):
        cluster, first_two = self.cluster, list(self.cluster.storages)
        files = NodeFiles(cluster.folder)
        files.write(first_two)
        files.start(cluster)
        self.write(1)
        self.assert_whole([1])

        third = Storage(cluster, 2)
        cluster.storages.append(third)
        files.write(cluster.storages)
        self.wait_connected([third])
        self.write(2)
        joined = self.rows(third)
        self.assertGreater(joined, SERIES / 6)
        self.assertLess(joined, SERIES / 2)
        self.assert_whole([1, 2])

        # The insert's list alone: the node keeps what it has, and is read.
        with open(files.paths["insert"], "w") as file:
            file.writelines(one.insert_address + "\n" for one in first_two)
        cluster.inserts[0][0].wait_line(
            "the storage nodes have changed: 2 instead of 3")
        self.write(3)
        self.assertEqual(self.rows(third), joined)
        self.assert_whole([1, 2, 3])

    def test_nobody_dials_a_node_that_has_left(self):
        """Whether anything is written or asked since, or not."""
        cluster, gone = self.cluster, self.cluster.storages[1]
        files = NodeFiles(cluster.folder)
        files.write(cluster.storages)
        files.start(cluster)
        self.wait_connected(cluster.storages)
        self.write(1)
        self.assert_whole([1])
        self.assertFalse(cluster.query("up", self.now / 1000)["isPartial"])
        files.write(cluster.storages[:1])

        def left():
            return [line for address in (cluster.insert, cluster.select)
                    for line in http_client.get(
                        address, "/metrics").text.splitlines()
                    if line.startswith(("vm_rpc_vmstorage_is_reachable",
                                        "vm_tcpdialer_conns")) and
                    (gone.insert_address in line or
                     gone.select_address in line)]
        wait_until(lambda: not left(), 20, "its connections are gone")

    def test_a_list_that_cannot_be_read_changes_nothing(self):
        cluster = self.cluster
        files = NodeFiles(cluster.folder)
        files.start(cluster)   # before there are lists
        self.assertEqual(cluster.write([({"__name__": "up"},
                                         [(self.now, 1.0)])]).status, 503)
        files.write(cluster.storages)
        self.wait_connected(cluster.storages)
        self.write(1)
        failed = "varve_storage_node_discovery_errors_total"
        for path in files.paths.values():
            os.remove(path)
        for process in (cluster.insert, cluster.select):
            before = http_client.metric(process, failed)
            wait_until(lambda: http_client.metric(process, failed) > before,
                       10, "the missing list is noticed")
        self.write(2)
        self.assert_whole([1, 2])

    def test_nodes_are_found_by_the_names_of_hosts(self):
        cluster = self.cluster

        def names(role):
            ports = [getattr(one, f"{role}_address").rsplit(":", 1)[1]
                     for one in cluster.storages]
            return ",".join(f"dns+localhost:{port}" for port in ports)
        cluster.add_insert(nodes=names("insert"), args=[FAST])
        cluster.add_select(nodes=names("select"), args=[FAST])
        self.wait_connected(cluster.storages)
        self.write(1)
        for storage in cluster.storages:
            self.assertGreater(self.rows(storage), SERIES / 4)
        self.assert_whole([1])
        # The name leads to it again.
        cluster.storages[1].process.kill()
        cluster.storages[1].start()
        self.wait_connected(cluster.storages)
        self.write(2)
        self.assert_whole([1, 2])

    @unittest.skipUnless(os.geteuid() == 0,
                         "no peer: a network namespace needs root")
    def test_nodes_are_found_by_srv_records(self):
        done = subprocess.run(
            ["unshare", "--mount", "--net", sys.executable, "-B", "-m",
             "tests.cluster.discovery_test", "inside"],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class InsideTest(DiscoveryTest):
    """In a namespace whose only DNS server is the test's."""

    def records(self, storages):
        return {f"_{role}._tcp.storage.test": [
                    ("localhost", int(getattr(one, f"{role}_address")
                                      .rsplit(":", 1)[1]))
                    for one in storages] for role in ("insert", "select")}

    def test_srv(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        resolv = os.path.join(self.cluster.folder, "resolv.conf")
        with open(resolv, "w") as file:
            file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"],
                       check=True)
        cluster = self.cluster
        with DnsServer(("127.0.0.1", 53)) as server:
            server.services = self.records(cluster.storages[:1])
            cluster.add_insert(nodes="srv+_insert._tcp.storage.test",
                               args=[FAST])
            cluster.add_select(nodes="srv+_select._tcp.storage.test",
                               args=[FAST])
            self.write(1)
            server.services = self.records(cluster.storages)
            for process, _ in cluster.inserts + cluster.selects:
                process.wait_line(
                    "the storage nodes have changed: 2 instead of 1")
                wait_until(lambda: sum("successfully dialed" in line
                                       for line in process.lines) == 2, 20,
                           f"{process.name} reaches the second node")
            self.write(2)
            self.assertGreater(self.rows(cluster.storages[1]), SERIES / 4)
            self.assert_whole([1, 2])


# Not found by name: they need the namespace.
def load_tests(loader, _, __):
    return loader.loadTestsFromTestCase(DiscoveryTest)


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        suite = unittest.TestSuite([InsideTest("test_srv")])
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        sys.exit(not result.wasSuccessful())
    unittest.main()
