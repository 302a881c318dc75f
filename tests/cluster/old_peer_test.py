"""A storage node of release 0.1 beside one of today, below insert and select
nodes of today; and peers of releases further away."""

import time
import unittest

from tests.cluster.hinted_write_test import STRUCK, total
from tests.cluster.kinds_test import histogram
from tests.cluster.old_callers_test import SERIES, logged, written
from tests.cluster.repair_test import repair
from tests.compat.tenants_test import push
from tests.support import http_client, remote_write
from tests.support import release_0_1_wire as wire
from tests.support.cluster import Cluster
from tests.support.processes import wait_until
from tests.support.release_0_1_callers import (
    OldInsert, bits, floats, now_ms, search, without)
from tests.support.release_0_1_messages import unknown_fields
from tests.support.release_0_1_storage import StorageNode

INCOMPLETE = "vm_rpc_rows_incompletely_replicated_total"


class OldStorageCluster(Cluster):
    """Real storage nodes, and `old` beside them, under real insert and select
    nodes."""

    def __init__(self, features=wire.ALL_FEATURES, version=wire.VERSION,
                 unknown=b"", storages=1, callers=1):
        """`callers`: how many insert and how many select nodes."""
        self.old = None
        super().__init__(storages=storages, inserts=0, selects=0,
                         replication_factor=2)
        try:
            with wire.Client(self.storages[0].select_address,
                             "select") as reader:
                told = reader.call("COVERAGE", "CoverageRequest", "Coverage")
            self.old = StorageNode(0x1234567890ABCDEF, features, version,
                                   told["storage_rules"], unknown)
            self.everywhere = self.storages + [self.old]
            for _ in range(callers):
                self.add_insert(self.everywhere)
                self.add_select(self.everywhere)
        except BaseException:
            self.close()
            raise

    def close(self):
        super().close()
        if self.old is not None:
            self.old.stop()

    @property
    def node(self):
        return self.storages[0]

    def wait_connected(self, count=2):
        """Of the insert and the select node."""
        for address, name in ((self.insert, "vm_rpc_vmstorage_is_reachable"),
                              (self.select, "vm_tcpdialer_conns")):
            wait_until(lambda a=address, n=name: total(a, n) == count, 20,
                       f"{address} is connected to {count}")


