# SPDX-License-Identifier: LGPL-2.1-or-later
"""What gst-inspect-1.0 says of the element is complete, and docs/element.md says the same.

A property has a text with its unit and the version that brought it, a range and a default, and says
when it may change; docs/element.md has a row for it with the same default and the same word for that.
"""
from __future__ import annotations

import re
import subprocess
import unittest
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ELEMENT = "hysacmoderate"
INHERITED = {"name", "parent", "message-forward", "async-handling"}
UNITS = ("ns", "frames", "buffers", "bytes", "samples", "distance", "ms", "s", "ARGB", "pixels", "levels", "texts")
SINCE = re.compile(r"[(; ]since \d+\.\d+\)$")
TIMES = {"ns": 1, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}


@dataclass
class Property:
    blurb: str
    flags: str = ""
    type: str = ""
    values: list[tuple[str, str]] = field(default_factory=list)

    @property
    def default(self) -> str | None:
        found = re.search(r'Default: *(?:\d+, )?(.+?) *$', self.type)
        return found[1].strip('"') if found else None


def inspect(element: str = ELEMENT) -> str:
    return subprocess.run(["gst-inspect-1.0", element], check=True, capture_output=True, text=True).stdout


def section(text: str, title: str) -> str:
    found = re.search(rf"^{title}:\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
    return found[1] if found else ""


def properties(text: str) -> dict[str, Property]:
    found: dict[str, Property] = {}
    last = None
    for line in section(text, "Element Properties").splitlines():
        if head := re.match(r"  (\S+) +: (.*)$", line):
            last = found[head[1]] = Property(head[2])
        elif last is None:
            continue
        elif value := re.match(r" +\(.+?\): (\S+) +- (.*)$", line):
            last.values.append((value[1], value[2]))
        elif line.strip().startswith("flags:"):
            last.flags = line.strip()
        elif line.strip() and not last.type:
            last.type = line.strip()
    return {name: spec for name, spec in found.items() if name not in INHERITED}


def names_in(cell: str) -> list[str]:
    """`a`, `b-c` and `-d`: the last form takes the beginning of the name before it."""
    names: list[str] = []
    for name in re.findall(r"`([^`]+)`", cell):
        if name.startswith("-") and names:
            known = names[0].rsplit("-", 1)[0]
            name = known + name
        names.append(name)
    return names


def table(path: Path) -> dict[str, list[str]]:
    """Rows of the table whose head begins with "property", by the names in their first cell."""
    rows: dict[str, list[str]] = {}
    inside = False
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == "property":
            inside = True
        elif inside:
            for position, name in enumerate(names_in(cells[0])):
                rows[name] = [str(position)] + cells
    return rows


def number(text: str) -> float | None:
    """"200 ms" in ns, "0: measured" without the rest; None for what is no number."""
    found = re.match(r"^(-?[\d.]+)(?: *(ns|ms|s|min|h))?(?=$|[:, ])", text.strip())
    return float(found[1]) * TIMES.get(found[2] or "", 1) if found else None


class Inspect(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.text = inspect()
        cls.properties = properties(cls.text)
        cls.rows = table(ROOT / "docs" / "element.md")

    def test_element_is_described(self) -> None:
        for what in ("Long-name", "Klass", "Description", "Author"):
            found = re.search(rf"^ +{what} +(\S.*)$", self.text, re.M)
            self.assertTrue(found and len(found[1]) > 5, what)
        self.assertRegex(self.text, r"Klass +.*Filter.*Video")
        self.assertGreater(len(self.properties), 20)

    def test_texts_have_unit_and_version(self) -> None:
        for name, spec in self.properties.items():
            with self.subTest(name):
                self.assertGreater(len(spec.blurb), 25)
                self.assertRegex(spec.blurb, SINCE, "the text ends in \"(unit; since VERSION)\"")
                if re.match(r"Unsigned Integer|Integer|Double|Float", spec.type):
                    unit = re.search(r"\((\w+)[,;][^()]*since [\d.]+\)$", spec.blurb)
                    self.assertIsNotNone(unit, f"no unit in: {spec.blurb}")
                    self.assertIn(unit[1], UNITS)

    def test_type_range_default_and_mutability(self) -> None:
        for name, spec in self.properties.items():
            with self.subTest(name):
                self.assertTrue(spec.type)
                if "writable" in spec.flags:
                    self.assertRegex(spec.flags, "changeable (only )?in NULL", "GST_PARAM_MUTABLE_*")
                    self.assertIsNotNone(spec.default)
                if re.match(r"Unsigned Integer|Integer|Double|Float", spec.type):
                    self.assertIn("Range:", spec.type)

    def test_enum_values_have_texts(self) -> None:
        enums = [spec for spec in self.properties.values() if spec.type.startswith(("Enum", "Flags"))]
        self.assertGreaterEqual(len(enums), 4)
        for spec in enums:
            self.assertGreaterEqual(len(spec.values), 2)
            for nick, text in spec.values:
                with self.subTest(f"{spec.type}: {nick}"):
                    self.assertRegex(text, SINCE, "the text ends in \"(since VERSION)\"")

    def test_documented_with_the_same_words(self) -> None:
        for name, spec in self.properties.items():
            with self.subTest(name):
                self.assertIn(name, self.rows, "no row in docs/element.md")
                position, _, _, default, change = self.rows[name][:5]
                if "writable" not in spec.flags:
                    continue
                playing = "PLAYING" in spec.flags
                self.assertEqual(change, "playing" if playing else "ready")
                parts = [part.strip() for part in default.split(",")]
                documented = parts[int(position)] if len(parts) > int(position) else parts[0]
                value, wanted = number(spec.default or ""), number(documented)
                if value is not None and wanted is not None:
                    self.assertEqual(value, wanted, f"default: {spec.default}, documented: {documented}")
                elif spec.type.startswith("Enum"):
                    self.assertEqual(spec.default, documented)

    def test_documented_ones_exist(self) -> None:
        for path in ("docs/element.md", "README.md"):
            for name in table(ROOT / path):
                with self.subTest(f"{path}: {name}"):
                    self.assertIn(name, self.properties)

    def test_enum_values_are_documented(self) -> None:
        for name, spec in self.properties.items():
            if not spec.type.startswith(("Enum", "Flags")) or name not in self.rows:
                continue
            documented = self.rows[name][2]
            for nick, _ in spec.values:
                with self.subTest(f"{name}: {nick}"):
                    self.assertRegex(documented, rf"\b{re.escape(nick)}\b")

    def test_statistics_are_documented(self) -> None:
        text = (ROOT / "docs" / "element.md").read_text(encoding="utf-8")
        stats = re.search(r"^  stats +:.*?(?=^  \S|\Z)", self.text, re.M | re.S)
        names = re.findall(r"^ {30,}([a-z-]+): ", stats[0] if stats else "", re.M)
        self.assertGreater(len(names), 10)
        for name in names:
            with self.subTest(name):
                self.assertTrue(f"`{name}`" in text, "not in docs/element.md")

    def test_reasons_are_documented(self) -> None:
        text = (ROOT / "docs" / "element.md").read_text(encoding="utf-8")
        source = (ROOT / "core" / "reason.c").read_text(encoding="utf-8")
        reasons = re.findall(r'\] = "([a-z-]+)"', source)
        self.assertGreater(len(reasons), 10)
        for reason in reasons:
            with self.subTest(reason):
                self.assertTrue(f"`{reason}`" in text, "not in docs/element.md")

    def test_signals_are_documented(self) -> None:
        text = (ROOT / "docs" / "element.md").read_text(encoding="utf-8")
        for title in ("Element Signals", "Element Actions"):
            for name in re.findall(r'^ +"([^"]+)"', section(self.text, title), re.M):
                with self.subTest(name):
                    self.assertTrue(f"`{name}`" in text, "not in docs/element.md")


if __name__ == "__main__":
    unittest.main()
