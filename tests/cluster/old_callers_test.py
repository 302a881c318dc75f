"""An insert and a select node of release 0.1 at storage nodes of today."""

import os
import re
import unittest

from tests.cluster.hinted_write_test import STRUCK
from tests.cluster.insert_levels import INSERT_LEVEL_LINE
from tests.cluster.kinds_test import histogram
from tests.support import http_client, remote_write
from tests.support import release_0_1_columns as columns
from tests.support import release_0_1_rows as rows_of
from tests.support import release_0_1_wire as wire
from tests.support.cluster import LOCAL, SELECT_RPC_LINE, Cluster
from tests.support.processes import REPOSITORY, wait_until
from tests.support.release_0_1_callers import (
    NUMERIC, OldInsert, bits, floats, now_ms, search)
from tests.support.release_0_1_messages import (
    decode, encode, unknown_fields)
from tests.support.release_0_1_rows import Rows, bits_of

ODD = [0.0, -0.0, 1.5, -17.0, 1e300, 5e-324, 0.1 + 0.2, float("inf"),
       float("-inf"), 2.0**60, 123456.75, -0.001]
SERIES = 60


def logged(process, pattern):
    return any(re.search(pattern, line) for line in list(process.lines))


class OldInsertTest(unittest.TestCase):

    def test_what_it_writes_is_read(self):
        at_ms = now_ms() - 60_000
        samples = [(at_ms + i * 1000, value) for i, value in enumerate(ODD)]
        with Cluster(storages=1, inserts=0) as cluster, \
                OldInsert(cluster.storages) as old:
            node = cluster.storages[0]
            for name, ack in (("durable", rows_of.ACK_DURABLE),
                              ("written", rows_of.ACK_WRITTEN),
                              ("memory", rows_of.ACK_MEMORY)):
                for packed in (False, True):
                    labels = [{"__name__": name, "n": str(n),
                               "packed": str(packed)} for n in range(20)]
                    ack_of = old.write(node, labels, floats(samples),
                                       ack=ack, packed=packed)
                    self.assertEqual(ack_of["rows"], 20 * len(ODD))
                    self.assertFalse(ack_of["redefine"])
            for flushed in (False, True):
                with self.subTest(flushed=flushed):
                    if flushed:
                        node.flush()
                    with wire.Client(node.select_address, "select") as reader:
                        found, _ = search(reader, "durable|written|memory")
                    self.assertEqual(len(found), 120)
                    for series in found:
                        self.assertEqual(series.floats, bits(samples))
                    answer = cluster.query(
                        'count({n!=""}) by (__name__)', at_ms / 1000 + 30)
                    self.assertEqual(
                        [r["value"][1] for r in answer["data"]["result"]],
                        ["40"] * 3)

    def test_all_kinds_of_rows(self):
        at_ms = now_ms() - 60_000
        one = columns.Histogram(
            bytes.fromhex("0006fca9f1d24d62503f02030202010000"), 2,
            bits_of(2.5), 7, 1, [3, 0, 3])
        with Cluster(storages=1, inserts=0) as cluster, \
                OldInsert(cluster.storages) as old:
            old.write(cluster.storages[0], [{"__name__": "m"}], lambda refs:
                      Rows(histograms=[(refs[0], at_ms + i,
                                        columns.histogram_bytes(one))
                                       for i in range(3)],
                           exemplars=[(refs[0], at_ms, bits_of(0.5),
                                       rows_of.canonical({"trace_id": "t"}))],
                           metadata=[(3, b"m", b"how long", b"seconds")],
                           starts=[(refs[0], at_ms, at_ms + 2,
                                    at_ms - 10_000)]))
            answer = cluster.query("histogram_count(m)", at_ms / 1000 + 1)
            self.assertEqual(
                answer["data"]["result"][0]["value"][1], "7", answer)
            api = "/select/0/prometheus/api/v1/"
            exemplars = http_client.get(
                cluster.select, api + "query_exemplars",
                {"query": "m", "start": at_ms / 1000 - 9,
                 "end": at_ms / 1000 + 9}).json()["data"]
            self.assertEqual(exemplars[0]["exemplars"][0]["labels"],
                             {"trace_id": "t"})
            metadata = http_client.get(cluster.select, api + "metadata").json()
            self.assertEqual(metadata["data"]["m"][0]["help"], "how long")
            with wire.Client(cluster.storages[0].select_address,
                             "select") as reader:
                found, _ = search(reader, "m", starts=True)
            self.assertEqual(found[0].histograms,
                             [(at_ms + i, columns.histogram_bytes(one))
                              for i in range(3)])
            self.assertEqual(found[0].starts,
                             [(at_ms, at_ms + 2, at_ms - 10_000)])

    def test_refs_of_another_epoch_store_nothing(self):
        with Cluster(storages=1, inserts=0, selects=0) as cluster, \
                OldInsert(cluster.storages) as old:
            client = old.clients[cluster.storages[0]]
            record = rows_of.encode_record(old.ring["ring_id"], now_ms(), {
                NUMERIC: Rows(floats=[(1, now_ms(), 0)])})
            for epoch in (client.hello["ref_epoch"], 7):
                answer = decode("Ack", client.ask(
                    "DATA", rows_of.encode_frame(record, epoch))[0])
                self.assertTrue(answer["redefine"])
                self.assertEqual(answer["rows"], 0)

    def test_hints_and_missed_of_a_node_that_is_down(self):
        at_ms = now_ms() - 60_000
        labels = [{"__name__": "m", "n": str(n)} for n in range(20)]
        with Cluster(storages=2, inserts=0, replication_factor=2) as cluster, \
                OldInsert(cluster.storages) as old:
            holder, owner = cluster.storages
            owner_id = old.clients[owner].hello["node_id"]
            for storage in cluster.storages:
                old.write(storage, labels, floats([(at_ms, 1.0)]))
            owner.process.kill()
            late = floats([(at_ms + 1, 2.0)])
            old.write(holder, labels, late)
            log = old.hint(holder, owner_id, labels, late)
            old.clients[holder].call(
                "MISSED", "Missed", "Ack", owner=owner_id,
                ring=old.ring["ring_id"], slots=list(range(65536)),
                start_ms=at_ms, end_ms=at_ms + 1000, hint_log=log,
                hint_holder=old.clients[holder].hello["node_id"])
            with wire.Client(holder.select_address, "select") as reader:
                told = reader.call("COVERAGE", "CoverageRequest", "Coverage",
                                   start_ms=at_ms, end_ms=at_ms)
                self.assertEqual([one["owner"] for one in told["missed"]],
                                 [owner_id])
            owner.start()
            wait_until(lambda: logged(holder.process, STRUCK), 60,
                       "the record of what the owner lacked is struck out")
            with wire.Client(owner.select_address, "select") as reader:
                found, _ = search(reader, "m")
            self.assertEqual(len(found), 20)
            for series in found:
                self.assertEqual(series.floats,
                                 bits([(at_ms, 1), (at_ms + 1, 2)]))

    def test_names_of_tenants(self):
        at_ms = now_ms() - 60_000
        tenant = (1, wire.xxh3_64(b"acme"))
        with Cluster(storages=1, inserts=0) as cluster, \
                OldInsert(cluster.storages) as old:
            node = cluster.storages[0]
            answer = old.clients[node].call(
                "TENANTNAMES", "TenantNames", "TenantNamesResponse",
                tenants=[{"kind": 1, "id": tenant[1], "name": b"acme"}])
            self.assertEqual(answer["refused"], [False])
            old.write(node, [{"__name__": "m"}], floats([(at_ms, 3.0)]),
                      tenant=tenant)
            answer = http_client.request(
                cluster.select, "GET",
                f"/prometheus/api/v1/query?query=m&time={at_ms // 1000 + 1}",
                headers={"X-Scope-OrgID": "acme"})
            self.assertEqual(
                answer.json()["data"]["result"][0]["value"][1], "3",
                answer.text)


