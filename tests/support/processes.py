"""Real processes for tests: started with the flags users type, stopped by
their own pid, in temporary directories and on ports the system picks."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
# A start takes well below a second; a disk that is busy with what an earlier
# test wrote has been seen to hold its first fsyncs up for more than five.
START_SECONDS = 30.0


def binary(name):
    """The path of one of our programs: $VARVE_BIN, else Bazel's output."""
    folder = os.environ.get("VARVE_BIN")
    if folder:
        return os.path.join(folder, name)
    role = name.removeprefix("varve-")
    return os.path.join(REPOSITORY, "bazel-bin", "cmd", role, name)


def peer(name):
    """The path of a peer's program, or None: $VARVE_PEERS or the PATH."""
    folder = os.environ.get("VARVE_PEERS")
    if folder:
        for sub in ("usr/bin", "bin", ""):
            path = os.path.join(folder, sub, name)
            if os.access(path, os.X_OK):
                return path
    return shutil.which(name)


def wait_until(condition, seconds=10.0, what="condition"):
    """Asks again and again until `condition` is true; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not true after {seconds} s")
        time.sleep(0.02)


class Process:
    """One running program; its stderr is kept line by line."""

    def __init__(self, name, path, args, cwd=None, env=None, user=None):
        self.name = name
        self.args = [path, *args]
        self.lines = []
        self._changed = threading.Condition()
        self._ended = False
        environment = dict(os.environ, **(env or {}))
        self.started = time.monotonic()
        self.popen = subprocess.Popen(
            self.args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, cwd=cwd, env=environment, user=user,
            text=True, errors="replace")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.popen.pid

    def _read(self):
        for line in self.popen.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        self.popen.stderr.close()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_line(self, pattern, seconds=START_SECONDS):
        """The match of the first line that has `pattern`."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    match = expression.search(line)
                    if match:
                        return match
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    raise AssertionError(
                        f"{self.name}: no line with {pattern!r} "
                        f"(exit {self.popen.poll()}):\n" +
                        "\n".join(self.lines[-20:]))
                self._changed.wait(left)

    def terminate(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)

    def stop(self, seconds=20.0):
        """SIGTERM, as supervisors send, and the wait for the exit; its code."""
        self.terminate()
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(
                f"{self.name}: still running {seconds} s after SIGTERM:\n" +
                "\n".join(self.lines[-20:]))
        self._reader.join()
        return code

    def kill(self):
        """kill -9, and its end awaited."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        self._reader.join()

    def running(self):
        return self.popen.poll() is None

    def forget_peak_memory(self):
        """VmHWM begins again at what the process has now (proc(5))."""
        with open(f"/proc/{self.pid}/clear_refs", "w",
                  encoding="ascii") as refs:
            refs.write("5")

    def status_bytes(self, field):
        """VmRSS or VmHWM of /proc/<pid>/status in bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field} in /proc/{self.pid}/status")
