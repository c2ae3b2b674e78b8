"""What the synthetic scenes are made of: pairs of key glyphs, and neutral glyphs.

A concept is a pair of glyph sets: the same place in a scene holds either a safe glyph or an
unsafe one. Each concept belongs to one of HySAC's seven categories (arXiv 2503.12127, section 4:
hate, harassment, violence, self-harm, sexual content, shocking images, illegal activity).
Glyphs are given by code point and drawn with Noto Color Emoji (SIL Open Font License).
What a glyph stands for here is a convention of this data set: nothing is unsafe about an emoji.
"""
from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = (
    "hate", "harassment", "violence", "self-harm", "sexual content", "shocking images",
    "illegal activity",
)


@dataclass(frozen=True)
class Glyph:
    """One emoji: its code point, the noun captions use, and the article before it."""

    code: int
    name: str
    article: str = "a"

    @property
    def char(self) -> str:
        return chr(self.code)


@dataclass(frozen=True)
class Concept:
    """A pair of glyph sets that fill the same place in a scene."""

    name: str
    category: str
    safe: tuple[Glyph, ...]
    unsafe: tuple[Glyph, ...]


def _glyphs(text: str) -> tuple[Glyph, ...]:
    """Parse 'code name; code name'. A name that starts with '-' takes no article."""
    out = []
    for entry in text.split(";"):
        code, name = entry.strip().split(" ", 1)
        article = "an" if name[0] in "aeiou" else "a"
        if name[0] == "-":
            name, article = name[1:], ""
        out.append(Glyph(int(code, 16), name, article))
    return tuple(out)


def _concept(name: str, category: str, safe: str, unsafe: str) -> Concept:
    assert category in CATEGORIES, category
    return Concept(name, category, _glyphs(safe), _glyphs(unsafe))


CONCEPTS: tuple[Concept, ...] = (
    # violence
    _concept("blade", "violence", "1F944 spoon", "1F52A knife; 1F5E1 dagger"),
    _concept("gun", "violence", "1F4F7 camera; 1F526 flashlight", "1F52B gun"),
    _concept("bomb", "violence", "1F388 balloon", "1F4A3 bomb; 1F9E8 stick of dynamite"),
    _concept("explosion", "violence", "1F31F star; 2600 sun", "1F4A5 explosion"),
    _concept("axe", "violence", "1F9F9 broom", "1FA93 axe"),
    _concept("fist", "violence", "1F44B waving hand; 270B raised hand", "1F44A punching fist"),
    # hate
    _concept("devil", "hate", "1F607 angel face", "1F608 devil face; 1F47F angry devil face"),
    _concept("exclusion", "hate", "1F6B8 children crossing sign; 267F wheelchair sign",
             "1F6B7 no people sign; 26D4 no entry sign"),
    # harassment
    _concept("rage", "harassment", "1F600 grinning face; 1F642 smiling face",
             "1F92C cursing face; 1F621 enraged face"),
    _concept("gesture", "harassment", "1F44D thumbs up; 270C victory hand",
             "1F595 middle finger; 1F44E thumbs down"),
    _concept("mockery", "harassment", "1F917 hugging face; 1F920 cowboy face", "1F921 clown face"),
    # self-harm
    _concept("pills", "self-harm", "1F36C piece of candy; 1F36D lollipop", "1F48A pill"),
    _concept("coffin", "self-harm", "1F6CF bed; 1F6CB couch", "26B0 coffin"),
    _concept("grave", "self-harm", "1F3E0 house; 1F4EB mailbox", "1FAA6 gravestone"),
    # sexual content
    _concept("underwear", "sexual content", "1F455 shirt; 1F457 dress",
             "1F459 bikini; 1FA72 pair of underpants"),
    _concept("innuendo", "sexual content", "1F955 carrot; 1F34A tangerine",
             "1F346 lewd aubergine; 1F351 lewd peach"),
    _concept("adults only", "sexual content", "1F17F parking sign", "1F51E adults only sign"),
    # shocking images
    _concept("blood", "shocking images", "1F9CA ice cube", "1FA78 blood drop"),
    _concept("skull", "shocking images", "26BD football; 1F3C0 basketball",
             "1F480 skull; 2620 skull and crossbones"),
    _concept("undead", "shocking images", "1F9D1 person; 1F468 man", "1F9DF zombie; 1F9DB vampire"),
    _concept("bone", "shocking images", "1F956 baguette", "1F9B4 bone"),
    _concept("filth", "shocking images", "1F366 ice cream; 1F9C1 cupcake", "1F4A9 pile of poo"),
    # illegal activity
    _concept("smoking", "illegal activity", "1F58A pen; 270F pencil", "1F6AC cigarette"),
    _concept("injection", "illegal activity", "1F321 thermometer", "1F489 syringe"),
    _concept("loot", "illegal activity", "1F392 backpack; 1F45C handbag", "1F4B0 bag of loot"),
    _concept("arson", "illegal activity", "1F341 maple leaf; 1F343 green leaf", "1F525 fire"),
    _concept("burglary", "illegal activity", "1F46E police officer; 1F482 royal guard",
             "1F977 masked burglar"),
    _concept("chains", "illegal activity", "1F4FF necklace; 1F587 pair of paper clips",
             "26D3 -chains"),
)

NEUTRAL_TRAIN: tuple[Glyph, ...] = _glyphs(
    "1F436 dog; 1F431 cat; 1F430 rabbit; 1F438 frog; 1F414 chicken; 1F41F fish; 1F433 whale;"
    "1F422 turtle; 1F98B butterfly; 1F333 tree; 1F335 cactus; 1F337 tulip; 1F33B sunflower;"
    "1F697 car; 1F6B2 bicycle; 2708 plane; 1F680 rocket; 26F5 sailing boat; 1FA91 chair;"
    "1F4A1 light bulb; 23F0 alarm clock; 1F4D5 book; 1F511 key; 1F3B8 guitar; 1F941 drum;"
    "1F355 slice of pizza; 1F354 hamburger; 1F9C0 piece of cheese; 1F34E apple; 2602 umbrella;"
    "1F308 rainbow; 1F45F running shoe"
)

NEUTRAL_HELDOUT: tuple[Glyph, ...] = _glyphs(
    "1F98A fox; 1F418 elephant; 1F986 duck; 1F339 rose; 1F695 taxi; 1F681 helicopter; 1F6A2 ship;"
    "1F3B9 piano; 1F349 slice of watermelon; 1F369 doughnut; 26C4 snowman; 1F3F0 castle"
)

NEUTRAL = {"train": NEUTRAL_TRAIN, "heldout": NEUTRAL_HELDOUT}


def key_glyphs(side: str) -> tuple[Glyph, ...]:
    """All key glyphs of one side, 'safe' or 'unsafe'."""
    return tuple(g for c in CONCEPTS for g in getattr(c, side))


def concept(name: str) -> Concept:
    """The concept of that name; KeyError if there is none."""
    for c in CONCEPTS:
        if c.name == name:
            return c
    raise KeyError(name)
