"""Rows for a storage node that is down get to it when it is back, whoever is
killed on the way."""

import shutil
import time
import unittest

from tests.fault.battery import held, repeated, stopped
from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

SERIES = 500
STRUCK = "MISSED records of hints .* are struck out"
# Slow enough to be killed in the middle of it.
SLOW = ["-storage.hintsReplayRate=20000"]


def rows(name, at_ms, value=1.0):
    return [({"__name__": name, "series": str(i)}, [(at_ms, value + i)])
            for i in range(SERIES)]


def taken(storage):
    return http_client.metric(storage.http, "varve_hints_rows_total")


class HintsTest(unittest.TestCase):

    def write(self, cluster, name, at_ms, value=1.0):
        answer = cluster.write(rows(name, at_ms, value))
        self.assertEqual(answer.status, 204, answer.text)

    def assert_whole(self, exported, samples):
        """Each series has `samples` samples, each once."""
        self.assertEqual(len(exported), SERIES)
        for labels, points in exported.items():
            self.assertEqual(len(points), samples, labels)
            self.assertEqual(len({at for at, _ in points}), samples, labels)

    def holders_of(self, cluster, down):
        """The nodes that have taken hints while `down` was down."""
        found = [s for s in cluster.storages
                 if s is not down and taken(s) > 0]
        self.assertTrue(found, "nobody has taken hints")
        return found

    def wait_replayed(self, holders):
        for holder in holders:
            wait_until(lambda h=holder: held(h) == 0, 60,
                       f"no hints left on storage {holder.index}")

    def wait_struck(self, storages):
        for storage in storages:
            wait_until(lambda s=storage: http_client.metric(
                s.http, "varve_missed_records") == 0, 60,
                f"no MISSED records on storage {storage.index}")

    @repeated
    def test_two_nodes_may_die_in_turn(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            first, second = cluster.storages
            now = int(time.time())
            self.write(cluster, "turn", (now - 60) * 1000)
            second.process.kill()
            self.write(cluster, "turn", (now - 30) * 1000)
            self.write(cluster, "new", (now - 30) * 1000)
            self.assertEqual(taken(first), 2 * SERIES)
            second.start()
            first.process.wait_line(STRUCK, 60)
            self.wait_replayed([first])
            self.wait_struck(cluster.storages)
            self.write(cluster, "turn", now * 1000)
            first.process.kill()
            for name, samples in (("turn", 3), ("new", 1)):
                self.assert_whole(cluster.export(name), samples)
                answer = cluster.query(f"count({name})", now)
                self.assertEqual(answer["data"]["result"][0]["value"][1],
                                 str(SERIES))
                self.assertFalse(answer["isPartial"], answer)
            # And back: what is written now is for the other one.
            self.write(cluster, "turn", (now + 1) * 1000)
            first.start()
            second.process.wait_line(STRUCK, 60)
            self.wait_struck(cluster.storages)
            second.process.kill()
            self.assert_whole(cluster.export("turn"), 4)

    @repeated
    def test_a_node_that_missed_rows_says_so_when_their_holder_dies(self):
        """Of two nodes one is down, then the other before it is made up."""
        for is_heard in (True, False):
            with self.subTest(is_heard=is_heard), Cluster(
                    storages=2, replication_factor=2,
                    storage_args=SLOW) as cluster:
                holder, down = cluster.storages
                now = int(time.time())
                self.write(cluster, "m", (now - 7200) * 1000)
                down.process.kill()
                for i in range(30):
                    self.write(cluster, "m", (now - i) * 1000)
                if is_heard:
                    down.start()
                holder.process.kill()
                if not is_heard:
                    down.start()
                select = cluster.add_select()
                wait_until(lambda: cluster.query(
                    "m", now, select=select).get("isPartial"), 30, "partial")
                # What it heard says of what time.
                early = cluster.query("count(m)", now - 7200, select=select)
                self.assertEqual(early["isPartial"], not is_heard, early)
                holder.start()
                wait_until(lambda: not cluster.query(
                    "m", now, select=select).get("isPartial"), 30, "whole")
                self.wait_struck(cluster.storages)
                holder.process.kill()
                self.assert_whole(cluster.export("m", select=select), 31)

    @repeated
    def test_a_node_that_stood_still_does_not_answer_for_what_it_missed(self):
        with Cluster(storages=2, replication_factor=2,
                     storage_args=SLOW) as cluster:
            holder, still = cluster.storages
            now = int(time.time())
            self.write(cluster, "m", (now - 60) * 1000)
            with stopped(still):
                for i in range(10):
                    self.write(cluster, "m", (now - i) * 1000)
                holder.process.kill()
            answer = cluster.query("m", now)
            self.assertTrue(answer["isPartial"], answer)
            holder.start()
            wait_until(lambda: not cluster.query("m", now).get("isPartial"),
                       30, "whole")
            self.wait_struck(cluster.storages)
            holder.process.kill()
            self.assert_whole(cluster.export("m"), 11)

    @repeated
    def test_a_node_answers_for_what_was_hinted_when_another_dies(self):
        with Cluster(storages=3, replication_factor=2) as cluster:
            down = cluster.storages[2]
            now = int(time.time())
            self.write(cluster, "told", (now - 60) * 1000)
            down.process.kill()
            self.write(cluster, "told", now * 1000)
            holders = self.holders_of(cluster, down)
            self.assertEqual(len(holders), 2)
            self.assertFalse(
                cluster.query("count(told)", now)["isPartial"])
            down.start()
            self.wait_struck(cluster.storages)
            # With the other owner of each row dead, the node answers for it.
            for holder in holders:
                select = cluster.add_select()
                holder.process.kill()
                answer = cluster.query("count(told)", now, select=select)
                self.assertFalse(answer["isPartial"], answer)
                self.assert_whole(cluster.export("told", select=select), 2)
                holder.start()
                self.wait_struck(cluster.storages)

    def outage(self, cluster, down, batches):
        """Kills `down`, writes `batches` samples of each series; their end."""
        end_ms = int(time.time()) * 1000
        down.process.kill()
        for i in range(batches):
            self.write(cluster, "long", end_ms - i * 1000, value=i / 7)
        return end_ms

    def assert_owner_has_its_share(self, cluster, owner, batches):
        """What the node has alone is whole, and all rows are on two nodes."""
        copies = 0
        for storage in cluster.storages:
            alone = cluster.add_select([storage], ["-replicationFactor=1"])
            exported = cluster.export("long", select=alone)
            for labels, points in exported.items():
                self.assertEqual(len(points), batches,
                                 (storage.index, labels))
                self.assertEqual(len(set(points)), batches)
            if storage is owner:
                self.assertGreater(len(exported), SERIES / 3)
            copies += len(exported)
        self.assertEqual(copies, 2 * SERIES)

    def wait_under_way(self, owner):
        """Some rows have come, not all."""
        wait_until(lambda: http_client.metric(
            owner.http, "vm_vminsert_metrics_read_total") > 0, 60,
            "the replay has begun")

    @repeated
    def test_a_holder_killed_in_mid_replay_goes_on(self):
        batches = 30
        with Cluster(storages=3, replication_factor=2,
                     storage_args=SLOW) as cluster:
            down = cluster.storages[0]
            self.write(cluster, "other", int(time.time()) * 1000)
            self.outage(cluster, down, batches)
            holders = self.holders_of(cluster, down)
            down.start()
            self.wait_under_way(down)
            for holder in holders:
                self.assertGreater(held(holder), 0)
                holder.process.kill()
                holder.args = []
                holder.start()
            self.wait_replayed(holders)
            self.assert_owner_has_its_share(cluster, down, batches)

    @repeated
    def test_an_owner_killed_in_mid_replay_gets_the_rest(self):
        batches = 30
        with Cluster(storages=3, replication_factor=2,
                     storage_args=SLOW) as cluster:
            down = cluster.storages[1]
            self.write(cluster, "other", int(time.time()) * 1000)
            self.outage(cluster, down, batches)
            holders = self.holders_of(cluster, down)
            down.start()
            self.wait_under_way(down)
            self.assertGreater(sum(map(held, holders)), 0)
            down.process.kill()
            for holder in holders:  # the rest may be quick
                holder.process.stop()
                holder.args = []
                holder.start()
            down.start()
            self.wait_replayed(holders)
            self.assert_owner_has_its_share(cluster, down, batches)

    @repeated
    def test_a_holder_lost_for_good_leaves_the_other_copies(self):
        with Cluster(storages=3, replication_factor=2) as cluster:
            down = cluster.storages[2]
            now = int(time.time())
            self.write(cluster, "kept", (now - 60) * 1000)
            down.process.kill()
            self.write(cluster, "kept", now * 1000)
            lost = self.holders_of(cluster, down)[0]
            lost.process.kill()
            shutil.rmtree(lost.path)
            down.start()
            other = next(s for s in cluster.storages
                         if s not in (down, lost))
            # Its hints for the lost one's rows get there.
            self.wait_replayed([other])
            answer = cluster.query("count(kept)", now)
            self.assertEqual(answer["status"], "success", answer)
            # Rows with both copies on these two: the node lacks some, which
            # only it would have to answer for if the other failed too.
            self.assertTrue(answer["isPartial"], answer)


if __name__ == "__main__":
    unittest.main()
