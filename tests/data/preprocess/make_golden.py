#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Write golden.txt: what Pillow makes of synthetic pictures of many sizes.

    /usr/bin/python3 make_golden.py > golden.txt      (Pillow 9.4, Debian 12's python3-pil)

Each line is a case: width, height, shortest edge, crop, kind and seed of the picture, and the first
16 digits of the SHA-256 of the crop's RGB bytes. The picture's formula is that of
tests/opencl/test_preprocess_common.h. With --check-transformers, cases whose sides differ from 1 and 3
(transformers takes such a side for the channels) also go through CLIPImageProcessor.
"""
import hashlib
import math
import random
import sys

import numpy as np
import PIL
from PIL import Image

SPECIAL = [  # width, height, edge, crop
    (1, 1, 70, 70), (1, 1, 1, 1), (2, 1, 7, 5), (1, 2, 7, 7), (3, 3, 70, 70), (1, 200, 30, 30),
    (200, 1, 30, 30), (16384, 16, 70, 70), (16, 16384, 70, 70), (16384, 2, 16, 16),
    (16384, 1, 1, 1), (1, 16384, 1, 1), (2800, 2810, 70, 70), (1920, 1080, 224, 224),
    (1080, 1920, 224, 224), (1280, 720, 224, 224), (640, 480, 336, 336), (720, 576, 256, 224),
    (224, 224, 224, 224), (224, 300, 224, 224), (225, 223, 224, 224), (69, 71, 70, 69),
    (70, 1000, 70, 70), (4096, 24, 96, 96), (1500, 3, 5, 4),
]


def picture(width, height, kind, seed):
    u32 = np.uint64(0xFFFFFFFF)
    x = np.arange(width, dtype=np.uint64)[None, :, None]
    y = np.arange(height, dtype=np.uint64)[:, None, None]
    c = np.arange(3, dtype=np.uint64)[None, None, :]
    s = np.uint64(seed)
    if kind == 2:  # sawtooth ramps
        v = (x * np.uint64(3 + seed % 5) + y * np.uint64(2 + seed % 7) + c * np.uint64(85)) \
            // np.uint64(1 + seed % 4)
        return (v & np.uint64(255)).astype(np.uint8)
    if kind == 1:  # black and white blocks: the filter overshoots
        block = np.uint64(1 + seed % 13)
        x, y = x // block, y // block
    h = (x * np.uint64(0x9E3779B1) + y * np.uint64(0x85EBCA77) + c * np.uint64(0xC2B2AE3D)
         + s * np.uint64(0x27D4EB2F)) & u32
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(0x2C1B3C6D)) & u32
    h ^= h >> np.uint64(12)
    h = (h * np.uint64(0x297A2D39)) & u32
    h ^= h >> np.uint64(15)
    if kind == 1:
        return np.where(h >> np.uint64(31), 255, 0).astype(np.uint8)
    return (h >> np.uint64(24)).astype(np.uint8)


def crop_of(pixels, edge, crop):
    height, width = pixels.shape[:2]
    if width <= height:
        size = (edge, int(edge * height / width))
    else:
        size = (int(edge * width / height), edge)
    resized = np.array(Image.fromarray(pixels, "RGB").resize(size, resample=Image.BICUBIC))
    top, left = (size[1] - crop) // 2, (size[0] - crop) // 2
    return np.ascontiguousarray(resized[top:top + crop, left:left + crop])


def crop_of_transformers(pixels, edge, crop):
    from transformers import CLIPImageProcessor
    processor = CLIPImageProcessor(size={"shortest_edge": edge}, crop_size=crop, do_rescale=False,
                                   do_normalize=False)
    return np.ascontiguousarray(
        processor(Image.fromarray(pixels, "RGB"))["pixel_values"][0].transpose(1, 2, 0))


def cases():
    rng = random.Random(20260101)
    n = 0
    for special in SPECIAL:
        for kind in (0, 1):
            yield (*special, kind, n)
            n += 1
    while n < 420:
        edge = rng.choice((7, 30, 70, 96, 224))
        crop = edge if rng.random() < 0.7 else rng.randint(1, edge)
        top = 2000 if rng.random() < 0.1 else 400
        width, height = (int(math.exp(rng.uniform(0, math.log(top)))) for _ in range(2))
        if rng.random() < 0.5:  # most real frames are not that elongated
            height = max(1, int(width * rng.uniform(0.4, 2.0)))
        if edge * edge * max(width, height) / min(width, height) > 8e6:
            continue
        yield width, height, edge, crop, rng.randint(0, 2), n
        n += 1


def main():
    check = "--check-transformers" in sys.argv[1:]
    print("# Pillow", PIL.__version__)
    for width, height, edge, crop, kind, seed in cases():
        pixels = picture(width, height, kind, seed)
        out = crop_of(pixels, edge, crop)
        if check and not {width, height, edge, crop} & {1, 3} and \
                min(out.shape[:2]) > 3 and max(width, height) / min(width, height) < 200:
            if not np.array_equal(out, crop_of_transformers(pixels, edge, crop)):
                sys.exit(f"{width}x{height} -> {edge}, {crop}: transformers differs")
        print(width, height, edge, crop, kind, seed, hashlib.sha256(out.tobytes()).hexdigest()[:16])


if __name__ == "__main__":
    main()
