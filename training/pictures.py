"""Write the pictures of rendered shards as PNG files, for `hysac fit`.

    python3 -m training.pictures --data SHARDS --split validation --shards 4 --out DIR

DIR/safe and DIR/unsafe get one picture a pair each, as the model's input size has them.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from .dataset import SHARD_PAIRS, Shards


def write_pictures(data: str | Path, split: str, shards: int, out: str | Path) -> int:
    """Returns how many pairs were written."""
    source, out = Shards(data, split), Path(out)
    folders = [out / side for side in ("safe", "unsafe")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    pairs = 0
    for index in range(shards):
        images, _ = source.shard(index)
        pairs += len(images)
        for i, pair in enumerate(images):
            for folder, image in zip(folders, pair):
                Image.fromarray(image).save(folder / f"{index * SHARD_PAIRS + i:05d}.png")
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description="Write rendered pairs as PNG files.")
    parser.add_argument("--data", required=True, help="folder that training.dataset wrote")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    print(f"{write_pictures(args.data, args.split, args.shards, args.out)} pairs")


if __name__ == "__main__":
    main()
