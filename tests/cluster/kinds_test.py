"""Native histograms, exemplars and metadata from remote write to disk and
back, through real processes."""

import json
import math
import os
import shutil
import tempfile
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster, wait_healthy
from tests.support.processes import Process, peer, wait_until

TENANT = "7"


def histogram(middle, **changes):
    value = {"schema": 3, "zero_threshold": 0.001, "zero_count": 1,
             "count": 6 + middle, "sum": 2.5 * middle,
             "positive_spans": [(-2, 2), (1, 1)],
             "positive_buckets": [3, middle, 1],
             "negative_spans": [(0, 1)], "negative_buckets": [1]}
    value.update(changes)
    return value


def rows(at_ms, count=40):
    """Series of all kinds: integer, float and custom histograms."""
    series = []
    for i in range(count):
        name = {"__name__": "latency", "series": str(i)}
        value = histogram(i)
        if i % 3 == 1:
            value = histogram(i, float_counts=True, count=i + 0.5,
                              reset="gauge")
        if i % 3 == 2:
            value = {"schema": -53, "count": 4 + i, "sum": -0.0,
                     "zero_threshold": 0, "zero_count": 0, "reset": "yes",
                     "custom_bounds": [0.5, 2], "negative_spans": [],
                     "negative_buckets": [], "positive_spans": [(0, 3)],
                     "positive_buckets": [i, 0, 4]}
        series.append((name, [(at_ms + 1000 * k, value) for k in range(3)]))
    return series


def body(at_ms):
    parts = [remote_write.histogram_series(labels, samples)
             for labels, samples in rows(at_ms)]
    for i in range(20):
        labels = {"__name__": "requests_bucket", "series": str(i), "le": "1"}
        parts.append(remote_write.time_series(labels, [(at_ms, i)]))
        parts.append(remote_write.exemplar_series(
            labels, [({"trace_id": f"t{i}"}, i / 4, at_ms + 7)]))
    parts.append(remote_write.metadata("latency", 3, "how long", "seconds"))
    parts.append(remote_write.metadata("requests", 1, "how many", ""))
    return remote_write.snappy(b"".join(parts))


def number(text):
    """An integer of JSON, without the loss of the sign of -0."""
    return -0.0 if text == "-0" else int(text)


def exported(cluster, select, match='{__name__!=""}'):
    """Export's lines, parsed, by labels."""
    answer = http_client.post_form(
        select, f"/select/{TENANT}/prometheus/api/v1/export",
        {"match[]": match, "start": 0, "end": time.time() + 86400})
    if answer.status != 200:
        raise AssertionError(f"export: {answer.status} {answer.text}")
    found = {}
    for line in answer.text.splitlines():
        row = json.loads(line, parse_int=number)
        kept = found.setdefault(json.dumps(row["metric"], sort_keys=True), {})
        for member in ("values", "timestamps", "histograms"):
            kept.setdefault(member, []).extend(row.get(member, []))
    return found


def prometheus(select, path, **arguments):
    return http_client.get(
        select, f"/select/{TENANT}/prometheus/api/v1/{path}",
        arguments).json()


def exemplars(select, at):
    answer = prometheus(select, "query_exemplars", query="requests_bucket",
                        start=at - 60, end=at + 60)
    return answer["data"]


