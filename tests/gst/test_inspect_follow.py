# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same of hysacfollow: what gst-inspect-1.0 says is complete, and docs/follow.md says the same."""
from __future__ import annotations

import unittest

import test_inspect as of


class InspectFollow(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.page = of.ROOT / "docs" / "follow.md"
        cls.properties = of.properties(of.inspect("hysacfollow"))
        cls.rows = of.table(cls.page)

    test_texts_have_unit_and_version = of.Inspect.test_texts_have_unit_and_version
    test_type_range_default_and_mutability = of.Inspect.test_type_range_default_and_mutability
    test_documented_with_the_same_words = of.Inspect.test_documented_with_the_same_words
    test_enum_values_are_documented = of.Inspect.test_enum_values_are_documented

    def test_documented_ones_exist(self) -> None:
        self.assertEqual(set(self.rows), set(self.properties))

    def test_enum_values_have_texts(self) -> None:
        for spec in self.properties.values():
            for nick, text in spec.values if spec.type.startswith("Enum") else ():
                with self.subTest(f"{spec.type}: {nick}"):
                    self.assertRegex(text, of.SINCE)

    def test_reasons_are_documented(self) -> None:
        text = self.page.read_text(encoding="utf-8")
        source = (of.ROOT / "gst" / "policygroup.c").read_text(encoding="utf-8")
        source += (of.ROOT / "gst" / "gsthysaclead.c").read_text(encoding="utf-8")
        reasons = of.re.findall(r'"((?:no|other|before|leader)-[a-z]+)"', source)
        self.assertGreaterEqual(len(set(reasons)), 6)
        for reason in reasons:
            with self.subTest(reason):
                self.assertTrue(f"`{reason}`" in text, "not in docs/follow.md")


if __name__ == "__main__":
    unittest.main()
