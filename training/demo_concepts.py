"""The demo model's concepts: models/demo/concepts.json, of the glyphs that it was trained on.

    python3 -m training.demo_concepts > models/demo/concepts.json

A stand-in to try categories with: what a glyph stands for is a convention of this data set
(training/concepts.py), and none of it says anything about real footage. Points are left out:
the model's text tower computes them. Safe glyphs are of no category, so that they compete with
all: a knife is as little a devil's face as it is a spoon. How often categories are right:
training/categories.py.
"""
from __future__ import annotations

import json

from training.captions import noun
from training.concepts import CONCEPTS, Glyph

# hysac's names of the seven (docs/concepts.md).
NAMES = {"sexual content": "sexual", "shocking images": "shocking", "illegal activity": "illegal"}
FRAMES = ("{}", "a picture of {}", "a photo of {}")


def entry(glyph: Glyph, category: str, safe: bool) -> dict:
    one = {"name": glyph.name}
    one.update({"safe": True} if safe else {"category": NAMES.get(category, category)})
    one["prompts"] = [frame.format(noun(glyph)) for frame in FRAMES]
    return one


def concepts_file() -> dict:
    """In the order of CONCEPTS, each glyph once."""
    found: dict[str, dict] = {}
    for concept in CONCEPTS:
        for glyphs, safe in ((concept.unsafe, False), (concept.safe, True)):
            for glyph in glyphs:
                found.setdefault(glyph.name, entry(glyph, concept.category, safe))
    return {"version": 1, "comment": "Drawn glyphs of the demo model, to try categories with; they moderate no real "
            "footage.", "concepts": list(found.values())}


if __name__ == "__main__":
    print(json.dumps(concepts_file(), indent=1))
