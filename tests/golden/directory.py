"""A storage node's directory as some version wrote it, and what it answered.

    v<N>/storage.tar.xz   the directory of a node killed with kill -9: closed
                          and open days in tables, the newest rows in the log
    v<N>/dump.txt         `varve-inspect dump` of its tables and log segments
    v<N>/answers.txt      what a cluster on it answers

`python3 -m tests.golden.record N` writes a new version; kept ones are never
written again: later releases have to read them.
"""

import json
import os
import subprocess
import tarfile

from tests.support import http_client
from tests.support.cluster import Cluster, Storage
from tests.support.processes import binary, wait_until

FOLDER = os.path.dirname(os.path.abspath(__file__))
TENANT = "42:7"
END_S = 1_795_219_200   # all its rows are older


def path_of(version, name):
    return os.path.join(FOLDER, version, name)


def versions():
    return sorted(name for name in os.listdir(FOLDER) if name.startswith("v"))


def lines_of(version, name):
    with open(path_of(version, name), encoding="utf-8") as file:
        return file.read().splitlines()


def unpack(version, folder):
    with tarfile.open(path_of(version, "storage.tar.xz")) as archive:
        archive.extractall(folder)
    return os.path.join(folder, "storage-0")


def cluster_on(version):
    """A cluster whose only storage node got a copy of that directory."""
    cluster = Cluster(storages=0, inserts=0, selects=0)
    try:
        unpack(version, cluster.folder)
        cluster.storages.append(Storage(cluster, 0))
        cluster.add_select()
        wait_until(lambda: cluster.query("1", END_S, TENANT)["status"] ==
                   "success", 20, "answers")
    except BaseException:
        cluster.close()
        raise
    return cluster


def dump(storage):
    """Lines that describe all tables and log segments below `storage`."""
    lines = []
    for part in ("data", "index", "wal"):
        names = sorted(n for n in os.listdir(os.path.join(storage, part))
                       if n.endswith((".sst", ".wal")))
        for name in names:
            done = subprocess.run(
                [binary("varve-inspect"), "dump", os.path.join(part, name)],
                cwd=storage, capture_output=True, text=True, check=False)
            lines += (done.stdout + done.stderr).splitlines()
    return lines


def answers(cluster):
    """What a user gets of it, as lines of `what JSON`."""
    def select(path, **arguments):
        answer = http_client.post_form(
            cluster.select, f"/select/{TENANT}/prometheus/api/v1/{path}",
            {"start": 0, "end": END_S, **arguments})
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status} {answer.text}")
        return answer

    def line(what, answer):
        return f"{what} {json.dumps(answer, sort_keys=True)}"

    exported = select("export", **{"match[]": '{__name__!=""}'}).text
    lines = [line("export", json.loads(row)) for row in exported.splitlines()]
    for path, arguments in (
            ("series", {"match[]": '{job=~"a.*"}'}),
            ("labels", {}),
            ("metadata", {}),
            ("query_exemplars", {"query": "requests_bucket"}),
            ("query", {"query": "sum by (job) (count_over_time(up[60d]))",
                       "time": END_S})):
        answer = select(path, **arguments).json()
        answer.pop("stats", None)
        lines.append(line(path, answer))
    return sorted(lines)
