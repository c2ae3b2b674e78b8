#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the files of this folder, with Pillow: kinds of pictures that need care.

    make_pictures.py FOLDER
"""
from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = (48, 36)


def scene(n: int) -> Image.Image:
    """Some shapes, others for each n."""
    picture = Image.new("RGB", SIZE, [(230, 240, 250), (40, 60, 30), (250, 200, 120)][n])
    draw = ImageDraw.Draw(picture)
    draw.ellipse((4 + 6 * n, 4, 26 + 6 * n, 30), fill=[(200, 30, 40), (240, 240, 20), (20, 60, 200)][n])
    draw.rectangle((30 - 8 * n, 18, 44 - 8 * n, 34), fill=[(20, 120, 60), (200, 80, 220), (10, 10, 10)][n])
    return picture


def save_blended(out: Path, frames: list[Image.Image]) -> None:
    """An animated PNG with a still picture beside it, parts that are blended, and each way to dispose of a frame; and
    what Pillow makes of it."""
    parts = []
    for n, frame in enumerate(frames + frames[:2]):
        part = frame.convert("RGBA")
        hole = Image.new("L", SIZE, 0)
        ImageDraw.Draw(hole).ellipse((2 * n, 2, 30 + 3 * n, 32), fill=255)
        part.putalpha(hole)
        parts.append(part)
    frames[2].convert("RGBA").save(out / "blended.png", save_all=True, default_image=True, append_images=parts, duration=100,
                                   disposal=[0, 2, 1, 0, 2], blend=[0, 1, 1, 1, 1])
    animation = Image.open(out / "blended.png")
    for n in range(len(parts) + 1):
        animation.seek(n)
        animation.convert("RGB").save(out / f"blended-{n}.png")


def main() -> None:
    out = Path(sys.argv[1])
    frames = [scene(n) for n in range(3)]
    frames[0].save(out / "rgb.png")
    frames[0].convert("CMYK").save(out / "cmyk.jpg", quality=98)
    palettes = [f.quantize(32, dither=Image.Dither.NONE) for f in frames]
    palettes[0].save(out / "animated.gif", save_all=True, append_images=palettes[1:], duration=[70, 30, 2000], loop=0,
                     disposal=1)
    animation = Image.open(out / "animated.gif")
    for n in range(3):
        animation.seek(n)
        animation.convert("RGB").save(out / f"animated-{n}.png")
        if n > 0:  # the first is rgb.png
            frames[n].save(out / f"scene-{n}.png")
    frames[0].save(out / "animated.png", save_all=True, append_images=frames[1:], duration=100)
    save_blended(out, frames)
    frames[0].save(out / "pages.tif", save_all=True, append_images=frames[1:], compression="tiff_lzw")


if __name__ == "__main__":
    main()
