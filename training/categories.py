"""Print how often the categories of a model's concepts are right, on held-out scenes.

    python3 -m training.categories --model models/demo --concepts models/demo/concepts.json

Scenes and captions are those of training.evaluate: rendered here from a fixed seed, of backgrounds and arrangements
never trained on. What judges them is the project's own command: `hysac concepts` and `hysac classify`, of a copy of
the model. It needs numpy, Pillow and ffmpeg, no PyTorch. The tables are Markdown.

A category is right where the unsafe thing that was drawn is one of its glyphs. Concepts whose names were drawn in
training are all there are: nothing here says what a category is worth on anything else.
"""
from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from PIL import Image

from .concepts import concept
from .dataset import SHARD_PAIRS, captions_of, make_shard
from .demo_concepts import NAMES

SEED = 2      # not the set that was watched while the demo model was trained
CATEGORIES = ("hate", "harassment", "violence", "self-harm", "sexual", "shocking", "illegal")


def prepared(model: Path, concepts: Path, tool: Path, folder: Path) -> Path:
    """A copy of the model, with the concepts and their points in it."""
    copy = folder / "model"
    shutil.copytree(model, copy)
    subprocess.run([tool, "concepts", "--model", copy, "--file", concepts, "--save"], check=True, stdout=subprocess.DEVNULL)
    return copy


def categories_of(tool: Path, model: Path, arguments: list[str]) -> list[dict[str, dict]]:
    """Of each picture or text: the scores of each category, by its name."""
    done = subprocess.run([tool, "classify", "--model", model, "--json", *arguments], check=True, capture_output=True, text=True)
    return [{c["category"]: c for c in json.loads(line)["categories"]} for line in done.stdout.splitlines()]


def shown(scores: dict[str, dict]) -> set[str]:
    """The categories that `hysac classify` names beside a picture or a text."""
    return {name for name, s in scores.items() if s["lead"] > 0 or s["cone"] <= 0}


def figures(truth: list[str], unsafe: list[dict], safe: list[dict]) -> dict:
    """truth: the category of each unsafe sample; its safe twin is of none."""
    nearest = [max(s, key=lambda name: s[name]["inner"]) for s in unsafe]
    leads = [max(s, key=lambda name: s[name]["lead"]) for s in unsafe]
    named, falsely = [shown(s) for s in unsafe], [shown(s) for s in safe]
    n = len(truth)
    out = {
        "samples": n,
        "chance": Counter(truth).most_common(1)[0][1] / n,
        "nearest": sum(a == b for a, b in zip(nearest, truth)) / n,
        "largest_lead": sum(a == b for a, b in zip(leads, truth)) / n,
        "named": sum(a in b for a, b in zip(truth, named)) / n,
        "named_alone": sum({a} == b for a, b in zip(truth, named)) / n,
        "named_count": sum(map(len, named)) / n,
        "safe_named": sum(bool(b) for b in falsely) / n,
        "safe_named_count": sum(map(len, falsely)) / n,
        "by_category": {},
    }
    for name in CATEGORIES:
        rows = [i for i, t in enumerate(truth) if t == name]
        others = [b for i, b in enumerate(named) if truth[i] != name]
        if rows:
            out["by_category"][name] = {
                "samples": len(rows),
                "nearest": sum(nearest[i] == name for i in rows) / len(rows),
                "named": sum(name in named[i] for i in rows) / len(rows),
                "named_of_others": sum(name in b for b in others) / len(others) if others else 0.0,
                "named_of_safe": sum(name in b for b in falsely) / len(falsely),
            }
    return out


LINES = (
    ("nearest", "the nearest unsafe concept is of the right category"),
    ("largest_lead", "the right category has the largest `lead`"),
    ("chance", "(always saying the most frequent category)"),
    ("named", "`hysac classify` names the right category"),
    ("named_alone", "it names that one alone"),
    ("named_count", "categories that it names, mean"),
    ("safe_named", "of safe samples: it names a category"),
    ("safe_named_count", "of safe samples: categories that it names, mean"),
)


def report(results: dict[str, dict]) -> str:
    kinds = list(results)
    lines = [f"| of {results[kinds[0]]['samples']} unsafe samples and their safe twins | " + " | ".join(kinds) + " |",
             "|---|" + "---|" * len(kinds)]
    lines += [f"| {text} | " + " | ".join(f"{results[k][key]:.3f}" for k in kinds) + " |" for key, text in LINES]
    for kind in kinds:
        lines += ["", f"| {kind} | samples | nearest | named | named of other unsafe ones | named of safe ones |",
                  "|---|---|---|---|---|---|"]
        lines += [f"| {name} | {r['samples']} | {r['nearest']:.3f} | {r['named']:.3f} | {r['named_of_others']:.3f} "
                  f"| {r['named_of_safe']:.3f} |" for name, r in results[kind]["by_category"].items()]
    return "\n".join(lines)


def measure(model: Path, concepts: Path, tool: Path, shards: int, seed: int, pairs: int = SHARD_PAIRS) -> dict[str, dict]:
    """Figures of pictures and of texts."""
    with tempfile.TemporaryDirectory() as name:
        folder, truth, paths, texts, rng = Path(name), [], ([], []), ([], []), random.Random(7)
        copy = prepared(model, concepts, tool, folder)
        for index in range(shards):
            images, records = make_shard("heldout", seed, index, pairs, 1.0)
            for i, (pair, record) in enumerate(zip(images, records)):
                category = concept(record["concept"]).category
                truth.append(NAMES.get(category, category))
                for side, (image, text) in enumerate(zip(pair, captions_of(record, rng))):
                    path = folder / f"{index}-{i:03d}-{side}.png"
                    Image.fromarray(image).save(path)
                    paths[side].append(str(path))
                    texts[side].append(text)
        lines = folder / "texts.txt"
        lines.write_text("".join(text + "\n" for text in texts[0] + texts[1]))
        pictures = categories_of(tool, copy, paths[0] + paths[1])
        captions = categories_of(tool, copy, ["--texts", str(lines)])
    return {kind: figures(truth, found[len(truth):], found[:len(truth)])
            for kind, found in (("pictures", pictures), ("captions", captions))}


def main() -> None:
    parser = argparse.ArgumentParser(description="How often the categories of a model's concepts are right.")
    parser.add_argument("--model", type=Path, required=True, help="model directory")
    parser.add_argument("--concepts", type=Path, required=True, help="file of concepts, as docs/concepts.md has it")
    parser.add_argument("--tool", type=Path, default=Path("build/tools/hysac"), help="the command hysac")
    parser.add_argument("--shards", type=int, default=4, help=f"held-out pairs, in units of {SHARD_PAIRS}")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed draws another held-out set")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    args = parser.parse_args()
    results = measure(args.model, args.concepts, args.tool, args.shards, args.seed)
    print(report(results))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
