"""The tests that docs/durability.md names are there, and it names some for
each promise."""

import os
import re
import unittest

from tests.support.processes import REPOSITORY

PROMISES = 9


class DurabilityDocumentTest(unittest.TestCase):

    def test_every_test_it_names_exists(self):
        path = os.path.join(REPOSITORY, "docs", "durability.md")
        with open(path, encoding="utf-8") as file:
            sections = re.split(r"^## ", file.read(), flags=re.M)[1:]
        self.assertEqual(len(sections), PROMISES)
        for section in sections:
            lines = re.findall(r"^- ([\w/]+_test\.(?:py|cc)): (.*)$", section,
                               re.M)
            self.assertTrue(lines, section.splitlines()[0])
            for source, text in lines:
                with open(os.path.join(REPOSITORY, source),
                          encoding="utf-8") as file:
                    code = file.read()
                if source.endswith(".py"):
                    names = re.findall(r"`(test_\w+)`", text)
                    wanted = [f"def {name}(" for name in names]
                else:
                    names = re.findall(r'"([^"]+)"', text)
                    wanted = [f'TEST_CASE("{name}"' for name in names]
                    # A name may go over two lines.
                    code = re.sub(r'"\n\s*"', "", code)
                self.assertTrue(wanted, source)
                for one in wanted:
                    self.assertIn(one, code, source)


if __name__ == "__main__":
    unittest.main()
