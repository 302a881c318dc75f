"""What supervisors rely on: lines, ports, signals, flags, weight."""

import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

from tests.support import http_client
from tests.support.cluster import (Cluster, HTTP_LINE, INSERT_RPC_LINE, LOCAL,
                                   SELECT_RPC_LINE)
from tests.support.processes import Process, binary

PROGRAMS = ("varve-storage", "varve-insert", "varve-select", "varve")

# What `ldd` may name: libc and the libraries Debian packages install.
ALLOWED_LIBRARIES = re.compile(
    r"^(linux-vdso|ld-linux-x86-64|libc|libm|libstdc\+\+|libgcc_s|libpthread|"
    r"libdl|librt|libresolv|libabsl_\w+|libprotobuf|librocksdb|libsnappy|"
    r"libzstd|liblz4|libz|libbz2|libxxhash|libre2|libroaring|libyaml-cpp|"
    r"libsimdjson|libssl|libcrypto|libjemalloc|libprometheus-cpp-core|"
    r"libgflags|libnuma|liburing|libtbb|libatomic)(\.so.*|\.so)?$")
# These programs never touch a disk or speak PromQL.
FORBIDDEN = {"varve-insert": ("librocksdb", "libroaring"),
             "varve-select": ("librocksdb", "libroaring")}


def run(name, *args):
    return subprocess.run([binary(name), *args], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20,
                          check=False)


class FlagTest(unittest.TestCase):

    def test_an_unknown_flag_is_an_error_with_exit_code_2(self):
        for name in PROGRAMS:
            result = run(name, "-noSuchFlag=1")
            self.assertEqual(result.returncode, 2, name)
            self.assertIn("noSuchFlag", result.stderr)

    def test_version_and_help_exit_0_on_stdout(self):
        for name in PROGRAMS:
            for flag in ("-version", "--version"):
                result = run(name, flag)
                self.assertEqual(result.returncode, 0, name)
                self.assertIn("varve", result.stdout)
            result = run(name, "-help")
            self.assertEqual(result.returncode, 0, name)
            self.assertIn("-httpListenAddr", result.stdout)

    def test_a_positional_argument_is_fatal(self):
        for name in PROGRAMS:
            result = run(name, "foo")
            self.assertEqual(result.returncode, 1, name)
            self.assertIn("foo", result.stderr)

    def test_a_bad_value_names_value_and_flag(self):
        result = run("varve-storage", "-retentionPeriod=soon")
        self.assertEqual(result.returncode, 2)
        self.assertIn("retentionPeriod", result.stderr)
        self.assertIn("soon", result.stderr)

    def test_without_storage_nodes_insert_and_select_refuse_to_start(self):
        for name in ("varve-insert", "varve-select"):
            result = run(name, "-httpListenAddr=127.0.0.1:0")
            self.assertNotEqual(result.returncode, 0, name)
            self.assertIn("-storageNode", result.stderr)

    def test_programs_need_no_unexpected_shared_library(self):
        for name in PROGRAMS:
            listing = subprocess.run(["ldd", binary(name)], text=True,
                                     capture_output=True, check=True).stdout
            libraries = [os.path.basename(line.split()[0])
                         for line in listing.splitlines()]
            self.assertFalse([x for x in libraries if "not found" in x])
            for library in libraries:
                self.assertRegex(library, ALLOWED_LIBRARIES, name)
                for forbidden in FORBIDDEN.get(name, ()):
                    self.assertFalse(library.startswith(forbidden),
                                     f"{name} needs {library}")


class EndpointTest(unittest.TestCase):

    def test_every_process_answers_the_common_routes(self):
        with Cluster(storages=1) as cluster:
            for address, kind in ((cluster.storages[0].http, "vmstorage"),
                                  (cluster.insert, "vminsert"),
                                  (cluster.select, "vmselect")):
                health = http_client.get(address, "/health")
                self.assertEqual((health.status, health.text), (200, "OK"))
                self.assertEqual(
                    http_client.get(address, "/-/healthy").text,
                    "VictoriaMetrics is Healthy.\n")
                self.assertEqual(
                    http_client.get(address, "/-/ready").text,
                    "VictoriaMetrics is Ready.\n")
                flags = http_client.get(address, "/flags").text
                self.assertIn(f'-httpListenAddr="{address}"', flags)
                metrics = http_client.get(address, "/metrics").text
                self.assertRegex(
                    metrics,
                    f'vm_app_version{{version="{kind}-[^"]*varve[^"]*"')
                for name in ("process_cpu_seconds_total",
                             "process_resident_memory_bytes",
                             "vm_available_memory_bytes"):
                    self.assertRegex(metrics, f"(?m)^{name}[ {{]")
                for line in metrics.splitlines():
                    self.assertRegex(line, r"^(#|[a-z_]\w*(\{.*\})? \S+$)")

    def test_metrics_of_tests_and_alerts_are_there_from_the_start(self):
        wanted = {
            "insert": ["vm_rpc_rows_sent_total",
                       'vm_rows_inserted_total{type="promremotewrite"}',
                       "vm_rpc_rows_incompletely_replicated_total",
                       "vm_rpc_connection_errors_total",
                       'vm_rows_ignored_total{reason="too_many_labels"}'],
            "storage": ["vm_vminsert_metrics_read_total",
                        "vm_new_timeseries_created_total",
                        'vm_cache_entries{type="storage/hour_metric_ids"}',
                        'vm_rows{type="storage/small"}',
                        'vm_data_size_bytes{type="indexdb/file"}',
                        "vm_free_disk_space_bytes"],
            "select": ["vm_concurrent_select_capacity",
                       "vm_slow_queries_total"],
        }
        with Cluster(storages=1) as cluster:
            addresses = {"insert": cluster.insert, "select": cluster.select,
                         "storage": cluster.storages[0].http}
            for role, names in wanted.items():
                for name in names:
                    http_client.metric(addresses[role], name)