class KindsTest(unittest.TestCase):

    def check(self, cluster, select, at_ms):
        found = exported(cluster, select, '{__name__="latency"}')
        self.assertEqual(len(found), 40)
        for labels, samples in rows(at_ms):
            got = found[json.dumps(labels, sort_keys=True)]["histograms"]
            self.assertEqual([ms for ms, _ in got], [ms for ms, _ in samples])
            for (_, value), (_, want) in zip(got, samples):
                want = dict(want)
                for side in ("positive", "negative"):
                    want[side + "_spans"] = [
                        list(s) for s in want[side + "_spans"]]
                self.assertEqual(value, want)
                self.assertEqual(math.copysign(1, value["sum"]),
                                 math.copysign(1, want["sum"]))
        at = at_ms / 1000
        data = exemplars(select, at)
        self.assertEqual(len(data), 20)
        for one in data:
            i = int(one["seriesLabels"]["series"])
            self.assertEqual(one["exemplars"], [{
                "labels": {"trace_id": f"t{i}"},
                "value": json.dumps(i / 4).removesuffix(".0"),
                "timestamp": (at_ms + 7) / 1000}])
        self.assertEqual(prometheus(select, "metadata")["data"], {
            "latency": [{"type": "histogram", "help": "how long",
                         "unit": "seconds"}],
            "requests": [{"type": "counter", "help": "how many",
                          "unit": ""}]})

    def test_every_kind_survives_kills_and_flushes_on_each_replica(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            at_ms = int(time.time()) * 1000 - 60_000
            answer = cluster.write_body(body(at_ms), TENANT)
            self.assertEqual(answer.status, 204, answer.text)
            self.check(cluster, cluster.select, at_ms)
            alone = [cluster.add_select([s], ["-replicationFactor=1"])
                     for s in cluster.storages]
            for storage, select in zip(cluster.storages, alone):
                storage.process.kill()
                storage.start()
                wait_healthy(storage.http)
                wait_until(lambda: prometheus(select, "metadata")["status"] ==
                           "success", 10, "the node is reached")
                self.check(cluster, select, at_ms)
                storage.flush()
                self.check(cluster, select, at_ms)
            cluster.storages[0].process.kill()
            self.check(cluster, cluster.select, at_ms)
            cluster.storages[0].start()
            # A retry changes nothing.
            wait_until(lambda: cluster.write_body(body(at_ms), TENANT).status
                       == 204, 10, "writes")
            self.check(cluster, cluster.select, at_ms)
            self.assertGreater(http_client.metric(
                cluster.storages[0].http,
                "vm_metrics_metadata_storage_size_bytes"), 0)

    def test_export_and_import_copy_every_histogram(self):
        with Cluster(storages=1) as cluster:
            at_ms = int(time.time()) * 1000 - 60_000
            self.assertEqual(
                cluster.write_body(body(at_ms), TENANT).status, 204)
            lines = http_client.post_form(
                cluster.select, f"/select/{TENANT}/prometheus/api/v1/export",
                {"match[]": "latency", "start": 0}).body
            answer = http_client.request(
                cluster.insert, "POST", "/insert/8/prometheus/api/v1/import",
                lines)
            self.assertEqual(answer.status, 204)
            copy = http_client.post_form(
                cluster.select, "/select/8/prometheus/api/v1/export",
                {"match[]": "latency", "start": 0}).body
            self.assertEqual(sorted(copy.splitlines()),
                             sorted(lines.splitlines()))

    def test_queries_answer_histograms_from_memory_and_disk(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            at_ms = int(time.time()) * 1000 - 60_000
            self.assertEqual(
                cluster.write_body(body(at_ms), TENANT).status, 204)
            self.check_answers(cluster, at_ms)
            for storage in cluster.storages:
                storage.flush()
            self.check_answers(cluster, at_ms)

    def check_answers(self, cluster, at_ms):
        at = at_ms // 1000 + 10
        value = {"count": "6", "sum": "0", "buckets": [
            [1, "-1", "-0.9170040432046711", "1"],
            [3, "-0.001", "0.001", "1"],
            [0, "0.7711054127039704", "0.8408964152537144", "3"],
            [0, "1", "1.0905077326652577", "1"]]}
        name = {"__name__": "latency", "series": "0"}
        answer = cluster.query('latency{series="0"}', at, TENANT)
        self.assertEqual(answer["data"]["result"],
                         [{"metric": name, "histogram": [at, value]}])
        raw = cluster.query('latency{series="0"}[1m]', at, TENANT)
        self.assertEqual(
            raw["data"]["result"],
            [{"metric": name, "histograms": [
                [ms / 1000, value] for ms in range(at_ms, at_ms + 3000, 1000)
            ]}])
        answer = cluster.query_range(
            'histogram_count(latency{series="1"}) or latency{series="0"}',
            at, at + 10, 10, TENANT)
        self.assertEqual(answer["data"]["result"], [
            {"metric": name, "histograms": [[at, value], [at + 10, value]]},
            {"metric": {"series": "1"}, "values": [[at, "1.5"],
                                                   [at + 10, "1.5"]]}])
        answer = cluster.query("sum(latency)", at, TENANT)
        self.assertEqual(answer["data"]["result"], [])
        self.assertEqual(answer["warnings"], [
            "PromQL warning: vector contains a mix of histograms with "
            'exponential and custom buckets schemas for metric name "latency" '
            "(1:5)"])
        answer = cluster.query('sum(rate(latency{series="0"}[1m])) * 0', at,
                               TENANT, round_digits=3)
        self.assertEqual(answer["data"]["result"], [
            {"metric": {}, "histogram": [at, {"count": "0", "sum": "0"}]}])


CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: self
    scrape_native_histograms: true
    static_configs: [{{targets: ["{self}"]}}]
remote_write:
  - url: http://{insert}/insert/7/prometheus/api/v1/write
    send_native_histograms: true
    send_exemplars: true
    metadata_config: {{send: true, send_interval: 1s}}
    queue_config: {{batch_send_deadline: 1s}}
"""


@unittest.skipUnless(peer("prometheus"), "no prometheus program")
class PrometheusTest(unittest.TestCase):

    def test_histograms_of_a_real_prometheus_arrive(self):
        folder = tempfile.mkdtemp(prefix="varve-test-")
        self.addCleanup(shutil.rmtree, folder, True)
        with Cluster(storages=2, replication_factor=2) as cluster:
            config = os.path.join(folder, "prometheus.yml")
            process = self.start(cluster, folder, config)
            self.addCleanup(process.kill)
            wait_until(lambda: len(prometheus(cluster.select, "metadata")
                                   .get("data", {})) > 50, 60, "metadata")
            name = "prometheus_http_request_duration_seconds"

            def arrived():
                found = exported(cluster, cluster.select, name)
                return [h for one in found.values() for h in one["histograms"]]
            histograms = wait_until(arrived, 60, "native histograms")
            at_ms, value = histograms[0]
            self.assertEqual(value["count"], value["zero_count"] +
                             sum(value["positive_buckets"]))
            print(f"{len(histograms)} native histograms arrived, the first at "
                  f"{at_ms}: {value}")

    def start(self, cluster, folder, config):
        import socket
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        for extra in ("scrape_native_histograms", None):
            text = CONFIG.format(self=address, insert=cluster.insert)
            if extra is None:  # releases before it was an option of a scrape
                text = text.replace("    scrape_native_histograms: true\n", "")
            with open(config, "w", encoding="utf-8") as file:
                file.write(text)
            process = Process("prometheus", peer("prometheus"), [
                f"--config.file={config}", f"--storage.tsdb.path={folder}/d",
                f"--web.listen-address={address}",
                "--enable-feature=native-histograms,exemplar-storage"])
            try:
                process.wait_line("Server is ready", 20)
                return process
            except AssertionError:
                process.kill()
        raise AssertionError("\n".join(process.lines[-10:]))


if __name__ == "__main__":
    unittest.main()
