"""Imports are stored while they come: one of any size, in bounded memory."""

import gzip
import http.client
import json
import os
import random
import socket
import subprocess
import threading
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import peer, wait_until

LIMIT_BYTES = 1 << 20   # -maxInsertRequestSize, which holds for none of these
BODY_BYTES = 128 << 20
# Blocks, batches and the threads' buffers, whatever the body.
MEMORY_BYTES = 32 << 20
NOW_MS = int(time.time() * 1000)
HEAD = ("POST /insert/{}/prometheus/api/v1/import/prometheus HTTP/1.1\r\n"
        "Host: x\r\nContent-Length: 100000000\r\n\r\n")


class SlowClient:
    """Sends the beginning of a long import, then a line now and then."""

    def __init__(self, address, tenant):
        host, port = address.split(":")
        self.answer = b""
        self.leave = threading.Event()
        self.socket = socket.create_connection((host, int(port)), 120)
        line = b"# slow\n"
        self.socket.sendall(HEAD.format(tenant).encode() +
                            line * ((5 << 18) // len(line)))
        self.thread = threading.Thread(target=self._drip, args=(line,))
        self.thread.start()

    def _drip(self, line):
        self.socket.settimeout(0.1)  # between two lines
        while not self.leave.is_set():
            try:
                self.socket.sendall(line)
                received = self.socket.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            self.answer += received
            if not received:
                return

    def close(self):
        self.leave.set()
        self.thread.join()
        self.socket.close()


class StreamedImportTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(
            storages=1, insert_args=[f"-maxInsertRequestSize={LIMIT_BYTES}"])
        cls.addClassCleanup(cls.cluster.close)

    def post(self, tenant, path, pieces, headers=()):
        host, port = self.cluster.insert.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        try:
            connection.request(
                "POST", f"/insert/{tenant}/prometheus/api/v1/{path}", pieces,
                {"Transfer-Encoding": "chunked", **dict(headers)},
                encode_chunked=True)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def assertTakenInBounds(self, tenant, path, pieces, headers=()):
        insert = self.cluster.inserts[0][0]
        before = insert.status_bytes("VmRSS")
        insert.forget_peak_memory()
        status, text = self.post(tenant, path, pieces, headers)
        self.assertEqual(status, 204, text)
        self.assertLess(insert.status_bytes("VmHWM") - before, MEMORY_BYTES)

    def count(self, tenant, match="x"):
        return sum(len(rows) for rows in
                   self.cluster.export(match, tenant).values())

    def lines(self, count):
        """Lines of text with a KiB each, about a MiB at a time."""
        pad = "p" * 990
        for first in range(0, count, 1000):
            yield "".join(f'x{{pad="{pad}"}} {i} {NOW_MS - i}\n'
                          for i in range(first, min(first + 1000, count))
                          ).encode()

    def test_text_far_over_the_limit_of_bodies(self):
        count = BODY_BYTES >> 10
        self.assertTakenInBounds(1, "import/prometheus", self.lines(count))
        self.assertEqual(self.count(1), count)

    def test_gzip_far_over_the_limit_of_bodies(self):
        count = 40_000
        # Unpacks some 10-fold, as text does; unlike a bomb.
        noise = random.Random(1)
        pieces = [gzip.compress(piece + b"# " + noise.randbytes(80_000).hex()
                                .encode() + b"\n", 1)
                  for piece in self.lines(count)]
        self.assertGreater(sum(map(len, pieces)), 2 * LIMIT_BYTES)
        self.assertTakenInBounds(2, "import/prometheus", iter(pieces),
                                 [("Content-Encoding", "gzip")])
        self.assertEqual(self.count(2), count)

    def test_what_came_before_an_error_is_stored(self):
        def pieces():
            yield from self.lines(5_000)
            yield b"y" * (11 << 20)
        status, text = self.post(3, "import/prometheus", pieces())
        self.assertEqual(status, 400)
        self.assertRegex(text, "-import.maxLineLen=10485760 bytes; "
                               "the 5000 rows before are stored")
        self.assertEqual(self.count(3), 5_000)

    def errors(self, reason):
        return http_client.metric(
            self.cluster.insert,
            f'vm_http_request_errors_total{{path="*",reason="{reason}"}}')

    def test_slow_clients_lose_their_places_to_others(self):
        refused = self.errors("too_many_streamed_bodies")
        slow = []
        try:
            # As many threads as the most of these, and as many that wait.
            for _ in range(2 * max(8, 2 * os.cpu_count()) + 1):
                slow.append(SlowClient(self.cluster.insert, 6))
            wait_until(lambda: self.errors("too_many_streamed_bodies") >
                       refused, 20, "all places are held")
            lines = list(self.lines(3_000))
            self.assertEqual(self.post(7, "import/prometheus",
                                       iter(lines))[0], 503)
            wait_until(lambda: self.post(7, "import/prometheus",
                                         iter(lines))[0] == 204,
                       60, "one that is not slow gets through")
            self.assertEqual(self.count(7), 3_000)
            self.assertGreaterEqual(self.errors("slow_streamed_body"), 8)
            ended = wait_until(lambda: [
                client.answer for client in slow
                if b"-import.minBytesPerSecond=32768 bytes per second" in
                client.answer], 20, "a slow one is told")
            self.assertTrue(ended[0].startswith(b"HTTP/1.1 503 "), ended[0])
            self.assertIn(b"Retry-After: ", ended[0])
        finally:
            for client in slow:
                client.close()

    def test_metadata_of_many_tenants_is_told_to_those_of_its_series(self):
        line = 'y{vm_account_id="8"} 1\n'
        type_line = "# TYPE z counter\n"
        # A block ends between the type and its series.
        count = ((1 << 20) - len(type_line)) // len(line)
        text = line * count + type_line
        text += "#" * ((1 << 20) - len(text) - 1) + "\n"
        text += 'z{vm_account_id="9"} 1\n' + line
        status, answer = self.post("multitenant", "import/prometheus",
                                   iter([text.encode()]))
        self.assertEqual(status, 204, answer)
        told = wait_until(lambda: http_client.get(
            self.cluster.select,
            "/select/9/prometheus/api/v1/metadata").json()["data"])
        self.assertEqual(told["z"][0]["type"], "counter")

    @unittest.skipUnless(peer("vmctl"), "skipped: no peer")
    def test_vmctl_copies_a_tenant_over_the_limit_of_bodies(self):
        # The most digits that the format carries, so that it is not small.
        values = random.Random(2)
        start_ms = NOW_MS // 1000 * 1000 - 1_000 * 20_000
        times = [start_ms + 1_000 * i for i in range(20_000)]

        def pieces():
            for i in range(25):
                yield (json.dumps({
                    "metric": {"__name__": "x", "i": str(i)},
                    "values": [values.randrange(10**15) / 1000 for _ in times],
                    "timestamps": times}) + "\n").encode()
        self.assertTakenInBounds(4, "import", pieces())
        exported = http_client.post_form(
            self.cluster.select, "/select/4/prometheus/api/v1/export/native",
            {"match[]": "x"})
        self.assertGreater(len(exported.body), 2 * LIMIT_BYTES)
        insert = self.cluster.inserts[0][0]
        before = insert.status_bytes("VmRSS")
        insert.forget_peak_memory()
        run = subprocess.run(
            [peer("vmctl"), "vm-native", "-s", "--disable-progress-bar",
             "--vm-native-disable-per-metric-migration",
             "--vm-native-backoff-retries=1",
             f"--vm-native-src-addr=http://{self.cluster.select}"
             "/select/4/prometheus",
             f"--vm-native-dst-addr=http://{self.cluster.insert}"
             "/insert/5/prometheus",
             "--vm-native-filter-time-start=" + time.strftime(
                 "%Y-%m-%dT%H:%M:%SZ", time.gmtime(start_ms // 1000 - 60))],
            capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertLess(insert.status_bytes("VmHWM") - before, MEMORY_BYTES)
        self.assertEqual(self.count(5), 25 * len(times))
        self.assertTrue(self.cluster.export("x", 5) ==
                        self.cluster.export("x", 4))


if __name__ == "__main__":
    unittest.main()
