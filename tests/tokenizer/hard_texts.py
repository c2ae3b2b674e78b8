# SPDX-License-Identifier: LGPL-2.1-or-later
"""Texts that a tokenizer may get wrong. All are valid UTF-8 and hold no zero byte."""
from __future__ import annotations

import codecs
import json
import random
import re
import unicodedata
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

WORDS = ("a", "photo", "of", "Knife", "GUN", "children", "isn't", "they've", "I'd", "we'll", "DON'T", "naïve", "Straße",
         "ΟΔΥΣΣΕΥΣ", "İstanbul", "ǅungla", "ПРИВЕТ", "漢字", "かな", "한국어", "नमस्ते", "สวัสดี", "שלום", "مرحبا", "x²", "½",
         "1234567", "3.14", "٣٤٥", "Ⅷ", "e-mail", "#tag", "@name", "http://example.org/a_b?c=d&e=f")
APOSTROPHES = ("'", "\u2019", "\u2018", "\u02bc", "\uff07", "\u201b", "`")
ENDINGS = ("s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Ve", "M", "LL", "D", "ſ", "Ll", "x", "re'd")
MARKS = ("\u0301", "\u0308", "\u0327", "\u0323", "\u0307", "\u0345", "\u20e3", "\u3099", "\u0bbe", "\u1161", "\u11a8",
         "\u0f71", "\u0f72", "\u09be", "\u064b", "\u0651", "\u05b4", "\ufe0f", "\ufe0e", "\u200d", "\u20d0")
SPACES = ("\t", "\n", "\v", "\f", "\r", "\r\n", " ", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\xa0", "\u1680", "\u180e",
          "\u2000", "\u2007", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff")
CONTROLS = tuple(chr(c) for c in (*range(1, 32), *range(127, 160), 0xad, 0x61c, *range(0x200b, 0x2010),
                                  *range(0x202a, 0x202f), *range(0x2060, 0x2070), 0xfeff, *range(0xfff9, 0xfffe)))
MARKUP = ("&amp;", "&lt;", "&gt;", "&eacute;", "&EACUTE;", "&Eacute;", "&nbsp;", "&#65;", "&#x41;", "&#0;", "&#128;",
          "&#x1F600;", "&#xD800;", "&#59;", "&#1114112;", "&#99999999999999999999;", "&amp;amp;lt;", "&nosuch;", "&amp",
          "&;", "&#;", "&#x;", "&ThickSpace;", "&NotEqualTilde;", "&fjlig;", "&hearts;", "<", "<b>", "</i>", "<br/>",
          "\n", "&AMP;", "&COPY;", "&rarr;", "&RARR;", "&frac12;", "&#٣;", "&apos;s", "&#39;ll", "&rsquo;t")
ESCAPES = ("\033[0m", "\033[1;31m", "\033[", "\033[;;;H", "\033[2", "\033]0;a\007", "\033[٣m", "\033[1é", "\033[ﬁ", "\033［３ｍ", "\033")
SPECIALS = ("<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "<|EndOfText|>", "&lt;|endoftext|&gt;", "<|endoftext|",
            "<|endof", "＜|endoftext|＞", "<|endoftext|>s", "</w>", "[UNK]", "<|endoftext|><|endoftext|>")
EMOJI = ("😀", "🔫", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇩", "1️⃣", "#⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️", "❤", "👨🏿‍🚒", "🧑‍🤝‍🧑", "🫠", "☠️", "⚰", "🅰")
SHAPED = ("ﬁ", "ﬄ", "ſt", "ﬅ", "Ĳ", "ĳ", "ŉ", "Ǆ", "ǅ", "ǆ", "Ǉ", "ǌ", "Ａ", "ｚ", "！", "ｶﾞ", "ﾊﾟ", "￠", "￮", "ﾡ", "“", "”", "„", "‟",
          "K", "Å", "Ω", "ẞ", "ß", "ı", "İ", "ΑΣ", "ΑΣ'", "Σ", "ΑΣ.Α", "ΑΣ\u0301", "ᾳ", "ᾼ", "ŉ", "Ꭰ", "ꭰ", "Ა", "ა")
# What a text in one encoding looks like when it is read in another; ftfy repairs much of it.
FRAGMENTS = ("Ã©", "â€™", "â€œ", "Ã¼", "Â£", "ðŸ˜€", "ï»¿", "Ð¿Ñ€", "Ã\xa0", "å¤§", "â€\x9d", "Ãƒ", "ï¿½", "‡", "Å‚", "Ä…")
MEANT = ("naïve café", "“it’s”", "price: £5", "Привет мир", "größer", "l’été", "大きい", "😀 ok", "şğı", "čšž", "50 °C", "…", "—")
WRONG = ("cp1252", "latin-1", "cp1251", "cp1250", "cp437", "mac-roman", "iso8859-2", "cp1254")


def from_repository() -> list[str]:
    """The texts that other tests have: of the reference, of C tests, and the fuzzers' seeds."""
    texts = []
    for name in ("small", "small-newpeft"):
        texts += json.loads((TESTS / "data" / "reference" / name / "texts.json").read_text("utf-8"))
    for source in ("core/test_tokenizer.c", "gst/test_textreading.c", "gst/test_textpipeline.c"):
        for literal in re.findall(rb'"((?:[^"\\\n]|\\.)*)"', (TESTS / source).read_bytes()):
            texts.append(_decode(codecs.escape_decode(literal)[0]))
    for folder in ("tokenizer", "textreading"):
        for seed in sorted((TESTS / "fuzz" / "corpus" / folder).iterdir()):
            texts.append(_decode(seed.read_bytes())[:20000])
    return [t for t in texts if t and "\0" not in t] + [""]


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace").replace("\0", "\ufffd")


def assigned() -> list[str]:
    """Each character that Python's Unicode knows, but for private use and surrogates."""
    return [chr(c) for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Co", "Cs")]


def every_character(characters: list[str]) -> list[str]:
    """Each of them once by itself, and once behind a letter, some dozens to a text, by their place in Unicode."""
    texts = []
    for i in range(0, len(characters), 48):
        few = characters[i:i + 48]
        texts += [" ".join(few), " ".join("a" + c for c in few)]
    return texts


def by_rows(characters: list[str], rng: random.Random) -> list[str]:
    """For each row of 128 places in Unicode: some of its characters in a word, with marks, digits and capitals."""
    rows: dict[int, list[str]] = {}
    for c in characters:
        rows.setdefault(ord(c) >> 7, []).append(c)
    texts = []
    for row in rows.values():
        texts.append("".join(rng.choices(row, k=8)))
        texts.append("".join(c + rng.choice(("", "a", "9", " ", *MARKS)) for c in rng.choices(row, k=6)).upper())
    return texts


def mixed(rng: random.Random, count: int) -> list[str]:
    """Pieces of all kinds, thrown together."""
    pools = (WORDS, APOSTROPHES, ENDINGS, MARKS, SPACES, CONTROLS, MARKUP, ESCAPES, EMOJI, SHAPED, (" ",), (" ",))
    texts = []
    for _ in range(count):
        few = rng.sample(pools, k=rng.randint(1, 4))
        texts.append("".join(rng.choice(rng.choice(few)) for _ in range(rng.randint(1, 14))))
    for word in ("it", "IT", "1", "é", "'", ""):
        texts += [word + a + e + tail for a in APOSTROPHES for e in ENDINGS for tail in ("", "s", " ")]
    texts += [first + space + second for space in SPACES + CONTROLS for first, second in (("a", "b"), ("", "1"), ("!", ""))]
    return texts


def special(rng: random.Random, count: int) -> list[str]:
    """Special tokens, typed."""
    pools = (SPECIALS, SPECIALS, WORDS, (" ",), SPACES, MARKUP)
    return ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 9))) for _ in range(count)]