def written(at_ms):
    """[(labels, samples)] of floats of every sort."""
    def samples(n):
        return {
            0: [(at_ms + 15_000 * i, 42.5) for i in range(50)],
            1: [(at_ms + 15_000 * i, float(i * 3)) for i in range(300)],
            2: [(at_ms + 15_000 * i + (i * 7) % 5, (i % 13) / 8)
                for i in range(200)],
            3: [(at_ms + 1000 * i, value) for i, value in enumerate(ODD)],
            4: [(at_ms + 15_000 * i + 255_000 * (i > 9), i / 10)
                for i in range(40)],
            5: [(at_ms, 7.0)],
        }[n % 6]
    return [({"__name__": "m", "n": str(n)}, samples(n))
            for n in range(SERIES)]


class OldSelectTest(unittest.TestCase):

    def check_floats(self, reader, series):
        found, told = search(reader, "m")
        self.assertEqual(told["node_id"], reader.hello["node_id"])
        by_labels = {tuple(sorted(rows_of.labels_of(one.labels).items())): one
                     for one in found}
        self.assertEqual(len(by_labels), len(series))
        for labels, samples in series:
            one = by_labels[tuple(sorted(labels.items()))]
            self.assertEqual(one.floats, bits(samples), labels)
            self.assertEqual(
                one.hash, rows_of.series_hash(NUMERIC, one.labels))

    def check_others(self, reader, at_ms):
        found, _ = search(reader, "h", exemplars=False)
        self.assertEqual(len(found), 4)
        for series in found:
            read = [columns.read_histogram(data)
                    for _, data in series.histograms]
            self.assertEqual([one.count for one in read],
                             [histogram(k)["count"] for k in range(5)])
            self.assertEqual([one.buckets for one in read],
                             [[3, k, 1, 1] for k in range(5)])
        found, _ = search(reader, "e", exemplars=True)
        self.assertEqual([one.exemplars for one in found], [[
            (at_ms + 7, bits_of(0.25),
             rows_of.canonical({"trace_id": "t"}))]])

    def check_plan(self, reader, series):
        """COVERAGE, and searches for its version and some slots."""
        told = reader.call("COVERAGE", "CoverageRequest", "Coverage",
                           start_ms=0, end_ms=now_ms())
        every, _ = search(reader, "m", labels_only=True)
        self.assertEqual({(len(one.floats), len(one.histograms))
                          for one in every}, {(0, 0)})
        half = bytearray(8192)
        for one in every[::2]:
            slot = one.hash[0] >> 48
            half[slot // 8] |= 1 << slot % 8
        found, _ = search(reader, "m", slots=bytes(half),
                          coverage_version=told["coverage_version"])
        self.assertEqual({one.labels for one in every[::2]} -
                         {one.labels for one in found}, set())
        for one in found:
            slot = one.hash[0] >> 48
            self.assertTrue(half[slot // 8] >> slot % 8 & 1)
        with self.assertRaises(wire.CallError) as outdated:
            search(reader, "m", coverage_version=1)
        self.assertEqual(outdated.exception.code, wire.ABORTED)

    def test_it_reads_what_is_written_today(self):
        at_ms = now_ms() - 7_200_000
        series = written(at_ms)
        with Cluster(storages=1, selects=0) as cluster:
            self.assertEqual(cluster.write(series).status, 204)
            body = remote_write.snappy(b"".join(
                [remote_write.histogram_series(
                    {"__name__": "h", "n": str(n)},
                    [(at_ms + 15_000 * k, histogram(k)) for k in range(5)])
                 for n in range(4)] +
                [remote_write.time_series({"__name__": "e"}, [(at_ms, 1)]),
                 remote_write.exemplar_series(
                     {"__name__": "e"},
                     [({"trace_id": "t"}, 0.25, at_ms + 7)])]))
            self.assertEqual(cluster.write_body(body).status, 204)
            node = cluster.storages[0]
            for flushed in (False, True):
                if flushed:
                    node.flush()
                for unknown in (b"", unknown_fields()):
                    with self.subTest(flushed=flushed, unknown=unknown), \
                            wire.Client(node.select_address, "select",
                                        unknown=unknown) as reader:
                        self.check_floats(reader, series)
                        self.check_others(reader, at_ms)
                        self.check_plan(reader, series)

    def test_labels_rings_and_counts(self):
        at_ms = now_ms() - 7_200_000
        with Cluster(storages=1, selects=0) as cluster:
            self.assertEqual(cluster.write(written(at_ms)).status, 204)
            node = cluster.storages[0]
            span = {"start_ms": at_ms, "end_ms": now_ms()}
            with wire.Client(node.select_address, "select") as reader:
                names = reader.call("LABELS", "LabelsRequest",
                                    "LabelsResponse", **span)
                self.assertEqual(names["items"], [b"__name__", b"n"])
                values = reader.call("LABELS", "LabelsRequest",
                                     "LabelsResponse", label=b"n", **span)
                self.assertEqual(len(values["items"]), SERIES)
                counted = reader.call(
                    "CARDINALITY", "CardinalityRequest",
                    "CardinalityResponse", top_n=3, **span)
                self.assertEqual(counted["total_series"], SERIES)
                self.assertEqual(counted["series_count_by_metric_name"],
                                 [{"name": b"m", "count": SERIES}])
                rings = reader.call("GETRINGS", "", "RingList")["rings"]
                self.assertEqual([one["address"] for one in
                                  rings[0]["members"]],
                                 [node.insert_address])
                self.assertEqual(
                    rings[0]["ring_id"], rows_of.ring_of(
                        [(reader.hello["node_id"], "")], 1, 0)["ring_id"])
                tenants = reader.call("TENANTS", "TenantsRequest",
                                      "TenantsResponse", **span)
                self.assertEqual(tenants["tenants"],
                                 [{"kind": 0, "id": 0, "name": b""}])
                histories = reader.call(
                    "HISTORY", "HistoryRequest", "HistoryResponse",
                    ranges=[span])
                self.assertEqual(len(histories["histories"]), 1)
                deleted = reader.call(
                    "DELETE", "DeleteRequest", "DeleteResponse",
                    accept_ms=now_ms(), groups=[{"matchers": [{
                        "type": 0, "name": b"n", "value": b"1"}]}], **span)
                self.assertEqual(deleted["series"], 1)
                found, _ = search(reader, "m")
                self.assertEqual(len(found), SERIES - 1)

    def test_a_method_of_a_later_release_is_refused_by_itself(self):
        with Cluster(storages=1, inserts=0, selects=0) as cluster:
            node = cluster.storages[0]
            for address, role in ((node.insert_address, "insert"),
                                  (node.select_address, "select")):
                with self.subTest(role), wire.Client(
                        address, role, features=2**64 - 1,
                        unknown=unknown_fields()) as client:
                    for method in (200, 255, 0):
                        with self.assertRaises(wire.CallError) as refused:
                            client.ask(method, b"anything")
                        self.assertEqual(refused.exception.code,
                                         wire.UNIMPLEMENTED)
                        self.assertIn(f"method {method}",
                                      refused.exception.text)
                    self.assertEqual(client.ask("PING"), [b""])


class Below:
    """An insert node in the place of a storage node."""

    def __init__(self, insert_address):
        self.insert_address = insert_address


class OldLevelTest(unittest.TestCase):

    def test_as_the_level_above(self):
        """Insert and select nodes stand for their storage nodes."""
        at_ms = now_ms() - 60_000
        labels = [{"__name__": "m", "n": str(n)} for n in range(20)]
        samples = [(at_ms + i, value) for i, value in enumerate(ODD)]
        level = [f"-clusternativeListenAddr={LOCAL}"]
        with Cluster(storages=2, replication_factor=2, insert_args=level,
                     select_args=level) as cluster:
            below = Below(cluster.inserts[0][0].wait_line(
                INSERT_LEVEL_LINE).group(1))
            select = cluster.selects[0][0].wait_line(
                SELECT_RPC_LINE).group(1)

            def known():
                try:
                    return OldInsert([below])
                except wire.Refused as refused:
                    self.assertIn("not known yet", refused.text)
            with wait_until(known, 20, "storage nodes are known below") as old:
                self.assertEqual(old.clients[below].hello["role"], "insert")
                ack = old.write(below, labels, floats(samples), packed=True)
                self.assertEqual(ack["rows"], 20 * len(ODD))
            with wire.Client(select, "select") as reader:
                self.assertEqual(reader.hello["role"], "select")
                found, told = search(reader, "m")
                self.assertFalse(told["partial"])
            self.assertEqual([one.floats for one in found],
                             [bits(samples)] * 20)


class GoldenTest(unittest.TestCase):

    def test_the_frozen_peer_reads_the_frozen_bytes(self):
        """What lib/wire/golden_test.cc says is written today."""
        frozen = {}
        with open(os.path.join(REPOSITORY, "lib/wire/release_0_1.golden"),
                  encoding="utf-8") as file:
            for line in file:
                if line.startswith("bytes "):
                    _, name, data = line.split()
                    frozen[name] = bytes.fromhex(data)
        at_ms = 1_780_000_000_000
        hello = decode("Hello", frozen["hello_storage"])
        self.assertEqual(encode("Hello", **hello), frozen["hello_storage"])
        self.assertEqual((hello["version"], hello["role"], hello["zone"]),
                         (1, "storage", "zone-a"))
        values = [bits_of(0.25), bits_of(-17.0), 0x7ff0000000000002]
        samples = list(zip(range(at_ms, at_ms + 45_000, 15_000), values))
        for name, rows in (("data_floats", 3), ("data_lz4", 67)):
            _, epoch, record = rows_of.decode_frame(frozen[name])
            self.assertEqual(epoch, 0x2122232425262728)
            _, accept_ms, tenants = rows_of.decode_record(record, {0})
            self.assertEqual(accept_ms, at_ms + 500)
            found = tenants[0, 7 << 32].floats
            self.assertEqual(len(found), rows)
            self.assertEqual(found[:3], [(1000, *row) for row in samples])
        _, _, record = rows_of.decode_frame(frozen["data_kinds"])
        _, _, tenants = rows_of.decode_record(record, set(range(5)))
        rows = tenants[1, wire.xxh3_64(b"acme")]
        self.assertEqual(rows.metadata, [(2, b"up", b"is it up", b"bool")])
        self.assertEqual(rows.starts, [(1000, at_ms, at_ms, at_ms - 10_000)])
        kind, found = columns.read_batch(frozen["batch_starts"])
        self.assertEqual(kind, columns.KIND_STARTS)
        self.assertEqual(found[0].floats, samples)
        self.assertEqual(found[0].histograms[0][1], rows.histograms[0][2])
        self.assertEqual(found[0].starts, [(at_ms, at_ms + 30_000,
                                            at_ms - 1)])


if __name__ == "__main__":
    unittest.main()
