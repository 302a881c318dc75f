"""Graphite renders of a cluster that lacks a node, or time."""

import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster

RENDER = "/select/0/graphite/render"


class GraphiteBoundsTest(unittest.TestCase):

    def setUp(self):
        self.cluster = Cluster(storages=2)
        self.addCleanup(self.cluster.close)
        self.now = int(time.time())
        answer = self.cluster.write([
            ({"__name__": f"web.n{i}.load"},
             [((self.now - 10 * k) * 1000, float(i)) for k in range(30, 0, -1)])
            for i in range(40)])
        self.assertEqual(answer.status, 204)

    def render(self, **arguments):
        return http_client.get(self.cluster.select, RENDER, {
            "target": "web.*.load", "format": "json",
            "from": str(self.now - 300), "until": str(self.now), **arguments})

    def test_without_a_node_a_render_is_partial_and_says_so(self):
        whole = self.render()
        self.assertEqual(len(whole.json()), 40)
        self.assertNotIn("X-Partial", whole.headers)
        self.cluster.storages[1].process.kill()
        partial = self.render()
        self.assertEqual(partial.status, 200, partial.text)
        self.assertEqual(partial.headers["X-Partial"], "true")
        self.assertGreater(len(partial.json()), 0)
        self.assertLess(len(partial.json()), 40)
        denied = self.render(deny_partial_response="1")
        self.assertEqual(denied.status, 503, denied.text)

    def test_a_render_that_takes_too_long_ends_with_an_error(self):
        # Each function looks at the clock.
        target = "web.*.load"
        for _ in range(20):
            target = f"movingAverage({target},'200s')"
        answer = self.render(target=target, timeout="1ms")
        self.assertEqual(answer.status, 422, answer.text[:300])
        self.assertIn("took too long", answer.json()["error"])
        self.assertEqual(self.render().status, 200)


if __name__ == "__main__":
    unittest.main()
