"""Queries of real clusters and of VictoriaMetrics over the same data.

    VARVE_BIN=<folder> VARVE_PEERS=<folder> \\
      python3 -B -m bench.query.run [--runs=15] [--sets=wide,hist,tsbs]
          [--systems=rf1,rf2,victoria] [--only=REGEX] [--wait]

README.md says what is measured. VARVE_BIN has the programs and query_load.
"""

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

from tests.support import http_client
from tests.support.cluster import HTTP_LINE, Cluster
from tests.support.processes import Process, binary, peer

SETS = ("wide", "hist", "tsbs")
DAY = 86400
RATE = "sum by (mode) (rate(cpu{job=\"%s\"}[5m]))"
TSBS = '{__name__=~"cpu_usage_.*"}'

# Set, name, query, seconds of the range (None: an instant query), step.
QUERIES = (
    ("wide", "count of 100,000 series", 'count({job="wide"})', None, 0),
    ("wide", "rate by mode, 12,800 series, 100 steps of 15 s",
     RATE % "wide", 99 * 15, 15),
    ("wide", "regex prefix of 87,200 values",
     'count({serial=~"sn-1234.*"})', None, 0),
    ("hist", "rate by mode, 768 series, 24 h at 240 s", RATE % "hist",
     DAY, 240),
    ("hist", "rate by mode, 768 series, 1 h at 15 s", RATE % "hist", 3600, 15),
    ("hist", "histogram_quantile of 2,400 buckets, instant",
     "histogram_quantile(0.99, sum by (le) "
     "(rate(http_request_duration_seconds_bucket[5m])))", None, 0),
    ("hist", "one series, instant",
     'cpu{job="hist",instance="node-3.fra1.example.com:9100",cpu="2",'
     'mode="user"}', None, 0),
    ("tsbs", "double-groupby-all, 12 h at 1 h",
     f"avg by (field, hostname) (avg_over_time({TSBS}[1h]))", 12 * 3600, 3600),
    ("tsbs", "high-cpu-all, 12 h at 1 h",
     "max by (hostname) (max_over_time(cpu_usage_user[1h])) > 90",
     12 * 3600, 3600),
    ("tsbs", "lastpoint of 4,000 series", TSBS, None, 0),
    ("tsbs", "lastpoint of 4,000 series over 12 h",
     f"last_over_time({TSBS}[12h])", None, 0),
)


class Client:
    """One keep-alive connection: little beside the server's own time."""

    def __init__(self, address, path):
        self.address = address.rsplit(":", 1)
        self.path = path
        self.connect()

    def connect(self):
        host, port = self.address
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, endpoint, arguments):
        """Milliseconds and the body. Servers close old connections."""
        try:
            return self.ask(endpoint, arguments)
        except ConnectionError:
            self.connect()
            return self.ask(endpoint, arguments)

    def ask(self, endpoint, arguments):
        request = (f"GET {self.path}/api/v1/{endpoint}?"
                   f"{urllib.parse.urlencode(arguments)} HTTP/1.1\r\n"
                   "Host: bench\r\n\r\n").encode()
        began = time.perf_counter()
        self.socket.sendall(request)
        head, pieces, length = self._read_head()
        if length is None:
            while not pieces[-1].endswith(b"0\r\n\r\n"):
                pieces.append(self.socket.recv(1 << 20))
        else:
            while sum(map(len, pieces)) < length:
                pieces.append(self.socket.recv(1 << 20))
        took = (time.perf_counter() - began) * 1000
        body = b"".join(pieces)
        if length is None:
            body = unchunked(body)
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise AssertionError(f"{arguments}: {body[:500]}")
        return took, body

    def _read_head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise ConnectionError("the server closed the connection")
            data += piece
        head, rest = data.split(b"\r\n\r\n", 1)
        found = re.search(rb"(?i)content-length: (\d+)", head)
        return head, [rest], int(found.group(1)) if found else None


def unchunked(body):
    parts = []
    while body:
        size, body = body.split(b"\r\n", 1)
        count = int(size, 16)
        parts.append(body[:count])
        body = body[count + 2:]
    return b"".join(parts)


