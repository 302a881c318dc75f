"""A real Prometheus and a real vmagent write to us: what they hold themselves
is read back, whichever version and tenant they write with."""

import http.server
import json
import os
import tempfile
import threading
import time
import unittest

from tests.support import http_client
from tests.support.agent import Agent
from tests.support.cluster import Cluster
from tests.support.peers import free_port
from tests.support.processes import Process, peer, wait_until

# By version of remote write.
TENANTS = {"prometheus.WriteRequest": "71",
           "io.prometheus.write.v2.Request": "72"}

METADATA = {"type": "gauge", "help": "How warm \"it\" is", "unit": "celsius"}


class Application(http.server.BaseHTTPRequestHandler):
    """Metrics in OpenMetrics' text, with an exemplar; each scrape adds one."""

    scrapes = 0

    def do_GET(self):
        Application.scrapes += 1
        n = Application.scrapes
        body = (
            '# HELP app_temperature_celsius How warm \\"it\\" is\n'
            "# TYPE app_temperature_celsius gauge\n"
            "# UNIT app_temperature_celsius celsius\n"
            f'app_temperature_celsius{{room="ü"}} {20 + n / 8}\n'
            "# TYPE app_requests counter\n"
            f'app_requests_total {n} # {{trace_id="trace-{n}"}} {n / 4}\n'
            "# EOF\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; "
                         "version=1.0.0; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def by_labels(series, member):
    return {json.dumps(row["metric"], sort_keys=True): row.get(member)
            for row in series}


@unittest.skipUnless(peer("prometheus"), "skipped: no peer")
class PrometheusWritesTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.cluster = Cluster(storages=2, replication_factor=2)
        cls.addClassCleanup(cls.cluster.close)
        folder = tempfile.TemporaryDirectory(prefix="varve-prom-")
        cls.addClassCleanup(folder.cleanup)
        cls.address = f"127.0.0.1:{free_port()}"
        config = os.path.join(folder.name, "prometheus.yml")
        with open(config, "w", encoding="ascii") as file:
            json.dump({
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {"job_name": job,
                     "static_configs": [{"targets": [target]}]}
                    for job, target in (
                        ("self", cls.address),
                        ("app", f"127.0.0.1:{server.server_port}"))],
                "remote_write": [
                    {"url": f"http://{cls.cluster.insert}/insert/{tenant}/"
                            "prometheus/api/v1/write",
                     "protobuf_message": message, "name": tenant,
                     "send_native_histograms": True, "send_exemplars": True,
                     "metadata_config": {"send": True, "send_interval": "1s"},
                     "queue_config": {"batch_send_deadline": "200ms"}}
                    for message, tenant in TENANTS.items()]}, file)
        process = Process("prometheus", peer("prometheus"), [
            f"--config.file={config}",
            f"--storage.tsdb.path={folder.name}/data",
            f"--web.listen-address={cls.address}", "--enable-feature="
            "native-histograms,exemplar-storage,metadata-wal-records"])
        cls.addClassCleanup(process.stop, 30)
        process.wait_line("Server is ready", 30)
        begun = Application.scrapes
        wait_until(lambda: Application.scrapes > begun + 5, 30, "scrapes")
        # Everything up to here is compared.
        cls.until = time.time() - 1
        for tenant in TENANTS.values():
            wait_until(lambda tenant=tenant: cls.arrived(tenant), 30, tenant)

    @classmethod
    def ask(cls, path, tenant=None, **arguments):
        """Of Prometheus, or of a tenant of ours."""
        prefix = f"/select/{tenant}/prometheus" if tenant else ""
        answer = http_client.get(
            cls.cluster.select if tenant else cls.address,
            f"{prefix}/api/v1/{path}", arguments).json()
        if answer["status"] != "success":
            raise AssertionError(answer)
        return answer["data"]

    @classmethod
    def arrived(cls, tenant):
        # Its queue keeps the order of each series, and up is of each scrape.
        rows = cls.ask("query", tenant, query="timestamp(up)",
                       time=time.time())["result"]
        return len(rows) == 2 and all(
            float(row["value"][1]) > cls.until + 1 for row in rows)

    def test_floats_are_read_back_sample_for_sample(self):
        query = '{__name__=~"up|app_.*|prometheus_tsdb_head_.*"}[1m]'
        theirs = self.ask("query", query=query, time=self.until)["result"]
        self.assertGreater(len(theirs), 10)
        for tenant in TENANTS.values():
            with self.subTest(tenant):
                ours = self.ask("query", tenant, query=query,
                                time=self.until)["result"]
                self.assertEqual(by_labels(ours, "values"),
                                 by_labels(theirs, "values"))

    def test_native_histograms_are_read_back(self):
        query = "prometheus_http_request_duration_seconds[1m]"
        theirs = by_labels(self.ask("query", query=query,
                                    time=self.until)["result"], "histograms")
        self.assertTrue(any(theirs.values()))
        for tenant in TENANTS.values():
            with self.subTest(tenant):
                ours = by_labels(self.ask("query", tenant, query=query,
                                          time=self.until)["result"],
                                 "histograms")
                self.assertEqual(ours, theirs)

    def test_exemplars_are_read_back(self):
        def exemplars(tenant=None):
            found = self.ask("query_exemplars", tenant,
                             query="app_requests_total", start=0,
                             end=self.until)
            return [(row["seriesLabels"], [
                (e["labels"], float(e["value"]), round(e["timestamp"], 3))
                for e in row["exemplars"]]) for row in found]
        theirs = exemplars()
        self.assertEqual(len(theirs), 1)
        self.assertGreaterEqual(len(theirs[0][1]), 3)
        for tenant in TENANTS.values():
            with self.subTest(tenant):
                self.assertEqual(exemplars(tenant), theirs)

    def test_metadata_is_read_back(self):
        for tenant in TENANTS.values():
            with self.subTest(tenant):
                def metadata(tenant=tenant):
                    return self.ask("metadata", tenant).get(
                        "app_temperature_celsius")
                self.assertEqual(wait_until(metadata, 30, "metadata"),
                                 [METADATA])

    def test_prometheus_counts_no_failure(self):
        page = http_client.get(self.address, "/metrics").text
        for kind in ("samples", "histograms", "exemplars", "metadata"):
            name = f"prometheus_remote_storage_{kind}_failed_total"
            failed = [float(line.rsplit(" ", 1)[1])
                      for line in page.splitlines() if line.startswith(name)]
            self.assertEqual(failed, [0, 0], name)


