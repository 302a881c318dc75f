"""What copies cost, and what nodes that come and go do to load and queries.

    VARVE_BIN=<folder> python3 -B -m bench.cluster.run [--only=REGEX]
        [--rounds=3]

README.md says what is measured. VARVE_BIN has the programs, varve_load and
query_load.
"""

import argparse
import os
import re
import signal
import statistics
import threading
import time

from bench.load import ingest
from bench.query import run as query_bench
from tests.support import http_client
from tests.support.cluster import Cluster, Storage
from tests.support.processes import wait_until

FETCHED = "vm_tcpdialer_read_bytes_total"
# Nodes with copies compare them now and then; what that costs is a row of its
# own.
NO_REPAIR = ("-storage.repairInterval=0",)


def print_row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


# -- what copies cost


def bench_writes(rounds):
    """CPU s per million samples of all processes; the least of the rounds."""
    load = ingest.LOADS[0]
    costs = {1: [], 2: []}
    for _ in range(rounds):
        for copies, found in costs.items():
            result = ingest.varve((*load[:5], copies, *load[6:]),
                                  storage_args=NO_REPAIR)
            found.append(result["known.cpu.total"])
    one, two = (min(found) for found in costs.values())
    print_row("writes, CPU s per million samples, RF=1; RF=2; ratio",
              f"{one:.3f}; {two:.3f}; {two / one:.2f}")


def loaded(name, sets, storage_args=()):
    system = query_bench.make_system(name, storage_args)
    system.end = (int(time.time()) // 60 + 1) * 60
    for data_set in sets:
        query_bench.load(system, data_set, system.end)
    system.flush()
    return system


def bench_queries(rounds):
    """CPU of all processes, added up over the queries of bench/query."""
    systems = []
    try:
        for name in ("rf1", "rf2"):
            systems.append(loaded(name, query_bench.SETS, NO_REPAIR))
        totals, fetched = [0.0, 0.0], [0.0, 0.0]
        for query in query_bench.QUERIES:
            costs = []
            for i, system in enumerate(systems):
                fetched[i] += fetched_bytes(system, query)
                found = [query_bench.measure(system, query, system.end, 15)
                         for _ in range(rounds)]
                costs.append(min(cpu + storages
                                 for _, _, cpu, storages, _, _ in found))
            print_row(f"CPU ms, RF=1; RF=2; ratio: {query[1]}",
                      f"{costs[0]:.2f}; {costs[1]:.2f}; "
                      f"{costs[1] / costs[0]:.2f}")
            totals = [total + cost for total, cost in zip(totals, costs)]
        print_row("all queries, CPU ms, RF=1; RF=2; ratio",
                  f"{totals[0]:.1f}; {totals[1]:.1f}; "
                  f"{totals[1] / totals[0]:.2f}")
        print_row("all queries, MB to the select node, RF=1; RF=2; ratio",
                  f"{fetched[0] / 1e6:.1f}; {fetched[1] / 1e6:.1f}; "
                  f"{fetched[1] / fetched[0]:.2f}")
        bench_comparison(systems[1])
    finally:
        for system in systems:
            system.close()


def fetched_bytes(system, query):
    """Of one query, by the raw path."""
    address = system.read[0]
    before = http_client.metric(address, FETCHED)
    endpoint, arguments = query_bench.request_of(query, system.end)
    client = query_bench.Client(*system.read)
    client.get(endpoint, {**arguments, "nopushdown": 1})
    client.socket.close()
    return http_client.metric(address, FETCHED) - before


def bench_comparison(system):
    """CPU of both nodes for a pass of repair over copies that are equal."""
    storages = system.cluster.storages
    rows = sum(http_client.metric(storage.http, "vm_rows_added_to_storage_total")
               for storage in storages)
    before = sum(map(query_bench.cpu_ms, system.storage_pids))
    for storage in storages:
        http_client.get(storage.http, "/internal/force_repair")
    for storage in storages:
        wait_until(lambda storage=storage: http_client.get(
            storage.http, "/internal/rebalance").json()["passes"],
                   300, "a pass")
    took = sum(map(query_bench.cpu_ms, system.storage_pids)) - before
    print_row("the first comparison of two equal nodes, CPU ns a sample of each",
              f"{took * 1e6 / rows:.1f}")


# -- a node dies


class Writers:
    """Small writes over some connections; when each was acknowledged."""

    SERIES = 50

    def __init__(self, cluster, count=4):
        self.cluster = cluster
        self.acknowledged = []   # (when sent, when acknowledged), monotonic
        self.refused = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,))
                         for n in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, writer):
        while not self._stop.is_set():
            now_ms = int(time.time() * 1000)
            series = [({"__name__": "beat", "writer": str(writer),
                        "n": str(n)}, [(now_ms, 1.0)])
                      for n in range(self.SERIES)]
            sent = time.monotonic()
            if self.cluster.write(series).status == 204:
                self.acknowledged.append((sent, time.monotonic()))
            else:
                self.refused += 1

    def wait_more(self, count):
        goal = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= goal, 60, "writes")

    def pauses(self, begin, end):
        """The longest time without any acknowledgement, and p99 of one."""
        times = sorted(at for _, at in self.acknowledged
                       if begin <= at <= end)
        gaps = [b - a for a, b in zip([begin, *times], [*times, end])]
        took = [at - sent for sent, at in self.acknowledged
                if begin <= sent <= end]
        return max(gaps) * 1000, percentile(took, 0.99) * 1000