def random_utf8(rng: random.Random, characters: list[str], count: int) -> list[str]:
    """Characters drawn at random, each length in UTF-8 as often as the others."""
    lengths = [[c for c in characters if len(c.encode()) == n] for n in (1, 2, 3, 4)]
    return ["".join(rng.choice(rng.choice(lengths)) for _ in range(rng.randint(1, 40))) for _ in range(count)]


def mojibake(rng: random.Random, count: int) -> list[str]:
    """Texts that were read in a wrong encoding, once or twice, and pieces of such."""
    texts = []
    for meant in MEANT:
        for wrong in WRONG:
            once = meant.encode().decode(wrong, errors="replace")
            texts += [once, once.encode().decode(wrong, errors="replace"), "see " + once + ", " + meant]
    pools = (FRAGMENTS, FRAGMENTS, WORDS, (" ",), MARKS)
    texts += ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 6))) for _ in range(count)]
    return texts


def long(rng: random.Random) -> list[str]:
    """Around the window's length, and far beyond it; long words too."""
    texts = [" ".join(["word"] * n) for n in (73, 74, 75, 76, 77, 78, 150, 2000)]
    texts += [" ".join(rng.choices(WORDS, k=n)) for n in (60, 70, 75, 80, 500, 2000)]
    texts += ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=n)) for n in (100, 1000)]
    texts += ["e\u0301" * 300, "!" * 700, "1" * 400, "大" * 300, "a\u0323\u0301\u0308" * 200, "&amp;" * 200]
    return texts
