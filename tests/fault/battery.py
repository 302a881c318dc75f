"""What the scenarios of this folder share: faults that begin and end, and the
load they happen under.

VARVE_FAULT_SEED repeats a run, VARVE_LONG=1 makes each scenario one of 20
rounds. The seed decides what happens to whom, not when the machine does it.
"""

import contextlib
import functools
import os
import random
import signal
import time
import unittest

from tests.cluster.repair_test import repair
from tests.support import http_client
from tests.support.cluster import HTTP_LINE
from tests.support.continuous import (
    MADE_UP_SECONDS, ContinuousReader, ContinuousWriter, read_back,
    read_back_from_survivors, wait_made_up)
from tests.support.processes import Process, wait_until

ROUNDS = 20 if os.environ.get("VARVE_LONG") else 1


def rounds(scenario):
    """Calls scenario(self, seed), once or 20 times."""
    @functools.wraps(scenario)
    def run(self):
        first = int(os.environ.get("VARVE_FAULT_SEED") or
                    random.randrange(10**9))
        for seed in range(first, first + ROUNDS):
            print(f"VARVE_FAULT_SEED={seed}", flush=True)
            with self.subTest(VARVE_FAULT_SEED=seed):
                scenario(self, seed)
    return run


def repeated(scenario):
    """The same for one that needs no seed."""
    @functools.wraps(scenario)
    def run(self):
        for number in range(ROUNDS):
            with self.subTest(round=number):
                scenario(self)
            if number + 1 < ROUNDS:
                self.doCleanups()
                self.setUp()
    return run


@contextlib.contextmanager
def killed(storage):
    storage.process.kill()
    yield
    storage.start()


@contextlib.contextmanager
def shut_down(storage):
    storage.process.stop()
    yield
    storage.start()


@contextlib.contextmanager
def stopped(storage):
    """SIGSTOP: connections stay, nothing answers."""
    os.kill(storage.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(storage.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def bad_link(link, mode):
    link.mode = mode
    try:
        yield
    finally:
        link.mode = "pass"


def restart(nodes, i, end=Process.stop):
    """Of cluster.inserts or cluster.selects: the same again, at its address.
    """
    end(nodes[i][0])
    begin_again(nodes, i)


def begin_again(nodes, i):
    """The process has ended."""
    process, address = nodes[i]
    flags = [flag for flag in process.args[1:]
             if not flag.startswith("-httpListenAddr=")]
    again = Process(process.name, process.args[0],
                    [f"-httpListenAddr={address}", *flags])
    nodes[i] = (again, address)
    again.wait_line(HTTP_LINE)


def _connections(address):
    """{node: whether there is one} of an insert or select node."""
    return {line.split('addr="')[1].split('"')[0]: not line.endswith(" 0")
            for line in http_client.get(address, "/metrics").text.splitlines()
            if line.startswith("vm_tcpdialer_conns{")}


def wait_connected(cluster):
    """Until every insert and select node has all its storage nodes, and
    dials nobody else."""
    for _, address in cluster.inserts + cluster.selects:
        wait_until(lambda a=address: all(_connections(a).values()), 60,
                   f"{address} reaches all storage nodes")


def two_hours_ago():
    """The clock of a writer of hours that are over: those repair compares."""
    return time.time() - 7200


def held(storage):
    """Bytes of hints that the node keeps for others, 0 without any."""
    page = http_client.get(storage.http, "/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
               if line.startswith("varve_hints_bytes{"))


def wait_repaired(cluster):
    """Until hints are handed over, and what no hints have is pulled from the
    other nodes. Of hours that are over: later ones are not compared yet."""
    for storage in cluster.storages:
        wait_until(lambda s=storage: held(s) == 0, MADE_UP_SECONDS,
                   f"storage {storage.index} has handed its hints over")
    for storage in cluster.storages:
        def whole(storage=storage):
            told = repair(storage)
            return told["lastPassComplete"] and told["pendingParts"] == 0
        wait_until(whole, MADE_UP_SECONDS,
                   f"storage {storage.index} has compared itself")


class Load:
    """A cluster, its writer and its reader."""

    def __init__(self, test, cluster, clock=None):
        self.test = test
        self.cluster = cluster
        self.writer = ContinuousWriter(cluster, **(
            {"clock": clock} if clock else {}))
        self.reader = ContinuousReader(cluster, self.writer)

    def close(self):
        self.reader.close()
        self.writer.close()

    def goes_on(self, steps=10, answers=2):
        """Writes are acknowledged, queries answered, and all is there."""
        self.writer.wait_progress(steps)
        if answers:
            self.reader.wait_answers(answers)
        self.test.assertEqual(self.reader.problems, [])

    def never_partial(self):
        self.test.assertEqual(self.reader.partial, 0,
                              self.reader.last_warnings)

    def cured_by_retries(self):
        """Agents try again after a lost connection and after 503, at the next
        node; what is answered otherwise they drop."""
        self.test.assertEqual([one for one in self.writer.failures
                               if one[0].isdigit()
                               and not one.startswith("503 ")], [])
        self.test.assertEqual(self.reader.unanswered, 0)

    def settle(self, survivors=True, make_up=wait_made_up):
        """Ends it; all copies that are to be made are made, and all of it is
        read from every combination of nodes that may be left."""
        self.close()
        self.test.assertEqual(self.reader.problems, [])
        self.test.assertGreater(self.reader.whole, 0)
        wait_connected(self.cluster)
        make_up(self.cluster)
        for _, address in self.cluster.selects:
            read_back(self.writer, address)
        if survivors:
            read_back_from_survivors(self.cluster, self.writer)


class Scenario(unittest.TestCase):

    @contextlib.contextmanager
    def load(self, cluster, clock=None):
        """A Load over the cluster; both end with the block."""
        with cluster:
            load = Load(self, cluster, clock)
            try:
                load.goes_on()
                yield load
            finally:
                load.close()
