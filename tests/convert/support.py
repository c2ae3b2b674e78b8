"""Shared by the conversion tests: where things are, and how to run the converter."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "data" / "reference"
sys.path.insert(0, str(ROOT))

from training import convert  # noqa: E402  (found by the line above)


def relative_error(value, reference):
    """The Euclidean norm of the difference over that of the reference, in double."""
    value, reference = (np.asarray(x, dtype=np.float64) for x in (value, reference))
    return np.linalg.norm(value - reference) / np.linalg.norm(reference)


def state_dict(name="small"):
    """A fresh copy of a reference checkpoint's tensors."""
    return torch.load(REFERENCE / name / "hysac_model.pth", map_location="cpu",
                      weights_only=True)


class ConvertCase(unittest.TestCase):
    """A test with a scratch folder and the converter at hand."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="hysac-convert-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.out = self.scratch / "out" / "model"

    def save(self, value, name="changed.pth"):
        """Save a changed checkpoint in the scratch folder."""
        torch.save(value, self.scratch / name)
        return self.scratch / name

    def run_convert(self, *options, name="small", checkpoint=None, bounds=None, clip=None,
                    out=None):
        """Run the converter in this process: (exit code, standard error)."""
        folder = REFERENCE / name
        stderr = io.StringIO()
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
            code = convert.main([
                "--checkpoint", str(checkpoint or folder / "hysac_model.pth"),
                "--bounds", str(bounds or folder / "hysac_bounds.json"),
                "--clip", str(clip or folder / "clip"),
                "--out", str(out or self.out), *options])
        return code, stderr.getvalue()

    def convert(self, *options, **sources):
        """Convert and expect success; the model directory."""
        code, stderr = self.run_convert(*options, **sources)
        self.assertEqual((code, stderr), (0, ""))
        return Path(sources.get("out") or self.out)

    def refuse(self, *words, options=(), **sources):
        """Convert and expect exit code 1, one line with these words, and nothing left."""
        code, stderr = self.run_convert(*options, **sources)
        self.assertEqual(code, 1, stderr)
        self.assertEqual(stderr.count("\n"), 1, stderr)
        self.assertTrue(stderr.startswith("convert.py: error: "), stderr)
        for word in words:
            self.assertIn(word, stderr)
        if "out" not in sources:
            self.assertFalse(self.out.exists())
            if self.out.parent.exists():
                self.assertEqual(list(self.out.parent.iterdir()), [])
        return stderr
