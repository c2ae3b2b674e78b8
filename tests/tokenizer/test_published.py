# SPDX-License-Identifier: LGPL-2.1-or-later
"""`hysac tokenize` with CLIP's published vocabulary against transformers' two tokenizers, on hard texts.

What differs on purpose (docs/text.md) is taken out on the other side, not excused: ftfy runs without its repair of
mojibake, so all else must be the same on every text; and where the whole of ftfy gives other tokens, it must be because
that repair changed the text. HYSAC_TEST_SEED repeats a run; HYSAC_BUILD is the build folder (build).
"""
from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import unicodedata
import unittest
from functools import lru_cache
from pathlib import Path

import ftfy
from tokenizers.normalizers import NFC
from transformers import CLIPTokenizer, CLIPTokenizerFast

import hard_texts
from published import SPECIALS, write_vocabulary

ROOT = Path(__file__).resolve().parents[2]
HYSAC = ROOT / os.environ.get("HYSAC_BUILD", "build") / "tools" / "hysac"
CONTEXT = 77
START, END = SPECIALS
SEED = int(os.environ.get("HYSAC_TEST_SEED") or random.randrange(2**32))


@lru_cache(maxsize=None)
def all_texts() -> dict[str, list[str]]:
    """Hard texts by kind."""
    rng = random.Random(SEED)
    characters = hard_texts.assigned()
    return {
        "of other tests": hard_texts.from_repository(),
        "every character": hard_texts.every_character(characters),
        "rows of Unicode": hard_texts.by_rows(characters, rng),
        "mixed": hard_texts.mixed(rng, 3000),
        "special tokens": hard_texts.special(rng, 500),
        "random UTF-8": hard_texts.random_utf8(rng, characters, 1500),
        "mojibake": hard_texts.mojibake(rng, 1000),
        "long": hard_texts.long(rng),
    }


def without_encodings(text: str) -> str:
    """ftfy but for the repair of mojibake."""
    return ftfy.fix_text(text, fix_encoding=False)


class PublishedVocabulary(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"# HYSAC_TEST_SEED={SEED}")
        cls.scratch = tempfile.TemporaryDirectory(prefix="hysac-vocabulary-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        write_vocabulary(cls.folder)
        cls.slow, cls.fast = (kind.from_pretrained(cls.folder) for kind in (CLIPTokenizer, CLIPTokenizerFast))

    def hysac(self, texts: list[str], *options: str) -> list[list[int]]:
        """Ids of each text. They are arguments, as a line of a file holds no line break: some at a time."""
        rows, some, size = [], [], 0
        for i, text in enumerate(texts):
            some.append(text.encode())
            size += len(some[-1]) + 16
            if size < 500_000 and i + 1 < len(texts):
                continue
            run = subprocess.run([HYSAC, "tokenize", "--model", self.folder, *options, "--", *some],
                                 capture_output=True, check=False)
            self.assertEqual((run.returncode, run.stderr), (0, b""))
            rows += [json.loads(line)["ids"] for line in run.stdout.splitlines()]
            some, size = [], 0
        self.assertEqual(len(rows), len(texts))
        return rows

    def with_ftfy(self, texts: list[str], fix) -> list[list[int]]:
        """The slow tokenizer's ids, cut at the context, with @fix in the place of ftfy."""
        self.slow.fix_text = fix
        return [self.slow(t, truncation=True, max_length=CONTEXT)["input_ids"] for t in texts]

    def fast_knows(self, text: str) -> bool:
        """Not where the library's Unicode is too old for the marks of @text, nor where special tokens are in
        capitals, which some versions take for the tokens and others do not."""
        bare = text.replace(START, "").replace(END, "").lower()
        return START not in bare and END not in bare and NFC().normalize_str(text) == unicodedata.normalize("NFC", text)

    def expect_same(self, kind: str, texts: list[str], found: list[list[int]], expected: list[list[int]]):
        wrong = [i for i, (a, b) in enumerate(zip(found, expected)) if a != b]
        shown = "\n".join(f"{texts[i]!a}\n  hysac {self.slow.convert_ids_to_tokens(found[i])}\n"
                          f"  reference {self.slow.convert_ids_to_tokens(expected[i])}" for i in wrong[:10])
        self.assertFalse(wrong, f"{kind}: {len(wrong)} of {len(texts)} differ\n{shown}")

    def test_is_the_published_one(self):
        self.assertEqual(len(self.slow), 49408)
        ids = [49406, 320, 1125, 539, 320, 2368, 49407]
        self.assertEqual(self.hysac(["a photo of a cat"]), [ids])
        self.assertEqual(self.slow("a photo of a cat")["input_ids"], ids)

    def test_as_the_slow_tokenizer(self):
        """All of ftfy but the mojibake, on every text."""
        for kind, texts in all_texts().items():
            with self.subTest(kind):
                self.expect_same(kind, texts, self.hysac(texts, "--reference"), self.with_ftfy(texts, without_encodings))

    def test_as_the_fast_tokenizer(self):
        for kind, texts in all_texts().items():
            with self.subTest(kind):
                known = [t for t in texts if self.fast_knows(t)]
                self.assertGreater(len(known), (0.5 if kind == "special tokens" else 0.98) * len(texts))
                expected = self.fast(known, truncation=True, max_length=CONTEXT)["input_ids"]
                self.expect_same(kind, known, self.hysac(known, "--reference", "--no-fix"), expected)

    def test_nothing_is_cut_and_nothing_is_special(self):
        """Without --reference: the same tokens, all of them; typed special tokens end no text."""
        end = self.slow.eos_token_id
        self.slow.fix_text = without_encodings
        for kind, texts in all_texts().items():
            with self.subTest(kind):
                whole = self.hysac(texts)
                self.assertTrue(all(row.count(end) == 1 and row[-1] == end for row in whole))
                if kind != "special tokens":
                    plain = [i for i, t in enumerate(texts) if "text|" not in without_encodings(t).lower()]
                    self.assertGreater(len(plain), 0.9 * len(texts))
                    self.expect_same(kind, [texts[i] for i in plain], [whole[i] for i in plain],
                                     [self.slow(texts[i], verbose=False)["input_ids"] for i in plain])

    def test_mojibake_is_all_that_differs(self):
        for kind, texts in all_texts().items():
            with self.subTest(kind):
                found, expected = self.hysac(texts, "--reference"), self.with_ftfy(texts, ftfy.fix_text)
                for text, a, b in zip(texts, found, expected):
                    if a != b:   # the tokenizer gives ftfy what stands between special tokens
                        parts = text.replace(START, END).split(END)
                        self.assertTrue(any(ftfy.fix_text(p) != without_encodings(p) for p in parts), ascii(text))
                if kind == "mojibake":   # or there was nothing to see
                    self.assertGreater(sum(a != b for a, b in zip(found, expected)), len(texts) // 4)


if __name__ == "__main__":
    unittest.main()
