"""The examples of docs/ingestion.md work as they stand there."""

import os
import re
import subprocess
import unittest

from tests.support.cluster import Cluster, LOCAL

DOCUMENT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "docs", "ingestion.md")
# A shell block and the block of what it prints.
EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n```text\n(.*?)^```$", re.M | re.S)

# Ports by the variable that examples use: the flag, and the line that tells.
LISTENERS = {
    "GRAPHITE": ("graphiteListenAddr",
                 r'started TCP Graphite server at "(.*:\d{1,5})"'),
    "OPENTSDB": ("opentsdbListenAddr",
                 r'started TCP OpenTSDB collector at "(.*:\d{1,5})"'),
}


def examples():
    """(title, script, output) of each example."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    for section in text.split("\n## ")[1:]:
        title = section.splitlines()[0]
        for script, output in EXAMPLE.findall(section):
            yield title, script, output


class IngestionDocumentTest(unittest.TestCase):

    def test_every_example_prints_what_the_document_says(self):
        with Cluster(storages=2, replication_factor=2, insert_args=[
                f"-{flag}={LOCAL}" for flag, _ in LISTENERS.values()]) as \
                cluster:
            insert = cluster.inserts[0][0]
            env = dict(os.environ, INSERT=cluster.insert,
                       SELECT=cluster.select)
            for name, (_, line) in LISTENERS.items():
                env[name] = insert.wait_line(line).group(1)
            count = 0
            for title, script, output in examples():
                with self.subTest(title):
                    # curl says nothing of its progress, and fails on 4xx.
                    script = script.replace("curl ", "curl -sS --fail ")
                    run = subprocess.run(
                        ["bash", "-euo", "pipefail", "-c", script], env=env,
                        capture_output=True, text=True, timeout=60,
                        check=False)
                    self.assertEqual((run.stdout, run.stderr, run.returncode),
                                     (output, "", 0))
                count += 1
            self.assertGreaterEqual(count, 2)

    def test_every_shell_block_is_an_example(self):
        with open(DOCUMENT, encoding="utf-8") as file:
            blocks = file.read().count("```sh\n")
        self.assertEqual(blocks, len(list(examples())))


if __name__ == "__main__":
    unittest.main()
