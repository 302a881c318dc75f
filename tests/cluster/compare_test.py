"""varve-inspect compare: whether two clusters answer alike."""

import http.server
import subprocess
import threading
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.processes import binary

NOW_MS = int(time.time()) // 60 * 60_000
SPECIAL = (0.0, -0.0, float("inf"), float("-inf"), float("nan"), 0.1, 5e-324)
ORG = "team-a"


def histogram(count):
    return {"schema": 3, "zero_threshold": 0.001, "zero_count": 1,
            "count": 3 + count, "sum": 2.5,
            "positive_spans": [(-2, 2)], "positive_buckets": [2, count],
            "negative_spans": [], "negative_buckets": []}


def up(instance):
    return {"__name__": "up", "instance": str(instance)}


def samples(count=200, days=3):
    """Over days, so that some of them may be in blocks."""
    step = days * 86_400_000 // count
    return [(NOW_MS - (count - i) * step, SPECIAL[i % 7] if i % 3 else i)
            for i in range(count)]


def write(cluster, series, tenant="0", org=None, histograms=()):
    body = remote_write.write_request(series) + b"".join(
        remote_write.histogram_series(labels, rows)
        for labels, rows in histograms)
    headers = {"Content-Encoding": "snappy",
               "Content-Type": "application/x-protobuf"}
    path = f"/insert/{tenant}/prometheus/api/v1/write"
    if org:
        headers["X-Scope-OrgID"] = org
        path = "/api/v1/push"
    answer = http_client.request(cluster.insert, "POST", path,
                                 remote_write.snappy(body), headers)
    assert answer.status // 100 == 2, answer.text


def fill(cluster, backwards=False):
    """The same data in all clusters, in another order."""
    def series(first, end):
        rows = [(up(i), samples()) for i in range(first, end)]
        if backwards:
            rows = [(labels, one[::-1]) for labels, one in reversed(rows)]
        return rows
    write(cluster, series(0, 50))
    write(cluster, series(0, 10), tenant="5:6")
    write(cluster, series(10, 20), org=ORG)
    write(cluster, [], histograms=[
        ({"__name__": "latency", "instance": str(i)},
         [(NOW_MS - 1000 * k, histogram(i)) for k in range(3)])
        for i in range(5)])


def url(cluster, rest=""):
    return f"http://{cluster.select}{rest}"


