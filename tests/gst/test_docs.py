# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests that docs/testing.md names are there."""
from __future__ import annotations

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def source(name: str) -> Path:
    """`gate` is tests/gst/test_gate.c; `tests/faults/device` is tests/faults/test_device.c."""
    folder, _, stem = name.rpartition("/")
    return ROOT / (folder or "tests/gst") / f"test_{stem}.c"


class Named(unittest.TestCase):
    def test_all_25_rows_name_tests_that_exist(self) -> None:
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
                for line in (ROOT / "docs" / "testing.md").read_text(encoding="utf-8").splitlines()
                if re.match(r"\| \d+ \|", line)]
        self.assertEqual([int(row[0]) for row in rows], list(range(1, 26)))
        for row in rows:
            path = None
            names = re.findall(r"`([^`]+)`", row[2])
            self.assertTrue(names, row[0])
            for name in names:
                with self.subTest(f"{row[0]}: {name}"):
                    file, _, test = name.rpartition(": ")
                    if not file and source(test).exists():
                        path = source(test)
                        continue
                    path = source(file) if file else path
                    self.assertTrue(path and path.exists(), "no such file")
                    found = re.search(rf"cmocka_unit_test\w*\({test}\b", path.read_text(encoding="utf-8"))
                    self.assertTrue(found, f"no such test in {path.name}")


if __name__ == "__main__":
    unittest.main()
