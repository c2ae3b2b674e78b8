# SPDX-License-Identifier: LGPL-2.1-or-later
"""training/convert.py in a Python without torch: help, and what to do."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CONVERT = Path(__file__).resolve().parents[2] / "training" / "convert.py"


class WithoutTorch(unittest.TestCase):
    def run_it(self, *arguments):
        """The program where `import torch` fails, whatever is installed."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "torch.py").write_text(
                "raise ModuleNotFoundError('No module named torch', name='torch')\n")
            return subprocess.run([sys.executable, "-B", str(CONVERT), *arguments],
                                  capture_output=True, text=True, check=False,
                                  env={**os.environ, "PYTHONPATH": folder})

    def test_help_is_printed(self):
        run = self.run_it("--help")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("{bf16,f16,f32}", run.stdout)
        self.assertIn("tests/python-env.sh", run.stdout)

    def test_one_line_says_where_there_is_one(self):
        run = self.run_it("--checkpoint", "a", "--bounds", "b", "--clip", "c", "--out", "d")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertRegex(run.stderr,
                         r"^convert.py: error: there is no torch .*tests/python-env.sh.*\n$")


if __name__ == "__main__":
    unittest.main()
