"""Shards of rendered pairs, and quadruplets drawn from them.

A shard, say `train-0007`, is a pair of files: images as uint8 (n, 2, S, S, 3) in an .npy
that is memory-mapped, and what they show in a small .json beside it. A shard depends on nothing
but (seed, split, index, size, severity), so shards may be rendered in any order, in parallel.

Splits: `train`; `light`, the same in native colours and hardly degraded, where training starts;
`validation`, for bounds; `heldout`, for figures.

    python3 -m training.dataset --out DIR --split train --shards 60 --workers 2
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import time
from pathlib import Path

import numpy as np

from . import concepts
from .augment import Treatment, degrade_pairs
from .captions import caption
from .concepts import Glyph
from .scenes import Pair, random_pair

IMAGE_SIZE = 96
SHARD_PAIRS = 500
PLACED = 0.8      # the share of captions that say where things are
BY_CODE = {g.code: g for g in (*concepts.key_glyphs("safe"), *concepts.key_glyphs("unsafe"),
                               *concepts.NEUTRAL_TRAIN, *concepts.NEUTRAL_HELDOUT)}


def severity_of(split: str, index: int) -> float:
    """How hard a shard is degraded: train shards from 0.3 up to 1 at the 53rd."""
    if split == "train":
        return min(1.0, 0.3 + 0.7 * index / (160 / 3))
    return 0.0 if split == "light" else 1.0


def draw_pairs(split: str, seed: int, index: int, pairs: int):
    """The pairs of a shard and the generator that goes on to draw their treatments."""
    rng = random.Random(f"{split}/{seed}/{index}")
    kinds = "heldout" if split == "heldout" else "train"
    return [random_pair(rng, kinds, shifts=0.0 if split == "light" else 1.0) for _ in range(pairs)], rng


def layout(split: str, seed: int, index: int, severity: float, grid: int, pairs: int = SHARD_PAIRS):
    """Code points of what covers each cell of a grid, int32 (pairs, 2, grid, grid), 0 for nothing.

    Nothing is rendered: the same draws as make_shard's give places, and a disc of 0.4 of the
    longest side stands for the glyph's shape.
    """
    drawn, rng = draw_pairs(split, seed, index, pairs)
    centre = (np.arange(grid) + 0.5) / grid
    out = np.zeros((pairs, 2, grid, grid), np.int32)
    for i, pair in enumerate(drawn):
        treatment = Treatment.draw(rng, severity)
        for m, scene in enumerate((pair.safe, pair.unsafe)):
            for item in scene.objects:
                x, y, size = treatment.place(item)
                inside = np.hypot(centre[None, :] - x, centre[:, None] - y) < 0.4 * size
                out[i, m][inside] = item.glyph.code
    return out


def make_shard(split: str, seed: int, index: int, pairs: int = SHARD_PAIRS, severity: float = 1.0):
    """Render one shard: (images, records)."""
    drawn, rng = draw_pairs(split, seed, index, pairs)
    treatments = [Treatment.draw(rng, severity) for _ in drawn]
    records = [record_of(p, t) for p, t in zip(drawn, treatments)]
    return degrade_pairs(drawn, treatments, rng, IMAGE_SIZE), records


def record_of(pair: Pair, treatment: Treatment) -> dict:
    """What a pair shows, and where: code points and centres (0 to 1 from the top left) by side."""
    record = {"concept": pair.concept, "kind": pair.kind}
    for side, scene in (("safe", pair.safe), ("unsafe", pair.unsafe)):
        record[side] = [g.code for g in scene.glyphs()]
        record[side + "_at"] = [[round(c, 3) for c in treatment.place(o)[:2]] for o in scene.objects]
    return record


def write_shard(job) -> None:
    """Render one shard to files, unless it is there; the .npy appears last and whole."""
    folder, split, seed, index, pairs, severity = job
    target = Path(folder) / f"{split}-{index:04d}.npy"
    if target.exists():
        return
    images, records = make_shard(split, seed, index, pairs, severity)
    target.with_suffix(".json").write_text(json.dumps(records))
    part = target.with_suffix(f".part{os.getpid()}")
    with open(part, "wb") as file:
        np.save(file, images)
    part.rename(target)


class Shards:
    """Pairs of a folder of shards by global index; waits for a shard that is still to come."""

    def __init__(self, folder: str | Path, split: str):
        self.folder, self.split = Path(folder), split
        self._open: dict[int, tuple[np.ndarray, list]] = {}
        self._layouts: dict[int, np.ndarray] = {}

    def shard(self, index: int):
        if index not in self._open:
            path = self.folder / f"{self.split}-{index:04d}.npy"
            while not path.exists():
                time.sleep(1)
            self._open[index] = (np.load(path, mmap_mode="r"),
                                 json.loads(path.with_suffix(".json").read_text()))
        return self._open[index]

    def by_concept(self, shards: int) -> list[list[int]]:
        """Global indices of the first shards' pairs, a list for each concept."""
        found: dict[str, list[int]] = {}
        for index in range(shards):
            for i, record in enumerate(self.shard(index)[1]):
                found.setdefault(record["concept"], []).append(index * SHARD_PAIRS + i)
        return [found[name] for name in sorted(found)]

    def layouts(self, indices, seed: int, severity, grid: int) -> np.ndarray:
        """Code points by cell, (n, 2, grid, grid), of those pairs; severity: of a shard's index."""
        out = []
        for i in indices:
            index = int(i) // SHARD_PAIRS
            if index not in self._layouts:
                self._layouts[index] = layout(self.split, seed, index, severity(index), grid)
            out.append(self._layouts[index][int(i) % SHARD_PAIRS])
        return np.stack(out)

    def take(self, indices) -> tuple[np.ndarray, list[dict]]:
        """Images (n, 2, S, S, 3) and records of those pairs."""
        images, records = [], []
        for i in indices:
            data, info = self.shard(int(i) // SHARD_PAIRS)
            images.append(data[int(i) % SHARD_PAIRS])
            records.append(info[int(i) % SHARD_PAIRS])
        return np.stack(images), records


def captions_of(record: dict, rng: random.Random, strange: tuple[str, ...] = (), *,
                placed=PLACED, mirrored=False) -> tuple[str, str]:
    """A safe and an unsafe caption in the same words, but for the names of what differs.

    A share of `placed` of the captions also says where things are; `mirrored` swaps left and right.
    With `strange`, words that name nothing, neutral objects may be called by some of them in both
    captions, so that a word never seen before is learnt to be harmless, and the rest to tell more.
    """
    seed, renamed, says_where = rng.random(), {}, rng.random() < placed
    neutral = [c for c in record["safe"] if c in record["unsafe"]]
    if strange and neutral and rng.random() < 0.4:
        first = rng.choice(neutral)
        for code in neutral:
            if code == first or rng.random() < 0.7:
                renamed[code] = Glyph(code, rng.choice(strange))
    out = []
    for side in ("safe", "unsafe"):
        places = [(1 - x if mirrored else x, y) for x, y in record[side + "_at"]] if says_where else None
        out.append(caption([renamed.get(c) or BY_CODE[c] for c in record[side]], random.Random(seed), places))
    return tuple(out)


def main() -> None:
    parser = argparse.ArgumentParser(description="Render shards of training pairs.")
    parser.add_argument("--out", required=True, help="folder of shards")
    parser.add_argument("--split", choices=("train", "light", "validation", "heldout"), default="train")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=60, help=f"how many, of {SHARD_PAIRS} pairs each")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    jobs = [(args.out, args.split, args.seed, i, SHARD_PAIRS, severity_of(args.split, i))
            for i in range(args.first, args.first + args.shards)]
    with multiprocessing.Pool(args.workers) as pool:
        for done, _ in enumerate(pool.imap(write_shard, jobs), 1):
            if done % 8 == 0 or done == len(jobs):
                print(f"{done}/{len(jobs)} shards", flush=True)


if __name__ == "__main__":
    main()
