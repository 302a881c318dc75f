"""Backups with the real vmbackup and vmrestore."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import Process, binary, peer, wait_until

NAME = r"^[0-9]{14}-[0-9A-F]{16}$"
ALL = '{__name__!=""}'


def tool(name, *args):
    done = subprocess.run(
        [peer(name), *args, "-loggerLevel=ERROR", "-httpListenAddr="],
        capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"{name}: {done.stderr}")


class Node:
    """A cluster of one storage, its backup place, and raw exports."""

    def __init__(self, storage_args=()):
        self.cluster = Cluster(storages=1, storage_args=storage_args)
        self.backup_dir = os.path.join(self.cluster.folder, "backup")
        self.storage = self.cluster.storages[0]
        self.start_ms = int(time.time()) * 1000 - 7_200_000

    def write(self, first, last, name="m"):
        answer = self.cluster.write([
            ({"__name__": name, "series": str(i)},
             [(self.start_ms + step * 1000, step + i / 7)
              for step in range(first, last)]) for i in range(20)])
        assert answer.status == 204, answer.text

    def export(self):
        answer = http_client.post_form(
            self.cluster.select, "/select/0/prometheus/api/v1/export",
            {"match[]": ALL, "start": 0})
        assert answer.status == 200, answer.text
        return sorted(answer.text.splitlines())

    def get(self, path, **arguments):
        return http_client.get(self.storage.http, path, arguments)

    def merge(self):
        assert self.get("/internal/force_merge").status == 200

    def backup(self, to=None):
        to = to or self.backup_dir
        tool("vmbackup", f"-storageDataPath={self.storage.path}",
             f"-snapshot.createURL=http://{self.storage.http}/snapshot/create",
             f"-dst=fs://{to}")

    def restore(self):
        tool("vmrestore", f"-src=fs://{self.backup_dir}",
             f"-storageDataPath={self.storage.path}")

    def restart(self, during):
        self.storage.process.stop()
        during()
        self.storage.start()
        wait_until(lambda: self.cluster.query("1", time.time())
                   .get("status") == "success" and self.reads(), 20, "reads")

    def reads(self):
        answer = self.cluster.query("count({__name__!=\"\"})", time.time())
        return answer.get("status") == "success" and \
            not answer.get("isPartial")

    def wipe(self):
        shutil.rmtree(self.storage.path)


@unittest.skipUnless(peer("vmbackup") and peer("vmrestore"),
                     "skipped: no peer")
class BackupTest(unittest.TestCase):

    def setUp(self):
        # Small flushes, so that there are tables to compact.
        self.node = Node(["-storage.flushInterval=1s"])
        self.addCleanup(self.node.cluster.close)

    def flushes(self):
        return http_client.metric(self.node.storage.http,
                                  "varve_head_flushes_total")

    def write_flushed(self, first, last, name="m"):
        before = self.flushes()
        self.node.write(first, last, name)
        wait_until(lambda: self.flushes() > before, 30, "flush")

    def test_full_incremental_and_restore_into_an_empty_directory(self):
        node = self.node
        self.write_flushed(0, 100)
        self.write_flushed(100, 200)
        node.backup()
        node.merge()
        node.write(200, 260)
        self.write_flushed(260, 270, "n")
        node.backup()
        self.assertEqual(node.get("/snapshot/list").json()["snapshots"], [])
        want = node.export()
        self.assertEqual(len(want), 40)
        node.write(260, 300)
        node.restart(lambda: (node.wipe(), node.restore()))
        self.assertEqual(node.export(), want)

    def test_a_restored_backup_answers_as_the_cluster_it_is_of(self):
        node = self.node
        self.write_flushed(0, 100)
        node.backup()
        last = node.start_ms // 1000 + 99
        restored = Node()
        self.addCleanup(restored.cluster.close)
        restored.backup_dir = node.backup_dir
        restored.restart(lambda: (restored.wipe(), restored.restore()))
        node.write(100, 110)

        def compare(*args):
            return subprocess.run(
                [binary("varve-inspect"), "compare", *args,
                 f"http://{node.cluster.select}",
                 f"http://{restored.cluster.select}"],
                capture_output=True, text=True, timeout=60, check=False)
        alike = compare(f"-end={last}")
        self.assertEqual((alike.returncode, alike.stdout, alike.stderr), (
            0, "ALIKE: 1 tenants, 20 and 20 series, 2000 and 2000 samples\n",
            ""))
        newer = compare()
        self.assertEqual(newer.returncode, 1)
        self.assertIn("200 only in A, 0 only in B", newer.stdout)

    def test_restore_over_a_newer_directory_gives_the_backup(self):
        node = self.node
        self.write_flushed(0, 100)
        node.backup()
        want = node.export()
        self.write_flushed(100, 200)
        node.merge()
        self.write_flushed(200, 210, "newer")
        node.restart(node.restore)
        self.assertEqual(node.export(), want)
        # And again, with nothing new: the tool finds its files changed.
        node.restart(node.restore)
        self.assertEqual(node.export(), want)

    def test_back_up_restore_write_on_back_up_again_in_the_same_place(self):
        node = self.node
        self.write_flushed(0, 100)
        node.backup()
        for life in range(1, 4):
            # Another future after each restore, with the same file numbers.
            node.restart(lambda: (node.wipe(), node.restore()))
            self.write_flushed(100 * life, 100 * life + 50, f"life{life}")
            node.merge()
            node.write(100 * life + 50, 100 * life + 60, f"life{life}")
            want = node.export()
            node.backup()
            node.restart(lambda: (node.wipe(), node.restore()))
            self.assertEqual(node.export(), want)
        self.assertEqual(len(want), 80)

    def test_the_rows_of_a_snapshot_are_those_of_its_moment(self):
        node = self.node
        node.write(0, 10)
        want = node.export()
        name = node.get("/snapshot/create").json()["snapshot"]
        node.write(10, 20)
        tool("vmbackup", f"-storageDataPath={node.storage.path}",
             f"-snapshotName={name}", f"-dst=fs://{node.backup_dir}")
        node.restart(node.restore)
        self.assertEqual(node.export(), want)

    def test_a_restored_node_tells_that_it_lacks_what_came_later(self):
        node = self.node
        node.write(0, 10)
        node.backup()
        node.restart(node.restore)
        inspect = subprocess.run(
            [binary("varve-inspect"), "dump", node.storage.path + "/wal"],
            capture_output=True, text=True, check=False)
        self.assertIn("missed/", inspect.stdout)

    def test_a_restore_that_was_cut_short_is_not_started(self):
        node = self.node
        node.write(0, 10)
        node.backup()
        node.storage.process.stop()
        node.wipe()
        node.restore()
        marker = os.path.join(node.storage.path, "restore-in-progress")
        with open(marker, "w", encoding="ascii"):
            pass
        process = Process("storage", binary("varve-storage"), [
            f"-storageDataPath={node.storage.path}",
            *(f"-{name}=127.0.0.1:0" for name in
              ("httpListenAddr", "vminsertAddr", "vmselectAddr"))])
        process.wait_line("restore-in-progress exists", 20)
        self.assertEqual(process.popen.wait(20), 255)
        os.remove(marker)
        node.storage.start()

    def test_a_daily_backup_reports_its_success(self):
        node = self.node
        node.write(0, 10)
        script = os.path.join(os.path.dirname(__file__), "..", "..", "deploy",
                              "local", "backup.sh")
        done = subprocess.run(
            ["bash", script], capture_output=True, text=True, timeout=60,
            check=False, env=dict(
                os.environ, VMBACKUP=peer("vmbackup"),
                STORAGE_PATH=node.storage.path,
                STORAGE_URL=f"http://{node.storage.http}",
                BACKUP_DST=f"fs://{node.backup_dir}",
                INSERT_URL=f"http://{node.cluster.insert}/insert/0/prometheus",
                NODE_NAME="storage-0"))
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = node.cluster.query(
            'vm_backup_last_success_timestamp_seconds{node="storage-0"}',
            time.time())["data"]["result"]
        self.assertLess(abs(float(answer[0]["value"][1]) - time.time()), 60)


class SnapshotRoutesTest(unittest.TestCase):

    def test_routes_answer_as_backup_tools_expect(self):
        node = Node(["-snapshotAuthKey=secret"])
        self.addCleanup(node.cluster.close)
        node.write(0, 10)
        self.assertEqual(node.get("/snapshot/create").status, 401)
        key = {"authKey": "secret"}
        names = []
        for _ in range(3):
            answer = node.get("/snapshot/create", **key)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Type"],
                             "application/json")
            self.assertEqual(answer.json()["status"], "ok")
            names.append(answer.json()["snapshot"])
            self.assertRegex(names[-1], NAME)
        self.assertEqual(names, sorted(set(names)))
        self.assertEqual(node.get("/snapshot/list", **key).json(),
                         {"status": "ok", "snapshots": names})
        self.assertEqual(
            http_client.metric(node.storage.http, "vm_snapshots"), 3)
        folder = os.path.join(node.storage.path, "snapshots")
        self.assertEqual(sorted(os.listdir(folder)), names)
        answer = http_client.post_form(
            node.storage.http, "/snapshot/delete?authKey=secret",
            {"snapshot": names[0]})
        self.assertEqual((answer.status, answer.json()),
                         (200, {"status": "ok"}))
        answer = node.get("/snapshot/delete", snapshot=names[0], **key)
        self.assertEqual(answer.status, 500)
        self.assertEqual(answer.json()["status"], "error")
        answer = node.get("/snapshot/delete", snapshot="../data", **key)
        self.assertEqual(answer.status, 500)
        answer = http_client.post_form(
            node.storage.http, "/snapshot/delete_all", key)
        self.assertEqual(answer.json(), {"status": "ok"})
        self.assertEqual(os.listdir(folder), [])

    def test_a_snapshot_that_nobody_waits_for_is_removed(self):
        node = Node()
        self.addCleanup(node.cluster.close)
        node.write(0, 10)
        host, port = node.storage.http.rsplit(":", 1)
        before = int(http_client.metric(node.storage.http, "vm_snapshots"))
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"POST /snapshot/create HTTP/1.1\r\n"
                               b"Host: x\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
        node.storage.process.wait_line(
            "has gone: it is removed|created the snapshot", 20)
        wait_until(lambda: http_client.metric(
            node.storage.http, "vm_snapshots") == before, 20, "removal")


if __name__ == "__main__":
    unittest.main()
