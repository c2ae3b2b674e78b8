# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/demo.sh keeps an earlier result until the new one is whole."""
from __future__ import annotations

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

DEMO = (Path(__file__).resolve().parents[2] / "examples" / "demo.sh").read_text(encoding="utf-8")
FUNCTIONS = "".join(re.search(rf"^{name}\(\) \{{.*?\}}\n(?=\S)", DEMO, re.M | re.S).group(0)
                    for name in ("begin", "give_back", "finish", "cleanup"))
START = "unfinished=\ntrap cleanup EXIT\n" + FUNCTIONS


class Result(unittest.TestCase):
    def after(self, body: str, earlier: bool = True) -> dict[str, str]:
        """What is below the output when a run is over: each file's content."""
        with tempfile.TemporaryDirectory() as output:
            folder = Path(output) / "seed 7"
            if earlier:
                folder.mkdir()
                (folder / "clip.mp4").write_text("old", encoding="utf-8")
            subprocess.run(["bash", "-euo", "pipefail", "-c", START + body, "demo", str(folder)], check=False, timeout=60,
                           stderr=subprocess.DEVNULL)
            return {str(path.relative_to(output)): path.read_text(encoding="utf-8")
                    for path in sorted(Path(output).rglob("*")) if path.is_file()}

    def test_a_run_that_fails_gives_the_earlier_result_back(self) -> None:
        for end in ("false", "exit 1", "kill -TERM $$"):
            made = 'begin "$1"; [ -z "$(ls "$1")" ] || exit 0; echo new >"$1/other.txt"; ' + end
            self.assertEqual(self.after("trap 'exit 130' TERM\n" + made), {"seed 7/clip.mp4": "old"}, end)
            self.assertEqual(self.after("trap 'exit 130' TERM\n" + made, earlier=False), {}, end)

    def test_a_whole_one_takes_its_place(self) -> None:
        for earlier in (True, False):
            self.assertEqual(self.after('begin "$1"; printf new >"$1/clip.mp4"; finish', earlier),
                             {"seed 7/clip.mp4": "new"})

    def test_of_a_run_that_was_killed_the_earlier_one_counts(self) -> None:
        killed = '(trap - EXIT; begin "$1"; printf half >"$1/clip.mp4"); '
        self.assertEqual(self.after(killed), {"seed 7.earlier/clip.mp4": "old", "seed 7/clip.mp4": "half"})
        self.assertEqual(self.after(killed + 'begin "$1"; false'), {"seed 7/clip.mp4": "old"})
        self.assertEqual(self.after(killed + 'begin "$1"; printf new >"$1/clip.mp4"; finish'), {"seed 7/clip.mp4": "new"})

    def test_the_clips_are_made_so(self) -> None:
        loop = DEMO[DEMO.index("for seed in $SEEDS"):]
        self.assertLess(loop.index('begin "$folder"'), loop.index("make_clip.py"))
        self.assertLess(loop.index("demo_report.py"), loop.index("\n  finish\n"))
        self.assertNotIn("rm -rf", loop)


if __name__ == "__main__":
    unittest.main()
