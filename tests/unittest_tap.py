# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run a folder's Python unit tests and print TAP.

    python tests/unittest_tap.py FOLDER [TOP]      (TOP: what modules are imported from)
"""
from __future__ import annotations

import sys
import unittest


class TapResult(unittest.TestResult):
    """Prints a line as each test ends. A failing subtest fails its test."""

    def __init__(self):
        super().__init__()
        self._count = 0
        self._trouble: list[str] = []
        self._skip: str | None = None

    def startTest(self, test):
        super().startTest(test)
        self._trouble, self._skip = [], None

    def addError(self, test, err):
        super().addError(test, err)
        self._trouble.append(self.errors[-1][1])
        if not isinstance(test, unittest.TestCase) or type(test).__name__ == "_ErrorHolder":
            self.stopTest(test)      # setUpClass and the like: no test of its own would tell

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._trouble.append(self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._trouble.append((self.failures + self.errors)[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._skip = reason

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._trouble.append("unexpected success")

    def stopTest(self, test):
        super().stopTest(test)
        self._count += 1
        for text in self._trouble:
            print("".join(f"# {line}\n" for line in text.rstrip().splitlines()), end="")
        verdict = "not ok" if self._trouble else "ok"
        skip = f" # SKIP {self._skip}" if self._skip is not None and not self._trouble else ""
        print(f"{verdict} {self._count} - {test.id()}{skip}", flush=True)
        self._trouble, self._skip = [], None


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    suite = unittest.TestLoader().discover(sys.argv[1], top_level_dir=sys.argv[2] if len(sys.argv) > 2 else None)
    print(f"1..{suite.countTestCases()}", flush=True)
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
