# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report of hysac scan as Chromium shows it: no name in it takes effect, the timeline is drawn, and
what is unsafe can be told from what is not in grey alone.

Pictures of the page are kept in build/test-logs (or $HYSAC_SCREENSHOTS): somebody should look at them.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import report_files as files  # noqa: E402

BROWSER = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
PICTURES = Path(os.environ.get("HYSAC_SCREENSHOTS", files.ROOT / "build" / "test-logs"))


def browse(*arguments: str) -> str:
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--force-device-scale-factor=1", f"--user-data-dir={profile}", *arguments],
            capture_output=True, text=True, timeout=120, check=True).stdout


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if BROWSER is None:
            raise AssertionError("no Chromium: tests/install.sh browser")
        cls.temporary = tempfile.TemporaryDirectory()
        folder = Path(cls.temporary.name)
        (folder / "in").mkdir()
        paths = files.make_files(folder / "in")
        cls.out = folder / "out"
        files.scan(cls.out, paths, "--bound=" + files.middle_bound(paths[0]))
        cls.report = cls.out / "report.html"
        cls.lines = [json.loads(line) for line in (cls.out / "scan.jsonl").read_text().splitlines()]
        PICTURES.mkdir(parents=True, exist_ok=True)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_no_name_takes_effect(self):
        dom = browse("--dump-dom", self.report.as_uri())
        self.assertIn("<title>HySAC: scan report</title>", dom)
        self.assertNotIn("<script", dom)
        for tag, attributes in files.Page(dom).tags:
            self.assertFalse([name for name in attributes if name.startswith("on")], tag)
        sections = len(re.findall(r"<h2 id=", dom))
        self.assertEqual(sections, sum(line["type"] == "file" for line in self.lines) + 1)

    def test_it_is_drawn(self):
        for name, extra in (("report-light.png", ()), ("report-dark.png", ("--blink-settings=preferredColorScheme=0",)),
                            ("report-narrow.png", ("--window-size=500,2400",))):
            target = PICTURES / name
            target.unlink(missing_ok=True)
            browse("--window-size=1200,3000", *extra, f"--screenshot={target}", self.report.as_uri())
            picture = np.asarray(Image.open(target).convert("L"), float)
            self.assertGreater(picture.std(), 5, name)

    def test_unsafe_is_told_from_safe_in_grey(self):
        """The timeline alone, one unit a pixel, without its line and marks: inside the bands of what is unsafe there
        are stripes of another lightness, beside them there is nothing."""
        html = self.report.read_text()
        style = re.search(r"<style>.*?</style>", html, re.S).group(0)
        patterns = re.search(r"<svg aria-hidden.*?</svg>", html, re.S).group(0)
        drawing = re.search(r'<svg viewBox="0 0 1000 246".*?</svg>', html, re.S).group(0)
        bands = [(float(x), float(w)) for x, w in
                 re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"[^>]*url\(#hatch\)', drawing)]
        self.assertTrue(bands)
        drawing = re.sub(r'<path fill="none".*?/>|<circle.*?/>|<path fill="var\(--unsafe\)".*?/>|<line [^>]*dasharray.*?/>',
                         "", drawing, flags=re.S)
        page = self.out / "timeline.html"
        page.write_text(f"<!DOCTYPE html><meta charset=utf-8>{style}<style>body{{margin:0;padding:0;max-width:none}}"
                        f"</style>{patterns}{drawing}")
        target = PICTURES / "report-timeline.png"
        browse("--window-size=1000,400", f"--screenshot={target}", page.as_uri())
        grey = np.asarray(Image.open(target).convert("L"), float)[40:205]
        inside = np.zeros(1000, bool)
        for x, w in bands:
            if w > 24:
                inside[int(x) + 3:int(x + w) - 3] = True
        beside = np.zeros(1000, bool)
        beside[70:980] = True
        for x, w in bands:
            beside[int(x) - 2:int(x + w) + 3] = False
        self.assertGreater(inside.sum(), 20)
        self.assertGreater(beside.sum(), 20)
        self.assertGreater(grey[:, inside].std(), 15)
        self.assertLess(grey[:, beside].std(), 1)


if __name__ == "__main__":
    unittest.main()
