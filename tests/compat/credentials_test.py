"""Passwords and keys that an insert node asks for."""

import base64
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster, LOCAL

WRITE = "/insert/0/prometheus/api/v1/import/prometheus"
OPENTSDB_HTTP = r'HTTP OpenTSDB server at "(.*:\d{1,5})"'


def basic(user, password):
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": "Basic " + text}


class CredentialsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(storages=1)
        cls.addClassCleanup(cls.cluster.close)

    def start(self, *args):
        return self.cluster.add_insert(args=args)

    def assert_refused(self, answer):
        self.assertEqual(answer.status, 401, answer.text)
        self.assertEqual(answer.headers["WWW-Authenticate"],
                         'Basic realm="VictoriaMetrics"')

    def test_without_the_password_nothing_is_stored(self):
        insert = self.start("-httpAuth.username=ann", "-httpAuth.password=s:e",
                            f"-opentsdbHTTPListenAddr={LOCAL}")
        opentsdb = self.cluster.inserts[-1][0].wait_line(
            OPENTSDB_HTTP).group(1)
        good = basic("ann", "s:e")
        wrong = [{}, basic("ann", ""), basic("ann", "s"), basic("", "s:e"),
                 basic("ann", "s:e "), basic("Ann", "s:e"),
                 {"Authorization": "Bearer s:e"}, {"Authorization": "Basic"},
                 {"Authorization": "Basic ann:s:e"},
                 {"Authorization": "Basic !!!!"}]
        line = f"secured 1 {int(time.time() * 1000)}\n"
        put = '{"metric":"secured","value":1}'
        for headers in wrong:
            with self.subTest(headers=headers):
                self.assert_refused(http_client.request(
                    insert, "POST", WRITE, line, headers))
                self.assert_refused(http_client.request(
                    insert, "POST", "/insert/0/datadog/api/v1/series", "{}",
                    headers))
                self.assert_refused(http_client.request(
                    opentsdb, "POST", "/api/put", put, headers))
                self.assert_refused(http_client.request(
                    insert, "GET", "/metrics", None, headers))
        self.assertEqual(self.cluster.export("secured"), {})
        self.assertEqual(http_client.request(insert, "POST", WRITE, line,
                                             good).status, 204)
        self.assertEqual(len(self.cluster.export("secured")), 1)
        metrics = http_client.request(insert, "GET", "/metrics",
                                      None, good).text
        counted = [line for line in metrics.splitlines()
                   if 'reason="wrong_basic_auth"' in line]
        self.assertEqual(len(counted), 1, counted)
        self.assertEqual(float(counted[0].rsplit(" ", 1)[1]), 4 * len(wrong))

    def test_pages_of_operators_have_keys_of_their_own(self):
        insert = self.start("-metricsAuthKey=m", "-flagsAuthKey=f",
                            "-reloadAuthKey=r")
        for path, key in (("/metrics", "m"), ("/flags", "f"),
                          ("/-/reload", "r")):
            for query in ("", "?authKey=", "?authKey=x", f"?authKey={key}x",
                          f"?authkey={key}"):
                with self.subTest(path, query=query):
                    answer = http_client.get(insert, path + query)
                    self.assertEqual(answer.status, 401, answer.text)
            self.assertEqual(
                http_client.get(insert, f"{path}?authKey={key}").status, 200)
        # Samples need none of them.
        self.assertEqual(http_client.request(
            insert, "POST", WRITE, "open 1\n").status, 204)


if __name__ == "__main__":
    unittest.main()
