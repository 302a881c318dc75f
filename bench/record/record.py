#!/usr/bin/env python3
"""Records what real exporters say, for the codec benchmarks.

Starts prometheus-node-exporter, prometheus and victoria-metrics from
$VARVE_PEERS/usr/bin on free loopback ports (the latter two scrape all three,
so that their own figures move), reads each /metrics page every --interval
seconds and writes --out:

    record.py --scrapes 3600 --interval 1 --out /tmp/real1s.rec.zst
    record.py --thin 15 --from /tmp/real1s.rec.zst --out /tmp/real15s.rec.zst

--thin N keeps every Nth scrape of an earlier recording, --last M only its last
M scrapes, --one-in K only every Kth series. The layout is that of README.md.
"""

import argparse
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

MAGIC = b"VARVEREC1\n"
SAVE_EVERY_S = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Target:
    """One /metrics page: its scrape times, and runs of each line's values."""

    def __init__(self, job, url):
        self.job = job
        self.url = url
        self.times = []
        self.open = {}
        self.runs = []  # (labels, index of the first scrape, values)

    def scrape(self):
        now_ms = int(time.time() * 1000)
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            text = answer.read().decode()
        index = len(self.times)
        self.times.append(now_ms)
        for line in text.splitlines():
            if not line or line[0] == "#":
                continue
            labels, _, value = line.rpartition(" ")
            run = self.open.get(labels)
            # A line that was away begins a new run.
            if run is None or run[1] + len(run[2]) != index:
                run = (labels, index, [])
                self.open[labels] = run
                self.runs.append(run)
            run[2].append(float(value))


def start_exporters(peers, folder):
    ports = {job: free_port() for job in ("node", "prometheus", "victoria")}
    jobs = "".join(
        f"  - job_name: {job}\n    static_configs:\n"
        f"      - targets: ['127.0.0.1:{port}']\n"
        for job, port in ports.items())
    config = os.path.join(folder, "scrape.yml")
    with open(config, "w", encoding="utf-8") as out:
        out.write("global:\n  scrape_interval: 15s\nscrape_configs:\n" + jobs)
    programs = os.path.join(peers, "usr", "bin")
    commands = [
        [f"{programs}/prometheus-node-exporter",
         f"--web.listen-address=127.0.0.1:{ports['node']}"],
        [f"{programs}/prometheus", f"--config.file={config}",
         f"--storage.tsdb.path={folder}/prometheus",
         f"--web.listen-address=127.0.0.1:{ports['prometheus']}"],
        [f"{programs}/victoria-metrics", f"-promscrape.config={config}",
         f"-storageDataPath={folder}/victoria",
         f"-httpListenAddr=127.0.0.1:{ports['victoria']}"],
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen(command, **quiet) for command in commands]
    return running, [Target(job, f"http://127.0.0.1:{port}/metrics")
                     for job, port in ports.items()]


def wait_until_up(targets, deadline_s=60):
    end = time.monotonic() + deadline_s
    for target in targets:
        while True:
            try:
                urllib.request.urlopen(target.url, timeout=5).close()
                break
            except OSError as error:
                if time.monotonic() > end:
                    sys.exit(f"{target.job} at {target.url}: {error}")
                time.sleep(0.2)


def record(args):
    with tempfile.TemporaryDirectory() as folder:
        running, targets = start_exporters(args.peers, folder)
        try:
            wait_until_up(targets)
            begin = time.monotonic()
            saved = begin
            for i in range(args.scrapes):
                wait = begin + i * args.interval - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                for target in targets:
                    target.scrape()
                if time.monotonic() - saved > SAVE_EVERY_S:
                    save(targets, args.out)
                    saved = time.monotonic()
        finally:
            for program in running:
                program.terminate()
            for program in running:
                program.wait()
    return targets


def save(targets, path):
    parts = [MAGIC, struct.pack("<I", len(targets))]
    for target in targets:
        job = target.job.encode()
        parts.append(struct.pack("<I", len(job)) + job)
        parts.append(struct.pack("<I", len(target.times)))
        parts.append(struct.pack(f"<{len(target.times)}q", *target.times))
        parts.append(struct.pack("<I", len(target.runs)))
        for labels, first, values in target.runs:
            text = labels.encode()
            parts.append(struct.pack("<I", len(text)) + text)
            parts.append(struct.pack("<II", first, len(values)))
            parts.append(struct.pack(f"<{len(values)}d", *values))
    subprocess.run(["zstd", "-q", "-f", "-19", "-o", path],
                   input=b"".join(parts), check=True)


def load(path):
    data = subprocess.run(["zstd", "-q", "-dc", path], check=True,
                          stdout=subprocess.PIPE).stdout
    if not data.startswith(MAGIC):
        sys.exit(f"{path}: not a recording")
    at = len(MAGIC)

    def take(form):
        nonlocal at
        got = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return got

    def text():
        return take(f"{take('I')[0]}s")[0].decode()

    targets = []
    for _ in range(take("I")[0]):
        target = Target(text(), "")
        target.times = list(take(f"{take('I')[0]}q"))
        for _ in range(take("I")[0]):
            labels = text()
            first, count = take("II")
            target.runs.append((labels, first, take(f"{count}d")))
        targets.append(target)
    return targets


def thin(targets, every, last, one_in):
    """Every `every`th scrape, of these the last ones, of every Kth series."""
    for target in targets:
        kept = list(range(0, len(target.times), every))
        if last:
            kept = kept[-last:]
        runs = []
        for labels, first, values in target.runs[::one_in]:
            inside = [i for i in kept if first <= i < first + len(values)]
            if inside:
                runs.append((labels, kept.index(inside[0]),
                             [values[i - first] for i in inside]))
        target.times = [target.times[i] for i in kept]
        target.runs = runs
    return targets


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=os.environ.get("VARVE_PEERS", "/"))
    parser.add_argument("--scrapes", type=int, default=3600)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--from", dest="source")
    parser.add_argument("--thin", type=int, default=1)
    parser.add_argument("--last", type=int, default=0)
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    if args.source:
        targets = thin(load(args.source), args.thin, args.last, args.one_in)
    else:
        targets = record(args)
    save(targets, args.out)


if __name__ == "__main__":
    main()
