"""Limits of tenants from a watched file, as clients meet them."""

import os
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

from tests.support import http_client, remote_write
from tests.support.cluster import LOCAL, Cluster
from tests.support.processes import Process, binary, wait_until

OVER_RATE = "varve_tenant_requests_over_rate_total"
LOADED = "varve_tenant_limits_config_last_reload_successful"
LOADED_AT = "varve_tenant_limits_config_last_reload_success_timestamp_seconds"


class LimitsFile:
    """A file that changes as a mounted one does: another takes its name."""

    def __init__(self, text):
        self.folder = tempfile.TemporaryDirectory(prefix="varve-limits-")
        self.path = os.path.join(self.folder.name, "limits.yaml")
        self.write(text)

    def write(self, text):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self.path + ".new", self.path)


class TenantLimitsTest(unittest.TestCase):

    def start(self, text, *flags):
        self.file = LimitsFile(text)
        self.addCleanup(self.file.folder.cleanup)
        cluster = Cluster(
            storages=1,
            insert_args=[f"-insert.tenantLimits={self.file.path}", *flags])
        self.addCleanup(cluster.close)
        self.cluster = cluster
        self.now_ms = int(time.time() * 1000)
        return cluster

    def series(self, name, count, samples=1, **labels):
        return [({"__name__": name, "n": str(i), **labels},
                 [(self.now_ms - 1000 * k, k) for k in range(samples)])
                for i in range(count)]

    def metric(self, name):
        return http_client.metric(self.cluster.insert, name)

    def stored(self, name, tenant):
        return self.cluster.export(name, tenant)

    def test_a_request_over_the_rate_is_a_429_whole(self):
        cluster = self.start(
            "overrides: {42:7: {ingestion_rate: 100, "
            "ingestion_burst_size: 500}}")
        self.assertEqual(
            cluster.write(self.series("fits", 400), "42:7").status, 204)
        for body, encoding in self.bodies(self.series("over", 350)):
            answer = cluster.write_body(body, "42:7", encoding)
            self.assertEqual(answer.status, 429, encoding)
            self.assertIn("ingestion_rate", answer.text)
            self.assertIn("350 samples", answer.text)
            self.assertIn("100 samples/s", answer.text)
            wait = int(answer.headers["Retry-After"])
            self.assertGreaterEqual(wait, 1)
            self.assertLessEqual(wait, 3)
        self.assertEqual(self.stored("over", "42:7"), {})
        self.assertEqual(len(self.stored("fits", "42:7")), 400)
        # Others are not asked; nor is another project of the account.
        for tenant in ("42:8", "1"):
            self.assertEqual(
                cluster.write(self.series("free", 3000), tenant).status, 204)
        self.assertEqual(
            self.metric(OVER_RATE + '{accountID="42",projectID="7"}'), 2)
        # Other endpoints are under the same rate.
        text = "".join(f'line{{n="{i}"}} 1\n' for i in range(450)).encode()
        answer = http_client.request(
            cluster.insert, "POST",
            "/insert/42:7/prometheus/api/v1/import/prometheus", text)
        self.assertEqual(answer.status, 429)
        self.assertEqual(self.stored("line", "42:7"), {})
        # As long as it says, and the same request is taken.
        answer = cluster.write(self.series("over", 350), "42:7")
        wait_until(lambda: cluster.write(self.series("over", 350),
                                         "42:7").status == 204,
                   int(answer.headers.get("Retry-After", 0)) + 2,
                   "the request fits after Retry-After")
        self.assertEqual(len(self.stored("over", "42:7")), 350)

    @staticmethod
    def bodies(series):
        message = remote_write.write_request(series)
        return [(remote_write.snappy(message), "snappy"),
                (remote_write.zstd(message), "zstd")]

    def test_new_series_over_the_limit_are_refused_known_ones_go_on(self):
        cluster = self.start("overrides: {7: {max_active_series: 100}}")
        answer = cluster.write(self.series("known", 90), "7")
        self.assertEqual(answer.status, 204, answer.text)
        answer = cluster.write(self.series("more", 30), "7")
        self.assertEqual(answer.status, 400)
        self.assertIn("the tenant has 100 active series", answer.text)
        self.assertIn("max_active_series", answer.text)
        self.assertIn('{__name__="more"', answer.text)
        self.assertEqual(len(self.stored("more", "7")), 10)
        self.now_ms += 1000
        for body, encoding in self.bodies(self.series("known", 90)):
            answer = cluster.write_body(body, "7", encoding)
            self.assertEqual(answer.status, 204, answer.text)
        body, encoding = self.bodies(self.series("late", 5))[1]
        self.assertEqual(cluster.write_body(body, "7", encoding).status, 204)
        self.assertEqual(self.stored("late", "7"), {})
        self.assertTrue(all(len(samples) == 2 for samples in
                            self.stored("known", "7").values()))
        self.assertEqual(cluster.write(self.series("free", 200)).status, 204)
        labels = '{accountID="7",projectID="0"'
        self.assertEqual(
            self.metric("varve_tenant_active_series" + labels), 100)
        self.assertEqual(
            self.metric("varve_tenant_rows_ignored_total" + labels +
                        ',reason="active_series_limit"}'), 25)
        self.assertEqual(
            self.metric('vm_rows_ignored_total{reason="active_series_limit"}'),
            25)
        self.cluster.inserts[0][0].wait_line(
            r"a series of tenant 7:0 is not stored: the tenant has 100 active "
            r'series.*__name__="more"')

    def test_limits_of_labels_and_of_the_body_are_the_tenants(self):
        cluster = self.start(
            "defaults: {max_label_value_length: 8}\n"
            "overrides: {7: {max_label_value_length: 5000, "
            "max_label_names_per_series: 3, max_request_bytes: 20000}}")
        answer = cluster.write(self.series("v", 1, pad="x" * 9))
        self.assertEqual(answer.status, 400)
        self.assertIn("9 bytes is over 8 (max_label_value_length)",
                      answer.text)
        self.assertEqual(
            cluster.write(self.series("v", 1, pad="x" * 4999), "7").status,
            204)
        answer = cluster.write(self.series("v", 1, a="1", b="2"), "7")
        self.assertIn("4 labels are over 3 (max_label_names_per_series)",
                      answer.text)
        answer = cluster.write(self.series("v", 3000), "7")
        self.assertEqual(answer.status, 400)
        self.assertIn("max_request_bytes=20000", answer.text)
        answer = http_client.request(
            cluster.insert, "POST",
            "/insert/7/prometheus/api/v1/import/prometheus", b"v 1\n" * 6000)
        self.assertEqual(answer.status, 400)
        self.assertIn("max_request_bytes", answer.text)
        self.assertEqual(len(self.stored("v", "7")), 1)

    def test_a_changed_file_holds_a_bad_one_does_not(self):
        cluster = self.start("defaults: {max_label_value_length: 8}",
                             "-insert.tenantLimitsCheckInterval=50ms")
        long = self.series("v", 1, pad="x" * 9)
        self.assertEqual(cluster.write(long).status, 400)
        self.assertEqual(self.metric(LOADED), 1)
        self.assertGreater(self.metric(LOADED_AT), time.time() - 60)
        # Its verdict was kept; it is looked at again.
        self.file.write("defaults: {max_label_value_length: 9}")
        wait_until(lambda: cluster.write(long).status == 204)
        self.file.write("defaults: {max_label_value_length: oops}")
        wait_until(lambda: self.metric(LOADED) == 0)
        self.cluster.inserts[0][0].wait_line(
            r"stays in force: -insert.tenantLimits=.*limits.yaml: line 1, "
            r"column 36: max_label_value_length must be a number")
        self.assertEqual(cluster.write(long).status, 204)
        os.remove(self.file.path)
        self.assertEqual(cluster.write(long).status, 204)
        self.file.write("defaults: {max_label_value_length: 8}")
        wait_until(lambda: cluster.write(long).status == 400)
        self.assertEqual(self.metric(LOADED), 1)

    def test_a_signal_and_a_path_load_it_at_once(self):
        cluster = self.start("", "-insert.tenantLimitsCheckInterval=0")
        series = self.series("v", 1, pad="x" * 9)
        self.assertEqual(cluster.write(series).status, 204)
        self.file.write("defaults: {max_label_value_length: 8}")
        self.cluster.inserts[0][0].popen.send_signal(signal.SIGHUP)
        wait_until(lambda: cluster.write(series).status == 400)
        self.file.write("defaults: {max_label_value_length: 9}")
        answer = http_client.get(cluster.insert, "/-/reload")
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(cluster.write(series).status, 204)
        self.file.write("default: {}")
        answer = http_client.get(cluster.insert, "/-/reload")
        self.assertEqual(answer.status, 500)
        self.assertIn('unknown key "default"', answer.text)

    def test_a_bad_file_at_the_start_ends_the_process(self):
        for text in ("defaults: {ingestion_rat: 5}", None):
            file = LimitsFile(text or "")
            self.addCleanup(file.folder.cleanup)
            if text is None:
                os.remove(file.path)
            process = Process("insert", binary("varve-insert"), [
                f"-httpListenAddr={LOCAL}", "-storageNode=127.0.0.1:1",
                f"-insert.tenantLimits={file.path}"])
            self.addCleanup(process.kill)
            process.wait_line(r"-insert.tenantLimits=" + re.escape(file.path))
            self.assertNotEqual(process.popen.wait(20), 0)

    def begin_import(self, tenant):
        """A client that has sent the first of a long import's lines."""
        host, port = self.cluster.insert.split(":")
        client = socket.create_connection((host, int(port)), 30)
        self.addCleanup(client.close)
        client.sendall(
            (f"POST /insert/{tenant}/prometheus/api/v1/import/prometheus "
             "HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"
             ).encode() + b"a 1\n" * ((1 << 18) + 1024))
        return client

    def test_at_most_four_imports_wait_for_their_rates(self):
        self.start("defaults: {ingestion_rate: 0.001, "
                   "ingestion_burst_size: 1}")
        waiting = "varve_imports_waiting_for_rate"
        clients = [self.begin_import(tenant) for tenant in range(4)]
        wait_until(lambda: self.metric(waiting) == 4, 20, "four wait")
        stored = self.metric("vm_rows_inserted_total")
        answer = self.begin_import(4).recv(65536).decode()
        self.assertRegex(answer, "^HTTP/1.1 429 ")
        wait_s = int(re.search(r"Retry-After: (\d+)\r", answer).group(1))
        self.assertGreater(wait_s, 0)
        rows = int(re.search(r"the (\d+) rows before are stored",
                             answer).group(1))
        self.assertGreater(rows, 0)
        wait_until(lambda: self.metric("vm_rows_inserted_total") ==
                   stored + rows, what="what it stored is counted")
        self.assertEqual(self.metric(waiting), 4)
        # Those who leave make room, whatever of theirs is not read.
        for client in clients[:2]:
            client.close()
        wait_until(lambda: self.metric(waiting) == 2, 20, "two have left")
        self.begin_import(5)
        wait_until(lambda: self.metric(waiting) == 3, 20, "another waits")

    def test_a_tenant_over_its_rate_does_not_slow_the_others(self):
        cluster = self.start("overrides: {66: {ingestion_rate: 1}}",
                             "-maxConcurrentInserts=2")
        flood = remote_write.snappy(remote_write.write_request(
            self.series("flood", 20_000)))
        end = threading.Event()
        codes = []

        def send():
            while not end.is_set():
                codes.append(cluster.write_body(flood, "66").status)

        senders = [threading.Thread(target=send) for _ in range(4)]
        body = remote_write.snappy(remote_write.write_request(
            self.series("calm", 10)))
        for sender in senders:
            sender.start()
        try:
            wait_until(lambda: codes.count(429) > 8, 30, "a flood refused")
            took = []
            for _ in range(50):
                begin = time.monotonic()
                self.assertEqual(cluster.write_body(body, "1").status, 204)
                took.append(time.monotonic() - begin)
        finally:
            end.set()
            for sender in senders:
                sender.join()
        self.assertLess(sorted(took)[25], 1.0)
        self.assertEqual(set(codes) - {204, 429}, set())
        self.assertLessEqual(codes.count(204), 4)
        self.assertEqual(len(self.stored("calm", "1")), 10)


if __name__ == "__main__":
    unittest.main()
