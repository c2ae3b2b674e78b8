#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make a demo clip: drawn scenes in motion, with unsafe objects for known intervals.

    examples/make_clip.py --seed 7 --out clip.mp4 [--truth truth.json] [--short]

H.264 and AAC in MP4, 640x360, 25 frames a second. Eight shots in a row of the seed's choice: some
safe throughout, some unsafe throughout, some where an unsafe object turns up, and leaves, within
the shot. Every cut has its own beep, so that sound and picture can be checked against each other.

The truth file labels every frame:
  unsafe     an unsafe object is wholly inside the centre square, which is what CLIP sees
  safe       no unsafe object is in the picture
  ambiguous  one is on its way in or out: partly visible, or not yet at its size. Whether such a
             frame is unsafe is a matter of taste, so it counts neither as leaked nor as a false alarm.
"""
from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.backgrounds import random_background  # noqa: E402
from training.concepts import CONCEPTS, NEUTRAL, Glyph, key_glyphs  # noqa: E402
from training.scenes import Scene, SceneObject, glyph_image  # noqa: E402

import media  # noqa: E402

WIDTH, HEIGHT, FPS, RATE = 640, 360, 25, 44100
BEEP = 0.12     # seconds
FLIGHT = 6      # frames an object takes to fly in or out
AWAY = 1.1      # how far, in heights, an object outside starts from its place

# What plays. The demo shows the element at work, so its cast is what the small demo model tells apart
# clearly, found on clips of seeds from 100 on; what it finds hard is in its card, models/demo/README.md.
UNSAFE = frozenset((
    "knife", "gun", "explosion", "axe", "punching fist", "devil face", "no entry sign", "cursing face",
    "clown face", "coffin", "gravestone", "lewd peach", "adults only sign", "skull", "skull and crossbones",
    "zombie", "bone", "pile of poo", "cigarette", "fire", "masked burglar", "chains"))
SAFE = frozenset((
    "camera", "flashlight", "balloon", "star", "sun", "broom", "waving hand", "raised hand", "angel face",
    "wheelchair sign", "grinning face", "smiling face", "victory hand", "hugging face", "cowboy face",
    "lollipop", "bed", "house", "mailbox", "shirt", "dress", "carrot", "tangerine", "parking sign", "ice cube",
    "football", "basketball", "person", "man", "baguette", "ice cream", "cupcake", "pen", "pencil",
    "thermometer", "backpack", "handbag", "maple leaf", "police officer", "necklace"))
BESIDE = frozenset((
    "rabbit", "chicken", "fish", "whale", "turtle", "butterfly", "cactus", "tulip", "bicycle", "sailing boat",
    "chair", "light bulb", "alarm clock", "book", "drum", "slice of pizza", "hamburger", "rainbow",
    "running shoe"))


def playing(pool, names: frozenset[str]) -> list[Glyph]:
    return [g for g in pool if g.name in names]


@dataclass(frozen=True)
class Actor:
    """An object that sways around its place, on stage in the frames [first, last) of its shot."""

    glyph: Glyph
    unsafe: bool
    x: float
    y: float
    size: float
    angle: float
    hue: float
    first: int
    last: int
    flies: bool = False          # in and out from above, instead of from one frame to the next
    phase: float = 0.0

    def at(self, frame: int) -> SceneObject | None:
        """As it stands in a frame of the shot; None where it is off stage."""
        if not self.first <= frame < self.last:
            return None
        turn = 2 * math.pi * frame / FPS
        y = self.y + 0.03 * math.sin(0.5 * turn + 2 * self.phase)
        if self.flies:
            inside = min(frame - self.first, self.last - 1 - frame) / FLIGHT
            if inside < 1:
                y -= AWAY * (1 - inside) ** 2
        return SceneObject(self.glyph, self.x + 0.04 * math.sin(0.4 * turn + self.phase), y, self.size,
                           angle=self.angle + 14 * math.sin(0.6 * turn + 3 * self.phase), hue=self.hue)


@dataclass(frozen=True)
class Shot:
    """A background and its actors; every frame of it is drawn anew."""

    kind: str
    frames: int
    scene: Scene
    drift: float                 # of the background, in heights a second
    actors: tuple[Actor, ...] = field(default=())

    def at(self, frame: int) -> tuple[Scene, list[tuple[Actor, SceneObject]]]:
        cast = [(a, o) for a in self.actors if (o := a.at(frame)) is not None]
        background = replace(self.scene.background, phase=self.scene.background.phase + self.drift * frame / FPS)
        return replace(self.scene, background=background, objects=tuple(o for _, o in cast)), cast


def extent(item: SceneObject) -> tuple[float, float, float, float]:
    """The rotated box around an object: x0, y0, x1, y1 in heights from the centre."""
    width, height = glyph_image(item.glyph.code, 128).size
    scale = item.size / max(width, height)
    c, s = abs(math.cos(math.radians(item.angle))), abs(math.sin(math.radians(item.angle)))
    half_w, half_h = (width * c + height * s) * scale / 2, (width * s + height * c) * scale / 2
    return item.x - half_w, item.y - half_h, item.x + half_w, item.y + half_h


def label(cast: list[tuple[Actor, SceneObject]]) -> str:
    """The truth of one frame, by the rules above."""
    half_width = WIDTH / HEIGHT / 2
    found = "safe"
    for actor, item in cast:
        if not actor.unsafe:
            continue
        x0, y0, x1, y1 = extent(item)
        if max(-x0, -y0, x1, y1) <= 0.5:
            return "unsafe"
        if x1 > -half_width and x0 < half_width and y1 > -0.5 and y0 < 0.5:
            found = "ambiguous"
    return found


def _actor(rng: random.Random, glyph: Glyph, unsafe: bool, place: tuple[float, float], size: float,
           first: int, last: int, flies=False) -> Actor:
    return Actor(glyph, unsafe, *place, size, angle=rng.uniform(-12, 12),
                 hue=0.0 if rng.random() < 0.6 else rng.uniform(0, 360), first=first, last=last, flies=flies,
                 phase=rng.uniform(0, 6.283))


def counterpart(rng: random.Random, unsafe: Glyph) -> Glyph:
    """A safe glyph of the same concept, where the cast has one; else any."""
    concept = next(c for c in CONCEPTS if unsafe in c.unsafe)
    return rng.choice(playing(concept.safe, SAFE) or playing(key_glyphs("safe"), SAFE))


def _shot(rng: random.Random, kind: str, unsafe: Glyph, safe: Glyph, frames: int) -> Shot:
    """A shot of a kind: safe, neutral, unsafe, visit (comes and goes), swap (safe turns unsafe)."""
    neutrals = rng.sample(playing(NEUTRAL["train"], BESIDE), 2)
    side = rng.choice((-1, 1))
    size = rng.uniform(0.46, 0.54)
    place = (side * rng.uniform(0.04, 0.09), rng.uniform(-0.08, 0.08))
    other = (-side * rng.uniform(0.28, 0.33), rng.uniform(-0.22, 0.22))
    actors = [_actor(rng, neutrals[0], False, other, rng.uniform(0.22, 0.3), 0, frames)]
    if kind == "safe":
        actors.append(_actor(rng, safe, False, place, size, 0, frames))
    elif kind == "neutral":
        actors.append(_actor(rng, neutrals[1], False, place, size, 0, frames))
    elif kind == "unsafe":
        actors.append(_actor(rng, unsafe, True, place, size, 0, frames))
    elif kind == "visit":
        third = frames // 3
        actors.append(_actor(rng, unsafe, True, place, size, third - 4, frames - third + 4, flies=True))
    else:
        half = frames // 2
        before = _actor(rng, counterpart(rng, unsafe), False, place, size, 0, half)
        actors += [before, replace(before, glyph=unsafe, unsafe=True, first=half, last=frames)]
    scene = Scene(random_background(rng, "train"), brightness=rng.uniform(0.85, 1.1),
                  contrast=rng.uniform(0.85, 1.1))
    return Shot(kind, frames, scene, rng.choice((-1, 1)) * rng.uniform(0.02, 0.08), tuple(actors))


def plan(seed: int, short=False) -> list[Shot]:
    """The shots of a seed's clip. Unsafe and safe shots take turns, so that cuts go both ways."""
    rng = random.Random(seed)
    safe, unsafe = ["safe", "neutral", "safe", "neutral"], ["unsafe", "visit", "swap", "unsafe"]
    rng.shuffle(safe)
    rng.shuffle(unsafe)
    kinds = [k for pair in zip(safe, unsafe) for k in pair]
    if rng.random() < 0.5:
        kinds = kinds[1:] + kinds[:1]
    if short:
        kinds = [safe[0], "visit", safe[1], "swap"]
    bad = rng.sample(playing(key_glyphs("unsafe"), UNSAFE), len(kinds))
    good = rng.sample(playing(key_glyphs("safe"), SAFE), len(kinds))
    return [_shot(rng, kind, unsafe, safe, rng.randrange(*((32, 40) if short else (44, 64))))
            for kind, unsafe, safe in zip(kinds, bad, good)]


