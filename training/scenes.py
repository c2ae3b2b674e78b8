"""Scenes of Noto Color Emoji glyphs, rendered at any size.

A scene is a background and objects at real-valued places, so that it can move: use
`dataclasses.replace` on objects for the next frame. Coordinates are in units of the frame's
height, origin at the centre: a 16:9 frame spans x from -0.889 to 0.889 and y from -0.5 to 0.5.
The model sees the centre square (x from -0.5 to 0.5); keep what it must see there.

    python3 -m training.scenes --sheet out.png [--split heldout] [--seed 1]

Needs Debian's fonts-noto-color-emoji (or HYSAC_EMOJI_FONT) and Pillow with FreeType.
"""
from __future__ import annotations

import functools
import math
import os
import random
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .backgrounds import Background, random_background
from .concepts import CONCEPTS, NEUTRAL, Glyph, key_glyphs

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
FONT_SIZE = 109                     # the only size in the font's bitmap table
LEVELS = (128, 96, 64, 48, 32, 24, 16)
YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))    # rows, from RGB


@functools.lru_cache(maxsize=1)
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(os.environ.get("HYSAC_EMOJI_FONT", FONT), FONT_SIZE)


@functools.lru_cache(maxsize=4096)
def glyph_image(code: int, level: int) -> Image.Image:
    """The glyph's RGBA drawing, cropped to its ink, longest side `level` pixels."""
    if level == LEVELS[0]:
        canvas = Image.new("RGBA", (160, 160))
        ImageDraw.Draw(canvas).text((8, 8), chr(code), font=_font(), embedded_color=True)
        box = canvas.getbbox()
        if box is None:
            raise ValueError(f"U+{code:04X} is not in the emoji font")
        image = canvas.crop(box)
    else:
        image = glyph_image(code, LEVELS[0])
    scale = level / max(image.size)
    size = tuple(max(1, round(s * scale)) for s in image.size)
    return image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


@functools.lru_cache(maxsize=4096)
def glyph_palette(code: int) -> tuple[float, ...]:
    """Mean and standard deviation of the glyph's colour (3 + 3 values, 0 to 1)."""
    a = np.asarray(glyph_image(code, 48), dtype=np.float64) / 255
    weight = a[..., 3:] / max(a[..., 3].sum(), 1e-6)
    mean = (a[..., :3] * weight).sum((0, 1))
    std = np.sqrt(((a[..., :3] - mean) ** 2 * weight).sum((0, 1)))
    return tuple(mean) + tuple(std)


def hue_matrix(degrees: float) -> np.ndarray:
    """The 3x3 matrix that turns hue about the grey axis and keeps luma (YIQ rotation)."""
    to_yiq = np.array(YIQ)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.linalg.inv(to_yiq) @ turn @ to_yiq


@dataclass(frozen=True)
class SceneObject:
    """A glyph at (x, y); size is its longest side; angle in degrees, counter-clockwise.

    hue turns its colours; palette (6 values as `glyph_palette` gives) recolours it to that mean
    and spread by `recolour` (0 keeps the glyph's own colours, 1 takes the palette's).
    """

    glyph: Glyph
    x: float = 0.0
    y: float = 0.0
    size: float = 0.4
    angle: float = 0.0
    flip: bool = False
    hue: float = 0.0
    palette: tuple[float, ...] | None = None
    recolour: float = 0.0

    def _sprite(self, pixels: float) -> Image.Image:
        level = next((l for l in reversed(LEVELS) if l >= pixels), LEVELS[0])
        image = glyph_image(self.glyph.code, level)
        if self.hue == 0 and not (self.palette and self.recolour):
            return image
        a = np.asarray(image, dtype=np.float32)
        rgb = a[..., :3] / 255
        if self.palette and self.recolour:
            own, other = np.float32(glyph_palette(self.glyph.code)), np.float32(self.palette)
            gain = np.clip((other[3:] + 0.03) / (own[3:] + 0.03), 0.3, 3.0)
            rgb = rgb + np.float32(self.recolour) * ((rgb - own[:3]) * gain + other[:3] - rgb)
        if self.hue:
            rgb = rgb @ hue_matrix(self.hue).T.astype(np.float32)
        out = np.concatenate([np.clip(rgb * 255 + 0.5, 0, 255), a[..., 3:]], -1)
        return Image.fromarray(out.astype(np.uint8), "RGBA")

    def draw(self, frame: Image.Image) -> None:
        """Draw onto an RGB frame, at sub-pixel place."""
        width, height = frame.size
        pixels = self.size * height
        sprite = self._sprite(pixels)
        if self.flip:
            sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        scale = pixels / max(sprite.size)
        c, s = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        w, h = sprite.size[0] * scale, sprite.size[1] * scale
        half_w, half_h = (abs(w * c) + abs(h * s)) / 2, (abs(w * s) + abs(h * c)) / 2
        cx, cy = width / 2 + self.x * height, height / 2 + self.y * height
        x0, y0 = math.floor(cx - half_w) - 1, math.floor(cy - half_h) - 1
        x1, y1 = math.ceil(cx + half_w) + 1, math.ceil(cy + half_h) + 1
        # Inverse map: output pixel -> sprite pixel. Rows point down, so the angle's sign flips.
        a, b, d, e = c / scale, -s / scale, s / scale, c / scale
        ox, oy = cx - x0, cy - y0
        data = (a, b, sprite.size[0] / 2 - a * ox - b * oy, d, e, sprite.size[1] / 2 - d * ox - e * oy)
        patch = sprite.transform((x1 - x0, y1 - y0), Image.Transform.AFFINE, data,
                                 Image.Resampling.BICUBIC)
        frame.paste(patch, (x0, y0), patch)


