"""A storage node whose connection is cut in the middle of a large answer: the
others are asked for its share and nothing else, and answers stay the same."""

import random
import re
import time
import unittest

from tests.support import http_client
from tests.support.linked_cluster import LinkedCluster
from tests.support.processes import wait_until

SERIES, SAMPLES, STEP_MS = 300, 1000, 15_000
# Half of what a node sends of its share: a message of 256 KB has come.
CUT_BYTES = 400_000
ASKED_AGAIN = "varve_read_shares_asked_again_total"
# (text, step): all samples of a series come, or as many steps.
RAW = ("last_over_time(m[5m])", "5m")
PUSHED = ("max by (n) (last_over_time(m[5m]))", "15s")


def parts(trace):
    """Messages of what was done at storage nodes."""
    found = []
    if " at storage node " in trace["message"]:
        found.append(trace["message"])
    for child in trace.get("children", []):
        found += parts(child)
    return found


class CutAnswersTest(unittest.TestCase):

    def setUp(self):
        self.cluster = LinkedCluster(storages=3, replication_factor=2)
        self.addCleanup(self.cluster.close)
        self.end_ms = int(time.time() * 1000) - 60_000
        dice = random.Random(1)
        begin_ms = self.end_ms - SAMPLES * STEP_MS
        for first in range(0, SERIES, 60):
            answer = self.cluster.write([
                ({"__name__": "m", "n": str(n)},
                 [(begin_ms + i * STEP_MS, dice.random())
                  for i in range(SAMPLES)])
                for n in range(first, first + 60)])
            self.assertEqual(answer.status, 204, answer.text)

    def ask(self, text, step):
        """(the answer, what storage nodes did)."""
        answer = http_client.post_form(
            self.cluster.select, "/select/0/prometheus/api/v1/query_range",
            {"query": text, "end": self.end_ms / 1000,
             "start": (self.end_ms - SAMPLES * STEP_MS) / 1000, "step": step,
             "trace": 1, "nocache": 1})
        self.assertEqual(answer.status, 200, answer.text[:300])
        answer = answer.json()
        self.assertFalse(answer["isPartial"])
        self.assertEqual(len(answer["data"]["result"]), SERIES)
        return answer["data"], parts(answer["trace"])

    def planned(self, query, own):
        """The answer when each node does its own share."""
        answers = []

        def done():
            answers[:] = self.ask(*query)
            return all(part.startswith(own) for part in answers[1])
        wait_until(done, 60, "each node is asked for its share")
        self.assertEqual(len(answers[1]), 3, answers[1])
        return answers[0]

    def check(self, query, own, again):
        for link in self.cluster.select_links:
            with self.subTest(query=query, cut=link.address):
                whole = self.planned(query, own)
                before = http_client.metric(self.cluster.select, ASKED_AGAIN)
                link.cut_after(CUT_BYTES)
                answer, done = self.ask(*query)
                self.assertTrue(link.was_cut)
                self.assertEqual(answer, whole)
                self.assertEqual(http_client.metric(
                    self.cluster.select, ASKED_AGAIN), before + 1)
                self.check_parts(done, own, again, link.address)

    def check_parts(self, done, own, again, failed):
        """Each node does its share, and the others that of the failed one."""
        nodes = [link.address for link in self.cluster.select_links]
        others = [node for node in nodes if node != failed]
        asked = {}
        series = 0
        for part in done:
            action, node = part.split(" at storage node ")
            node = ":".join(node.split(":")[:2])
            if action != own:
                self.assertRegex(action, f"^{again} of {re.escape(failed)}, "
                                 r"which failed \(.+\),$")
                action = again
            asked.setdefault(action, []).append(node)
            if (action, node) != (own, failed):
                series += int(re.search(r": (\d+) series", part).group(1))
        self.assertEqual(asked.keys(), {own, again}, done)
        self.assertEqual(sorted(asked[own]), sorted(nodes))
        self.assertEqual(sorted(asked[again]), sorted(others))
        self.assertEqual(series, SERIES, done)

    def test_series(self):
        self.check(RAW, "search own share", "search share")

    def test_aggregations(self):
        self.check(PUSHED, "aggregate", "aggregate share")


if __name__ == "__main__":
    unittest.main()
