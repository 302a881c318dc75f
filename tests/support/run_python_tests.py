#!/usr/bin/env python3
"""Runs the unittest files tests/*/*_test.py and counts their tests.

    run_python_tests.py [FILE...]

Each file runs in a process of its own with a time limit, so that a hanging
one costs only itself; a file that ends without a result counts as one failure.
Files are imported as modules below the repository's root. Prints what a file
printed when it has ended, and last `python: N passed, N failed, N skipped`; the
exit code is 1 after failures.

VARVE_LONG=1 runs two files side by side: rounds of faults mostly wait.
"""

import concurrent.futures
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

REPO = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Real clusters start, run and die in some; --long runs repeat them.
LONG = bool(os.environ.get("VARVE_LONG"))
FILE_SECONDS_MAX = 4 * 3600 if LONG else 1200
FILES_AT_ONCE = 2 if LONG else 1


def run_one(path, result_path):
    """In the child: runs one file and writes its counts."""
    sys.path[0] = REPO
    name = os.path.splitext(os.path.relpath(path, REPO))[0].replace("/", ".")
    suite = unittest.defaultTestLoader.loadTestsFromName(name)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = (len(result.failures) + len(result.errors) +
              len(result.unexpectedSuccesses))
    skipped = len(result.skipped)
    counts = {
        # Errors of setUpClass are failures of tests that never ran.
        "passed": max(result.testsRun - failed - skipped, 0),
        "failed": failed,
        "skipped": skipped,
    }
    with open(result_path, "w") as file:
        json.dump(counts, file)


def run_in_child(path):
    """What the file printed, and its counts."""
    name = os.path.relpath(path, REPO)
    print(f"-- {name} begins", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        counts = run_printing_to(path, output)
        output.seek(0)
        return (f"== {name}\n{output.read()}"
                f"   {counts}, {time.monotonic() - began:.1f} s", counts)


def run_printing_to(path, output):
    with tempfile.TemporaryDirectory(prefix="varve-test-") as tmp:
        # Tests start processes as other users below it.
        os.chmod(tmp, 0o755)
        result_path = os.path.join(tmp, "counts")
        environment = dict(os.environ, TMPDIR=tmp, PYTHONDONTWRITEBYTECODE="1")
        child = subprocess.Popen(
            [sys.executable, __file__, "--one", path, result_path],
            env=environment, cwd=REPO, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True)
        try:
            child.wait(timeout=FILE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            print(f"{path}: no end after {FILE_SECONDS_MAX} s", file=output,
                  flush=True)
        # What a test left running must not disturb the next one.
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        try:
            with open(result_path) as file:
                return json.load(file)
        except (OSError, ValueError):
            return {"passed": 0, "failed": 1, "skipped": 0}


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--one":
        run_one(sys.argv[2], sys.argv[3])
        return 0
    files = [os.path.abspath(path) for path in sys.argv[1:]] or sorted(
        glob.glob(os.path.join(REPO, "tests/*/*_test.py")))
    total = {"passed": 0, "failed": 0, "skipped": 0}
    with concurrent.futures.ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        for text, counts in pool.map(run_in_child, files):
            for key in total:
                total[key] += counts[key]
            print(text, flush=True)
    print("python: {passed} passed, {failed} failed, {skipped} skipped".format(
        **total))
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
