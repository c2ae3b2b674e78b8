#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make the table of gst/textentities.c: HTML's named entities that are letters, marks, spaces, ASCII or not seen.

    /usr/bin/python3 gst/textentities.py > gst/textentities.inc

What is left out are signs: whoever sees one reads no word around it as whole.
"""
from __future__ import annotations

import unicodedata
from html.entities import html5

COLUMNS = 116
ALONE = {"ThickSpace": " ", "fjlig": None}  # of two characters


def is_wanted(character: str) -> bool:
    first = unicodedata.normalize("NFKD", character)[0]
    return ord(first) < 128 or first.isalpha() or first.isspace() or unicodedata.category(first)[0] in "MC"


def main() -> None:
    entries = []
    for name, value in sorted(html5.items()):
        name = name.removesuffix(";")
        value = ALONE.get(name, value)
        if value is None or len(value) != 1 or name + ";" not in html5 or not is_wanted(value):
            continue
        entry = f'{{"{name}", {"BARE | " if name in html5 else ""}0x{ord(value):x}}},'
        if entry not in entries:
            entries.append(entry)
    entries.sort(key=lambda entry: entry.split('"')[1])
    line = ""
    for entry in entries:
        if len(line) + len(entry) + 1 > COLUMNS:
            print(line)
            line = ""
        line += (" " if line else "") + entry
    print(line)


if __name__ == "__main__":
    main()
