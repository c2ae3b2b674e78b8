# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page that hysac scan writes: well-formed, closed to the outside, readable by everybody, and a name is
never more than text."""
from __future__ import annotations

import base64
import json
import re
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import report_files as files  # noqa: E402

def luminance(colour: str) -> float:
    """WCAG 2's relative luminance of #rgb or #rrggbb."""
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * d for d in digits)
    parts = [int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def size_of(source: str) -> tuple[int, int]:
    """Width and height of a PNG or a JPEG in a data: address."""
    data = base64.b64decode(source.split(",")[1])
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return struct.unpack(">II", data[16:24])
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):  # the header of the frame
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    return struct.unpack(">HH", data[at + 5:at + 9])[::-1]


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        folder = Path(cls.temporary.name)
        (folder / "in").mkdir()
        cls.paths = files.make_files(folder / "in")
        cls.bound = files.middle_bound(cls.paths[0])
        cls.out = folder / "out"
        cls.run_ = files.scan(cls.out, cls.paths, "--bound=" + cls.bound)
        cls.html = (cls.out / "report.html").read_text()
        cls.page = files.Page(cls.html)
        cls.lines = [json.loads(line) for line in (cls.out / "scan.jsonl").read_text().splitlines()]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_the_scan_went_through(self):
        self.assertEqual(self.run_.returncode, 1, self.run_.stderr)  # three files are broken
        status = [line["status"] for line in self.lines if line["type"] == "file"]
        self.assertEqual(status, ["complete"] * (len(self.paths) - 3) + ["partial", "failed", "failed"])

    def test_tags_are_balanced(self):
        self.assertEqual(self.page.wrong, [])
        self.assertEqual(self.page.open, [])

    def test_nothing_runs_and_nothing_is_fetched(self):
        allowed = {"html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "h1", "h2", "p",
                   "a", "span", "strong", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure",
                   "figcaption", "details", "div", "summary", "dl", "dt", "dd", "img", "svg", "defs", "pattern", "rect",
                   "circle", "line", "path", "text", "desc"}
        for tag, attributes in self.page.tags:
            self.assertIn(tag, allowed)
            for name, value in attributes.items():
                self.assertFalse(name.startswith("on"), (tag, name))
                if name in ("href", "src", "xlink:href", "action", "data"):
                    self.assertRegex(value or "", r"^(#f\d+|data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+)$")
                if "url(" in (value or ""):
                    self.assertRegex(value or "", r"^url\(#(hatch|dots)\)$")
        policy = [m["content"] for m in self.page.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
        self.assertEqual(policy, ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"])
        self.assertNotRegex(self.html, r"url\((?!#)|@import|https?:")

    def test_names_are_text(self):
        text = "".join(self.page.text)
        for name in files.HOSTILE:
            shown = "".join(f"\\x{ord(c):02x}" if ord(c) < 32 else f"\\u{ord(c):04x}" if c == "\u202e" else c
                            for c in name.replace("/", "\u2215"))
            self.assertGreaterEqual(text.count(shown), 2, shown)  # in the list and above its part
        self.assertNotIn("\u202e", self.html)
        self.assertNotIn("\x1b", self.html)
        self.assertNotIn(b"\x1b", self.run_.stdout)
        self.assertEqual(len(self.run_.stdout.decode().splitlines()),
                         len(self.run_.stdout.decode().split("\n")) - 1)
        names = [line["name"] for line in self.lines if line["type"] == "file"]
        self.assertEqual(names[4], str(Path(self.temporary.name) / "in") + "/" + files.HOSTILE[4])

    def test_everybody_can_read_it(self):
        self.assertEqual(self.page.named("html")[0].get("lang"), "en")
        ids = [a["id"] for _, a in self.page.tags if "id" in a]
        self.assertEqual(len(ids), len(set(ids)))
        for attributes in self.page.named("a"):
            self.assertIn(attributes["href"][1:], ids)
        for attributes in self.page.named("section"):
            self.assertIn(attributes["aria-labelledby"], ids)
        drawings = [a for a in self.page.named("svg") if a.get("aria-hidden") != "true"]
        self.assertEqual(len(drawings), len(self.paths) - 2)
        for attributes in drawings:
            self.assertEqual(attributes["role"], "img")
            for label in attributes["aria-labelledby"].split():
                self.assertIn(label, ids)
        for attributes in self.page.named("th"):
            self.assertIn(attributes.get("scope"), ("col", "row"))
        for attributes in self.page.named("img"):
            self.assertRegex(attributes["alt"], r"^pixelated picture at \d")

    def test_colours_can_be_told_from_the_ground(self):
        style = re.search(r"<style>(.*?)</style>", self.html, re.S).group(1)
        for block in re.findall(r":root\{(.*?)\}", style):
            colours = dict(re.findall(r"--(\w+):(#[0-9a-f]+)", block))
            self.assertGreaterEqual(len(colours), 8)
            for ground in ("bg", "soft"):
                for name in ("fg", "unsafe", "failed", "safe", "plot"):
                    low, high = sorted((luminance(colours[ground]), luminance(colours[name])))
                    self.assertGreaterEqual((high + 0.05) / (low + 0.05), 4.5, (block, ground, name))

    def test_not_by_colour_alone(self):
        segments = [line for line in self.lines if line["type"] == "segment"]
        self.assertGreater(len(segments), 5)
        text = "".join(self.page.text)
        self.assertEqual(self.html.count("url(#hatch)"), sum(s["verdict"] == "unsafe" for s in segments))
        for word in ("▲ unsafe", "✕ not checked", "U1"):
            self.assertIn(word, text)
        for n in {s["file"] for s in segments}:
            marks = re.findall(rf'aria-labelledby="t{n} d{n}".*?</svg>', self.html, re.S)[0]
            self.assertEqual(marks.count("<title>U"), sum(s["file"] == n for s in segments))

    def test_labels_lie_in_the_drawing(self):
        """Of a clip whose end is a tick: 0.8 s."""
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.y4m"
            subprocess.run(["gst-launch-1.0", "-q", *("videotestsrc num-buffers=20 ! video/x-raw,format=I420,width=64,"
                            f"height=48,framerate=25/1 ! y4menc ! filesink location={clip}").split()], check=True)
            files.scan(Path(folder) / "out", [bytes(clip)])
            html = (Path(folder) / "out" / "report.html").read_text()
        labels = re.findall(r'<text text-anchor="middle" x="([\d.]+)"[^>]*>([^<]*)</text>', html)
        self.assertIn("0:00.800", [label for _, label in labels])
        for x, label in labels:
            self.assertLessEqual(float(x) + 4 * len(label), 1000, label)

    def test_pictures_hold_no_more_than_their_blocks(self):
        sources = [a["src"] for a in self.page.named("img")]
        self.assertGreater(len(sources), 5)
        for source in sources:
            self.assertEqual(size_of(source), (16, 9))
        folder = Path(self.temporary.name)
        for kind, expected in (("none", []), ("clear", [(64, 48)])):
            files.scan(folder / kind, self.paths[:1], "--bound=" + self.bound, "--thumbnails", kind)
            page = files.Page((folder / kind / "report.html").read_text())
            sizes = {size_of(a["src"]) for a in page.named("img")}
            self.assertEqual(sorted(sizes), expected)

    def test_the_bound_that_nobody_fitted_is_told(self):
        self.assertIn("was not fitted", "".join(self.page.text))


if __name__ == "__main__":
    unittest.main()
