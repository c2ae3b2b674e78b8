#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Count test results; what the last line of tests/run.sh is made of.

    tests/tally.py tap PART STATUS LOG              one program's TAP (or, without TAP, its status)
    tests/tally.py meson PART STATUS LOG [SUITE…]   meson's testlog.json; each SUITE must have run
    tests/tally.py total                            the sum of all parts; fails if any test failed

Results are appended to $HYSAC_TALLY (JSON lines). Every result is counted on its own: a cmocka
program with twelve tests counts twelve. What cannot be counted is a failure: a program that ends
badly after all its tests passed, a plan that was not fulfilled, a test that a part should have.
"""
from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass, field

_RESULT = re.compile(r"^(not )?ok\b *(\d+)? *(?:- *)?(.*)$")
_PLAN = re.compile(r"^1\.\.(\d+)\b")


@dataclass
class Tally:
    passed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips


def count_program(name: str, text: str, status: int | None) -> Tally:
    """One program: its TAP lines; its exit status where it printed none, and beside them."""
    tally, planned, plans, seen = Tally(), 0, 0, 0
    for line in text.splitlines():
        if plan := _PLAN.match(line):
            planned, plans = planned + int(plan[1]), plans + 1
        elif line.startswith("Bail out!"):
            tally.failures.append(f"{name}: {line}")
        elif result := _RESULT.match(line):
            seen += 1
            what = f"{name}: {result[3]}"
            if "# SKIP" in line.upper():  # cmocka says "not ok 1 # SKIP"
                tally.skipped += 1
                tally.skips.append(what)
            elif result[1]:
                tally.failures.append(what)
            else:
                tally.passed += 1
    if not seen and not planned and status == 77:
        return Tally(skipped=1, skips=[name])
    if not seen and not plans:
        return Tally(passed=1) if status == 0 else Tally(failures=[f"{name}: exit status {status}"])
    if seen < planned or not plans:
        tally.failures.append(f"{name}: {seen} results, {planned if plans else 'none'} planned")
    if status != 0 and not tally.failures:
        tally.failures.append(f"{name}: exit status {status} after all its tests passed")
    return tally


def count_meson(part: str, text: str, status: int, suites: list[str]) -> Tally:
    """A testlog.json: one JSON object a line for each test program."""
    total, seen = Tally(), set()
    for line in text.splitlines():
        test = json.loads(line)
        # "project:suite+suite / name"
        seen.update(test["name"].split(" / ")[0].split(":")[-1].split("+"))
        name, result = test["name"], test.get("result", "")
        code = test.get("returncode")
        tally = count_program(name, test.get("stdout") or "", 0 if result == "OK" and code is None else code)
        if result not in ("OK", "SKIP", "EXPECTEDFAIL") and not tally.failures:
            tally.failures.append(f"{name}: {result}")
        total.add(tally)
    if not total.passed and not total.failures:
        total.failures.append(f"{part}: no test ran")
    if status != 0 and not total.failures:
        total.failures.append(f"{part}: meson test ended with status {status}")
    total.failures += [f"{part}: no test of the suite '{s}' ran" for s in suites if s not in seen]
    return total


def _record(part: str, tally: Tally) -> int:
    entry = {"part": part, "passed": tally.passed, "failed": len(tally.failures), "skipped": tally.skipped,
             "failures": tally.failures, "skips": tally.skips}
    with open(os.environ["HYSAC_TALLY"], "a", encoding="utf-8") as out:
        out.write(json.dumps(entry) + "\n")
    skipped = f", {tally.skipped} skipped" if tally.skipped else ""
    print(f"   {part}: {tally.passed} passed, {len(tally.failures)} failed{skipped}")
    for failure in tally.failures[:20]:
        print(f"   FAILED {failure}")
    for skip in tally.skips[:20]:
        print(f"   skipped {skip}")
    return 1 if tally.failures else 0


def _total() -> int:
    with open(os.environ["HYSAC_TALLY"], encoding="utf-8") as lines:
        parts = [json.loads(line) for line in lines]
    print()
    width = max([len(p["part"]) for p in parts] + [4])
    for p in parts:
        skipped = f"  {p['skipped']} skipped" if p["skipped"] else ""
        print(f"{p['part']:{width}}  {p['passed']:5} passed  {p['failed']:3} failed{skipped}")
    for p in parts:
        for failure in p["failures"]:
            print(f"FAILED {failure}")
    passed, failed = (sum(p[k] for p in parts) for k in ("passed", "failed"))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main(arguments: list[str]) -> int:
    if arguments == ["total"]:
        return _total()
    if len(arguments) < 4 or arguments[0] not in ("tap", "meson"):
        print(__doc__, file=sys.stderr)
        return 2
    kind, part, status, log = arguments[0], arguments[1], int(arguments[2]), arguments[3]
    try:
        with open(log, encoding="utf-8", errors="replace") as source:
            text = source.read()
        tally = (count_program(part, text, status) if kind == "tap"
                 else count_meson(part, text, status, arguments[4:]))
    except (OSError, ValueError, KeyError) as error:
        tally = Tally(failures=[f"{part}: results not readable: {error}"])
    return _record(part, tally)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