@unittest.skipUnless(peer("vmagent") and peer("prometheus-node-exporter"),
                     "skipped: no peer")
class VmagentWritesTest(unittest.TestCase):

    def test_a_node_exporter_arrives_by_path_and_by_headers(self):
        with Cluster(storages=2, replication_factor=2) as cluster, \
                tempfile.TemporaryDirectory(prefix="varve-agent-") as folder:
            target = f"127.0.0.1:{free_port()}"
            exporter = Process("node-exporter",
                               peer("prometheus-node-exporter"),
                               [f"--web.listen-address={target}"])
            self.addCleanup(exporter.stop)
            agent = Agent(
                folder, "node", [target],
                [f"{cluster.insert}/insert/73:4/prometheus/api/v1/write",
                 f"{cluster.insert}/insert/prometheus/api/v1/write"],
                ["-remoteWrite.forceVMProto=true",
                 "-remoteWrite.headers=X-Nothing: here",
                 "-remoteWrite.headers=AccountID: 74^^ProjectID: 5"])
            self.addCleanup(agent.stop)

            def samples(tenant):
                return cluster.export('{job="node"}', tenant)
            for tenant in ("73:4", "74:5"):
                wait_until(lambda tenant=tenant: max(
                    map(len, samples(tenant).values()), default=0) >= 3,
                    60, tenant)
            agent.stop()
            by_path, by_headers = samples("73:4"), samples("74:5")
            self.assertGreater(len(by_path), 300)
            self.assertEqual(by_path, by_headers)
            self.assertEqual(samples("0"), {})


if __name__ == "__main__":
    unittest.main()
