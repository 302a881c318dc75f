"""Writes a version of tests/golden: `python3 -m tests.golden.record N`."""

import os
import sys
import tarfile

from tests.golden import directory
from tests.support import http_client, remote_write
from tests.support.cluster import Cluster, wait_healthy
from tests.support.processes import wait_until

DAY_MS = 86_400_000
NEWEST_MS = directory.END_S * 1000 - 3_600_000

HISTOGRAM = {"schema": 3, "zero_threshold": 0.001, "zero_count": 1,
             "count": 11, "sum": 12.5,
             "positive_spans": [(-2, 2), (1, 1)], "positive_buckets": [3, 5, 1],
             "negative_spans": [(0, 1)], "negative_buckets": [1]}
CUSTOM = {"schema": -53, "count": 7.5, "sum": -0.0, "float_counts": True,
          "zero_threshold": 0, "zero_count": 0, "custom_bounds": [0.5, 2],
          "negative_spans": [], "negative_buckets": [],
          "positive_spans": [(0, 3)], "positive_buckets": [4, 0, 3.5]}
# A run for each scheme of the codec.
RUNS = {
    "constant": [1] * 20,
    "counter": [1_000_000 + 3 * i for i in range(12)] + [3 * i for i in range(8)],
    "decimal": [1020.5 + i * i / 100 for i in range(20)],
    "near_decimal": [sum([0.1, 0.2, 0.3][:i % 3 + 1]) + i for i in range(20)],
    "ordered": [3.141592653589793 * 2 ** (i % 3) for i in range(20)],
    "special": [float("inf"), -float("inf"), -0.0, float("nan"),
                remote_write.STALE_NAN, 5e-324, 1.7976931348623157e308] +
               [float(i) for i in range(13)],
}


def rows(start_ms):
    """Floats of three scrape targets, histograms, exemplars and metadata."""
    parts = []
    for job in ("a1", "a2", "b"):
        times = [start_ms + 15_000 * i + (i % 3 if job == "b" else 0)
                 for i in range(20)]
        for name, values in RUNS.items():
            parts.append(remote_write.time_series(
                {"__name__": "up" if name == "constant" else name,
                 "job": job, "path": "/ü"}, list(zip(times, values))))
    for name, value in (("latency", HISTOGRAM), ("latency_custom", CUSTOM)):
        parts.append(remote_write.histogram_series(
            {"__name__": name, "job": "a1"},
            [(start_ms + 15_000 * i, value) for i in range(5)]))
    bucket = {"__name__": "requests_bucket", "le": "1"}
    parts.append(remote_write.time_series(bucket, [(start_ms, 1)]))
    parts.append(remote_write.exemplar_series(
        bucket, [({"trace_id": "t1"}, 0.25, start_ms + 7)]))
    parts.append(remote_write.metadata("latency", 3, "how long", "seconds"))
    return remote_write.snappy(b"".join(parts))


def write(cluster, start_ms):
    answer = cluster.write_body(rows(start_ms), directory.TENANT)
    assert answer.status == 204, answer.text


def main():
    version = "v" + sys.argv[1]
    os.mkdir(os.path.join(directory.FOLDER, version))
    with Cluster(storages=1) as cluster:
        storage = cluster.storages[0]
        for days in (40, 5):
            write(cluster, NEWEST_MS - days * DAY_MS)
        storage.flush()
        write(cluster, NEWEST_MS - 40 * DAY_MS + 7_000)   # late rows
        storage.flush()
        answer = http_client.post_form(
            cluster.select, f"/delete/{directory.TENANT}/prometheus/api/v1"
            "/admin/tsdb/delete_series", {"match[]": 'counter{job="a2"}'})
        assert answer.status in (200, 204), answer.text
        write(cluster, NEWEST_MS)
        storage.process.kill()
        with tarfile.open(directory.path_of(version, "storage.tar.xz"),
                          "w:xz") as archive:
            archive.add(storage.path, "storage-0", filter=anonymous)
        storage.start()
        wait_healthy(storage.http)
        wait_until(lambda: cluster.query("1", directory.END_S)["status"] ==
                   "success", 20, "answers")
    with directory.cluster_on(version) as cluster:
        copy = directory.unpack(version, os.path.join(cluster.folder, "copy"))
        for name, lines in (("answers.txt", directory.answers(cluster)),
                            ("dump.txt", directory.dump(copy))):
            with open(directory.path_of(version, name), "w",
                      encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in lines))


def anonymous(entry):
    """Without who wrote it and when, and without RocksDB's log of itself."""
    if os.path.basename(entry.name).startswith("LOG"):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


if __name__ == "__main__":
    main()
