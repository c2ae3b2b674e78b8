# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/demo_report.py: it finds leaks in the pixels, whatever the log says."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import demo_report  # noqa: E402
import make_clip  # noqa: E402
import media  # noqa: E402

SEED = 5
SIZE = (make_clip.WIDTH, make_clip.HEIGHT)


def blurred(frame):
    """As the element does: 16x9 block means, spread smoothly."""
    means = frame.reshape(9, SIZE[1] // 9, 16, SIZE[0] // 16, 3).mean((1, 3))
    return np.asarray(Image.fromarray(means.astype(np.uint8)).resize(SIZE, Image.Resampling.BILINEAR))


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="hysac-report-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.truth = make_clip.make(SEED, cls.folder / "clip.mp4", cls.folder / "clip.json", short=True)
        cls.frames = [f.copy() for f in media.decode_video(cls.folder / "clip.mp4", SIZE, rgb=True)]
        cls.unsafe = [label == "unsafe" for label in cls.truth["labels"]]
        media.write_wav(cls.folder / "sound.wav", make_clip.soundtrack(make_clip.plan(SEED, True), SEED), make_clip.RATE)

    def failed(self, frames, redacted):
        """The names of the checks that fail for such an output and such a log."""
        media.encode(self.folder / "moderated.mp4", (f.tobytes() for f in frames), SIZE, make_clip.FPS,
                     self.folder / "sound.wav")
        lines = [{"type": "start", "device": "none", "model": "demo", "precision": "fp32", "bound": 0.5,
                  "calibrated": True}]
        lines += [{"type": "frame", "stream_time": round(i * 1e9 / make_clip.FPS), "distance": 0.6 if r else 0.4,
                   "verdict": "unsafe" if r else "safe", "action": "blur" if r else "none"}
                  for i, r in enumerate(redacted)]
        (self.folder / "verdicts.jsonl").write_text("".join(json.dumps(l) + "\n" for l in lines))
        summary = demo_report.report(self.folder, 1.0)
        return {c["name"] for c in summary["checks"] if not c["passed"]}

    def test_good_output(self):
        frames = [blurred(f) if u else f for f, u in zip(self.frames, self.unsafe)]
        self.assertEqual(self.failed(frames, self.unsafe), set())
        for name in ("summary.json", "summary.txt", "timeline.png", "frames.png"):
            self.assertGreater((self.folder / name).stat().st_size, 100)

    def test_one_frame_that_the_log_calls_redacted(self):
        victim = self.unsafe.index(True) + 2
        frames = [blurred(f) if u and i != victim else f for i, (f, u) in enumerate(zip(self.frames, self.unsafe))]
        self.assertEqual(self.failed(frames, self.unsafe),
                         {"no unsafe frame leaked, by the output's pixels", "log and pixels agree"})

    def test_nothing_redacted(self):
        self.assertEqual(self.failed(self.frames, [False] * len(self.frames)), {
            "no unsafe frame leaked, by the output's pixels", "no unsafe frame leaked, by the log",
            "every unsafe interval found"})

    def test_everything_redacted(self):
        self.assertEqual(self.failed([blurred(f) for f in self.frames], [True] * len(self.frames)),
                         {"safe frames redacted at most 5 %"})

    def test_late_pictures(self):
        frames = [blurred(f) if u else f for f, u in zip(self.frames, self.unsafe)]
        self.assertIn("pictures are in step", self.failed([frames[0]] * 3 + frames[:-3], self.unsafe))

    def test_lost_frame(self):
        frames = [blurred(f) if u else f for f, u in zip(self.frames, self.unsafe)]
        self.assertIn("no frame is lost or added", self.failed(frames[:-1], self.unsafe))


if __name__ == "__main__":
    unittest.main()
