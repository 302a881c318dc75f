"""Clusters whose links between roles can be made bad, and whose nodes may
change."""

import itertools
import os
import shutil

from tests.support import http_client
from tests.support.cluster import Cluster, Storage
from tests.support.continuous import wait_made_up
from tests.support.processes import wait_until
from tests.support.tcp_proxy import Link

CHANGE_SECONDS = 60


class LinkedCluster(Cluster):
    """Insert nodes reach storages[i] by insert_links[i], as do the other
    storage nodes, which learn of it from them; select nodes by
    select_links[i]."""

    def __init__(self, seed=0, inserts=1, selects=1, **arguments):
        self.insert_links, self.select_links = [], []
        self._seed = seed
        super().__init__(inserts=0, selects=0, **arguments)
        try:
            for storage in self.storages:
                self._link(storage)
            for _ in range(inserts):
                self.add_insert(nodes=self._nodes("insert"))
            for _ in range(selects):
                self.add_select(nodes=self._nodes("select"))
        except BaseException:
            self.close()
            raise

    def _link(self, storage):
        self.insert_links.append(
            Link(storage.insert_address, self._seed + storage.index))
        self.select_links.append(
            Link(storage.select_address, self._seed - storage.index))

    def _addresses(self, role):
        links = self.insert_links if role == "insert" else self.select_links
        return [link.address for link in links]

    def _nodes(self, role):
        """What -storageNode says."""
        return ",".join(self._addresses(role))

    def close(self):
        for link in self.insert_links + self.select_links:
            link.mode = "pass"
        super().close()
        for link in self.insert_links + self.select_links:
            link.close()


def node_id(storage):
    """As its directory has it."""
    with open(os.path.join(storage.path, "node_id"), encoding="ascii") as file:
        return file.read(16)


class ChangingCluster(LinkedCluster):
    """Nodes come and go as operations.md says, by lists in files, while writes
    and queries go on."""

    def __init__(self, *args, **arguments):
        super().__init__(*args, **arguments)
        self._numbers = itertools.count(len(self.storages))

    def _path(self, role):
        return os.path.join(self.folder, f"{role}-nodes")

    def _nodes(self, role):
        self._tell(role, self._addresses(role))
        return f"file:{self._path(role)}"

    def _tell(self, role, addresses):
        with open(self._path(role) + ".new", "w", encoding="ascii") as file:
            file.writelines(one + "\n" for one in addresses)
        os.rename(self._path(role) + ".new", self._path(role))

    def _change(self, role, addresses):
        """Until all of the role have the list, and are connected to all."""
        processes = [process for process, _ in self._nodes_of(role)]

        def lists_had(process):
            return sum("the storage nodes have changed" in line
                       for line in list(process.lines))
        had = [lists_had(process) for process in processes]
        self._tell(role, addresses)
        for process, before in zip(processes, had):
            wait_until(lambda p=process, n=before: lists_had(p) > n,
                       CHANGE_SECONDS, f"{process.name} has the new list")
        self._wait_connected(role, addresses)

    def _nodes_of(self, role):
        return self.inserts if role == "insert" else self.selects

    def _wait_connected(self, role, addresses):
        """An insert node's connection counts once it knows who is there."""
        lines = [
            f'vm_rpc_vmstorage_is_reachable{{name="vminsert",addr="{one}",'
            'rpc_call="metric_rows"} 1' if role == "insert" else
            f'vm_tcpdialer_conns{{name="vmselect",addr="{one}"}} 1'
            for one in addresses]
        for process, node in self._nodes_of(role):
            def connected(node=node):
                page = http_client.get(node, "/metrics").text
                return all(line in page for line in lines)
            wait_until(connected, CHANGE_SECONDS,
                       f"{process.name} reaches {addresses}")

    def add_storage(self):
        """First to select: what is written to it is to be found there."""
        storage = Storage(self, next(self._numbers), self.storage_args)
        self.storages.append(storage)
        self._link(storage)
        self._change("select", self._addresses("select"))
        self._change("insert", self._addresses("insert"))

    def drain(self, i):
        """Its rows are made up for by the others, then it goes."""
        storage = self.storages.pop(i)
        links = self.insert_links.pop(i), self.select_links.pop(i)
        try:
            self._change("insert", self._addresses("insert"))
            self._wait_told()
            wait_made_up(self)
            self._change("select", self._addresses("select"))
        finally:
            storage.process.stop()
            for link in links:
                link.close()
        self._forget(self.storages, node_id(storage))

    def lose_disk(self, i):
        """The node begins with an empty one, and gets its share."""
        lost = self.storages[i]
        gone = node_id(lost)
        lost.process.kill()
        for name in os.listdir(lost.path):
            path = os.path.join(lost.path, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        lost.start()
        for role in ("insert", "select"):
            self._wait_connected(role, self._addresses(role))
        self._wait_told()
        # Hints for the node that was there keep others waiting.
        self._forget([one for one in self.storages if one is not lost], gone)
        wait_made_up(self)

    def _wait_told(self):
        """A write tells the ring without a node."""
        wait_until(lambda: any(http_client.metric(
            one.http, "varve_missed_records") for one in self.storages),
            CHANGE_SECONDS, "a storage hears that a node has gone")

    @staticmethod
    def _forget(storages, node):
        """It will not be back."""
        for storage in storages:
            http_client.get(storage.http, "/internal/force_repair")
        for storage in storages:
            wait_until(lambda s=storage: http_client.get(
                s.http, "/internal/cluster/forget",
                {"node": node}).status == 200, CHANGE_SECONDS,
                f"storage {storage.index} forgets {node}")
