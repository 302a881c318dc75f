"""Directories that earlier versions wrote are read, byte for byte and through
real processes."""

import subprocess
import tempfile
import unittest

from tests.golden import directory
from tests.support.processes import binary


class GoldenTest(unittest.TestCase):
    maxDiff = 4000

    def test_what_inspect_prints_of_its_files_is_what_it_printed_then(self):
        self.assertTrue(directory.versions())
        for version in directory.versions():
            with self.subTest(version), tempfile.TemporaryDirectory() as folder:
                storage = directory.unpack(version, folder)
                self.assertEqual(directory.dump(storage),
                                 directory.lines_of(version, "dump.txt"))
                done = subprocess.run(
                    [binary("varve-inspect"), "verify", storage],
                    capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_node_on_it_answers_as_the_one_that_wrote_it(self):
        for version in directory.versions():
            with self.subTest(version), \
                    directory.cluster_on(version) as cluster:
                got = directory.answers(cluster)
                self.assertEqual(got,
                                 directory.lines_of(version, "answers.txt"))
                self.assertNotIn('"isPartial": true', "".join(got))


if __name__ == "__main__":
    unittest.main()
