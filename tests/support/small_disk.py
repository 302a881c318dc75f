"""A disk that a test can fill: a tmpfs of its own, which needs root."""

import errno
import os
import subprocess
import tempfile
import unittest

BYTES = 96 << 20


class SmallDisk:

    def __init__(self):
        """Skips the test where none can be mounted."""
        self.path = tempfile.mkdtemp(prefix="varve-disk-")
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs",
             self.path], capture_output=True, check=False).returncode == 0
        if not mounted:
            os.rmdir(self.path)
            raise unittest.SkipTest(
                "skipped: mounting a tmpfs needs root")
        self._ballast = os.path.join(self.path, "ballast")

    def close(self):
        """Nobody has a file of it open any more."""
        subprocess.run(["umount", self.path], check=True)
        os.rmdir(self.path)

    def place(self, path):
        """A folder of it is at `path`, too."""
        folder = os.path.join(self.path, os.path.basename(path))
        os.mkdir(folder)
        os.symlink(folder, path)

    def fill(self, leave):
        """Leaves that many bytes of room, with no more at any moment; fewer
        when others write meanwhile."""
        stat = os.statvfs(self.path)
        size = stat.f_bavail * stat.f_frsize - leave
        with open(self._ballast, "ab", buffering=0) as file:
            if size < 0:
                file.truncate(file.tell() + size)
            while size > 0:
                try:
                    size -= file.write(b"x" * min(size, 1 << 20))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    break

    def free(self):
        os.remove(self._ballast)
