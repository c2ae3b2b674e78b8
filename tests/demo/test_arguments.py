# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/demo.sh refuses wrong arguments before it installs or builds anything."""
from __future__ import annotations

import subprocess
import unittest
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.sh"


class Arguments(unittest.TestCase):
    def test_wrong_ones_end_with_the_usage(self) -> None:
        for arguments, why in ((["--output"], "--output needs a folder"), (["--output", ""], "--output needs a folder"),
                               (["--seeds"], "whole numbers"), (["--seeds", "x"], 'not "x"'), (["--seeds", "7 x"], 'not "7 x"'),
                               (["--frobnicate"], '"--frobnicate"')):
            run = subprocess.run(["bash", str(DEMO), *arguments], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((run.returncode, run.stdout), (2, ""), arguments)
            first, _, usage = run.stderr.partition("\n")
            self.assertTrue(first.startswith("demo: ") and why in first, run.stderr)
            self.assertIn("examples/demo.sh [--short]", usage)
