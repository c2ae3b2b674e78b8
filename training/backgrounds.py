"""Generated backgrounds, drawn at any resolution from real-valued parameters.

Coordinates: u, v are in units of the frame's height with the origin at the centre, so the centre
square of a wide frame looks the same at every aspect ratio. `phase` (in the same units) moves the
pattern sideways, for scenes in motion.
"""
from __future__ import annotations

import colorsys
import random
from dataclasses import dataclass

import numpy as np

TRAIN_KINDS = ("solid", "gradient", "radial", "stripes", "checks", "dots", "clouds", "horizon",
               "rings", "rays", "zigzag", "plaid", "panels", "noise", "scatter", "triangles")
HELDOUT_KINDS = ("waves", "bricks", "bokeh", "hills")
KINDS = {"train": TRAIN_KINDS, "heldout": HELDOUT_KINDS}

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Background:
    """A pattern of two colours: kind, colours (0 to 1), scale, angle in radians, phase, seed."""

    kind: str
    first: Colour
    second: Colour
    scale: float = 0.2
    angle: float = 0.0
    phase: float = 0.0
    seed: int = 0

    def render(self, width: int, height: int) -> np.ndarray:
        """An array of shape (height, width, 3), float32, values 0 to 1."""
        u = ((np.arange(width, dtype=np.float32) + 0.5 - width / 2) / height)[None, :] + self.phase
        v = ((np.arange(height, dtype=np.float32) + 0.5 - height / 2) / height)[:, None]
        mix = _PATTERNS[self.kind](self, u, v).astype(np.float32)
        mix = np.broadcast_to(np.clip(mix, 0, 1), (height, width))[..., None]
        first, second = np.float32(self.first), np.float32(self.second)
        return first + mix * (second - first)


def _rotated(bg: Background, u, v):
    c, s = np.cos(bg.angle), np.sin(bg.angle)
    return u * c + v * s, v * c - u * s


def _edge(x, softness=0.03):
    """A soft step from 0 to 1 around x = 0."""
    return np.clip(x / softness + 0.5, 0, 1)


def _solid(bg, u, v):
    return np.zeros((1, 1)) + 0 * u + 0 * v


def _gradient(bg, u, v):
    return 0.5 + _rotated(bg, u, v)[0] * 0.8


def _radial(bg, u, v):
    rng = random.Random(bg.seed)
    du, dv = u - rng.uniform(-0.4, 0.4), v - rng.uniform(-0.4, 0.4)
    return np.sqrt(du * du + dv * dv) * 1.2


def _stripes(bg, u, v):
    return _edge(np.sin(_rotated(bg, u, v)[0] * (np.pi / bg.scale)), 0.3)


def _checks(bg, u, v):
    a, b = _rotated(bg, u, v)
    return _edge(np.sin(a * (np.pi / bg.scale)) * np.sin(b * (np.pi / bg.scale)), 0.3)


def _dots(bg, u, v):
    a, b = _rotated(bg, u, v)
    a = np.mod(a, bg.scale) - bg.scale / 2
    b = np.mod(b, bg.scale) - bg.scale / 2
    return _edge(bg.scale * 0.3 - np.sqrt(a * a + b * b), 0.02)


def _clouds(bg, u, v):
    rng = random.Random(bg.seed)
    total = 0.5
    for octave in range(4):
        f = (1.6 ** octave) * 3.0 * (0.2 / max(bg.scale, 0.05)) ** 0.5
        angle = rng.uniform(0, 6.283)
        a = u * np.cos(angle) + v * np.sin(angle)
        b = v * np.cos(angle) - u * np.sin(angle)
        total = total + 0.22 * np.sin(a * f + rng.uniform(0, 6.283)) * np.sin(b * f * 1.3 + rng.uniform(0, 6.283))
    return total


def _horizon(bg, u, v):
    rng = random.Random(bg.seed)
    line = rng.uniform(-0.2, 0.35)
    return np.where(v > line, 0.75 + 0.5 * (v - line), 0.25 * (v + 0.5)) + 0 * u


def _rings(bg, u, v):
    rng = random.Random(bg.seed)
    du, dv = u - bg.phase - rng.uniform(-0.6, 0.6), v - rng.uniform(-0.6, 0.6)
    return _edge(np.sin(np.sqrt(du * du + dv * dv) * (np.pi / bg.scale)), rng.choice((0.3, 1.5)))


def _rays(bg, u, v):
    rng = random.Random(bg.seed)
    du, dv = u - bg.phase - rng.uniform(-0.5, 0.5), v - rng.uniform(-0.5, 0.5)
    return _edge(np.sin(np.arctan2(dv, du) * rng.randint(3, 11) + bg.angle), 0.3)


def _zigzag(bg, u, v):
    a, b = _rotated(bg, u, v)
    fold = np.abs(np.mod(b / bg.scale, 2) - 1) * bg.scale
    return _edge(np.sin((a + fold) * (np.pi / bg.scale)), 0.3)


def _plaid(bg, u, v):
    a, b = _rotated(bg, u, v)
    return 0.5 * _edge(np.sin(a * (np.pi / bg.scale)), 0.3) + 0.5 * _edge(np.sin(b * (2 / bg.scale)) - 0.4, 0.3)