def cpu_ms(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024


class Varve:
    def __init__(self, name, copies, storage_args):
        self.name = name
        self.cluster = Cluster(storages=copies, replication_factor=copies,
                               storage_args=storage_args)
        self.write = (self.cluster.insert,
                      "/insert/0/prometheus/api/v1/write")
        self.read = (self.cluster.select, "/select/0/prometheus")
        self.query_pids = [self.cluster.selects[0][0].pid]
        self.storage_pids = [s.process.pid for s in self.cluster.storages]

    def flush(self):
        for storage in self.cluster.storages:
            storage.flush()

    def close(self):
        self.cluster.close()


class Victoria:
    name = "victoria"

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="victoria-bench-")
        self.process = Process(
            "victoria", peer("victoria-metrics"),
            [f"-storageDataPath={self.folder}", "-retentionPeriod=100y",
             "-httpListenAddr=127.0.0.1:0",
             "-search.maxUniqueTimeseries=1000000"])
        self.address = self.process.wait_line(HTTP_LINE).group(1)
        self.write = (self.address, "/api/v1/write")
        self.read = (self.address, "")
        self.query_pids = [self.process.pid]
        self.storage_pids = []

    def flush(self):
        for path in ("/internal/force_flush", "/internal/force_merge"):
            http_client.get(self.address, path, seconds=60)
        time.sleep(5)

    def close(self):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def request_of(query, end):
    """The endpoint and its arguments."""
    _, _, text, span, step = query
    arguments = {"query": text, "nocache": 1}
    if span is None:
        return "query", {**arguments, "time": end}
    return "query_range", {**arguments, "start": end - span, "end": end,
                           "step": step}


def measure(system, query, end, runs):
    """(min ms, median ms, CPU of query nodes and of storages, MiB, rows)"""
    endpoint, arguments = request_of(query, end)
    client = Client(*system.read)
    _, body = client.get(endpoint, arguments)  # warms the caches
    rows = len(json.loads(body)["data"]["result"])
    pids = system.query_pids + system.storage_pids
    for pid in system.query_pids:
        forget_peak(pid)
    before = [cpu_ms(pid) for pid in pids]
    times = []
    began = time.monotonic()
    # Short queries often enough for the kernel's clock ticks.
    while len(times) < runs or (time.monotonic() - began < 0.5 and
                                len(times) < 1000):
        times.append(client.get(endpoint, arguments)[0])
    cpu = [(cpu_ms(pid) - was) / len(times) for pid, was in zip(pids, before)]
    client.socket.close()
    queries = len(system.query_pids)
    return (min(times), statistics.median(times), sum(cpu[:queries]),
            sum(cpu[queries:]), max(map(peak_mib, system.query_pids)), rows)


def load(system, data_set, end):
    address, path = system.write
    began = time.monotonic()
    subprocess.run(
        [binary("query_load"), f"-target={address}", f"-path={path}",
         f"-set={data_set}", f"-endMs={end * 1000}"], check=True)
    print(f"loaded {data_set} into {system.name} in "
          f"{time.monotonic() - began:.1f} s", file=sys.stderr)


def make_system(name, storage_args=()):
    if name in ("rf1", "rf2"):
        return Varve(name, int(name[2:]), storage_args)
    return Victoria()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--systems", default="rf1,rf2,victoria")
    parser.add_argument("--only", default="")
    parser.add_argument("--wait", action="store_true",
                        help="stay up after the queries until a line is read")
    options = parser.parse_args()
    sets = options.sets.split(",")
    systems = []
    try:
        for name in options.systems.split(","):
            system = make_system(name)
            systems.append(system)
            # Of each system its own: a query of the last minutes is one of
            # what was flushed just now, as it is where samples keep coming.
            system.end = (int(time.time()) // 60 + 1) * 60
            for data_set in sets:
                load(system, data_set, system.end)
            system.flush()
        print(f"{'query':52} {'system':9} {'min ms':>8} {'median':>8} "
              f"{'CPU ms':>8} {'storages':>8} {'MiB':>6} {'rows':>6}")
        for query in QUERIES:
            if query[0] not in sets or not re.search(options.only, query[1]):
                continue
            for system in systems:
                least, median, cpu, storages, mib, rows = measure(
                    system, query, system.end, options.runs)
                print(f"{query[0] + ': ' + query[1]:52} {system.name:9} "
                      f"{least:8.2f} {median:8.2f} {cpu:8.2f} "
                      f"{storages:8.2f} {mib:6.0f} {rows:6}", flush=True)
        if options.wait:
            for system in systems:
                print(system.name, system.query_pids, system.storage_pids,
                      *system.read, system.end, flush=True)
            sys.stdin.readline()
    finally:
        for system in systems:
            system.close()


if __name__ == "__main__":
    main()