def soundtrack(shots: list[Shot], seed: int) -> np.ndarray:
    """A quiet hum, and a beep of another pitch at every cut."""
    rng = random.Random(seed)
    total = sum(s.frames for s in shots)
    t = np.arange(round(total * RATE / FPS)) / RATE
    sound = 0.02 * np.sin(2 * np.pi * 110 * t)
    start = 0
    for shot in shots:
        begin = round(start * RATE / FPS)
        beep = np.arange(round(BEEP * RATE)) / RATE
        end = min(begin + beep.size, sound.size)
        sound[begin:end] += 0.6 * np.sin(2 * np.pi * rng.choice((660, 784, 880, 1047)) * beep)[:end - begin]
        start += shot.frames
    return sound


def truth_of(shots: list[Shot], seed: int) -> dict:
    """What the truth file holds."""
    labels, cuts, described = [], [], []
    for shot in shots:
        cuts.append(len(labels))
        described.append({
            "first_frame": len(labels), "frames": shot.frames, "kind": shot.kind,
            "shows": [("unsafe: " if a.unsafe else "") + a.glyph.name for a in shot.actors]})
        labels += [label(shot.at(i)[1]) for i in range(shot.frames)]
    intervals, begin = [], 0
    for i in range(1, len(labels) + 1):
        if i == len(labels) or labels[i] != labels[begin]:
            if labels[begin] != "safe":
                intervals.append({"label": labels[begin], "first_frame": begin, "last_frame": i - 1,
                                  "start": begin / FPS, "end": i / FPS})
            begin = i
    return {"seed": seed, "fps": FPS, "width": WIDTH, "height": HEIGHT, "frames": len(labels), "cuts": cuts,
            "shots": described, "intervals": intervals, "labels": labels}


