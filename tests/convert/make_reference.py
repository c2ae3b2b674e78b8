#!/usr/bin/env python3
"""Remake what tests/data/reference derives from the checkpoints: model/ and expected/.

    build/venv/bin/python tests/convert/make_reference.py

expected/expected.safetensors holds the arrays of expected.npz, for tests in C.
"""

import os

import numpy as np
from safetensors.numpy import save_file

from support import REFERENCE, convert


def main():
    """Convert each checkpoint and repack its expected values."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    for name in ("small", "small-newpeft"):
        folder = REFERENCE / name
        code = convert.main([
            "--checkpoint", str(folder / "hysac_model.pth"),
            "--bounds", str(folder / "hysac_bounds.json"), "--clip", str(folder / "clip"),
            "--out", str(folder / "model"), "--force",
            "--licence", "none: random weights made for tests"])
        if code:
            raise SystemExit(code)
        arrays = np.load(folder / "expected.npz")
        (folder / "expected").mkdir(exist_ok=True)
        save_file({key: np.ascontiguousarray(arrays[key]) for key in arrays.files},
                  folder / "expected" / "expected.safetensors")


if __name__ == "__main__":
    main()