@dataclass(frozen=True)
class Scene:
    """A background, objects back to front, and light over all of it."""

    background: Background
    objects: tuple[SceneObject, ...] = ()
    brightness: float = 1.0
    contrast: float = 1.0
    hue: float = 0.0

    def render(self, width: int, height: int, base: Image.Image | None = None) -> Image.Image:
        """An RGB picture. `base` may hold the background, already rendered at this size."""
        if base is None:
            base = self.render_background(width, height)
        frame = base.copy()
        for item in self.objects:
            item.draw(frame)
        if self.brightness == 1 and self.contrast == 1 and self.hue == 0:
            return frame
        matrix = (hue_matrix(self.hue) if self.hue else np.eye(3)) * self.brightness * self.contrast
        offset = 127.5 * (1 - self.contrast)
        return frame.convert("RGB", tuple(np.c_[matrix, np.full(3, offset)].ravel()))

    def render_background(self, width: int, height: int) -> Image.Image:
        return Image.fromarray((self.background.render(width, height) * 255 + 0.5).astype(np.uint8), "RGB")

    def glyphs(self) -> tuple[Glyph, ...]:
        return tuple(o.glyph for o in self.objects)


@dataclass(frozen=True)
class Pair:
    """A safe and an unsafe scene that differ in the key object only; concept says which."""

    safe: Scene
    unsafe: Scene
    concept: str
    kind: str        # counterpart, neutral or empty: what the safe scene holds at the key's place


def _object(rng: random.Random, glyph: Glyph, x, y, size, shifts: float) -> SceneObject:
    shifted = rng.random() < 0.4 * shifts
    return SceneObject(glyph, x, y, size, angle=rng.gauss(0, 18), flip=rng.random() < 0.5,
                       hue=rng.uniform(0, 360) if shifted else 0.0)


def _places(rng: random.Random, sizes: list[float]) -> list[tuple[float, float]]:
    """Places in the centre square: the key wholly inside, others may be cut; little overlap."""
    best, best_cost = None, math.inf
    for _ in range(12):
        places, cost = [], 0.0
        for i, size in enumerate(sizes):
            reach = 0.5 - size * (0.46 if i == 0 else 0.3)
            p = (rng.uniform(-reach, reach), rng.uniform(-reach, reach))
            for q, other in zip(places, sizes):
                gap = math.hypot(p[0] - q[0], p[1] - q[1])
                cost += max(0.0, 0.45 * (size + other) - gap)
            places.append(p)
        if cost < best_cost:
            best, best_cost = places, cost
        if cost == 0:
            break
    return best


def random_pair(rng: random.Random, split: str = "train", *, neutral_only=0.15, empty=0.03,
                shifts=1.0) -> Pair:
    """Draw a pair. `neutral_only` and `empty`: the share of pairs whose safe scene shows another
    neutral glyph, or nothing, at the key's place; the rest show the concept's safe counterpart.
    `shifts`: how often colours are changed, from 0 (never) to 1 (as the evaluation does)."""
    concept = rng.choice(CONCEPTS)
    roll = rng.random()
    kind = "empty" if roll < empty else "neutral" if roll < empty + neutral_only else "counterpart"
    pools = [NEUTRAL["train"]]
    if split == "heldout":
        pools.append(NEUTRAL["heldout"])
    neutrals: list[Glyph] = []
    for _ in range(0 if kind == "empty" else rng.choice((1, 1, 2)) + (kind == "neutral")):
        neutrals.append(rng.choice([g for g in rng.choice(pools) if g not in neutrals]))
    unsafe_glyph = rng.choice(concept.unsafe)
    safe_glyph = neutrals.pop() if kind == "neutral" else rng.choice(concept.safe)
    sizes = [rng.uniform(0.3, 0.6)] + [rng.uniform(0.22, 0.42) for _ in neutrals]
    places = _places(rng, sizes)
    key = _object(rng, unsafe_glyph, *places[0], sizes[0], shifts)
    if rng.random() < 0.4 * shifts:    # both members take the colours of some other key glyph
        donor = rng.choice(key_glyphs(rng.choice(("safe", "unsafe"))))
        key = replace(key, palette=glyph_palette(donor.code), recolour=rng.uniform(0.6, 1.0))
    others = [_object(rng, g, *p, s, shifts) for g, p, s in zip(neutrals, places[1:], sizes[1:])]
    lit = Scene(random_background(rng, split), (), brightness=rng.uniform(0.7, 1.2),
                contrast=rng.uniform(0.75, 1.15), hue=rng.uniform(0, 360) if rng.random() < 0.3 * shifts else 0.0)
    safe_objects = others + ([] if kind == "empty" else [replace(key, glyph=safe_glyph)])
    return Pair(replace(lit, objects=tuple(safe_objects)), replace(lit, objects=tuple(others + [key])),
                concept.name, kind)


def contact_sheet(split: str, seed: int, columns=10, rows=8, cell=128) -> Image.Image:
    """Pairs side by side: safe left, unsafe right."""
    rng = random.Random(seed)
    sheet = Image.new("RGB", (columns * cell, rows * cell))
    for i in range(columns * rows // 2):
        pair = random_pair(rng, split)
        x, y = 2 * i % columns * cell, 2 * i // columns * cell
        sheet.paste(pair.safe.render(cell, cell), (x, y))
        sheet.paste(pair.unsafe.render(cell, cell), (x + cell, y))
    return sheet


def main() -> None:
    import argparse
    parser = argparse.ArgumentParser(description="Draw a contact sheet of random pairs.")
    parser.add_argument("--sheet", required=True, help="picture to write")
    parser.add_argument("--split", choices=("train", "heldout"), default="train")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    contact_sheet(args.split, args.seed).save(args.sheet)


if __name__ == "__main__":
    main()
