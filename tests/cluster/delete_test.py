"""Deletes through a cluster of real processes."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, wait_healthy
from tests.support.processes import wait_until

DAY_MS = 86_400_000
DELETE = "/delete/{}/prometheus/api/v1/admin/tsdb/delete_series"


def delete(cluster, match, tenant="0", **arguments):
    return http_client.post_form(cluster.select, DELETE.format(tenant),
                                 {"match[]": match, **arguments})


def names(export):
    return sorted(dict(labels)["job"] for labels in export)


def get(cluster, path, **arguments):
    return http_client.post_form(
        cluster.select, f"/select/0/prometheus/api/v1/{path}",
        arguments).json()


def crash(cluster):
    for storage in cluster.storages:
        storage.process.kill()
    for storage in cluster.storages:
        storage.start()
        wait_healthy(storage.http)
    wait_until(
        lambda: get(cluster, "query", query="1+count(nothing)")
        .get("status") == "success"
        and not get(cluster, "series/count").get("isPartial", True),
        20, "the storages are back")
    # A write that finds one node away has one copy, and no second later.
    wait_until(
        lambda: http_client.metric(
            cluster.insert, "vm_rpc_vmstorage_is_reachable")
        == len(cluster.storages), 20, "the insert reaches them")


class DeleteTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time()) * 1000

    def rows(self, jobs, *ages_ms):
        return [({"__name__": "up", "job": job},
                 [(self.now - age, float(i)) for i, age in
                  enumerate(sorted(ages_ms, reverse=True))])
                for job in jobs]

    def seen(self, cluster):
        """What each read tells of the jobs there are."""
        span = {"start": self.now // 1000 - 3 * 86400,
                "end": self.now // 1000 + 60}
        series = get(cluster, "series", **{"match[]": "up", **span})["data"]
        return {
            "export": names(cluster.export("up")),
            "series": sorted(s["job"] for s in series),
            "values": get(cluster, "label/job/values", **span)["data"],
            "instant": sorted(
                r["metric"]["job"] for r in cluster.query(
                    "count_over_time(up[3d])",
                    self.now // 1000)["data"]["result"]),
            "range": sorted(
                r["metric"]["job"] for r in cluster.query_range(
                    "up", span["start"], span["end"], 60)["data"]["result"]),
            "count": get(cluster, "status/tsdb")["data"]["totalSeries"],
        }

    def check_seen(self, cluster, jobs):
        seen = self.seen(cluster)
        for read, got in seen.items():
            want = len(jobs) if read == "count" else sorted(jobs)
            self.assertEqual(got, want, read)

    def test_a_delete_holds_on_every_read_and_after_a_crash(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            self.assertEqual(cluster.write(
                self.rows("abc", DAY_MS, 60_000, 30_000)).status, 204)
            self.assertEqual(cluster.write(
                self.rows("a", 30_000), tenant="7").status, 204)
            self.check_seen(cluster, "abc")
            for storage in cluster.storages:  # part in blocks, part in memory
                storage.flush()
            self.assertEqual(cluster.write(
                self.rows("abc", 20_000)).status, 204)

            self.assertEqual(delete(cluster, 'up{job=~"a|b"}').status, 204)
            self.check_seen(cluster, "c")
            self.assertEqual(names(cluster.export("up", tenant="7")), ["a"])
            crash(cluster)
            self.check_seen(cluster, "c")

            # Written again: seen, with nothing of what was before.
            self.assertEqual(cluster.write(
                self.rows("a", 60_000, 10_000)).status, 204)
            self.check_seen(cluster, "ac")
            for _ in range(2):
                written = [samples for labels, samples in
                           cluster.export("up").items()
                           if dict(labels)["job"] == "a"]
                self.assertEqual(written, [[(self.now - 60_000, 0.0),
                                            (self.now - 10_000, 1.0)]])
                for storage in cluster.storages:
                    storage.flush()
                    http_client.get(storage.http, "/internal/force_merge")
                crash(cluster)
            self.check_seen(cluster, "ac")
            exports = []
            for storage in cluster.storages:
                alone = cluster.add_select([storage],
                                           ["-replicationFactor=1"])
                exports.append(cluster.export("up", select=alone))
                self.assertEqual(http_client.metric(
                    storage.http, "varve_tombstones"), 1)
            self.assertEqual(exports[0], exports[1])

    def test_a_range_is_deleted_and_no_more(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            cluster.write(self.rows("a", 50_000, 40_000, 30_000, 20_000))
            self.assertEqual(delete(
                cluster, "up", start=(self.now - 40_000) / 1000,
                end=(self.now - 30_000) / 1000).status, 204)
            for _ in range(2):
                (samples,) = cluster.export("up").values()
                self.assertEqual([at for at, _ in samples],
                                 [self.now - 50_000, self.now - 20_000])
                crash(cluster)

    def test_a_node_that_is_away_is_named(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            cluster.write(self.rows("ab", 30_000))
            away = cluster.storages[1]
            away.process.kill()
            answer = delete(cluster, 'up{job="a"}')
            self.assertEqual(answer.status, 503)
            self.assertIn(away.select_address, answer.text)
            self.assertIn("applied on 1 of 2", answer.text)
            away.start()
            wait_healthy(away.http)
            wait_until(lambda: delete(cluster, 'up{job="a"}').status == 204,
                       20, "the delete to be repeated")
            self.check_seen(cluster, "b")

    def test_what_is_no_delete_is_refused(self):
        with Cluster(storages=1,
                     select_args=["-deleteAuthKey=secret"]) as cluster:
            cluster.write(self.rows("a", 30_000))
            self.assertEqual(delete(cluster, "up").status, 401)
            path = DELETE.format("0")
            self.assertEqual(http_client.get(
                cluster.select,
                f"{path}?match[]=up&authKey=secret").status, 405)
            self.assertEqual(http_client.post_form(
                cluster.select, path, {"authKey": "secret"}).status, 400)
            self.check_seen(cluster, "a")
            self.assertEqual(
                delete(cluster, "up", authKey="secret").status, 204)
            self.check_seen(cluster, "")


if __name__ == "__main__":
    unittest.main()