class OldStorageTest(unittest.TestCase):

    def check(self, cluster, series, at):
        """Every way to read gives all, and says that it is all."""
        found = cluster.export('{__name__="m"}')
        self.assertEqual(len(found), len(series))
        for labels, samples in series:
            got = found[tuple(sorted(labels.items()))]
            self.assertEqual(bits(got), bits(samples), labels)
        answer = cluster.query("count(m)", at, nocache=1)
        self.assertFalse(answer["isPartial"], answer)
        counts = [len(samples) for _, samples in series]
        for text, number in (("sum(count_over_time(m[1d]))", sum(counts)),
                             ("topk(1, count_over_time(m[1d]))", max(counts))):
            answer = cluster.query(text, at, nocache=1)
            self.assertFalse(answer["isPartial"], answer)
            self.assertEqual(answer["data"]["result"][0]["value"][1],
                             str(number), text)
        names = http_client.get(
            cluster.select, "/select/0/prometheus/api/v1/label/n/values",
            {"start": 0, "end": at + 60}).json()
        self.assertEqual(len(names["data"]), len(series), names)
        counted = http_client.get(
            cluster.select, "/select/0/prometheus/api/v1/status/tsdb",
            {"date": time.strftime("%Y-%m-%d", time.gmtime(at))}).json()
        self.assertEqual(counted["data"]["totalSeries"], len(series), counted)

    def check_unharmed(self, cluster):
        self.assertEqual(cluster.old.errors, [])
        for process in [cluster.node.process] + [
                one for one, _ in cluster.inserts + cluster.selects]:
            self.assertTrue(process.running(), process.name)

    def run_with(self, alone_is_whole=True, **peer):
        """Writes and reads while both are up and one of them is down."""
        end = now_ms() // 1000
        at_ms = (end - end % 86_400) * 1000
        series = [(labels, [(at_ms + i, value) for i, (_, value)
                            in enumerate(samples)])
                  for labels, samples in written(at_ms)]
        with OldStorageCluster(**peer) as cluster:
            self.assertEqual(cluster.write(series).status, 204)
            self.assertEqual(total(cluster.insert, INCOMPLETE), 0)
            self.check(cluster, series, end)
            # Each of them has all of it.
            cluster.old.stop()
            self.check(cluster, series, end)
            cluster.old.start()
            cluster.wait_connected()
            cluster.node.process.kill()
            if alone_is_whole:
                self.check(cluster, series, end)
            cluster.node.start()
            cluster.wait_connected()
            self.check(cluster, series, end)
            self.check_unharmed(cluster)
            return cluster

    def test_beside_a_node_of_today(self):
        cluster = self.run_with()
        self.assertGreater(cluster.old.calls["COVERAGE"], 0)
        self.assertGreater(cluster.old.calls["ROLLUP"], 0)
        for process, _ in cluster.inserts + cluster.selects:
            self.assertFalse(logged(process, "of an older release"))

    def test_with_less_of_everything(self):
        """Only what version 1 began with."""
        features = (wire.FEATURES["floats"] | wire.FEATURES["missed"] |
                    wire.FEATURES["delete"])
        cluster = self.run_with(features=features)
        # Whatever it does not know it was not asked for.
        for method in ("COVERAGE", "ROLLUP", "TENANTNAMES", "HINTDEFINE",
                       "HINTDATA", "HINTREPLAY", "HINTSTATUS", "DIGEST"):
            self.assertEqual(cluster.old.calls[method], 0, method)
        for process, _ in cluster.inserts + cluster.selects:
            self.assertTrue(logged(
                process, f"{cluster.old.insert_address} is of an older "
                "release, which lacks: ") or logged(
                process, f"{cluster.old.select_address} is of an older "
                "release, which lacks: "), process.name)

    def test_a_node_of_the_release_after(self):
        """Features, fields and a version of which nobody here has heard."""
        cluster = self.run_with(
            features=2**64 - 1 & ~wire.FEATURES["digests"],
            version=wire.VERSION + 1, unknown=unknown_fields())
        self.assertGreater(cluster.old.calls["ROLLUP"], 0)

    def test_hints_go_both_ways(self):
        end = now_ms() // 1000
        at_ms = end * 1000 - 60_000
        first = [({"__name__": "m", "n": str(n)}, [(at_ms, 1.5)])
                 for n in range(SERIES)]
        with OldStorageCluster() as cluster:
            old, node = cluster.old, cluster.node
            self.assertEqual(cluster.write(first).status, 204)
            # The real one keeps them.
            old.stop()
            second = [(labels, [(at_ms + 1, 2.5)]) for labels, _ in first]
            self.assertEqual(cluster.write(second).status, 204)
            self.assertGreater(total(node.http, "varve_hints_rows_total"), 0)
            old.start()
            wait_until(lambda: logged(node.process, STRUCK), 60,
                       "the record of what the old node lacked is struck out")
            self.assertGreater(old.calls["HINTREPLAY"], 0)
            cluster.wait_connected()
            # The old one does.
            node.process.kill()
            third = [(labels, [(at_ms + 2, 3.5)]) for labels, _ in first]
            self.assertEqual(cluster.write(third).status, 204)
            node.start()
            cluster.wait_connected()
            with wire.Client(node.insert_address, "storage") as client:
                owner = client.hello["node_id"]
            self.assertEqual(list(old.hints), [owner])
            old.replay_hints(owner, node.insert_address)
            every = [(labels, [(at_ms, 1.5), (at_ms + 1, 2.5),
                               (at_ms + 2, 3.5)]) for labels, _ in first]
            self.check(cluster, every, end)
            for one in cluster.everywhere:
                with wire.Client(one.select_address, "select") as reader:
                    found, _ = search(reader, "m")
                self.assertEqual([series.floats for series in found],
                                 [bits(every[0][1])] * SERIES)
            self.check_unharmed(cluster)

    def test_hints_that_it_cannot_read_wait_until_it_can(self):
        end = now_ms() // 1000
        labels = {"__name__": "m", "n": "1"}
        with OldStorageCluster(features=without("exemplars")) as cluster:
            old, node = cluster.old, cluster.node
            self.assertEqual(cluster.write(
                [(labels, [(end * 1000 - 1, 0.5)])]).status, 204)
            old.stop()
            self.assertEqual(cluster.write_body(remote_write.snappy(
                remote_write.time_series(labels, [(end * 1000, 1.0)]) +
                remote_write.exemplar_series(labels, [
                    ({"trace_id": "t"}, 0.25, end * 1000)]))).status, 204)
            old.start()
            wait_until(lambda: total(
                node.http, "varve_hints_replay_errors_total"), 60,
                "the hints are refused")
            self.assertGreater(total(node.http, "varve_hints_bytes"), 0)
            # Writes and reads go on meanwhile.
            cluster.wait_connected()
            self.assertEqual(cluster.write(
                [(labels, [(end * 1000 + 1, 2.0)])]).status, 204)
            every = [(labels, [(end * 1000 - 1, 0.5), (end * 1000, 1.0),
                               (end * 1000 + 1, 2.0)])]
            self.check(cluster, every, end + 1)
            old.stop()
            old.features = wire.ALL_FEATURES
            old.start()
            wait_until(lambda: logged(node.process, STRUCK), 90,
                       "the hints are taken")
            stored = next(iter(old.series.values()))
            self.assertEqual(sorted(stored.floats),
                             [ms for ms, _ in every[0][1]])
            self.assertEqual(len(stored.exemplars), 1)

    def test_a_node_of_today_repairs_itself_from_it(self):
        end = now_ms() // 1000
        at_ms = end * 1000 - 3_600_000 * 30
        with OldStorageCluster() as cluster:
            self.assertEqual(cluster.write(
                [({"__name__": "m", "n": "0"}, [(at_ms, 1.0)])]).status, 204)
            labels = [{"__name__": "m", "n": str(n)} for n in range(SERIES)]
            samples = [(at_ms + i, i / 8) for i in range(20)]
            # Only there: the old insert node has no ring of its own.
            with OldInsert([cluster.old], ring=next(
                    iter(cluster.old.rings.values()))) as other:
                other.write(cluster.old, labels, floats(samples))
            wait_until(lambda: repair(cluster.node)["lastPassComplete"], 60,
                       "the nodes are compared")
            self.assertGreater(cluster.old.calls["DIGEST"], 0)
            with wire.Client(cluster.node.select_address,
                             "select") as reader:
                found, _ = search(reader, "m")
            self.assertEqual(len(found), SERIES)
            for series in found:
                self.assertEqual(series.floats[1:], bits(samples)[1:])
            self.check_unharmed(cluster)

    def test_names_wait_until_each_node_keeps_them(self):
        with OldStorageCluster(features=without("names")) as cluster:
            series = [({"__name__": "m"}, [(now_ms(), 1.0)])]
            refused = push(cluster.insert, "acme", series)
            self.assertEqual(refused.status, 503, refused.text)
            self.assertIn("X-Scope-OrgID", refused.text)
            taken = push(cluster.insert, "7", series)
            self.assertLess(taken.status, 300, taken.text)
            self.assertEqual(cluster.old.calls["TENANTNAMES"], 0)

    def test_a_missing_copy_waits_where_no_record_of_it_is_kept(self):
        end = now_ms() // 1000
        series = [({"__name__": "m", "n": str(n)}, [(end * 1000, 1.0)])
                  for n in range(SERIES)]
        with OldStorageCluster(features=without("missed")) as cluster:
            self.assertEqual(cluster.write(series).status, 204)
            cluster.node.process.kill()
            refused = cluster.write(series)
            self.assertEqual(refused.status, 503, refused.text)
            self.assertIn(f"{cluster.old.insert_address} is of a release",
                          refused.text)
            cluster.node.start()
            cluster.wait_connected()
            # It was not taken for broken.
            self.assertEqual(cluster.write(series).status, 204)
            self.assertEqual(cluster.old.calls["MISSED"], 0)
            self.check(cluster, series, end)

    def test_a_delete_is_not_half_done_without_being_told(self):
        end = now_ms() // 1000
        series = [({"__name__": "m", "n": "1"}, [(end * 1000, 1.0)])]
        with OldStorageCluster(features=without("delete")) as cluster:
            self.assertEqual(cluster.write(series).status, 204)
            path = "/delete/0/prometheus/api/v1/admin/tsdb/delete_series"
            told = http_client.post_form(cluster.select, path,
                                         {"match[]": "m"})
            self.assertGreaterEqual(told.status, 400)
            self.assertIn("applied on 1 of 2", told.text)
            self.assertIn(cluster.old.select_address, told.text)
        with OldStorageCluster() as cluster:
            self.assertEqual(cluster.write(series).status, 204)
            self.assertEqual(http_client.post_form(
                cluster.select, path, {"match[]": "m"}).status, 204)
            self.assertEqual(cluster.export('{__name__="m"}'), {})

    def test_histograms_wait_until_each_node_stores_them(self):
        end = now_ms() // 1000
        body = remote_write.snappy(
            remote_write.histogram_series(
                {"__name__": "h"}, [(end * 1000, histogram(5))]) +
            remote_write.time_series({"__name__": "m", "n": "1"},
                                     [(end * 1000, 1.0)]))
        with OldStorageCluster(features=without(
                "histograms", "exemplars", "metadata", "starts")) as cluster:
            told = cluster.write_body(body)
            self.assertEqual(told.status, 400, told.text)
            self.check(cluster, [({"__name__": "m", "n": "1"},
                                  [(end * 1000, 1.0)])], end)
            self.check_unharmed(cluster)
        with OldStorageCluster() as cluster:
            self.assertEqual(cluster.write_body(body).status, 204)
            cluster.node.process.kill()
            answer = cluster.query("histogram_count(h)", end)
            self.assertEqual(answer["data"]["result"][0]["value"][1], "11")
            self.assertFalse(answer["isPartial"])


