"""The real vmagent and vmalert work against a cluster, unchanged."""

import json
import os
import tempfile
import time
import unittest

from tests.support import http_client
from tests.support.agent import Agent
from tests.support.cluster import Cluster
from tests.support.peers import free_port
from tests.support.processes import Process, peer, wait_until

RULES = {"groups": [{
    "name": "drill", "interval": "1s", "rules": [
        {"record": "job:up:sum", "expr": "sum by (job) (up)"},
        {"alert": "Always", "expr": "up > 0", "for": "3s",
         "labels": {"severity": "test"}},
        {"alert": "Slow", "expr": "up > 0", "for": "10m"},
    ]}]}


@unittest.skipUnless(peer("vmagent") and peer("vmalert"), "skipped: no peer")
class AgentTest(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="varve-agent-")
        self.cluster = Cluster(storages=2, replication_factor=2,
                               select_args=["-dedup.minScrapeInterval=1ms"])
        self.agent = Agent(
            self.folder.name, "varve",
            [*(s.http for s in self.cluster.storages), self.cluster.select],
            [f"{self.cluster.insert}/insert/0/prometheus/api/v1/write"])

    def tearDown(self):
        self.agent.stop()
        self.cluster.close()
        self.folder.cleanup()

    def value(self, query, at=None):
        result = self.cluster.query(query, at or time.time())["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def alert(self, folder, rules):
        return Process("vmalert", peer("vmalert"), [
            f"-rule={rules}", f"-httpListenAddr=127.0.0.1:{self.alert_port}",
            f"-datasource.url=http://{self.cluster.select}/select/0/"
            "prometheus",
            f"-remoteRead.url=http://{self.cluster.select}/select/0/"
            "prometheus",
            f"-remoteWrite.url=http://{self.cluster.insert}/insert/0/"
            "prometheus", "-remoteWrite.flushInterval=500ms",
            "-notifier.blackhole", "-evaluationInterval=1s",
            # By default rules look 30 s back.
            "-rule.evalDelay=0s"])

    def states(self):
        try:
            answer = http_client.get(f"127.0.0.1:{self.alert_port}",
                                     "/api/v1/alerts")
        except OSError:   # it is just starting
            return {}
        alerts = answer.json()["data"]["alerts"]
        return {(a["name"], a["state"]): a["activeAt"] for a in alerts}

    def test_rules_are_evaluated_written_back_and_restored(self):
        rules = os.path.join(self.folder.name, "rules.yml")
        with open(rules, "w", encoding="ascii") as file:
            json.dump(RULES, file)
        self.alert_port = free_port()
        wait_until(lambda: self.value("sum(up)"), 20, "scrapes")
        alert = self.alert(self.folder.name, rules)
        try:
            wait_until(lambda: self.value("sum(job:up:sum)") ==
                       len(self.agent.targets), 20, "the recording rule")
            wait_until(lambda: ("Always", "firing") in self.states(), 20,
                       "the alert fires")
            wait_until(lambda: self.value(
                'count(ALERTS{alertname="Always",alertstate="firing"})'), 20,
                "the alert's series")
            wait_until(lambda: self.value(
                'count(ALERTS_FOR_STATE{alertname="Slow"})'), 20,
                "the alert's state")
            active_at = self.states()[("Slow", "pending")]
            alert.stop()
            alert = self.alert(self.folder.name, rules)
            wait_until(lambda: self.states().get(("Slow", "pending")) and
                       self.states()[("Slow", "pending")][:19] ==
                       active_at[:19], 20, "the restored state")
            errors = [line for line in alert.lines
                      if "\terror\t" in line or "\twarn\t" in line]
            self.assertFalse(errors)
        finally:
            alert.stop(30)


if __name__ == "__main__":
    unittest.main()
