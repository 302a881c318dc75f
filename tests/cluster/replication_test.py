"""Copies, tenants and restarts of a cluster of real processes."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, Storage, wait_healthy
from tests.support.processes import wait_until

SERIES = 500


def rows(name, count=SERIES, at_ms=None, value=1.0):
    at_ms = at_ms or int(time.time() * 1000)
    return [({"__name__": name, "series": str(i)}, [(at_ms, value + i)])
            for i in range(count)]


class ReplicationTest(unittest.TestCase):

    def test_each_sample_is_on_exactly_two_nodes(self):
        with Cluster(storages=4, replication_factor=2) as cluster:
            self.assertEqual(cluster.write(rows("copies")).status, 204)
            alone = [cluster.add_select([s], ["-replicationFactor=1"])
                     for s in cluster.storages]
            copies = {}
            for address in alone:
                for series, samples in cluster.export(
                        "copies", select=address).items():
                    self.assertEqual(len(samples), 1)
                    copies[series] = copies.get(series, 0) + 1
            self.assertEqual(len(copies), SERIES)
            self.assertEqual(set(copies.values()), {2})
            received = [int(http_client.metric(
                s.http, "vm_vminsert_metrics_read_total"))
                for s in cluster.storages]
            self.assertEqual(sum(received), 2 * SERIES)
            self.assertTrue(all(received), received)
            self.assertEqual(http_client.metric(
                cluster.insert, "vm_rpc_rows_sent_total"), 2 * SERIES)

    def test_a_node_of_more_weight_takes_more_series(self):
        with Cluster(storages=0, inserts=0, selects=0) as cluster:
            for index, weight in enumerate((1, 3)):
                cluster.storages.append(Storage(
                    cluster, index, [f"-storage.weight={weight}"]))
            insert = cluster.add_insert()
            self.assertEqual(
                cluster.write(rows("weighted", 4000), insert=insert).status,
                204)
            light, heavy = (http_client.metric(
                s.http, "vm_vminsert_metrics_read_total")
                for s in cluster.storages)
            self.assertEqual(light + heavy, 4000)
            self.assertAlmostEqual(heavy / light, 3, delta=0.4)

    def test_copies_are_in_the_zones_that_the_nodes_tell(self):
        with Cluster(storages=0, inserts=0, selects=0,
                     replication_factor=2) as cluster:
            for index, zone in enumerate("aabb"):
                cluster.storages.append(Storage(
                    cluster, index, [f"-storage.zone={zone}"]))
            insert = cluster.add_insert()
            self.assertEqual(
                cluster.write(rows("zoned"), insert=insert).status, 204)
            for zone in (cluster.storages[:2], cluster.storages[2:]):
                alone = cluster.add_select(zone, ["-replicationFactor=1"])
                self.assertEqual(len(cluster.export("zoned", select=alone)),
                                 SERIES)

    def test_two_inserts_choose_the_same_owners(self):
        with Cluster(storages=3, inserts=2, replication_factor=2) as cluster:
            at_ms = int(time.time() * 1000)
            for _, insert in cluster.inserts:
                answer = cluster.write(rows("same", at_ms=at_ms),
                                       insert=insert)
                self.assertEqual(answer.status, 204)
            total = 0
            for storage in cluster.storages:
                alone = cluster.add_select([storage],
                                           ["-replicationFactor=1"])
                total += len(cluster.export("same", select=alone))
            self.assertEqual(total, 2 * SERIES)
            merged = cluster.export("same")
            self.assertEqual(len(merged), SERIES)

    def test_a_retry_changes_nothing(self):
        with Cluster(storages=2, replication_factor=2,
                     select_args=["-dedup.minScrapeInterval=1ms"]) as cluster:
            batch = rows("retry")
            for _ in range(3):
                self.assertEqual(cluster.write(batch).status, 204)
            exported = cluster.export("retry")
            self.assertEqual(len(exported), SERIES)
            self.assertEqual({len(s) for s in exported.values()}, {1})

    def test_of_two_values_at_one_timestamp_the_larger_is_read(self):
        for storages in (1, 2):
            for args, expected in (([], [[2.0]]),
                                   (["-dedup.minScrapeInterval=0"],
                                    [[1.0, 2.0]])):
                with Cluster(storages=storages, select_args=args,
                             replication_factor=storages) as cluster:
                    at_ms = int(time.time() * 1000) - 1000
                    for value in (1.0, 2.0, 1.0):
                        answer = cluster.write(
                            [({"__name__": "twice"}, [(at_ms, value)])])
                        self.assertEqual(answer.status, 204)
                    exported = cluster.export("twice").values()
                    self.assertEqual(
                        [sorted(v for _, v in s) for s in exported], expected,
                        (storages, args))

    def test_one_storage_down_writes_and_reads_go_on(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            now = int(time.time())
            self.assertEqual(
                cluster.write(rows("before", at_ms=now * 1000)).status, 204)
            cluster.storages[1].process.kill()
            self.assertEqual(
                cluster.write(rows("during", at_ms=now * 1000)).status, 204)
            for name in ("before", "during"):
                answer = cluster.query(f"count({name})", now)
                self.assertFalse(answer["isPartial"], answer)
                self.assertEqual(answer["data"]["result"][0]["value"][1],
                                 str(SERIES))
            self.assertEqual(http_client.metric(
                cluster.insert, "vm_rpc_rows_incompletely_replicated_total"),
                SERIES)

    def test_min_copies_refuses_writes_with_503(self):
        with Cluster(storages=2, replication_factor=2,
                     insert_args=["-insert.minCopies=2"]) as cluster:
            self.assertEqual(cluster.write(rows("both")).status, 204)
            cluster.storages[0].process.kill()
            answer = cluster.write(rows("one"))
            self.assertEqual(answer.status, 503, answer.text)
            self.assertIn("Retry-After", answer.headers)
            self.assertIn("-insert.minCopies", answer.text)
            cluster.storages[0].start()
            wait_until(lambda: cluster.write(rows("again")).status == 204,
                       10, "writes after the node is back")

    def test_all_storages_down_is_an_error_not_an_empty_answer(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            now = int(time.time())
            self.assertEqual(cluster.write(rows("x")).status, 204)
            cluster.storages[0].process.kill()
            cluster.storages[1].process.kill()
            self.assertEqual(cluster.write(rows("x")).status, 503)
            answer = cluster.query("x", now)
            self.assertEqual(answer["status"], "error")
            self.assertEqual(answer["errorType"], "503")

    def test_partial_when_as_many_nodes_fail_as_there_are_copies(self):
        with Cluster(storages=2, replication_factor=1) as cluster:
            now = int(time.time())
            self.assertEqual(cluster.write(rows("y")).status, 204)
            full = cluster.query("count(y)", now)
            self.assertFalse(full["isPartial"])
            self.assertNotIn("warnings", full)

            def graphite_marks(**arguments):
                return {(answer.status, answer.headers.get("X-Partial"))
                        for answer in (
                            http_client.get(cluster.select,
                                            f"/select/0/graphite/{path}",
                                            {"query": "*", **arguments})
                            for path in ("metrics/find", "metrics/expand",
                                         "tags", "tags/name"))}
            self.assertEqual(graphite_marks(), {(200, None)})
            cluster.storages[0].process.kill()
            partial = cluster.query("count(y)", now)
            self.assertEqual(partial["status"], "success")
            self.assertTrue(partial["isPartial"], partial)
            self.assertIn(cluster.storages[0].select_address,
                          " ".join(partial["warnings"]))
            denied = cluster.query("count(y)", now, deny_partial_response=1)
            self.assertEqual(denied["errorType"], "503")
            self.assertEqual(graphite_marks(), {(200, "true")})
            self.assertEqual(graphite_marks(deny_partial_response=1),
                             {(503, None)})


    def test_a_copy_known_to_be_missing_makes_answers_partial(self):
        with Cluster(storages=3, replication_factor=2,
                     insert_args=["-insert.hintMaxAge=0"]) as cluster:
            now = int(time.time())
            early = now - 4 * 3600
            self.assertEqual(
                cluster.write(rows("m", at_ms=early * 1000)).status, 204)
            cluster.storages[2].process.kill()
            self.assertEqual(
                cluster.write(rows("m", at_ms=now * 1000)).status, 204)
            cluster.storages[2].start()
            def count(at):
                return cluster.query("count(m)", at)
            back = cluster.storages[2].select_address
            wait_until(lambda: http_client.metric(
                cluster.select, 'vm_tcpdialer_conns{name="vmselect",'
                f'addr="{back}"}}') == 1, 10, "select is connected again")
            complete = count(now)
            self.assertFalse(complete["isPartial"], complete)
            self.assertEqual(complete["data"]["result"][0]["value"][1],
                             str(SERIES))
            cluster.storages[1].process.kill()
            partial = count(now)
            self.assertTrue(partial["isPartial"], partial)
            self.assertIn("lacks rows", " ".join(partial["warnings"]))
            # Before the node was away nothing is missing.
            complete = count(early)
            self.assertFalse(complete["isPartial"], complete)
            self.assertEqual(complete["data"]["result"][0]["value"][1],
                             str(SERIES))


class TenantTest(unittest.TestCase):

    def test_tenants_do_not_see_each_other(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            now = int(time.time())
            tenants = ["0", "1", "1:7", "7:1", "4294967295:4294967295"]
            for i, tenant in enumerate(tenants):
                answer = cluster.write(
                    [({"__name__": "shared", "tenant": tenant},
                      [(now * 1000, float(i))])], tenant)
                self.assertEqual(answer.status, 204)
            for i, tenant in enumerate(tenants):
                base = f"/select/{tenant}/prometheus/api/v1"
                result = cluster.query("shared", now, tenant)["data"]["result"]
                self.assertEqual(
                    [(r["metric"]["tenant"], r["value"][1]) for r in result],
                    [(tenant, str(i))])
                for path, arguments, expected in (
                        ("/labels", {}, ["__name__", "tenant"]),
                        ("/label/tenant/values", {}, [tenant]),
                        ("/series", {"match[]": "shared"},
                         [{"__name__": "shared", "tenant": tenant}])):
                    answer = http_client.get(cluster.select, base + path,
                                             arguments).json()
                    self.assertEqual(answer["data"], expected, path)
                status = http_client.get(cluster.select,
                                         base + "/status/tsdb").json()
                self.assertEqual(status["data"]["totalSeries"], 1)
            empty = cluster.query("shared", now, "2")
            self.assertEqual(empty["data"]["result"], [])


class RestartTest(unittest.TestCase):

    def test_a_restarted_storage_is_ready_in_five_seconds(self):
        with Cluster(storages=1) as cluster:
            now = int(time.time())
            for step in range(10):
                answer = cluster.write(
                    rows("kept", 5000, (now - 150 + step * 15) * 1000))
                self.assertEqual(answer.status, 204, answer.text)
            for stop in ("kill", "stop"):
                getattr(cluster.storages[0].process, stop)()
                begun = time.monotonic()
                cluster.storages[0].start()
                wait_healthy(cluster.storages[0].http)
                self.assertLess(time.monotonic() - begun, 5)
                def complete():
                    answer = cluster.query("sum(count_over_time(kept[5m]))",
                                           now)
                    return answer["status"] == "success" and (
                        answer["data"]["result"] and
                        answer["data"]["result"][0]["value"][1] == "50000")
                wait_until(complete, 10, f"all samples after {stop}")

    def test_samples_survive_a_flush_to_disk_and_a_restart(self):
        with Cluster(storages=1) as cluster:
            now = int(time.time())
            day = 86400
            for age in (0, 1, 3, 40):
                answer = cluster.write(
                    rows("days", 100, (now - age * day) * 1000, age))
                self.assertEqual(answer.status, 204)
            def all_days(what):
                for age in (0, 1, 3, 40):
                    result = cluster.query("sum(days)", now - age * day)
                    self.assertEqual(
                        result["data"]["result"][0]["value"][1],
                        str(100 * age + 4950), f"{what}, {age} days old")
            all_days("in the head")
            storage = cluster.storages[0]
            storage.flush()
            all_days("flushed")
            storage.process.kill()
            storage.start()
            wait_until(lambda: cluster.query("sum(days)", now)["status"] ==
                       "success", 10, "a query after the restart")
            all_days("restarted")
            refused = http_client.get(storage.http,
                                      "/internal/force_flush?to=tape")
            self.assertEqual(refused.status, 400)
            self.assertIn("to=tape is unknown", refused.text)


if __name__ == "__main__":
    unittest.main()
