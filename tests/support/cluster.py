"""A cluster of real processes, and what tests ask of it."""

import json
import os
import shutil
import tempfile
import time

from tests.support import http_client, remote_write
from tests.support.ports import local_address
from tests.support.processes import Process, binary, wait_until

HTTP_LINE = r"started server at http://(.*:\d{1,5})/"
INSERT_RPC_LINE = r"accepting vminsert conns at (.*:\d{1,5})$"
SELECT_RPC_LINE = r"accepting vmselect conns at (.*:\d{1,5})$"
LOCAL = "127.0.0.1:0"   # for what is not started again at its address


class Storage:
    """One storage node; its directory outlives the process."""

    def __init__(self, cluster, index, args=()):
        self.cluster = cluster
        self.index = index
        self.path = os.path.join(cluster.folder, f"storage-{index}")
        self.args = list(args)
        self.env = {}   # of the next start
        self.http = self.insert_address = self.select_address = None
        self.process = None
        self.start()

    def flush(self):
        """Writes what is in memory to tables; returns when it is there."""
        answer = http_client.get(self.http,
                                 "/internal/force_flush?to=disk", seconds=60)
        if answer.status != 200:
            raise AssertionError(f"flush: {answer.status} {answer.text}")
        if http_client.metric(self.http, 'vm_rows{type="storage/inmemory"}'):
            raise AssertionError("rows are left in memory after a flush")

    def start(self, same_ports=True):
        """Starts the process, again on the ports it had before."""
        def address(old):
            return old if old and same_ports else local_address()
        self.process = Process(
            f"storage-{self.index}", binary("varve-storage"),
            [f"-storageDataPath={self.path}", "-retentionPeriod=100y",
             f"-httpListenAddr={address(self.http)}",
             f"-vminsertAddr={address(self.insert_address)}",
             f"-vmselectAddr={address(self.select_address)}", *self.args],
            env=self.env)
        self.http = self.process.wait_line(HTTP_LINE).group(1)
        self.insert_address = self.process.wait_line(INSERT_RPC_LINE).group(1)
        self.select_address = self.process.wait_line(SELECT_RPC_LINE).group(1)
        return self


class Cluster:
    """N storages, inserts and selects; everything started is stopped."""

    def __init__(self, storages=2, inserts=1, selects=1,
                 replication_factor=1, storage_args=(), insert_args=(),
                 select_args=(), small_disk=None):
        """`small_disk`: a SmallDisk, which the first storage is on."""
        self.folder = tempfile.mkdtemp(prefix="varve-test-")
        if small_disk:
            small_disk.place(os.path.join(self.folder, "storage-0"))
        self.replication_factor = replication_factor
        self.storage_args = list(storage_args)
        self.insert_args = list(insert_args)
        self.select_args = list(select_args)
        self.storages, self.inserts, self.selects = [], [], []
        try:
            self.storages = []
            for i in range(storages):
                self.storages.append(Storage(self, i, storage_args))
            for _ in range(inserts):
                self.add_insert()
            for _ in range(selects):
                self.add_select()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops the processes that still run and removes the data."""
        processes = [p for p, _ in self.selects + self.inserts]
        processes += [s.process for s in self.storages]
        for process in processes:
            process.terminate()
        try:
            for process in processes:
                process.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def add_insert(self, storages=None, args=(), nodes=None):
        """`nodes`: what -storageNode says, instead of `storages`."""
        storages = self.storages if storages is None else storages
        nodes = nodes or ",".join(s.insert_address for s in storages)
        process = Process(
            f"insert-{len(self.inserts)}", binary("varve-insert"),
            [f"-httpListenAddr={local_address()}", f"-storageNode={nodes}",
             f"-replicationFactor={self.replication_factor}",
             *self.insert_args, *args])
        address = process.wait_line(HTTP_LINE).group(1)
        self.inserts.append((process, address))
        return address

    def add_select(self, storages=None, args=(), nodes=None):
        """`nodes`: what -storageNode says, instead of `storages`."""
        storages = self.storages if storages is None else storages
        nodes = nodes or ",".join(s.select_address for s in storages)
        process = Process(
            f"select-{len(self.selects)}", binary("varve-select"),
            [f"-httpListenAddr={local_address()}", f"-storageNode={nodes}",
             f"-replicationFactor={self.replication_factor}",
             *self.select_args, *args])
        address = process.wait_line(HTTP_LINE).group(1)
        self.selects.append((process, address))
        return address

    @property
    def insert(self):
        return self.inserts[0][1]

    @property
    def select(self):
        return self.selects[0][1]

    def write(self, series, tenant="0", insert=None, seconds=60):
        """Remote-writes [(labels, [(ms, value)])]; the answer."""
        body = remote_write.snappy(remote_write.write_request(series))
        return self.write_body(body, tenant, insert=insert, seconds=seconds)

    def write_body(self, body, tenant="0", encoding="snappy", insert=None,
                   seconds=60, content_type="application/x-protobuf"):
        return http_client.request(
            insert or self.insert, "POST",
            f"/insert/{tenant}/prometheus/api/v1/write", body,
            {"Content-Encoding": encoding,
             "Content-Type": content_type}, seconds=seconds)

    def query(self, text, at, tenant="0", select=None, **arguments):
        """The whole JSON answer of an instant query at `at` seconds."""
        return http_client.post_form(
            select or self.select, f"/select/{tenant}/prometheus/api/v1/query",
            {"query": text, "time": at, **arguments}).json()

    def query_range(self, text, start, end, step, tenant="0", select=None):
        return http_client.post_form(
            select or self.select,
            f"/select/{tenant}/prometheus/api/v1/query_range",
            {"query": text, "start": start, "end": end, "step": step}).json()

    def export(self, match, tenant="0", select=None, start=0, end=None):
        """{labels as sorted pairs: [(ms, value)]} of all raw samples."""
        answer = http_client.post_form(
            select or self.select,
            f"/select/{tenant}/prometheus/api/v1/export",
            {"match[]": match, "start": start,
             "end": end if end is not None else time.time() + 86400})
        if answer.status != 200:
            raise AssertionError(f"export: {answer.status} {answer.text}")
        result = {}
        for line in answer.text.splitlines():
            row = json.loads(line)
            key = tuple(sorted(row["metric"].items()))
            result.setdefault(key, []).extend(
                zip(row["timestamps"], row["values"]))
        return result


def wait_healthy(address, seconds=5.0):
    def healthy():
        try:
            return http_client.get(address, "/health").status == 200
        except OSError:
            return False
    wait_until(healthy, seconds, f"{address}/health")
