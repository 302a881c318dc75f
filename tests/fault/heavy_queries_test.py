"""Many heavy queries at once: the process stays, answers, and stays small."""

import threading
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import wait_until

API = "/select/0/prometheus/api/v1/"
CLIENTS = 200
SERIES, SAMPLES = 3000, 120
MEMORY = 256 << 20
ANSWERS = {200, 422, 429, 503}


class HeavyQueriesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1, select_args=[
            f"-memory.allowedBytes={MEMORY}", "-search.maxQueryDuration=5s",
            "-search.maxQueueDuration=2s", "-search.maxConcurrentRequests=16"])
        cls.end = int(time.time())
        for first in range(0, SERIES, 1000):
            answer = cls.cluster.write([
                ({"__name__": "heavy", "n": str(n), "text": "x" * 60 + str(n)},
                 [((cls.end - (SAMPLES - i) * 15) * 1000, n + i)
                  for i in range(SAMPLES)])
                for n in range(first, first + 1000)])
            assert answer.status == 204, answer.text

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()

    def ask(self, query, **arguments):
        return http_client.post_form(
            self.cluster.select, API + "query_range",
            {"query": query, "start": self.end - 1800, "end": self.end,
             "step": "1s", "nocache": 1, **arguments}, seconds=60)

    def test_200_at_once_leave_the_process_answering(self):
        queries = ("heavy", "rate(heavy[5m])", "heavy + on (n) heavy",
                   "sum by (n) (max_over_time(heavy[5m])) * 2",
                   'count({text=~".*(x+)*[0-9]{1,500}"})',
                   'label_replace(heavy, "a", "$1", "text", "(x+)+(.*)")')
        answers, begun = [], time.monotonic()

        def client(i):
            answers.append(self.ask(queries[i % len(queries)]))
        threads = [threading.Thread(target=client, args=(i,))
                   for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        # Others are answered meanwhile.
        for path in ("/health", "/metrics"):
            self.assertEqual(
                http_client.get(self.cluster.select, path, seconds=10).status,
                200)
        for thread in threads:
            thread.join(90)
        self.assertLess(time.monotonic() - begun, 80)
        self.assertEqual(len(answers), CLIENTS)
        codes = {answer.status for answer in answers}
        self.assertLessEqual(codes, ANSWERS)
        for answer in answers:
            if answer.status == 429:
                self.assertEqual(answer.headers["Retry-After"], "10")
                self.assertIn("-search.maxConcurrentRequests", answer.text)
            elif answer.status != 200:
                self.assertRegex(answer.json()["error"], r"-[a-z]+\.[a-zA-Z]+")
        self.assertTrue(self.cluster.selects[0][0].running())
        self.assertEqual(self.ask("count(heavy)").status, 200)
        peak = http_client.metric(self.cluster.select,
                                  "process_resident_memory_peak_bytes")
        self.assertLess(peak, 4 * MEMORY)

    def test_a_regex_ends_with_the_time_of_its_query(self):
        dear = 'count({text=~"(x{1,50}){1,20}[0-9]+.*y", n=~".*.*.*z"})'
        begun = time.monotonic()
        answer = self.ask(dear, timeout="1s")
        self.assertIn(answer.status, (200, 422), answer.text)
        self.assertLess(time.monotonic() - begun, 8)
        wait_until(lambda: http_client.metric(
            self.cluster.storages[0].http,
            "vm_vmselect_concurrent_requests_current") == 0, 10,
            "the end on the storage node")


if __name__ == "__main__":
    unittest.main()
