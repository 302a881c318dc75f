"""Connections that are slow, idle, cut or lie about their bodies: a clear 4xx
or a closed connection, and writers beside them are served as ever."""

import select
import signal
import socket
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.control_writer import ControlWriter
from tests.support.processes import wait_until

PATH = "/insert/%s/prometheus/api/v1/import/prometheus"
# Between two bytes of a head, or pieces of a body, before the server hangs up.
READ_TIMEOUT_S = 30


class Raw:
    """A connection whose bytes are the test's own."""

    def __init__(self, address, seconds=10):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), seconds)
        self.socket.settimeout(seconds)
        self.received = b""

    def send(self, data):
        """False when the server has hung up."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def read(self):
        """All until the server hangs up."""
        try:
            while piece := self.socket.recv(65536):
                self.received += piece
        except ConnectionResetError:
            pass
        return self.received

    def answers(self, count):
        """The status codes of `count` answers; fewer when it hangs up."""
        codes = []
        while len(codes) < count:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                piece = self.socket.recv(65536)
                if not piece:
                    break
                self.received += piece
                continue
            head = self.received[:end].decode()
            length = 0
            for line in head.split("\r\n")[1:]:
                name, value = line.split(":", 1)
                if name.lower() == "content-length":
                    length = int(value)
            while len(self.received) < end + 4 + length:
                self.received += self.socket.recv(65536)
            self.received = self.received[end + 4 + length:]
            codes.append(int(head.split(" ")[1]))
        return codes

    def closed(self):
        """True when the server has hung up; False while it waits."""
        readable, _, _ = select.select([self.socket], [], [], 0)
        if not readable:
            return False
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            return True
        self.received += piece
        return piece == b""

    def close(self):
        self.socket.close()


class BadConnectionsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1)
        cls.addClassCleanup(cls.cluster.close)
        cls.now_ms = int(time.time() * 1000)
        cls.tenants = iter(range(1, 10_000))

    def setUp(self):
        self.tenant = str(next(self.tenants))
        self.path = PATH % self.tenant
        self.control = ControlWriter(self.cluster)
        self.addCleanup(self.check_others)

    def check_others(self):
        self.control.check(self)
        self.assertTrue(self.cluster.inserts[0][0].running())

    def connect(self, **kwargs):
        raw = Raw(self.cluster.insert, **kwargs)
        self.addCleanup(raw.close)
        return raw

    def head(self, *fields, path=None):
        lines = [f"POST {path or self.path} HTTP/1.1", "Host: x", *fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def body(self, name):
        return f"{name} 1 {self.now_ms}\n".encode()

    def request(self, name):
        body = self.body(name)
        return self.head(f"Content-Length: {len(body)}") + body

    def stored(self):
        return sorted(dict(key)["__name__"] for key in self.cluster.export(
            "{__name__!=\"\"}", self.tenant))

    def test_requests_in_a_row_are_answered_in_a_row(self):
        raw = self.connect()
        count = 40
        raw.send(b"".join(self.request(f"piped_{i:02}") if i % 4 else
                          self.head("Content-Length: 3") + b"x{\n"
                          for i in range(count)))
        self.assertEqual(raw.answers(count), [204] * count)
        raw.send(self.request("after") + self.head(
            "Content-Length: 0", path="/no/such/path") + self.request("last"))
        self.assertEqual(raw.answers(3), [204, 400, 204])
        self.assertEqual(len(self.stored()), count * 3 // 4 + 2)

    def test_bodies_whose_end_is_told_in_two_ways_are_refused(self):
        smuggled = self.request("smuggled")
        chunked = b"0\r\n\r\n" + smuggled
        for fields, body in (
                (("Content-Length: 5", "Transfer-Encoding: chunked"), chunked),
                (("Transfer-Encoding: chunked", "Content-Length: 5"), chunked),
                (("Content-Length: 5", "Content-Length: 6"), b"x 1 1\n"),
                (("Content-Length: 5, 6",), b"x 1 1\n"),
                (("Content-Length: -1",), b""), (("Content-Length: +5",), b""),
                (("Content-Length: 0x10",), b""),
                (("Content-Length: 1e3",), b""),
                (("Content-Length: 5 5",), b"x 1 1"),
                (("Content-Length: 99999999999999999999999",), b""),
                (("Transfer-Encoding: gzip, chunked",), chunked),
                (("Transfer-Encoding: chunked, gzip",), chunked),
                (("Transfer-Encoding: chunked, chunked",), chunked),
                (("Transfer-Encoding: xchunked",), chunked),
                (("Transfer-Encoding: identity",), chunked),
                (("Transfer-Encoding : chunked",), chunked),
                (("Transfer-Encoding: chunked",
                  "Transfer-Encoding: identity"), chunked)):
            with self.subTest(fields=fields):
                raw = self.connect()
                raw.send(self.head(*fields) + body + smuggled)
                answer = raw.read()
                if answer:
                    self.assertTrue(answer.startswith(b"HTTP/1.1 400 "),
                                    answer[:100])
                    self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)
                raw.close()
        self.assertEqual(self.stored(), [])

    def test_bad_chunks_are_refused(self):
        body = self.body("chunked")
        size = b"%x" % len(body)
        good = size + b"\r\n" + body + b"\r\n0\r\n\r\n"
        raw = self.connect()
        raw.send(self.head("Transfer-Encoding: chunked") + good)
        self.assertEqual(raw.answers(1), [204])
        for chunks in (b"zz\r\n", b"-5\r\n", b"\r\n" + good,
                       b"fffffffffffffffff\r\n", b"0x5\r\nx 1 1\r\n",
                       size + b"\r\n" + body + b"no line break",
                       size + b";" + b"x" * 1_000_000 + b"\r\n",
                       b"0\r\n" + b"X: y\r\n" * 200_000 + b"\r\n",
                       size + b" \n" + body + b"\n0\n\n",
                       b"7fffffffffffffff\r\n" + body):
            with self.subTest(chunks=chunks[:30]):
                raw = self.connect(seconds=READ_TIMEOUT_S + 20)
                raw.send(self.head("Transfer-Encoding: chunked") + chunks)
                raw.socket.shutdown(socket.SHUT_WR)
                answer = raw.read()
                if answer:
                    self.assertRegex(answer[:13], rb"HTTP/1\.1 4\d\d ")
                raw.close()
        self.assertEqual(self.stored(), ["chunked"])

    def test_odd_heads_are_refused(self):
        for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
                     b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n",
                     b"\0" * 1000, b"A" * 1_000_000,
                     b"POST /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
                     self.head("X: " + "y" * 1_000_000),
                     self.head(*["X: y"] * 100_000),
                     self.head("X\0: y"), self.head("no colon"),
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.subTest(data=data[:40]):
                raw = self.connect()
                raw.send(data)
                raw.socket.shutdown(socket.SHUT_WR)
                answer = raw.read()
                if answer:
                    self.assertRegex(answer[:13], rb"HTTP/1\.1 4\d\d ")
                raw.close()
        self.assertEqual(self.stored(), [])

    def test_half_closed_connections(self):
        raw = self.connect()
        raw.send(self.request("whole"))
        raw.socket.shutdown(socket.SHUT_WR)
        self.assertTrue(raw.read().startswith(b"HTTP/1.1 204 "))
        for cut in (3, 30, len(self.request("cut")) - 1):
            raw = self.connect()
            raw.send(self.request("cut")[:cut])
            raw.socket.shutdown(socket.SHUT_WR)
            self.assertFalse(raw.read().startswith(b"HTTP/1.1 2"))
        raw = self.connect()
        raw.send(self.request("gone"))   # who does not wait for the answer
        raw.close()
        self.assertNotIn("cut", self.stored())

    def test_a_thousand_idle_connections_cost_little(self):
        process = self.cluster.inserts[0][0]
        before = process.status_bytes("VmRSS")
        idle = [self.connect() for _ in range(1000)]
        for raw in idle[:500]:
            raw.send(self.head("Content-Length: 100")[:-2])  # half a head
        # New ones are served, and theirs that go on too.
        for _ in range(20):
            self.assertEqual(self.cluster.write(
                [({"__name__": "beside"}, [(self.now_ms, 1)])],
                self.tenant).status, 204)
        self.assertLess(process.status_bytes("VmRSS") - before, 32 << 20)
        raw = idle[-1]
        raw.send(self.request("late"))
        self.assertEqual(raw.answers(1), [204])
        for raw in idle:
            raw.close()
        self.assertEqual(self.stored(), ["beside", "late"])

    def test_slow_senders_are_cut_off_and_hold_nobody(self):
        """A byte a while gains no time for a head, nor silence for a body."""
        heads = [self.connect(seconds=90) for _ in range(20)]
        bodies = [self.connect(seconds=90) for _ in range(20)]
        slow = self.head("Content-Length: 1000")
        for raw in bodies:
            raw.send(slow + b"slow ")
        begin = time.monotonic()
        at = 0
        while heads or bodies:
            self.assertLess(time.monotonic() - begin, READ_TIMEOUT_S + 30)
            for raw in heads:
                raw.send(slow[at % len(slow):at % len(slow) + 1]
                         if at < len(slow) - 4 else b"")
            at += 1
            # Paced by the requests of another client.
            for _ in range(10):
                self.assertEqual(self.cluster.write(
                    [({"__name__": "beside"}, [(self.now_ms, 1)])],
                    self.tenant).status, 204)
            heads = [raw for raw in heads if not raw.closed()]
            bodies = [raw for raw in bodies if not raw.closed()]
        self.assertLess(self.control.slowest_s, 5)
        self.assertEqual(self.stored(), ["beside"])

    def test_clients_that_do_not_read_hold_nobody(self):
        """Answers that nobody takes in fill the socket, no more."""
        idle = [self.connect() for _ in range(20)]
        bad = self.request("unread") * 200
        for raw in idle:
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.socket.setblocking(False)
            try:
                raw.socket.send(bad)
            except BlockingIOError:
                pass
        for _ in range(20):
            self.assertEqual(self.cluster.write(
                [({"__name__": "beside"}, [(self.now_ms, 1)])],
                self.tenant).status, 204)
        self.assertLess(self.control.slowest_s, 5)


class QueueTest(unittest.TestCase):
    """What -maxConcurrentInserts and -insert.maxQueueDuration promise."""

    def test_a_full_queue_is_503_with_retry_after(self):
        with Cluster(storages=1, insert_args=[
                "-maxConcurrentInserts=1", "-insert.maxQueueDuration=100ms",
                "-insert.timeout=20s"]) as cluster:
            now_ms = int(time.time() * 1000)
            body = remote_write.snappy(remote_write.write_request(
                [({"__name__": "queued"}, [(now_ms, 1)])]))
            self.assertEqual(cluster.write_body(body).status, 204)
            storage = cluster.storages[0].process
            storage.popen.send_signal(signal.SIGSTOP)  # the write waits
            try:
                held = Raw(cluster.insert, seconds=30)
                held.send(b"POST /insert/0/prometheus/api/v1/write HTTP/1.1\r\n"
                          b"Host: x\r\nContent-Encoding: snappy\r\n"
                          b"Content-Length: %d\r\n\r\n" % len(body) + body)
                wait_until(lambda: http_client.metric(
                    cluster.insert, "vm_concurrent_insert_current"))
                answer = cluster.write_body(body)
                self.assertEqual(answer.status, 503)
                self.assertIn("-maxConcurrentInserts", answer.text)
                self.assertIn("-insert.maxQueueDuration", answer.text)
                self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
                self.assertEqual(http_client.get(
                    cluster.insert, "/health").status, 200)
            finally:
                storage.popen.send_signal(signal.SIGCONT)
            self.assertEqual(held.answers(1), [204])
            held.close()
            self.assertEqual(cluster.write_body(body).status, 204)
            self.assertGreaterEqual(http_client.metric(
                cluster.insert, "vm_concurrent_insert_limit_timeout_total"), 1)


if __name__ == "__main__":
    unittest.main()
