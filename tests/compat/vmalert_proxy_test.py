"""Rules and alerts of the real vmalert, asked through select nodes."""

import json
import os
import socket
import tempfile
import threading
import time
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import Process, peer, wait_until

RULES = {"groups": [{
    "name": "now", "interval": "1s", "rules": [
        {"record": "up:count", "expr": "count(up)"},
        {"alert": "Down", "expr": "up == 0", "labels": {"severity": "page"}},
    ]}]}
PROMETHEUS = "/select/0/prometheus"


def closed_port():
    """An address that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % one.getsockname()[1]


class WithoutVmalertTest(unittest.TestCase):

    def test_without_the_flag_there_are_no_rules_and_no_pages(self):
        with Cluster(storages=1) as cluster:
            for path, member in (("rules", "groups"), ("alerts", "alerts"),
                                 ("notifiers", "notifiers")):
                answer = http_client.get(cluster.select,
                                         f"{PROMETHEUS}/api/v1/{path}")
                self.assertEqual(answer.json()["data"], {member: []})
            answer = http_client.get(cluster.select,
                                     f"{PROMETHEUS}/vmalert/groups")
            self.assertEqual(answer.status, 400)
            self.assertIn("-vmalert.proxyURL", answer.json()["error"])

    def test_a_vmalert_that_is_not_there_is_502_naming_the_flag(self):
        with Cluster(storages=1, select_args=[
                f"-vmalert.proxyURL=http://{closed_port()}"]) as cluster:
            for path in ("api/v1/rules", "alerts", "vmalert/groups"):
                answer = http_client.get(cluster.select,
                                         f"{PROMETHEUS}/{path}")
                self.assertEqual(answer.status, 502, path)
                self.assertEqual(answer.json()["errorType"], "502")
                self.assertIn("-vmalert.proxyURL", answer.json()["error"])


class SilentVmalertTest(unittest.TestCase):

    def test_a_select_that_stops_does_not_wait_for_it(self):
        with socket.socket() as silent, Cluster(storages=1) as cluster:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            select = cluster.add_select(args=[
                "-vmalert.proxyURL=http://127.0.0.1:%d"
                % silent.getsockname()[1]])
            process = cluster.selects[-1][0]
            answers = []
            asking = threading.Thread(target=lambda: answers.append(
                http_client.get(select, f"{PROMETHEUS}/api/v1/rules")))
            asking.start()
            connection, _ = silent.accept()
            with connection:
                connection.recv(1)
                process.terminate()
                asking.join(20)  # less than vmalert would be given
                self.assertEqual([a.status for a in answers], [503])
                self.assertIn("-vmalert.proxyURL", answers[0].json()["error"])
                process.stop()


@unittest.skipUnless(peer("vmalert"), "skipped: no peer")
class VmalertProxyTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="varve-vmalert-")
        self.addCleanup(folder.cleanup)
        rules = os.path.join(folder.name, "rules.yml")
        with open(rules, "w", encoding="ascii") as file:
            json.dump(RULES, file)
        self.cluster = Cluster(storages=1)
        self.addCleanup(self.cluster.close)
        # vmalert asks for the time half a minute ago.
        now = int(time.time() * 1000)
        answer = self.cluster.write([
            ({"__name__": "up", "job": job},
             [(now - back, value) for back in range(120_000, 0, -10_000)])
            for job, value in (("a", 1.0), ("b", 0.0))])
        self.assertEqual(answer.status, 204)
        self.vmalert_address = closed_port()
        select = f"http://{self.cluster.select}{PROMETHEUS}"
        vmalert = Process("vmalert", peer("vmalert"), [
            f"-rule={rules}", f"-datasource.url={select}",
            "-notifier.blackhole",
            f"-remoteWrite.url=http://{self.cluster.insert}/insert/0/"
            "prometheus", f"-httpListenAddr={self.vmalert_address}"])
        self.addCleanup(vmalert.stop)
        vmalert.wait_line("started server at")
        self.select = self.cluster.add_select(
            args=[f"-vmalert.proxyURL=http://{self.vmalert_address}/"])

    def get(self, path, arguments=None):
        return http_client.get(self.select, f"{PROMETHEUS}/{path}", arguments)

    def direct(self, path, arguments=None):
        return http_client.get(self.vmalert_address, path, arguments)

    def test_what_vmalert_says_is_what_select_says(self):
        def firing():
            alerts = self.get("api/v1/alerts").json()["data"]["alerts"]
            return [a["labels"]["job"] for a in alerts] == ["b"]
        wait_until(firing, 20, "the alert fires")
        groups = self.get("api/v1/rules").json()["data"]["groups"]
        self.assertEqual([g["name"] for g in groups], ["now"])
        self.assertEqual({r["name"] for r in groups[0]["rules"]},
                         {"up:count", "Down"})
        # Arguments go along: only alerting rules, and a refused one.
        arguments = {"type": "alert", "rule_name[]": ["Down", "a&b=c"]}
        groups = self.get("api/v1/rules", arguments).json()["data"]["groups"]
        self.assertEqual([r["name"] for r in groups[0]["rules"]], ["Down"])
        wrong = {"type": "neither"}
        self.assertEqual(self.get("api/v1/rules", wrong).status,
                         self.direct("/api/v1/rules", wrong).status)
        self.assertEqual(self.get("api/v1/notifiers").json(),
                         self.direct("/api/v1/notifiers").json())
        for path in ("rules", "alerts"):
            self.assertEqual(self.get(path).json()["status"], "success")

    def test_pages_below_vmalert_are_handed_on(self):
        direct = self.direct("/vmalert/groups")
        proxied = self.get("vmalert/groups")
        self.assertEqual(direct.status, 200)
        self.assertEqual(proxied.status, 200)
        self.assertEqual(proxied.headers["Content-Type"],
                         direct.headers["Content-Type"])
        self.assertIn("up:count", proxied.text)
        self.assertEqual(self.get("vmalert/nothing/here").status,
                         self.direct("/vmalert/nothing/here").status)
        group = self.direct("/api/v1/rules").json()["data"]["groups"][0]
        rule = group["rules"][0]
        ids = {"group_id": group["id"], "rule_id": rule["id"]}
        got = self.get("vmalert/api/v1/rule", ids).json()
        self.assertEqual(got["name"], rule["name"])


if __name__ == "__main__":
    unittest.main()