class VersionTest(unittest.TestCase):
    """Peers further away than one release."""

    def text(self, version):
        return (f"HELLO of version {version}; this node speaks version 1 and "
                "works with versions 1 to 2")

    def test_a_caller_is_refused_and_told_why(self):
        with Cluster(storages=1, inserts=0, selects=0) as cluster:
            node = cluster.storages[0]
            for address, role, port in (
                    (node.insert_address, "insert", "vminsert"),
                    (node.select_address, "select", "vmselect")):
                for version in (0, 3, 2**32 - 1):
                    with self.subTest(role, version=version):
                        with self.assertRaises(wire.Refused) as refused:
                            wire.Client(address, role, version)
                        self.assertEqual(refused.exception.text,
                                         self.text(version))
                self.assertEqual(http_client.metric(
                    node.http, f'varve_rpc_refused_total{{name="{port}"}}'),
                    3)
                for version in (1, 2):
                    with wire.Client(address, role, version) as client:
                        self.assertEqual(client.ask("PING"), [b""])
            node.process.wait_line("refused 127.0.0.1:.*" + self.text(0))
            self.assertTrue(node.process.running())

    def test_a_node_is_not_used_and_the_log_tells_why(self):
        with OldStorageCluster(version=3) as cluster:
            for (process, http), address in (
                    (cluster.inserts[0], cluster.old.insert_address),
                    (cluster.selects[0], cluster.old.select_address)):
                process.wait_line(
                    f"cannot work with {address}: " + self.text(3))
                wait_until(lambda h=http, a=address: http_client.metric(
                    h, "vm_rpc_handshake_errors_total{name=\"" +
                    ("vminsert" if h == cluster.insert else "vmselect") +
                    f"\",addr=\"{a}\"}}") > 1, 20, "errors are counted")
                self.assertTrue(process.running())
            cluster.old.stop()
            cluster.old.version = 2
            cluster.old.start()
            cluster.wait_connected()
            end = now_ms() // 1000
            series = [({"__name__": "m"}, [(end * 1000, 1.0)])]
            self.assertEqual(cluster.write(series).status, 204)
            self.assertEqual(len(cluster.old.series), 1)


if __name__ == "__main__":
    unittest.main()