def _panels(bg, u, v):
    rng = random.Random(bg.seed)
    total = 0 * u + 0 * v
    for _ in range(7):
        cx, cy = bg.phase + rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5)
        w, h, shade = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.4), rng.random()
        c, s = np.cos(bg.angle), np.sin(bg.angle)
        du, dv = (u - cx) * c + (v - cy) * s, (v - cy) * c - (u - cx) * s
        total = np.where((np.abs(du) < w) & (np.abs(dv) < h), shade, total)
    return total


def _noise(bg, u, v):
    """Smooth value noise of two octaves."""
    total = 0.0
    for octave, weight in ((1, 0.65), (2.7, 0.35)):
        a, b = (x * octave / bg.scale for x in _rotated(bg, u, v))
        table = np.random.default_rng(bg.seed).random(4096)
        i, j = np.floor(a).astype(np.int64), np.floor(b).astype(np.int64)
        fa, fb = a - i, b - j
        fa, fb = fa * fa * (3 - 2 * fa), fb * fb * (3 - 2 * fb)
        def at(x, y):
            return table[(x * 73 + y * 1571) % 4096]
        total = total + weight * ((at(i, j) * (1 - fa) + at(i + 1, j) * fa) * (1 - fb)
                                  + (at(i, j + 1) * (1 - fa) + at(i + 1, j + 1) * fa) * fb)
    return (total - 0.5) * 1.6 + 0.5


def _scatter(bg, u, v):
    """Small bars strewn about."""
    rng = random.Random(bg.seed)
    total = 0 * u + 0 * v
    for _ in range(16):
        cx, cy, turn = bg.phase + rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5), rng.uniform(0, 3.142)
        w, h, shade = rng.uniform(0.03, 0.16), rng.uniform(0.01, 0.04), rng.uniform(0.3, 1.0)
        du = (u - cx) * np.cos(turn) + (v - cy) * np.sin(turn)
        dv = (v - cy) * np.cos(turn) - (u - cx) * np.sin(turn)
        total = np.where((np.abs(du) < w) & (np.abs(dv) < h), shade, total)
    return total


def _triangles(bg, u, v):
    a, b = _rotated(bg, u, v)
    a, b = a / bg.scale, b / bg.scale
    return 0.25 + 0.5 * (np.mod(a, 1) + np.mod(b, 1) > 1) * np.mod(np.floor(a) + np.floor(b), 2) \
        + 0.25 * np.mod(np.floor(a - b), 2)


def _waves(bg, u, v):
    a, b = _rotated(bg, u, v)
    return 0.5 + 0.5 * np.sin((a + 0.08 * np.sin(b * 9)) * (np.pi / bg.scale))


def _bricks(bg, u, v):
    h = bg.scale * 0.6
    row = np.floor(v / h)
    a = np.mod(u + 0.5 * bg.scale * np.mod(row, 2), bg.scale) / bg.scale
    b = np.mod(v, h) / h
    shade = 0.2 * np.mod(np.floor((u + 0.5 * bg.scale * np.mod(row, 2)) / bg.scale) * 7 + row * 5, 3) / 2
    return np.where((a < 0.06) | (b < 0.1), 1.0, shade)


def _bokeh(bg, u, v):
    rng = random.Random(bg.seed)
    total = 0 * u + 0 * v
    for _ in range(9):
        cx, cy, r = rng.uniform(-0.9, 0.9), rng.uniform(-0.5, 0.5), rng.uniform(0.06, 0.2)
        d = np.sqrt((u - cx) ** 2 + (v - cy) ** 2)
        total = total + rng.uniform(0.2, 0.6) * _edge(r - d, 0.04)
    return total


def _hills(bg, u, v):
    rng = random.Random(bg.seed)
    total = 0 * u + 0 * v
    for i in range(3):
        line = -0.15 + 0.2 * i + 0.09 * np.sin(u * rng.uniform(3, 7) + rng.uniform(0, 6.283))
        total = np.where(v > line, 0.35 * (i + 1), total)
    return total


_PATTERNS = {
    "solid": _solid, "gradient": _gradient, "radial": _radial, "stripes": _stripes,
    "checks": _checks, "dots": _dots, "clouds": _clouds, "horizon": _horizon,
    "rings": _rings, "rays": _rays, "zigzag": _zigzag, "plaid": _plaid, "panels": _panels,
    "noise": _noise, "scatter": _scatter, "triangles": _triangles,
    "waves": _waves, "bricks": _bricks, "bokeh": _bokeh, "hills": _hills,
}


def random_background(rng: random.Random, split: str) -> Background:
    """A background of the split's own kinds ('train' or 'heldout')."""
    def colour(saturation, value):
        return colorsys.hsv_to_rgb(rng.random(), saturation, value)

    first = colour(rng.uniform(0.0, 0.7), rng.uniform(0.15, 1.0))
    if rng.random() < 0.5:   # a second shade of the first colour
        gain = rng.uniform(0.6, 1.3)
        second = tuple(min(1.0, x * gain) for x in first)
    else:
        second = colour(rng.uniform(0.0, 0.6), rng.uniform(0.15, 1.0))
    return Background(rng.choice(KINDS[split]), first, second, scale=rng.uniform(0.07, 0.4),
                      angle=rng.uniform(0, 6.283), phase=rng.uniform(-5, 5),
                      seed=rng.randrange(1 << 30))