def bench_death(rounds):
    for name, signal_number in (("killed", signal.SIGKILL),
                                ("stopped", signal.SIGSTOP)):
        pauses, before, during, after, refused = [], [], [], [], 0
        for _ in range(rounds):
            with Cluster(storages=3, replication_factor=2,
                         selects=0) as cluster, Writers(cluster) as writers:
                writers.wait_more(500)
                begin = time.monotonic()
                writers.wait_more(1000)
                struck = time.monotonic()
                before.append(writers.pauses(begin, struck)[1])
                victim = cluster.storages[0].process
                os.kill(victim.pid, signal_number)
                wait_until(lambda: time.monotonic() > struck + 5, 10)
                pause, worst = writers.pauses(struck, struck + 5)
                pauses.append(pause)
                during.append(worst)
                writers.wait_more(1000)
                after.append(writers.pauses(struck + 5, time.monotonic())[1])
                refused += writers.refused
                if signal_number == signal.SIGSTOP:
                    os.kill(victim.pid, signal.SIGCONT)
        print_row(f"one of three nodes {name}, RF=2: longest pause of all "
                  "writes, ms", f"{max(pauses):.0f}")
        print_row("p99 of a write, ms: before; 5 s from then; after",
                  f"{statistics.median(before):.0f}; "
                  f"{statistics.median(during):.0f}; "
                  f"{statistics.median(after):.0f}")
        print_row("writes refused", refused)


# -- a node joins


class Queries:
    """One query after the other, and what each took."""

    def __init__(self, address, end):
        name = "rate by mode, 768 series, 1 h at 15 s"
        _, _, text, span, step = next(query for query in query_bench.QUERIES
                                      if query[1] == name)
        self.arguments = {"query": text, "nocache": 1, "start": end - span,
                          "end": end, "step": step}
        self.client = query_bench.Client(address, "/select/0/prometheus")

    def run_while(self, condition, least=200):
        took = []
        while condition() or len(took) < least:
            took.append(self.client.get("query_range", self.arguments)[0])
        return took


def bench_rebalance(_):
    system = loaded("rf2", ("hist", "tsbs"))
    try:
        cluster = system.cluster
        cluster.storages.append(Storage(cluster, 2))
        new = cluster.storages[2]
        insert, select = cluster.add_insert(), cluster.add_select()
        queries = Queries(select, system.end)
        before = queries.run_while(lambda: False)
        began = time.monotonic()
        # The first write under the new ring tells it to the nodes.
        answer = cluster.write([({"__name__": "one"},
                                 [(int(time.time() * 1000), 1.0)])],
                               insert=insert)
        assert answer.status == 204, answer.text

        def progress():
            return http_client.get(new.http, "/internal/rebalance").json()

        http_client.get(new.http, "/internal/force_repair")
        wait_until(lambda: progress()["passes"] or
                   progress()["state"] != "idle", 60, "a pass")
        ended = []

        def running():
            now = progress()
            if now["passes"] and now["state"] == "idle":
                ended.append((time.monotonic(), now))
            return not ended

        during = queries.run_while(running, least=0)
        at, last = ended[0]
        seconds = at - began
        print_row("a third node joins: rows pulled, M; s; M rows/s; MB/s sent",
                  f"{last['rows'] / 1e6:.1f}; {seconds:.1f}; "
                  f"{last['rows'] / 1e6 / seconds:.2f}; "
                  f"{last['bytes'] / 1e6 / seconds:.1f}")
        print_row("query meanwhile, ms, p50 and p99: before; during; ratio",
                  f"{percentile(before, 0.5):.1f}, "
                  f"{percentile(before, 0.99):.1f}; "
                  f"{percentile(during, 0.5):.1f}, "
                  f"{percentile(during, 0.99):.1f}; "
                  f"{percentile(during, 0.5) / percentile(before, 0.5):.2f}, "
                  f"{percentile(during, 0.99) / percentile(before, 0.99):.2f}")
        print_row("the last pass", str(last).replace("|", " "))
    finally:
        system.close()


# -- storage nodes aggregate


# As queries of bench/query: text, seconds of the range, step.
PUSHED = (
    ('sum by (job) (rate({job="wide"}[5m]))', None, 0),
    ('topk(5, {job="wide"})', None, 0),
    ('topk by (mode) (5, rate(cpu{job="wide"}[5m]))', 99 * 15, 15))


def bench_pushdown(rounds):
    for name in ("rf1", "rf2"):
        system = loaded(name, ("wide",))
        try:
            for query in PUSHED:
                bench_pushed(system, name, ("wide", "", *query), rounds)
        finally:
            system.close()


def bench_pushed(system, name, query, rounds):
    address = system.read[0]
    endpoint, arguments = query_bench.request_of(query, system.end)
    client = query_bench.Client(*system.read)
    least, fetched = {}, {}
    for pushdown in (0, 1) * (5 * rounds):
        before = http_client.metric(address, FETCHED)
        took, _ = client.get(endpoint,
                             {**arguments, "nopushdown": 1 - pushdown})
        least[pushdown] = min(took, least.get(pushdown, took))
        fetched[pushdown] = http_client.metric(address, FETCHED) - before
    client.socket.close()
    print_row(f"{name}: {query[2]}, bytes with pushdown; without; ratio",
              f"{fetched[1]:.0f}; {fetched[0]:.0f}; "
              f"{fetched[1] / fetched[0]:.5f}")
    print_row("ms with; without; ratio",
              f"{least[1]:.1f}; {least[0]:.1f}; "
              f"{least[1] / least[0]:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print_row("what", "measured")
    print_row("---", "---")
    for bench in (bench_writes, bench_queries, bench_death, bench_rebalance,
                  bench_pushdown):
        if re.search(options.only, bench.__name__):
            bench(options.rounds)


if __name__ == "__main__":
    main()
