"""A real Prometheus scrapes, remote-writes, and is asked the same queries."""

import json
import math
import os
import tempfile
import time
import unittest
import urllib.parse

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.peers import free_port
from tests.support.processes import Process, peer, wait_until

# How long Prometheus writes; a release is judged with 600.
SECONDS = int(os.environ.get("VARVE_AGREEMENT_SECONDS",
                             "600" if os.environ.get("VARVE_LONG") else "100"))
STEP = 15
TOLERANCE = 1e-9

QUERIES = """
up
node_load1
count({__name__=~".+"}) by (job)
sum by (mode) (rate(node_cpu_seconds_total[1m]))
sum without (cpu) (irate(node_cpu_seconds_total[1m]))
rate(prometheus_http_requests_total[1m])
increase(prometheus_tsdb_head_samples_appended_total[1m])
delta(node_memory_MemFree_bytes[1m])
idelta(node_memory_MemFree_bytes[1m])
deriv(node_memory_MemFree_bytes[1m])
predict_linear(node_memory_MemFree_bytes[1m], 60)
avg_over_time(node_load1[1m])
max_over_time(node_load1[1m]) - min_over_time(node_load1[1m])
sum_over_time(up[1m])
count_over_time(up[1m])
last_over_time(node_load1[1m])
stddev_over_time(node_load1[1m])
quantile_over_time(0.9, node_load1[1m])
changes(process_start_time_seconds[1m])
resets(node_cpu_seconds_total[1m])
topk(3, node_cpu_seconds_total)
bottomk(2, go_goroutines)
quantile(0.5, node_cpu_seconds_total)
stddev by (mode) (node_cpu_seconds_total)
count_values("value", up)
group by (job) (up)
histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[1m])))
histogram_quantile(0.5, prometheus_http_request_duration_seconds_bucket)
node_memory_MemTotal_bytes - node_memory_MemFree_bytes
node_filesystem_avail_bytes / on (device, mountpoint, instance) node_filesystem_size_bytes
node_cpu_seconds_total * on (instance) group_left () up
node_load1 > bool 0.1
up == 1 and on (instance) node_load1
up unless on (job) node_load1
node_load1 or up
label_replace(up, "host", "$1", "instance", "(.*):.*")
label_join(up, "both", "-", "job", "instance")
clamp(node_load1, 0.1, 0.5)
max_over_time(rate(node_cpu_seconds_total{mode="user"}[1m])[1m:15s])
node_load1 offset 30s
absent(no_such_metric)
abs(ln(node_load1 + 1)) + sqrt(node_load5)
scalar(sum(up)) + time() % 10
""".strip().splitlines()


def points(answer):
    """{labels: {timestamp: value}} of a vector, matrix or scalar."""
    data = answer["data"]
    if data["resultType"] == "scalar":
        return {(): {round(float(data["result"][0]), 3):
                     float(data["result"][1])}}
    found = {}
    for row in data["result"]:
        values = row.get("values") or [row["value"]]
        found[tuple(sorted(row["metric"].items()))] = {
            round(float(t), 3): float(v) for t, v in values}
    return found


def same(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == b:
        return True
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def differences(ours, theirs):
    """What two answers disagree on; empty when they agree."""
    found = []
    for labels in theirs.keys() - ours.keys():
        found.append(f"missing in Varve: {dict(labels)}")
    for labels in ours.keys() - theirs.keys():
        found.append(f"missing in Prometheus: {dict(labels)}")
    for labels in ours.keys() & theirs.keys():
        a, b = ours[labels], theirs[labels]
        for t in sorted(a.keys() | b.keys()):
            if t not in a or t not in b or not same(a[t], b[t]):
                found.append(f"{dict(labels)} at {t}: Varve {a.get(t)}, "
                             f"Prometheus {b.get(t)}")
                break
    return found


@unittest.skipUnless(peer("prometheus") and peer("prometheus-node-exporter"),
                     "skipped: no peer")
class AgreementTest(unittest.TestCase):

    def test_the_same_queries_have_the_same_answers(self):
        with Cluster(storages=2, replication_factor=2,
                     select_args=["-dedup.minScrapeInterval=1ms"]) as cluster, \
                tempfile.TemporaryDirectory(prefix="varve-prom-") as folder:
            exporter_port, port = free_port(), free_port()
            exporter = Process(
                "node-exporter", peer("prometheus-node-exporter"),
                [f"--web.listen-address=127.0.0.1:{exporter_port}"])
            prometheus = None
            try:
                prometheus = self.start_prometheus(cluster, folder, port,
                                                   exporter_port)
                self.compare(cluster, f"127.0.0.1:{port}")
            finally:
                exporter.kill()   # it keeps nothing
                if prometheus:
                    prometheus.stop(30)

    def start_prometheus(self, cluster, folder, port, exporter_port):
        own = [cluster.insert, cluster.select,
               *(s.http for s in cluster.storages)]
        config = {
            "global": {"scrape_interval": "5s"},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": targets}]}
                for job, targets in (
                    ("node", [f"127.0.0.1:{exporter_port}"]),
                    ("prometheus", [f"127.0.0.1:{port}"]),
                    ("varve", own))],
            "remote_write": [{
                "url": f"http://{cluster.insert}/insert/0/prometheus/api/v1/"
                       "write",
                "queue_config": {"batch_send_deadline": "1s"}}],
        }
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w", encoding="ascii") as file:
            json.dump(config, file)
        prometheus = Process("prometheus", peer("prometheus"), [
            f"--config.file={path}", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}"])
        prometheus.wait_line("Server is ready", 30)
        return prometheus

    def compare(self, cluster, prometheus):
        begun = time.time()
        margin = min(60, SECONDS * 0.15)
        wait_until(lambda: time.time() - begun > SECONDS, SECONDS + 10,
                   "the run")
        start = math.ceil((begun + margin) / STEP) * STEP
        end = math.floor((time.time() - margin) / STEP) * STEP
        self.wait_arrival(cluster, end)
        failures = []
        for query in QUERIES:
            for path, arguments in (
                    ("query", {"time": end}),
                    ("query_range",
                     {"start": start, "end": end, "step": STEP})):
                arguments["query"] = query
                ours = http_client.post_form(
                    cluster.select,
                    f"/select/0/prometheus/api/v1/{path}", arguments).json()
                theirs = http_client.get(
                    prometheus, f"/api/v1/{path}?" +
                    urllib.parse.urlencode(arguments)).json()
                self.assertEqual(theirs["status"], "success", theirs)
                if ours["status"] != "success":
                    failures.append(f"{path} {query}: {ours['error']}")
                    continue
                self.assertFalse(ours["isPartial"])
                for difference in differences(points(ours),
                                              points(theirs))[:3]:
                    failures.append(f"{path} {query}: {difference}")
        print(f"{len(QUERIES)} queries over {end - start} s, instant and "
              f"range: {len(failures)} differences")
        self.assertFalse(failures, "\n".join(failures))

    def wait_arrival(self, cluster, end):
        """Remote write is behind by up to its deadline: wait for the end."""
        def arrived():
            result = cluster.query("min(timestamp(up))", end + STEP)
            rows = result["data"]["result"]
            return rows and float(rows[0]["value"][1]) >= end - 5
        wait_until(arrived, 30, "the last samples")


if __name__ == "__main__":
    unittest.main()
