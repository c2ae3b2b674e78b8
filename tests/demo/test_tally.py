# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/tally.py: nothing that went wrong is counted as passed."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tally  # noqa: E402


def meson_line(name="gst-hysac:core+slow / t", stdout="", result="OK", returncode=0):
    return json.dumps({"name": name, "stdout": stdout, "result": result, "returncode": returncode})


class Program(unittest.TestCase):
    def counts(self, text, status):
        t = tally.count_program("p", text, status)
        return t.passed, len(t.failures), t.skipped

    def test_counts_each_result(self):
        self.assertEqual(self.counts("1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no\n", 1), (1, 1, 1))

    def test_several_groups_in_one_program(self):
        self.assertEqual(self.counts("1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n", 0), (3, 0, 0))

    def test_crash_after_the_plan(self):
        self.assertEqual(self.counts("1..2\nok 1 - a\n", -11), (1, 1, 0))

    def test_bad_exit_after_all_passed(self):
        self.assertEqual(self.counts("1..1\nok 1 - a\n", 1), (1, 1, 0))

    def test_missing_plan(self):
        self.assertEqual(self.counts("ok 1 - a\n", 0), (1, 1, 0))

    def test_bail_out(self):
        self.assertEqual(self.counts("1..1\nok 1 - a\nBail out! no device\n", 0), (1, 1, 0))

    def test_status_where_there_is_no_tap(self):
        self.assertEqual(self.counts("hello\n", 0), (1, 0, 0))
        self.assertEqual(self.counts("hello\n", 3), (0, 1, 0))
        self.assertEqual(self.counts("", 77), (0, 0, 1))

    def test_skips_are_neither(self):
        self.assertEqual(self.counts("1..2\nok 1 - a\nnot ok 2 # SKIP b\n", 0), (1, 0, 1))
        self.assertEqual(self.counts("1..0 # SKIP no oclgrind\n", 77), (0, 0, 1))
        self.assertEqual(self.counts("1..2 # SKIP\n", 77), (0, 1, 0))


class Meson(unittest.TestCase):
    def counts(self, lines, status=0, suites=()):
        t = tally.count_meson("m", "\n".join(lines), status, list(suites))
        return t.passed, len(t.failures), t.skipped

    def test_sums_programs(self):
        self.assertEqual(self.counts([meson_line(stdout="1..2\nok 1 - a\nok 2 - b\n"), meson_line()]), (3, 0, 0))

    def test_timeout_with_all_results_so_far_passed(self):
        self.assertEqual(self.counts([meson_line(stdout="1..1\nok 1 - a\n", result="TIMEOUT")]), (1, 1, 0))

    def test_nothing_ran(self):
        self.assertEqual(self.counts([]), (0, 1, 0))

    def test_a_suite_that_must_run(self):
        self.assertEqual(self.counts([meson_line()], suites=["core", "slow"]), (1, 0, 0))
        self.assertEqual(self.counts([meson_line()], suites=["core", "gst"]), (1, 1, 0))

    def test_meson_itself_failed(self):
        self.assertEqual(self.counts([meson_line()], status=1), (1, 1, 0))


if __name__ == "__main__":
    unittest.main()
