"""What a million samples cost the insert process, protocol by protocol.

    VARVE_BIN=<folder> VARVE_PEERS=<folder> \\
      python3 -B -m bench.load.ingest [--only=REGEX] [--no-latency]

VARVE_BIN has the three programs and varve_load. Each load: fresh processes,
every acknowledged write fsynced, one sample per series per request, 2,000
series a request, 4 connections, as fast as they are taken; the first round,
which creates the series, is not counted. Then the latency of requests with
10,000 samples at half the rate that the first load reached. victoria-metrics,
one process that also stores, takes the same bodies where it is given.
"""

import argparse
import os
import re
import socket
import subprocess
import tempfile
import time

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import Process, binary, peer

# Name, format, codec, series, rounds, replication factor, mark in CPU s per
# million samples.
LOADS = (
    ("remote write 1.0, snappy", "write1", "snappy", 100_000, 60, 1, 0.13),
    ("the same, 1M series", "write1", "snappy", 1_000_000, 7, 1, 0.17),
    ("remote write 1.0, zstd", "write1", "zstd", 100_000, 60, 1, 0.15),
    ("remote write 1.0, RF=2", "write1", "snappy", 100_000, 60, 2, 0.16),
    ("remote write 2.0, snappy", "write2", "snappy", 100_000, 60, 1, 0.12),
    ("Influx lines", "influx", "none", 100_000, 40, 1, 0.5),
    ("Prometheus text", "text", "none", 100_000, 40, 1, 0.5),
    ("OTLP, gzip", "otlp", "gzip", 100_000, 40, 1, 0.5),
    ("OTLP, not compressed", "otlp", "none", 100_000, 40, 1, 0.5),
)
INTERVAL_MS = 15_000   # of the samples of a series
PATHS = {"write1": "prometheus/api/v1/write",
         "write2": "prometheus/api/v1/write",
         "influx": "influx/write",
         "text": "prometheus/api/v1/import/prometheus",
         "otlp": "opentelemetry/v1/metrics"}
VICTORIA_PATHS = {"write1": "api/v1/write", "influx": "influx/write",
                  "text": "api/v1/import/prometheus",
                  "otlp": "opentelemetry/v1/metrics"}


def run_load(address, path, arguments, watched):
    """What varve_load measured, name -> number."""
    command = [binary("varve_load"), f"-target={address}", f"-path=/{path}",
               *arguments]
    command += [f"-pid={name}={pid}" for name, pid in watched.items()]
    output = subprocess.run(command, check=True, capture_output=True,
                            text=True).stdout
    return {words[0]: float(words[1])
            for words in map(str.split, output.splitlines())}


def sent_bytes(cluster):
    return http_client.metric(cluster.insert,
                              "vm_tcpdialer_written_bytes_total")


def varve(load, extra=(), storage_args=()):
    """One load on insert and storage nodes of their own."""
    _, body_format, codec, series, rounds, copies, _ = load
    with Cluster(storages=copies, replication_factor=copies, selects=0,
                 storage_args=storage_args) as cluster:
        insert = cluster.inserts[0][0].popen.pid
        watched = {"insert": insert}
        for storage in cluster.storages:
            watched[f"storage{storage.index}"] = storage.process.popen.pid
        def run(rounds, end_ms, more):
            return run_load(
                cluster.insert, f"insert/0/{PATHS[body_format]}",
                [f"-format={body_format}", f"-codec={codec}",
                 f"-series={series}", f"-rounds={rounds}", "-batch=2000",
                 f"-endMs={end_ms}", *more], watched)

        # The first round defines the series.
        now_ms = int(time.time() * 1000)
        run(1, now_ms - (rounds - 1) * INTERVAL_MS, [])
        before = sent_bytes(cluster)
        result = run(rounds - 1, now_ms, ["-warmupRounds=0", *extra])
        result["bytes"] = ((sent_bytes(cluster) - before) / copies /
                           (series * (rounds - 1)))
        return result


def victoria(load):
    _, body_format, codec, series, rounds, _, _ = load
    with tempfile.TemporaryDirectory(prefix="varve-bench-") as folder:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{listener.getsockname()[1]}"
        process = Process("victoria", peer("victoria-metrics"), [
            f"-storageDataPath={folder}", "-retentionPeriod=1y",
            f"-httpListenAddr={address}"])
        try:
            process.wait_line("started server at http")
            return run_load(
                address, VICTORIA_PATHS[body_format],
                [f"-format={body_format}", f"-codec={codec}",
                 f"-series={series}", f"-rounds={rounds}", "-batch=2000"],
                {"victoria": process.popen.pid})
        finally:
            process.interrupt()
            process.stop()


def latency(load, rate):
    """p99 in ms of 10,000 samples a request at `rate` samples/s."""
    series = load[3]
    pace_ms = int(series / rate * 1000)
    result = varve((*load[:4], 40, *load[5:]),
                   ["-batch=10000", f"-pace={pace_ms}ms"])
    return result["known.latency_p99"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--no-latency", action="store_true")
    options = parser.parse_args()
    print("| load | mark | insert, CPU s/M | storage | M samples/s | B/sample |"
          " insert RSS, MiB | victoria-metrics, CPU s/M |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    first = None
    for load in LOADS:
        if not re.search(options.only, load[0]):
            continue
        result = varve(load)
        storage = sum(value for name, value in result.items()
                      if name.startswith("known.cpu.storage"))
        peer_cost = ""
        if peer("victoria-metrics") and load[1] in VICTORIA_PATHS:
            peer_cost = f"{victoria(load)['known.cpu.victoria']:.3f}"
        print(f"| {load[0]} | {load[6]} | {result['known.cpu.insert']:.3f} |"
              f" {storage:.3f} | {result['known.rate'] / 1e6:.2f} |"
              f" {result['bytes']:.2f} | {result['rss_peak.insert']:.0f} |"
              f" {peer_cost} |", flush=True)
        if result["known.errors"]:
            print(f"errors: {result}")
        first = first or (load, result["known.rate"])
    if first and not options.no_latency:
        load, rate = first
        print(f"p99 of 10,000 samples a request at {rate / 2e6:.2f} M"
              f" samples/s: {latency(load, rate / 2):.1f} ms")


if __name__ == "__main__":
    main()
