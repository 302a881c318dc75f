"""Bodies that are damaged, hostile or wrong, at every endpoint that takes
samples: a clear 4xx, bounded memory, nothing half stored, all else goes on."""

import json
import random
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.control_writer import ControlWriter
from tests.support.hostile_bodies import (CODINGS, REFUSED, gzip_bomb,
                                          snappy_bomb, zstd_bomb)

LIMIT_BYTES = 8 << 20   # -maxInsertRequestSize of these tests


class Endpoint:
    """A way in: its path below the tenant, what a body is made of."""

    def __init__(self, path, encode, content_type, binary=False,
                 always_snappy=False):
        self.path = path
        self.encode = encode    # [(labels, [(ms, value)])] to bytes
        self.content_type = content_type
        # A damaged part damages the whole; else bad lines are skipped.
        self.binary = binary
        # Knows no body as it is.
        self.always_snappy = always_snappy

    @property
    def plain(self):
        return "snappy" if self.always_snappy else ""


def text_lines(series):
    return "".join(
        "%s{%s} %r %d\n" % (
            labels["__name__"],
            ",".join(f"{n}={json.dumps(v)}" for n, v in labels.items()
                     if n != "__name__"), value, stamp)
        for labels, samples in series for stamp, value in samples).encode()


def json_lines(series):
    return "".join(json.dumps(
        {"metric": labels, "timestamps": [t for t, _ in samples],
         "values": [v for _, v in samples]}) + "\n"
        for labels, samples in series).encode()


def write_2(series):
    request = remote_write.Request2()
    for labels, samples in series:
        request.add(labels, samples)
    return request.message()


ENDPOINTS = (
    Endpoint("prometheus/api/v1/write", remote_write.write_request,
             "application/x-protobuf", binary=True, always_snappy=True),
    Endpoint("prometheus/api/v1/write", write_2,
             remote_write.Request2.CONTENT_TYPE, binary=True,
             always_snappy=True),
    Endpoint("prometheus/api/v1/import/prometheus", text_lines, "text/plain"),
    Endpoint("prometheus/api/v1/import", json_lines, "application/json"),
)


class BadBodiesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(
            storages=1,
            insert_args=[f"-maxInsertRequestSize={LIMIT_BYTES}"])
        cls.addClassCleanup(cls.cluster.close)
        cls.now_ms = int(time.time() * 1000)
        cls.tenants = iter(range(1, 10_000))

    def setUp(self):
        self.tenant = str(next(self.tenants))
        self.control = ControlWriter(self.cluster)
        self.addCleanup(self.check_others)

    def check_others(self):
        self.control.check(self)
        for process in [p for p, _ in self.cluster.inserts]:
            self.assertTrue(process.running(), process.lines[-20:])
        self.assertTrue(self.cluster.storages[0].process.running())

    def post(self, endpoint, body, coding, content_type=None):
        headers = {"Content-Type": content_type or endpoint.content_type}
        if coding:
            headers["Content-Encoding"] = coding
        return http_client.request(
            self.cluster.insert, "POST",
            f"/insert/{self.tenant}/{endpoint.path}", body, headers)

    def series(self, count=50, **labels):
        return [({"__name__": "bad", "n": str(i), **labels},
                 [(self.now_ms - 1000 * k, i + k / 10) for k in range(3)])
                for i in range(count)]

    def stored(self):
        """How many series the tenant has."""
        return len(self.cluster.export("{__name__!=\"\"}", self.tenant))

    def memory(self):
        return self.cluster.inserts[0][0].status_bytes("VmHWM")

    def test_good_bodies_are_taken_in_every_coding(self):
        for endpoint in ENDPOINTS:
            for coding, pack in CODINGS.items():
                if coding in ("", "deflate") and endpoint.always_snappy:
                    continue
                if coding == "snappy" and not endpoint.always_snappy:
                    continue
                with self.subTest(path=endpoint.path, coding=coding):
                    body = pack(endpoint.encode(self.series(coding=coding)))
                    answer = self.post(endpoint, body, coding)
                    self.assertIn(answer.status, (200, 202, 204), answer.text)
        self.assertEqual(self.stored(), 50 * 5)

    def test_a_cut_body_stores_nothing(self):
        for endpoint in ENDPOINTS:
            plain = endpoint.encode(self.series())
            for coding in ("gzip", "deflate", "zstd", "snappy"):
                whole = CODINGS[coding](plain)
                # Near the ends, where the formats' heads and sums are.
                for keep in [*range(1, 30, 3), len(whole) // 2,
                             *range(len(whole) - 12, len(whole))]:
                    with self.subTest(path=endpoint.path, coding=coding,
                                      keep=keep):
                        if coding == "snappy" and not endpoint.always_snappy:
                            continue
                        answer = self.post(endpoint, whole[:keep], coding)
                        self.assertIn(answer.status, REFUSED, answer.text)
                        self.assertTrue(answer.text.strip())
        self.assertEqual(self.stored(), 0)

    def test_flipped_bits_store_all_or_nothing_of_a_binary_body(self):
        random_bits = random.Random(7)
        for endpoint in [e for e in ENDPOINTS if e.binary]:
            plain = endpoint.encode(self.series(count=20))
            for _ in range(60):
                at = random_bits.randrange(len(plain))
                body = bytearray(plain)
                body[at] ^= 1 << random_bits.randrange(8)
                answer = self.post(endpoint, remote_write.snappy(bytes(body)),
                                   "snappy")
                self.assertIn(answer.status, (204,) + REFUSED, answer.text)
                if answer.status == 400 and "are stored" not in answer.text:
                    self.assertTrue(answer.text.strip())

    def test_bombs_are_refused_within_the_limit_of_bodies(self):
        bombs = {"gzip": gzip_bomb(31), "deflate": gzip_bomb(15),
                 "zstd": zstd_bomb(), "snappy": snappy_bomb()}
        for endpoint in ENDPOINTS:   # what each needs by itself
            coding = endpoint.plain
            body = CODINGS[coding](endpoint.encode(self.series()))
            self.assertLess(self.post(endpoint, body, coding).status, 300)
        before = self.memory()
        for endpoint in ENDPOINTS:
            for coding, bomb in bombs.items():
                if coding == "snappy" and not endpoint.always_snappy:
                    continue
                with self.subTest(path=endpoint.path, coding=coding):
                    answer = self.post(endpoint, bomb, coding)
                    self.assertIn(answer.status, REFUSED, answer.text)
                    if coding != "deflate" or not endpoint.always_snappy:
                        self.assertIn("-maxInsertRequestSize", answer.text)
        # The body as sent and what came of it until it was too much.
        largest = max(len(bomb) for bomb in bombs.values())
        self.assertLess(self.memory() - before,
                        LIMIT_BYTES + largest + (8 << 20))

    def test_unknown_codings_are_refused(self):
        for endpoint in ENDPOINTS:
            if endpoint.always_snappy:
                continue    # which looks at the bytes
            body = endpoint.encode(self.series())
            for coding in ("br", "gzip, gzip", "compress", "x" * 1000):
                answer = self.post(endpoint, body, coding)
                self.assertIn(answer.status, REFUSED, (endpoint.path, coding))
        self.assertEqual(self.stored(), 0)

    def test_garbage_protobuf_is_refused(self):
        deep = b"\x0b" * 100_000 + b"\x0c" * 100_000
        series = remote_write.time_series({"__name__": "bad"},
                                          [(self.now_ms, 1)])
        bodies = {
            "random": random.Random(1).randbytes(5000),
            "zeros": bytes(5000), "ones": b"\xff" * 5000,
            "a group in groups": deep,
            "groups without an end": b"\x0b" * 100_000,
            "an end without a group": b"\x0c",
            "groups in a series": b"\x0a" + remote_write.varint(
                len(deep)) + deep[:-1] + b"\x0b",
            "a length over all": series + b"\x0a\xff\xff\xff\xff\x0f",
            "a length of 2^63": series + b"\x0a" + b"\xff" * 9 + b"\x01",
            "a varint without an end": series + b"\x0a" + b"\xff" * 20,
            "a wire type that is none": series + b"\x0f",
            "a field of number 0": series + b"\x02\x00",
            "text": b"# HELP bad\nbad 1\n" * 100,
        }
        for endpoint in [e for e in ENDPOINTS if e.binary]:
            for what, body in bodies.items():
                for coding in ("snappy", "zstd", "gzip"):
                    with self.subTest(path=endpoint.content_type, what=what,
                                      coding=coding):
                        answer = self.post(endpoint, CODINGS[coding](body),
                                           coding)
                        self.assertIn(answer.status, REFUSED)
                        self.assertTrue(answer.text.strip())
        self.assertEqual(self.stored(), 0)

    def test_labels_of_a_mebibyte_and_ten_thousand_labels_are_refused(self):
        huge = {
            "value": {"l": "x" * (1 << 20)},
            "name": {"l" * (1 << 20): "x"},
            "metric": {"__name__": "m" * (1 << 20)},
            "many": {f"l{i}": "x" for i in range(10_000)},
        }
        for endpoint in ENDPOINTS:
            for what, labels in huge.items():
                with self.subTest(path=endpoint.content_type, what=what):
                    body = endpoint.encode(self.series(3) +
                                           self.series(1, **labels))
                    answer = self.post(endpoint,
                                       CODINGS[endpoint.plain](body),
                                       endpoint.plain)
                    # The three good ones are stored in any case.
                    self.assertIn(answer.status, (204, 400), answer.text)
                    self.assertLess(len(answer.text), 10_000)
        self.assertEqual(self.stored(), 3)

    def test_bytes_that_are_not_text(self):
        endpoint = ENDPOINTS[0]
        stamp = [(self.now_ms, 1)]
        for labels, cause in (
                ([("__name__", "bad"), ("l", b"\xff\xfe")], "UTF-8"),
                ([("__name__", b"\xc3\x28")], "UTF-8"),
                ([("__name__", "bad"), ("l", b"\xed\xa0\x80")], "UTF-8"),
                ([("__name__", "bad"), ("l", b"\xf5\x80\x80\x80")], "UTF-8"),
                ([("__name__", "bad"), ("a", "1"), ("a", "1")], "duplicate"),
                ([("__name__", "bad"), ("a", "1"), ("b", "2"), ("a", "3")],
                 "duplicate"),
                ([("__name__", "bad"), ("__name__", "worse")], "duplicate"),
                ([("__name__", "bad"), ("", "1")], "empty label name"),
                ([], "no labels"), ([("__name__", "")], "no labels")):
            body = remote_write.snappy(
                remote_write.time_series(labels, stamp))
            answer = self.post(endpoint, body, "snappy")
            self.assertEqual(answer.status, 400, labels)
            self.assertIn(cause, answer.text)
        self.assertEqual(self.stored(), 0)
        # NUL is a character: it comes back as it was sent.
        labels = {"__name__": "nul", "l": "a\0b"}
        answer = self.post(endpoint, remote_write.snappy(
            remote_write.time_series(labels, stamp)), "snappy")
        self.assertEqual(answer.status, 204, answer.text)
        (key,) = self.cluster.export('{__name__="nul"}', self.tenant)
        self.assertEqual(dict(key), labels)

    def test_deep_and_odd_json_is_skipped(self):
        endpoint = next(e for e in ENDPOINTS if e.encode is json_lines)
        good = json_lines(self.series(1))
        lines = (
            b"[" * 1_000_000, b'{"metric":' * 200_000,
            b'{"metric":{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}}",
            b'{"metric":{"__name__":"bad"},"values":[' + b"[" * 1000,
            b'{"metric":{"__name__":"bad"},"values":[1e999999],'
            b'"timestamps":[1e400]}',
            b'{"metric":{"__name__":"bad"},"values":[1,2],"timestamps":[1]}',
            b'{"metric":{"__name__":7},"values":[1],"timestamps":[1]}',
            b'{"metric":[],"values":{},"timestamps":"x"}',
            b'{"metric":{"__name__":"bad\xff"},"values":[1],"timestamps":[1]}',
            b"null", b"{}", b"\0\0\0", b"\xff" * 1000, b'"' * 1001)
        for line in lines:
            with self.subTest(line=line[:40]):
                answer = self.post(endpoint, line + b"\n" + good, "")
                self.assertEqual(answer.status, 204, answer.text)
                self.assertEqual(self.stored(), 1)

    def test_odd_text_lines_are_skipped(self):
        endpoint = next(e for e in ENDPOINTS if e.encode is text_lines)
        good = text_lines(self.series(1))
        lines = (
            b"{" * 1_000_000, b'bad{a="' + b"\\" * 100_001 + b'"} 1',
            b"bad{" + b'a="b",' * 100_000 + b"} 1", b"bad " + b"9" * 100_000,
            b"bad 1 " + b"9" * 1000, b"bad\0 1 2 3", b"\xff\xfe 1",
            b'bad{l="\xff"} 1', b'bad{a="1",a="2"} 1', b"# HELP", b"#",
            b"bad{} {} {}", b"\0" * 100_000)
        for line in lines:
            with self.subTest(line=line[:40]):
                answer = self.post(endpoint, line + b"\n" + good, "")
                self.assertEqual(answer.status, 204, answer.text)
        names = {dict(key)["__name__"]: key
                 for key in self.cluster.export("{__name__!=\"\"}",
                                                self.tenant)}
        self.assertIn("bad", names)

    def test_content_types_of_others_do_not_change_a_body(self):
        for endpoint in ENDPOINTS:
            if endpoint.encode is write_2:
                continue    # told apart by its content type
            body = CODINGS[endpoint.plain](endpoint.encode(self.series()))
            for kind in ("application/x-www-form-urlencoded", "text/html",
                         "multipart/form-data; boundary=x", "nonsense", "/",
                         "application/x-protobuf; charset=utf-8"):
                answer = self.post(endpoint, body, endpoint.plain, kind)
                self.assertIn(answer.status, (200, 204), (kind, answer.text))
        self.assertEqual(self.stored(), 50)
        for kind in ("application/x-protobuf;proto=io.prometheus.write.v3",
                     "application/x-protobuf; proto=nonsense"):
            answer = self.post(ENDPOINTS[0], b"x", "snappy", kind)
            self.assertEqual(answer.status, 415, kind)


if __name__ == "__main__":
    unittest.main()
