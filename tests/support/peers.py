"""Other databases that answers are compared with, as real processes."""

import os
import shutil
import socket
import tempfile

from tests.support import http_client, remote_write
from tests.support.cluster import Cluster
from tests.support.processes import Process, peer, wait_until


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Peer:
    """One database in a folder of its own; stop() removes both."""

    def __init__(self, program, arguments_of, health):
        self.folder = tempfile.mkdtemp(prefix=f"varve-{program}-")
        self.address = f"127.0.0.1:{free_port()}"
        self.health = health
        self.program = program
        self.arguments = arguments_of(self.folder, self.address)
        self._start()

    def _start(self):
        self.process = Process(self.program, peer(self.program),
                               self.arguments)
        try:
            wait_until(self._healthy, 20, f"{self.program} {self.health}")
        except BaseException:
            self.stop()
            raise

    def restart(self):
        """A new process over the same data."""
        self.process.stop()
        self._start()

    def _healthy(self):
        try:
            return http_client.get(self.address, self.health).status == 200
        except OSError:
            return False

    def stop(self):
        try:
            self.process.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def write_body(self, body):
        """A remote write of a protobuf message."""
        answer = http_client.request(
            self.address, "POST", "/api/v1/write", remote_write.snappy(body),
            {"Content-Encoding": "snappy",
             "Content-Type": "application/x-protobuf"}, seconds=60)
        if answer.status // 100 != 2:
            raise AssertionError(f"write: {answer.status} {answer.text}")

    def write(self, series):
        """[(labels, [(ms, value)])]"""
        self.write_body(remote_write.write_request(series))


class Prometheus(Peer):
    """With remote write, all data in the head, and the features named."""

    def __init__(self, features=()):
        def arguments(folder, address):
            config = os.path.join(folder, "prometheus.yml")
            with open(config, "w", encoding="utf-8"):
                pass
            return [f"--config.file={config}",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address={address}",
                    "--web.enable-remote-write-receiver",
                    "--web.enable-admin-api",
                    "--storage.tsdb.retention.time=100y",
                    "--storage.tsdb.min-block-duration=24h",
                    "--storage.tsdb.max-block-duration=24h",
                    "--log.level=error",
                    "--enable-feature=" + ",".join(features)]
        super().__init__("prometheus", arguments, "/-/ready")


class VictoriaMetrics(Peer):

    def __init__(self):
        super().__init__(
            "victoria-metrics",
            lambda folder, address: [
                f"-storageDataPath={folder}/data",
                f"-httpListenAddr={address}", "-retentionPeriod=100y"],
            "/health")

    def write(self, series):
        super().write(series)
        http_client.get(self.address, "/internal/force_flush", seconds=60)


def beside_victoria_metrics(test_class, series, **cluster):
    """A cluster and the address of a victoria-metrics with the same series;
    both end with the class of tests."""
    theirs = VictoriaMetrics()
    test_class.addClassCleanup(theirs.stop)
    ours = Cluster(**cluster)
    test_class.addClassCleanup(ours.close)
    answer = ours.write(series)
    if answer.status != 204:
        raise AssertionError(f"write: {answer.status} {answer.text}")
    theirs.write(series)
    return ours, theirs.address
