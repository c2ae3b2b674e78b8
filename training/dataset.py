"""Shards of rendered pairs, and quadruplets drawn from them.

A shard, say `train-0007`, is a pair of files: images as uint8 (n, 2, S, S, 3) in an .npy
that is memory-mapped, and what they show in a small .json beside it. A shard depends on nothing
but (seed, split, index, size, severity), so shards may be rendered in any order, in parallel.

Splits: `train`; `light`, the same in native colours and hardly degraded, where training starts;
`validation`, for bounds; `heldout`, for figures.

    python3 -m training.dataset --out DIR --split train --shards 70 --workers 2
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
from .augment import degrade_pairs
from .captions import caption
from .scenes import random_pair

IMAGE_SIZE = 96
SHARD_PAIRS = 500
BY_CODE = {g.code: g for g in (*concepts.key_glyphs("safe"), *concepts.key_glyphs("unsafe"),
                               *concepts.NEUTRAL_TRAIN, *concepts.NEUTRAL_HELDOUT)}


def severity_of(index: int, total: int) -> float:
    """Light shards first: from 0.3 to 1 over the first third of the shards."""
    return min(1.0, 0.3 + 0.7 * index / max(1, total / 3))


def make_shard(split: str, seed: int, index: int, pairs: int = SHARD_PAIRS, severity: float = 1.0):
    """Render one shard: (images, records)."""
    rng = random.Random(f"{split}/{seed}/{index}")
    kinds = "heldout" if split == "heldout" else "train"
    drawn = [random_pair(rng, kinds, shifts=0.0 if split == "light" else 1.0) for _ in range(pairs)]
    images = degrade_pairs(drawn, rng, IMAGE_SIZE, severity)
    records = [{"safe": [g.code for g in p.safe.glyphs()], "unsafe": [g.code for g in p.unsafe.glyphs()],
                "concept": p.concept, "kind": p.kind} for p in drawn]
    return images, records


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

    def shard(self, index: int):
        if index not in self._open:
            path = self.folder / f"{self.split}-{index:04d}.npy"
            while not path.exists():
                time.sleep(1)
            self._open[index] = (np.load(path, mmap_mode="r"),
                                 json.loads(path.with_suffix(".json").read_text()))
        return self._open[index]

    def take(self, indices) -> tuple[np.ndarray, list[dict]]:
        """Images (n, 2, S, S, 3) and records of those pairs."""
        images, records = [], []
        for i in indices:
            data, info = self.shard(int(i) // SHARD_PAIRS)
            images.append(data[int(i) % SHARD_PAIRS])
            records.append(info[int(i) % SHARD_PAIRS])
        return np.stack(images), records


def captions_of(record: dict, rng: random.Random) -> tuple[str, str]:
    """A safe and an unsafe caption in the same words, but for the names of what differs."""
    seed = rng.random()
    return tuple(caption([BY_CODE[c] for c in record[side]], random.Random(seed))
                 for side in ("safe", "unsafe"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Render shards of training pairs.")
    parser.add_argument("--out", required=True, help="folder of shards")
    parser.add_argument("--split", choices=("train", "light", "validation", "heldout"), default="train")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=160, help="shards in the whole set")
    parser.add_argument("--until", type=int, help="stop before this shard")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    jobs = [(args.out, args.split, args.seed, i, SHARD_PAIRS,
             {"train": severity_of(i, args.shards), "light": 0.0}.get(args.split, 1.0))
            for i in range(args.first, args.until or args.shards)]
    with multiprocessing.Pool(args.workers) as pool:
        for done, _ in enumerate(pool.imap(write_shard, jobs), 1):
            if done % 8 == 0 or done == len(jobs):
                print(f"{done}/{len(jobs)} shards", flush=True)


if __name__ == "__main__":
    main()
