"""Random faults for as long as is wished, under a writer and a reader.

    python3 -m tests.fault.soak --minutes N [--seed S]

As many nodes are in trouble at a time as may be (one less than there are
copies), then all copies are waited for and everything is read back. Ends with
exit code 1 at the first sample that is lost, there twice or invented, and at
the first answer that is partial.
"""

import argparse
import contextlib
import random
import sys
import time
import unittest

from tests.fault.battery import (
    Load, bad_link, killed, restart, shut_down, stopped, wait_connected)
from tests.support import http_client
from tests.support.continuous import (
    read_back, read_back_from_survivors, wait_made_up)
from tests.support.linked_cluster import LinkedCluster
from tests.support.processes import Process
from tests.support.tcp_proxy import Link

SELECT_ARGS = ["-search.maxQueryDuration=2s"]


def node_fault(dice, cluster, i):
    """(words, context) of something that befalls storage i."""
    storage = cluster.storages[i]
    if dice.random() < 0.5:
        fault = dice.choice([killed, shut_down, stopped])
        return f"storage {i} {fault.__name__}", fault(storage)
    side, links = dice.choice([("insert", cluster.insert_links),
                               ("select", cluster.select_links)])
    mode = dice.choice(Link.MODES)
    return f"{side} link {i} {mode}", bad_link(links[i], mode)


def restart_one(dice, cluster):
    """In words what was restarted."""
    name, nodes = dice.choice([("insert", cluster.inserts),
                               ("select", cluster.selects)])
    i = dice.randrange(len(nodes))
    end = dice.choice([Process.stop, Process.kill])
    restart(nodes, i, end)
    return f"{name} {i} {end.__name__}"


def one_round(dice, load, say):
    cluster = load.cluster
    with contextlib.ExitStack() as faults:
        for i in dice.sample(range(len(cluster.storages)),
                             cluster.replication_factor - 1):
            words, fault = node_fault(dice, cluster, i)
            say(words)
            faults.enter_context(fault)
        if dice.random() < 0.3:
            say(restart_one(dice, cluster))
        if dice.random() < 0.3:
            storage = dice.choice(cluster.storages)
            with contextlib.suppress(OSError):   # it may be the one in trouble
                http_client.get(storage.http,
                                "/internal/force_flush?to=disk", seconds=5)
        load.writer.wait_progress(dice.randint(1, 60))
    wait_connected(cluster)
    wait_made_up(cluster)
    load.goes_on()
    load.never_partial()


def soak(minutes, seed):
    dice = random.Random(seed)
    factor = dice.choice([2, 3])
    begun = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begun:8.1f} s  {text}", flush=True)
    say(f"--seed {seed}: {factor} copies on {factor + 1} nodes")
    with LinkedCluster(seed, storages=factor + 1, inserts=2, selects=2,
                       replication_factor=factor,
                       select_args=SELECT_ARGS) as cluster:
        load = Load(unittest.TestCase(), cluster)
        try:
            rounds = 0
            while time.monotonic() - begun < minutes * 60:
                one_round(dice, load, say)
                rounds += 1
            load.close()
            wait_made_up(cluster)
            for _, select in cluster.selects:
                read_back(load.writer, select)
            read_back_from_survivors(cluster, load.writer)
        finally:
            load.close()
    say(f"{rounds} rounds, {len(load.writer.acknowledged())} writes "
        f"acknowledged, {load.reader.whole} answers whole, "
        f"{load.reader.errors} errors; nothing lost")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--seed", type=int,
                        default=random.randrange(10**9))
    arguments = parser.parse_args()
    soak(arguments.minutes, arguments.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
