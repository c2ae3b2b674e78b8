# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same of hysactext: what gst-inspect-1.0 says is complete, and docs/text-element.md says the same."""
from __future__ import annotations

import unittest

import test_inspect as of


class InspectText(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.page = of.ROOT / "docs" / "text-element.md"
        cls.text = of.inspect("hysactext")
        cls.properties = of.properties(cls.text)
        cls.rows = of.table(cls.page)

    test_texts_have_unit_and_version = of.Inspect.test_texts_have_unit_and_version
    test_type_range_default_and_mutability = of.Inspect.test_type_range_default_and_mutability
    test_documented_with_the_same_words = of.Inspect.test_documented_with_the_same_words
    test_enum_values_are_documented = of.Inspect.test_enum_values_are_documented

    def test_documented_ones_exist(self) -> None:
        self.assertEqual(set(self.rows), set(self.properties))

    def test_what_both_elements_have_is_the_same(self) -> None:
        frames = of.properties(of.inspect())
        both = set(frames) & set(self.properties)
        self.assertGreaterEqual(both, {"model", "device", "precision", "bound", "enter-margin", "leave-margin", "confirm-k",
                                       "confirm-n", "min-duration", "post-roll", "on-failure", "policy", "audit-log",
                                       "verdict-log", "request-timeout", "request-budget", "stats"})
        for name in sorted(both - {"action"}):
            with self.subTest(name):
                a, b = frames[name], self.properties[name]
                self.assertEqual((a.flags, a.values), (b.flags, b.values))
                # A leave-margin above enter-margin is none: docs/text-element.md.
                drop = r" *Default: .*" if name == "leave-margin" else "$^"
                self.assertEqual(of.re.sub(drop, "", a.type), of.re.sub(drop, "", b.type))

        def plain(text: str) -> str:
            return of.re.sub("frame|sample|text", "THING", text)
        for name in ("device", "enter-margin", "on-failure", "policy", "audit-log", "verdict-log", "segments-vtt"):
            self.assertEqual(plain(frames[name].blurb), plain(self.properties[name].blurb))

    def test_enum_values_have_texts(self) -> None:
        for spec in self.properties.values():
            for nick, text in spec.values if spec.type.startswith("Enum") else ():
                with self.subTest(f"{spec.type}: {nick}"):
                    self.assertRegex(text, of.SINCE)

    def test_statistics_are_documented(self) -> None:
        page = self.page.read_text(encoding="utf-8")
        stats = of.re.search(r"^  stats +:.*?(?=^  \S|\Z)", self.text, of.re.M | of.re.S)
        names = of.re.findall(r"^ {30,}([a-z-]+): ", stats[0] if stats else "", of.re.M)
        self.assertGreater(len(names), 10)
        for name in names:
            with self.subTest(name):
                self.assertTrue(f"`{name}`" in page, "not in docs/text-element.md")


if __name__ == "__main__":
    unittest.main()
