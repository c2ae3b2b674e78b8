# SPDX-License-Identifier: LGPL-2.1-or-later
"""examples/make_clip.py: the truth is what the pictures show, and a seed is a clip."""

import sys
import unittest
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import make_clip  # noqa: E402

SEEDS = range(100, 130)


def centre_square(picture):
    a = np.asarray(picture, dtype=np.int16)
    left = (a.shape[1] - a.shape[0]) // 2
    return a[:, left:left + a.shape[0]]


class Clip(unittest.TestCase):
    def test_a_seed_is_a_clip(self):
        first, again, other = (make_clip.plan(s) for s in (5, 5, 6))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_every_seed_has_what_the_demo_needs(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                truth = make_clip.truth_of(make_clip.plan(seed), seed)
                labels = truth["labels"]
                self.assertEqual(len(labels), truth["frames"])
                self.assertGreaterEqual(truth["frames"], 8 * 44)
                self.assertGreater(labels.count("unsafe"), 0.2 * len(labels))
                self.assertGreater(labels.count("safe"), 0.4 * len(labels))
                self.assertLess(labels.count("ambiguous"), 0.05 * len(labels))
                self.assertEqual(len(truth["cuts"]), 8)
                # Within a shot an object comes and goes at least once.
                kinds = [s["kind"] for s in truth["shots"]]
                self.assertIn("visit", kinds)
                self.assertIn("swap", kinds)

    def test_labels_say_what_is_drawn(self):
        """Take the unsafe objects away: safe frames stay as they are, unsafe ones change."""
        for seed in (100, 101):
            for shot in make_clip.plan(seed):
                for frame in range(0, shot.frames, 7):
                    scene, cast = shot.at(frame)
                    kept = tuple(o for a, o in cast if not a.unsafe)
                    with_it = scene.render(320, 180)
                    without = make_clip.replace(scene, objects=kept).render(320, 180)
                    changed = np.any(np.asarray(with_it) != np.asarray(without))
                    seen = np.mean(centre_square(with_it) != centre_square(without))
                    label = make_clip.label(cast)
                    with self.subTest(seed=seed, kind=shot.kind, frame=frame, label=label):
                        if label == "safe":
                            self.assertFalse(changed)
                        elif label == "unsafe":
                            self.assertGreater(seen, 0.02)

    def test_intervals_cover_what_is_not_safe(self):
        truth = make_clip.truth_of(make_clip.plan(9), 9)
        labels = ["safe"] * truth["frames"]
        for i in truth["intervals"]:
            labels[i["first_frame"]:i["last_frame"] + 1] = [i["label"]] * (i["last_frame"] - i["first_frame"] + 1)
        self.assertEqual(labels, truth["labels"])

    def test_beeps_stand_on_the_cuts(self):
        shots = make_clip.plan(9)
        sound = make_clip.soundtrack(shots, 9)
        start = 0
        for shot in shots:
            at = round(start * make_clip.RATE / make_clip.FPS)
            self.assertGreater(np.abs(sound[at:at + 1000]).max(), 0.5)
            if at:
                self.assertLess(np.abs(sound[at - 1000:at]).max(), 0.1)
            start += shot.frames


if __name__ == "__main__":
    unittest.main()
