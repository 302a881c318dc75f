"""The real vmalert replays rules over the past, without a warning."""

import json
import os
import tempfile
import time
import unittest

from tests.support.cluster import Cluster
from tests.support.processes import Process, peer, wait_until

STEP = 15
RULES = {"groups": [{
    "name": "past", "interval": f"{STEP}s", "rules": [
        {"record": "job:requests:rate", "labels": {"made": "by replay"},
         "expr": "sum by (job) (rate(requests_total[1m]))"},
        {"record": "requests:last", "expr": "max_over_time(requests_total[5m])"},
        {"alert": "Busy", "expr": "rate(requests_total[1m]) > 0.5",
         "for": "30s", "annotations": {
             "text": "{{ $labels.job }}: {{ $value }}"}},
    ]}]}


@unittest.skipUnless(peer("vmalert"), "skipped: no peer")
class ReplayTest(unittest.TestCase):

    def test_recording_and_alerting_rules_over_an_hour(self):
        end = int(time.time()) // STEP * STEP - 600
        begin = end - 3600
        with Cluster(storages=2, replication_factor=2) as cluster, \
                tempfile.TemporaryDirectory(prefix="varve-replay-") as folder:
            answer = cluster.write([
                ({"__name__": "requests_total", "job": job},
                 [(t * 1000, (t - begin) * factor)
                  for t in range(begin - 300, end + 1, STEP)])
                for job, factor in (("busy", 1), ("idle", 0.25))])
            self.assertEqual(answer.status, 204)
            rules = os.path.join(folder, "rules.yml")
            with open(rules, "w", encoding="ascii") as file:
                json.dump(RULES, file)
            stamp = "%Y-%m-%dT%H:%M:%SZ"
            select = f"http://{cluster.select}/select/0/prometheus"
            vmalert = Process("vmalert", peer("vmalert"), [
                f"-rule={rules}", f"-datasource.url={select}",
                f"-remoteRead.url={select}",
                f"-remoteWrite.url=http://{cluster.insert}/insert/0/"
                "prometheus", "-notifier.blackhole",
                "-httpListenAddr=127.0.0.1:0", "-replay.disableProgressBar",
                "-replay.rulesDelay=100ms",
                "-replay.timeFrom=" + time.strftime(stamp, time.gmtime(begin)),
                "-replay.timeTo=" + time.strftime(stamp, time.gmtime(end))])
            try:
                wait_until(lambda: not vmalert.running(), 60, "the end")
            finally:
                vmalert.stop(10)
            troubles = [line for line in vmalert.lines
                        if "\terror\t" in line or "\twarn\t" in line or
                        "\tfatal\t" in line]
            self.assertEqual(troubles, [])
            self.check(cluster, begin, end)

    def check(self, cluster, begin, end):
        rows = cluster.query_range('job:requests:rate{made="by replay"}',
                                   begin + 60, end, STEP)["data"]["result"]
        rates = {row["metric"]["job"]: {round(float(v), 9)
                                        for _, v in row["values"]}
                 for row in rows}
        self.assertEqual(rates, {"busy": {1.0}, "idle": {0.25}})
        self.assertGreaterEqual(min(len(row["values"]) for row in rows), 235)
        firing = cluster.query_range(
            'ALERTS{alertname="Busy",alertstate="firing"}', begin + 120, end,
            STEP)["data"]["result"]
        self.assertEqual([row["metric"]["job"] for row in firing], ["busy"])
        self.assertGreaterEqual(len(firing[0]["values"]), 230)


if __name__ == "__main__":
    unittest.main()