def compare(*args):
    """(exit code, lines of stdout, stderr)"""
    done = subprocess.run([binary("varve-inspect"), "compare", *args],
                          capture_output=True, text=True, timeout=120,
                          check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


class CompareTest(unittest.TestCase):
    """A is one node, B two with a copy each of everything."""

    def setUp(self):
        self.a = Cluster(storages=1)
        self.addCleanup(self.a.close)
        self.b = Cluster(storages=2, replication_factor=2)
        self.addCleanup(self.b.close)
        fill(self.a)
        fill(self.b, backwards=True)
        self.a.storages[0].flush()

    def compare(self, *args):
        return compare(url(self.a), url(self.b), *args)

    def test_clusters_of_the_same_data_are_alike(self):
        code, lines, error = self.compare()
        self.assertEqual((code, error), (0, ""), lines)
        self.assertEqual(lines, [
            "ALIKE: 3 tenants, 75 and 75 series, 14015 and 14015 samples"])
        # One copy is gone; the other has everything.
        self.b.storages[0].process.kill()
        self.assertEqual(self.compare()[:2], (0, lines))

    def test_little_memory_is_enough(self):
        write(self.a, [(up(i), [(NOW_MS, 1)]) for i in range(20)])
        write(self.b, [(up(i), [(NOW_MS, 1)]) for i in range(10, 30)])
        write(self.b, [(up(99), [(NOW_MS - 5000, 1)])], org=ORG)
        found = self.compare()
        self.assertEqual(found[0], 1)
        for memory in ("100KiB", "8KiB"):
            with self.subTest(memory=memory):
                self.assertEqual(self.compare(f"-memory={memory}"), found)

    def test_a_sample_more_is_found(self):
        at_ms = NOW_MS - 7_000
        write(self.b, [(up(3), [(at_ms, 42)])], tenant="5:6")
        code, lines, _ = self.compare()
        self.assertEqual(code, 1)
        when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
                             time.gmtime(at_ms / 1000))
        self.assertEqual(lines, [
            "tenant 5:6",
            'differs: up{instance="3"}: 0 only in A, 1 only in B, '
            "0 of another value",
            f"  {when} A has none, B 42",
            "series: 0 only in A, 0 only in B, 1 differ; samples: 0 only in "
            "A, 1 only in B, 0 of another value",
            "DIFFERENT: 3 tenants, 75 and 75 series, 14015 and 14016 samples"])
        # Neither before that time nor in what else there is.
        self.assertEqual(self.compare(f"-end={at_ms // 1000 - 1}")[0], 0)
        self.assertEqual(self.compare(f"-start={at_ms // 1000 + 1}")[0], 0)
        self.assertEqual(self.compare("-tenant=0:0")[0], 0)
        self.assertEqual(self.compare(f"-tenant=5:6,{ORG}")[0], 1)
        self.assertEqual(self.compare('-match=up{instance!="3"}')[0], 0)
        self.assertEqual(self.compare('-match=up{instance!="3"}',
                                      '-match=up{instance="3"}')[0], 1)

    def test_urls_may_name_their_tenants(self):
        path = "/select/{}/prometheus"
        self.assertEqual(compare(url(self.a, path.format("5:6")),
                                 url(self.b, path.format("5:6")))[0], 0)
        code, lines, _ = compare(url(self.a, path.format("5:6")),
                                 url(self.b, path.format("0")),
                                 "-show=2")
        self.assertEqual(code, 1)
        self.assertEqual([line.split(":")[0] for line in lines],
                         ["only in B"] * 2 + ["series", "DIFFERENT"])
        self.assertIn("series: 0 only in A, 45 only in B, 0 differ; samples: "
                      "0 only in A, 8015 only in B, 0 of another value", lines)

    def test_an_unlike_value_is_found(self):
        # The larger one is read.
        write(self.a, [(up(7), [(samples()[0][0], 8)])], org=ORG)
        write(self.a, [(up(17), [(samples()[0][0], 8)])], org=ORG)
        code, lines, _ = self.compare()
        self.assertEqual(code, 1)
        self.assertEqual(lines[0], f"tenant {ORG}")
        self.assertEqual(lines[1], 'only in A: up{instance="7"}: 1 samples')
        self.assertIn('differs: up{instance="17"}: 0 only in A, 0 only in B, '
                      "1 of another value", lines)
        self.assertEqual(lines[3].split("Z ")[1], "A 8, B 0")

    def test_an_unlike_histogram_is_found(self):
        labels = {"__name__": "latency", "instance": "2"}
        write(self.b, [], histograms=[(labels, [(NOW_MS, histogram(9))])])
        code, lines, _ = self.compare()
        self.assertEqual(code, 1)
        self.assertIn('differs: latency{instance="2"}: 0 only in A, '
                      "0 only in B, 1 of another value", lines)

    def test_what_may_lack_data_is_not_compared(self):
        with Cluster(storages=2) as partial:
            fill(partial)
            self.assertEqual(compare(url(self.a), url(partial))[0], 0)
            partial.storages[1].process.kill()
            for args in ([], ["-tenant=0:0"]):
                code, lines, error = compare(url(self.a), url(partial), *args)
                self.assertEqual((code, lines), (2, []))
                self.assertIn(url(partial), error)

    def test_what_cannot_be_asked_is_not_compared(self):
        insert = f"http://{self.a.insert}"
        for args, what in (
                ([url(self.a), insert], insert),
                ([url(self.a), "http://127.0.0.1:1"], "127.0.0.1:1"),
                ([url(self.a), "nowhere"], "nowhere"),
                ([url(self.a)], "two URLs"),
                ([url(self.a), url(self.b), "-match={"], "match"),
                ([url(self.a), url(self.b), "-start=x"], "-start=x"),
                ([url(self.a), url(self.b, "/select/0/prometheus")],
                 "-tenant"),
                ([url(self.a), url(self.b), "-what"], "-what")):
            with self.subTest(args=args):
                code, lines, error = compare(*args)
                self.assertEqual((code, lines), (2, []))
                self.assertIn(what, error)

    def test_a_token_is_sent(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = self.headers["Authorization"] == "Bearer abc"
                self.send_response(200 if known else 401)
                self.end_headers()
                self.wfile.write(b'{"data":[],"isPartial":false}')

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        address = f"http://127.0.0.1:{server.server_port}"
        self.assertEqual(compare(address, address)[0], 2)
        self.assertEqual(compare(address, address, "-bearerToken=abc")[:2],
                         (0, ["ALIKE: 0 tenants, 0 and 0 series, 0 and 0 "
                              "samples"]))

    def test_passwords_are_sent(self):
        select = self.a.add_select(args=["-httpAuth.username=joe",
                                         "-httpAuth.password=pw"])
        closed = f"http://{select}"
        self.assertEqual(compare(closed, closed)[0], 2)
        self.assertEqual(compare(closed, closed, "-httpAuth.username=joe",
                                 "-httpAuth.password=pw")[0], 0)


if __name__ == "__main__":
    unittest.main()
