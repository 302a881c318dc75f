"""Random faults for as long as is wished, under a writer and a reader.

    python3 -m tests.fault.soak --minutes N [--seed S]

As many nodes are in trouble at a time as may be (one less than there are
copies), or a node is added, drained or given an empty disk; then all copies are
waited for. In the end everything is read back. Ends with exit code 1 at the
first sample that is lost, there twice or invented, and at the first answer that
is partial. As root, the first node has a small disk, which is filled too.
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
from tests.support.linked_cluster import ChangingCluster
from tests.support.processes import Process, wait_until
from tests.support.small_disk import SmallDisk
from tests.support.tcp_proxy import Link

SELECT_ARGS = ["-search.maxQueryDuration=2s"]
STORAGE_ARGS = ["-storage.minFreeDiskSpaceBytes=30MB"]


@contextlib.contextmanager
def full(storage, disk):
    def is_read_only():
        return http_client.metric(storage.http, "vm_storage_is_read_only")
    disk.fill(20 << 20)
    wait_until(is_read_only, 30, "a full disk is noticed")
    yield
    disk.free()
    wait_until(lambda: not is_read_only(), 30, "there is room again")


def node_fault(dice, cluster, i, disk):
    """(words, context) of something that befalls storage i."""
    storage = cluster.storages[i]
    if disk and storage.index == 0 and dice.random() < 0.25:
        return "storage 0 full", full(storage, disk)
    if dice.random() < 0.5:
        fault = dice.choice([killed, shut_down, stopped])
        return f"storage {storage.index} {fault.__name__}", fault(storage)
    side, links = dice.choice([("insert", cluster.insert_links),
                               ("select", cluster.select_links)])
    mode = dice.choice(Link.MODES)
    return f"{side} link {storage.index} {mode}", bad_link(links[i], mode)


def restart_one(dice, cluster):
    """In words what was restarted."""
    name, nodes = dice.choice([("insert", cluster.inserts),
                               ("select", cluster.selects)])
    i = dice.randrange(len(nodes))
    end = dice.choice([Process.stop, Process.kill])
    restart(nodes, i, end)
    return f"{name} {i} {end.__name__}"


def change_nodes(dice, cluster, say):
    """One comes, one goes or one loses its disk."""
    i = dice.randrange(len(cluster.storages))
    index = cluster.storages[i].index
    if dice.random() < 0.4:
        say(f"storage {index} with an empty disk")
        cluster.lose_disk(i)
    elif len(cluster.storages) == cluster.replication_factor + 1:
        say("one more storage")
        cluster.add_storage()
    else:
        say(f"storage {index} drained")
        cluster.drain(i)


def trouble(dice, load, disk, say):
    cluster = load.cluster
    with contextlib.ExitStack() as faults:
        for i in dice.sample(range(len(cluster.storages)),
                             cluster.replication_factor - 1):
            words, fault = node_fault(dice, cluster, i, disk)
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


def one_round(dice, load, disk, say):
    if dice.random() < 0.2:
        change_nodes(dice, load.cluster, say)
    else:
        trouble(dice, load, disk, say)
    wait_connected(load.cluster)
    wait_made_up(load.cluster)
    load.goes_on()
    load.never_partial()


@contextlib.contextmanager
def small_disk():
    """None without root."""
    try:
        disk = SmallDisk()
    except unittest.SkipTest:
        yield None
        return
    try:
        yield disk
    finally:
        disk.close()


def soak(minutes, seed):
    dice = random.Random(seed)
    factor = dice.choice([2, 3])
    begun = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begun:8.1f} s  {text}", flush=True)
    say(f"--seed {seed}: {factor} copies on {factor + 1} nodes")
    with small_disk() as disk, ChangingCluster(
            seed, storages=factor + 1, inserts=2, selects=2,
            replication_factor=factor, storage_args=STORAGE_ARGS,
            select_args=SELECT_ARGS, small_disk=disk) as cluster:
        load = Load(unittest.TestCase(), cluster)
        try:
            rounds = 0
            while time.monotonic() - begun < minutes * 60:
                one_round(dice, load, disk, say)
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
