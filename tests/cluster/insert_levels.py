"""Insert nodes above insert nodes, and a select node above the select nodes of
the same clusters, for the tests of several levels."""

from tests.cluster.hinted_write_test import total
from tests.support import http_client
from tests.support.cluster import HTTP_LINE, LOCAL, SELECT_RPC_LINE, Cluster
from tests.support.processes import Process, binary, wait_until

INSERT_LEVEL_LINE = r'started TCP clusternative server at "(.*:\d{1,5})"$'
API = "/select/0/prometheus/api/v1/"


def rows(name, at_ms, count=200, value=1.0):
    return [({"__name__": name, "series": str(i)}, [(at_ms, value + i)])
            for i in range(count)]


class Lower:
    """An insert node of a level below; again on its ports when restarted."""

    def __init__(self, name, storages, factor):
        self.name = name
        self.nodes = ",".join(s.insert_address for s in storages)
        self.factor = factor
        self.http = self.address = None
        self.process = None

    def start(self):
        self.process = Process(
            self.name, binary("varve-insert"),
            [f"-httpListenAddr={self.http or LOCAL}",
             f"-clusternativeListenAddr={self.address or LOCAL}",
             "-clusternative.vminsertConnsShutdownDuration=1ms",
             f"-storageNode={self.nodes}",
             f"-replicationFactor={self.factor}"])
        self.http = self.process.wait_line(HTTP_LINE).group(1)
        self.address = self.process.wait_line(INSERT_LEVEL_LINE).group(1)
        return self


class Levels(Cluster):
    """Two clusters of two storage nodes each, below one insert node and one
    select node that count each of the clusters as a copy.

    Nodes 0 and 1 are the one cluster's, 2 and 3 the other's; so are lower[0],
    selects[0] and lower[1], selects[1]."""

    def __init__(self, lower_factor=1, upper_args=()):
        self.lower = []
        super().__init__(storages=4, inserts=0, selects=0)
        try:
            self.replication_factor = lower_factor
            for half in (self.storages[:2], self.storages[2:]):
                self.add_lower(half, lower_factor)
                self.add_select(
                    half, args=[f"-clusternativeListenAddr={LOCAL}"])
            lower_selects = [
                process.wait_line(SELECT_RPC_LINE).group(1)
                for process, _ in self.selects]
            self.replication_factor = 2
            self.add_insert(nodes=self.lower_nodes(), args=list(upper_args))
            self.upper = self.add_select(
                nodes=",".join(lower_selects),
                args=["-search.disableCache", "-search.latencyOffset=0s"])
            self.wait_reaches(self.insert, 2)
        except BaseException:
            self.close()
            raise

    def close(self):
        for one in self.lower:
            if one.process is not None:
                one.process.terminate()
        try:
            super().close()
        finally:
            for one in self.lower:
                if one.process is not None:
                    one.process.stop()

    def add_lower(self, storages, factor=1):
        """One more insert node of the level below."""
        self.lower.append(
            Lower(f"lower-{len(self.lower)}", storages, factor).start())

    def lower_nodes(self):
        """What -storageNode of the level above says."""
        return ",".join(one.address for one in self.lower)

    @staticmethod
    def wait_reaches(insert, nodes):
        """Until the insert node reaches so many of the level below."""
        wait_until(lambda: total(insert,
                                 "vm_rpc_vmstorage_is_reachable") == nodes,
                   20, f"{nodes} insert nodes below")

    def store(self, series):
        answer = self.write(series)
        if answer.status != 204:
            raise AssertionError(f"{answer.status} {answer.text}")

    def answer(self, path, select=None, **arguments):
        got = http_client.post_form(select or self.upper, API + path,
                                    arguments)
        if got.status != 200:
            raise AssertionError(f"{path}: {got.status} {got.text}")
        return got.json()

    def count(self, name, at_s, select=None):
        """(isPartial, how many series)."""
        answer = self.answer("query", select, query=f"count({name})",
                             time=at_s)
        result = answer["data"]["result"]
        return (answer["isPartial"],
                int(result[0]["value"][1]) if result else 0)

    def wait_partial(self, name, at_s):
        """Until count(name) is partial; its answer."""
        def answer():
            found = self.answer("query", query=f"count({name})", time=at_s)
            return found["isPartial"] and found
        return wait_until(answer, 20, "a partial answer")