def render(shots: list[Shot]):
    """Yield every frame as RGB bytes (rawvideoparse wants rows of a multiple of four bytes: 640 is)."""
    total, done = sum(s.frames for s in shots), 0
    for shot in shots:
        for i in range(shot.frames):
            yield shot.at(i)[0].render(WIDTH, HEIGHT).tobytes()
            done += 1
            if sys.stderr.isatty() and (done % 5 == 0 or done == total):
                print(f"\r  drawing frame {done} of {total}", end="\n" if done == total else "", file=sys.stderr)


def make(seed: int, out: Path, truth_path: Path, short: bool) -> dict:
    """Write the clip and its truth; no half-made file stays behind."""
    shots = plan(seed, short)
    truth = truth_of(shots, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    try:
        with tempfile.TemporaryDirectory(prefix="hysac-clip-") as scratch:
            sound = Path(scratch) / "sound.wav"
            media.write_wav(sound, soundtrack(shots, seed), RATE)
            media.encode(partial, render(shots), (WIDTH, HEIGHT), FPS, sound)
        truth_path.write_text(json.dumps(truth, indent=1) + "\n")
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return truth


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="the MP4 file to write")
    parser.add_argument("--truth", type=Path, help="default: beside it, .json")
    parser.add_argument("--short", action="store_true", help="four shots instead of eight, for tests")
    args = parser.parse_args()
    try:
        truth = make(args.seed, args.out, args.truth or args.out.with_suffix(".json"), args.short)
    except (media.MediaError, OSError, KeyboardInterrupt) as error:
        return media.fail("make_clip", error)
    counts = {k: truth["labels"].count(k) for k in ("unsafe", "safe", "ambiguous")}
    print(f"{args.out}: {truth['frames']} frames, {len(truth['cuts'])} shots, seed {args.seed}: "
          + ", ".join(f"{n} {k}" for k, n in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
