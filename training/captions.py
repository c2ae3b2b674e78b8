"""Captions from the names of what a scene shows."""
from __future__ import annotations

import random
from typing import Sequence

from .concepts import Glyph

_FRAMES = (
    "{}", "a picture of {}", "a drawing of {}", "a photo of {}", "there is {}", "{} in the scene",
    "a cartoon with {}", "we see {}", "an image showing {}", "{} on a plain background",
)
_EMPTY = (
    "an empty scene", "nothing but a background", "a picture of nothing", "an empty background",
    "a plain background", "there is nothing in the scene",
)
_PLACES = (
    ("at the top left", "at the top", "at the top right"),
    ("on the left", "in the middle", "on the right"),
    ("at the bottom left", "at the bottom", "at the bottom right"),
)
_LINKS = (" and ", " with ", " next to ", " near ", " beside ")


def noun(glyph: Glyph) -> str:
    """The name with its article."""
    return f"{glyph.article} {glyph.name}" if glyph.article else glyph.name


def frame_count() -> int:
    return len(_FRAMES)


def place(x: float, y: float) -> str:
    """Where (x, y) lies in a square of side 1, origin top left: one of nine places."""
    column, row = (0 if c < 0.38 else 1 if c < 0.62 else 2 for c in (x, y))
    return _PLACES[row][column]


def caption(glyphs: Sequence[Glyph], rng: random.Random,
            places: Sequence[tuple[float, float]] | None = None) -> str:
    """A caption that names every glyph; the order of names and the wording are drawn from rng.

    With `places`, a centre for each glyph, it also says where each of them is.
    """
    if not glyphs:
        return rng.choice(_EMPTY)
    names = [noun(g) for g in glyphs]
    if places:
        names = [f"{name} {place(*p)}" for name, p in zip(names, places)]
    rng.shuffle(names)
    if len(names) == 1:
        body = names[0]
    elif len(names) == 2:
        body = names[0] + rng.choice(_LINKS) + names[1]
    else:
        body = ", ".join(names[:-1]) + " and " + names[-1]
    return rng.choice(_FRAMES).format(body)


def vocabulary_texts(glyphs: Sequence[Glyph]) -> list[str]:
    """Every name in a few frames: what the tokenizer is trained on."""
    texts = list(_EMPTY)
    for g in glyphs:
        texts += [f.format(noun(g)) for f in _FRAMES]
    texts += [p for row in _PLACES for p in row]
    return texts + ["x" + link + "y" for link in _LINKS]