class SignalTest(unittest.TestCase):

    def test_either_signal_ends_every_process_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Cluster(storages=1) as cluster:
                alone = Process("varve", binary("varve"),
                                [f"-httpListenAddr={LOCAL}",
                                 f"-storageDataPath={cluster.folder}/alone"])
                self.addCleanup(alone.kill)
                alone.wait_line(HTTP_LINE)
                for process in (cluster.inserts[0][0], cluster.selects[0][0],
                                cluster.storages[0].process, alone):
                    with self.subTest(process.name, signal=number):
                        process.popen.send_signal(number)
                        self.assertEqual(process.popen.wait(20), 0)

    def test_insert_and_select_stop_although_all_storages_are_gone(self):
        with Cluster(storages=2, replication_factor=2) as cluster:
            for storage in cluster.storages:
                storage.process.kill()
            for process, _ in cluster.inserts + cluster.selects:
                begun = time.monotonic()
                process.stop()
                self.assertLess(time.monotonic() - begun, 5)

    def test_storage_stops_although_clients_are_connected(self):
        with Cluster(storages=1) as cluster:
            begun = time.monotonic()
            self.assertEqual(cluster.storages[0].process.stop(), 0)
            self.assertLess(time.monotonic() - begun, 5)

    def test_a_process_stops_that_never_reached_its_storage(self):
        process = Process("insert", binary("varve-insert"),
                          ["-httpListenAddr=127.0.0.1:0",
                           "-storageNode=no-such-host.invalid:8400"])
        process.wait_line(HTTP_LINE)
        process.stop(5)

    def test_a_second_storage_on_the_same_directory_refuses(self):
        with Cluster(storages=1) as cluster:
            result = run("varve-storage", "-httpListenAddr=127.0.0.1:0",
                         "-vminsertAddr=127.0.0.1:0",
                         "-vmselectAddr=127.0.0.1:0",
                         f"-storageDataPath={cluster.storages[0].path}")
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("flock.lock", result.stderr)


class FleetTest(unittest.TestCase):

    START_SECONDS = 5.0   # from exec to the last line of the contract

    def wait_line(self, process, pattern):
        left = process.started + self.START_SECONDS - time.monotonic()
        return process.wait_line(pattern, max(left, 0))

    def test_51_processes_start_within_5_seconds_each_and_stop(self):
        with tempfile.TemporaryDirectory(prefix="varve-fleet-") as folder:
            processes = []
            try:
                self.start_fleet(folder, processes)
                total = sum(p.status_bytes("VmRSS") for p in processes)
                print(f"51 processes: {total >> 20} MiB resident")
                self.assertLess(total, 3 << 30)
            finally:
                for process in processes:
                    process.terminate()
                for process in processes:
                    process.stop(30)

    def start_fleet(self, folder, processes):
        inserts, selects = [], []
        for i in range(35):
            process = Process(f"storage-{i}", binary("varve-storage"),
                              [f"-storageDataPath={folder}/{i}",
                               f"-httpListenAddr={LOCAL}", "-vminsertAddr=:0",
                               f"-vmselectAddr={LOCAL}"])
            processes.append(process)
            self.wait_line(process,
                           r'successfully opened storage "(.*)"')
            self.wait_line(process, HTTP_LINE)
            port = self.wait_line(process, INSERT_RPC_LINE).group(1).rsplit(
                ":", 1)[1]
            inserts.append(f"127.0.0.1:{port}")
            selects.append(self.wait_line(process, SELECT_RPC_LINE).group(1))
        for name, nodes in (("varve-insert", inserts),
                            ("varve-select", selects)):
            for i in range(8):
                process = Process(f"{name}-{i}", binary(name),
                                  [f"-httpListenAddr={LOCAL}",
                                   "-storageNode=" + ",".join(nodes)])
                processes.append(process)
                self.wait_line(process, HTTP_LINE)
                if name == "varve-insert":
                    for node in nodes:
                        self.wait_line(process, "successfully dialed "
                                                f'-storageNode="{node}"')


if __name__ == "__main__":
    unittest.main()
