"""Several select nodes: what one is told reaches the others."""

import base64
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster

RESET = "/internal/resetRollupResultCache"
DELETE = "/delete/0/prometheus/api/v1/admin/tsdb/delete_series"
ENTRIES = 'vm_cache_entries{type="promql/rollupResult"}'
KEY = "a secret & more"


class SelectNodesTest(unittest.TestCase):

    def setUp(self):
        self.now = int(time.time()) // 60 * 60
        self.cluster = Cluster(storages=2, replication_factor=2)
        self.addCleanup(self.cluster.close)
        answer = self.cluster.write([
            ({"__name__": "up", "job": job},
             [((self.now + s) * 1000, 1.0) for s in range(-7200, -60, 30)])
            for job in ("a", "b")])
        self.assertEqual(answer.status, 204)
        key = f"-search.resetCacheAuthKey={KEY}"
        self.first = self.cluster.add_select(args=[key])
        self.second = self.cluster.add_select(
            args=[key, f"-selectNode={self.first}"])

    def sum(self, select):
        answer = http_client.post_form(
            select, "/select/0/prometheus/api/v1/query_range",
            {"query": "sum(up)", "start": self.now - 3600,
             "end": self.now - 600, "step": 60}).json()
        self.assertFalse(answer["isPartial"], answer)
        return {value for _, value in answer["data"]["result"][0]["values"]}

    def entries(self):
        return [http_client.metric(one, ENTRIES)
                for one in (self.first, self.second)]

    def reset(self, select, **arguments):
        return http_client.get(select, RESET, arguments, seconds=30)

    def test_a_reset_reaches_the_others_if_it_is_to(self):
        def fill():
            for select in (self.first, self.second):
                self.assertEqual(self.sum(select), {"2"})
            self.assertEqual(self.entries(), [1, 1])
        fill()
        self.assertEqual(self.reset(self.second).status, 401)
        self.assertEqual(self.entries(), [1, 1])
        self.assertEqual(self.reset(self.second, authKey=KEY).status, 200)
        self.assertEqual(self.entries(), [1, 0])
        fill()
        answer = self.reset(self.second, authKey=KEY, propagate=1)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(self.entries(), [0, 0])

    def test_nodes_that_were_not_reached_are_told(self):
        alone = self.cluster.add_select(args=[
            f"-selectNode={self.first},127.0.0.1:1",
            f"-search.resetCacheAuthKey={KEY}"])
        self.assertEqual(self.sum(self.first), {"2"})
        answer = self.reset(alone, authKey=KEY, propagate=1)
        self.assertEqual(answer.status, 503)
        self.assertIn("-selectNode", answer.json()["error"])
        self.assertIn("127.0.0.1:1", answer.json()["error"])
        self.assertNotIn(self.first, answer.json()["error"])
        self.assertEqual(self.entries()[0], 0)
        process = self.cluster.selects[-1][0]
        process.wait_line("warn.*-selectNode.*127.0.0.1:1")
        # Another key there is a refusal, and told as such.
        other = self.cluster.add_select(
            args=[f"-selectNode={self.first}"])
        answer = self.reset(other, propagate=1)
        self.assertEqual(answer.status, 503)
        self.assertIn(f"{self.first} answered 401", answer.json()["error"])

    def test_nodes_behind_a_prefix_and_a_password_are_told(self):
        behind = ["-http.pathPrefix=/a b/", "-httpAuth.username=us:er",
                  "-httpAuth.password=s3cr%t",
                  f"-search.resetCacheAuthKey={KEY}"]
        other = self.cluster.add_select(args=behind)
        teller = self.cluster.add_select(
            args=[*behind, f"-selectNode={other}"])
        headers = {"Authorization": "Basic " + base64.b64encode(
            b"us:er:s3cr%t").decode()}

        def entries():
            return http_client.get(other, "/a%20b/metrics",
                                   headers=headers).text.split(
                f"\n{ENTRIES} ")[1].split("\n")[0]
        answer = http_client.get(
            other, "/a%20b/select/0/prometheus/api/v1/query_range",
            {"query": "sum(up)", "start": self.now - 3600,
             "end": self.now - 600, "step": 60}, headers=headers)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(entries(), "1")
        answer = http_client.get(teller, f"/a%20b{RESET}",
                                 {"authKey": KEY, "propagate": 1},
                                 headers=headers, seconds=30)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(entries(), "0")

    def test_a_delete_through_one_is_seen_by_all(self):
        for select in (self.first, self.second):
            self.assertEqual(self.sum(select), {"2"})
        answer = http_client.post_form(self.first, DELETE,
                                       {"match[]": '{job="b"}'})
        self.assertEqual(answer.status, 204)
        for select in (self.first, self.second):
            self.assertEqual(self.sum(select), {"1"})


if __name__ == "__main__":
    unittest.main()
