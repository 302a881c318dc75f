"""What docs/ says of flags and metrics is what the programs have."""

import os
import re
import subprocess
import unittest

from tests.support import http_client
from tests.support.cluster import Cluster
from tests.support.processes import binary

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "docs")
PROGRAMS = ("varve-insert", "varve-select", "varve-storage")
EVERY = "Flags of every program"
# Defaults that the table tells in words.
IN_WORDS = {"see ports", "required"}


def sections(name):
    """The lines of a document by the heading above them."""
    found, title = {}, ""
    with open(os.path.join(DOCS, name), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("## "):
                title = line[3:]
            found.setdefault(title, []).append(line)
    return found


def rows(lines):
    """The cells of the tables' rows, headings left out."""
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and not cells[0].startswith("---"):
            yield cells


def documented_flags(lines):
    """name -> default, of tables that may give several flags a row."""
    flags = {}
    for cells in rows(lines):
        names = re.findall(r"`-([\w.]+)`", cells[0])
        defaults = cells[1].split(", ")
        if len(defaults) != len(names):
            defaults = [cells[1]] * len(names)
        flags.update(zip(names, (text.strip("`| ") for text in defaults)))
    return flags


def listed_flags(lines, beginning):
    """Flags of the sentences that begin so."""
    return {flag for line in lines if line.startswith(beginning)
            for flag in re.findall(r"`([\w.]+)`", line.split(":", 1)[1])}


def real_flags(program):
    """name -> default, as -help tells it."""
    text = subprocess.run([binary(program), "-help"], capture_output=True,
                          text=True, check=True).stdout
    flags = {}
    for name, line in re.findall(r"^  -([\w.]+)[^\n]*\n     (.*)$", text,
                                 re.MULTILINE):
        default = re.search(r'\(default "?(.*?)"?\)$', line)
        flags[name] = default.group(1) if default else ""
    return flags


class FlagTest(unittest.TestCase):

    def test_every_flag_is_documented_with_its_default_and_no_other(self):
        parts = sections("compatibility.md")
        # What -tls and its like say stands in a sentence.
        common = set(re.findall(r"`-((?:m|cluster\.|clusternative\.)?tls)`",
                                "\n".join(parts[EVERY])))
        accepted = parts["Accepted without effect"]
        for program in PROGRAMS:
            with self.subTest(program):
                real = real_flags(program)
                table = {**documented_flags(parts[EVERY]),
                         **documented_flags(parts[program])}
                others = (common | listed_flags(accepted, "- All programs:") |
                          listed_flags(accepted, f"- `{program}`:") |
                          listed_flags(parts[program], "Named in a warning"))
                self.assertGreater(len(table), 30)
                self.assertEqual(set(real), set(table) | others)
                for name, default in table.items():
                    if default in IN_WORDS or name in ("help", "version"):
                        continue
                    self.assertEqual(real[name], default, f"-{name}")


class MetricTest(unittest.TestCase):

    def test_every_metric_of_the_alerts_is_there_from_the_start(self):
        alerts = sections("operations.md")["What to alert on"]
        with Cluster(storages=1) as cluster:
            pages = {
                "storage": http_client.get(cluster.storages[0].http,
                                           "/metrics").text,
                "insert": http_client.get(cluster.insert, "/metrics").text,
                "select": http_client.get(cluster.select, "/metrics").text,
            }
        checked = 0
        for cells in rows(alerts):
            places = (pages if cells[1] == "all" else cells[1].split(", "))
            for name in re.findall(r"\b(?:vm|varve|process)_\w+", cells[0]):
                for place in places:
                    self.assertRegex(pages[place], rf"(?m)^{name}[ {{]",
                                     f"{name} of {place}")
                    checked += 1
        self.assertGreater(checked, 30)


if __name__ == "__main__":
    unittest.main()
