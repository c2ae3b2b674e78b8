"""A CLIP byte-level BPE, trained on the captions and written as vocab.json and merges.txt.

Reads back with transformers' CLIPTokenizer and any other CLIP tokenizer. Encoding here covers
what captions hold (lower-case words, commas); use CLIPTokenizer for anything else.
"""
from __future__ import annotations

import collections
import functools
import json
import re
from pathlib import Path

START, END = "<|startoftext|>", "<|endoftext|>"
_WORDS = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")


def byte_alphabet() -> list[str]:
    """CLIP's printable stand-ins for the 256 bytes, in the order of its vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def train(texts: list[str], max_merges: int = 4000) -> list[tuple[str, str]]:
    """Merges, most frequent pair first, until every word of the texts is one token."""
    words = collections.Counter(w for t in texts for w in _WORDS.findall(t.lower()))
    split = {w: [*w[:-1], w[-1] + "</w>"] for w in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < max_merges:
        pairs: collections.Counter = collections.Counter()
        for word, parts in split.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for word, parts in split.items():
            split[word] = _merge(parts, best)
    return merges


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


class Tokenizer:
    """Encodes captions with a vocabulary made of the byte alphabet and merges."""

    def __init__(self, merges: list[tuple[str, str]]):
        self.merges = merges
        alphabet = byte_alphabet()
        tokens = alphabet + [a + "</w>" for a in alphabet] + ["".join(m) for m in merges] + [START, END]
        self.vocab = {t: i for i, t in enumerate(tokens)}
        self.start, self.end = self.vocab[START], self.vocab[END]
        self._rank = {m: i for i, m in enumerate(merges)}
        self._word = functools.lru_cache(maxsize=None)(self._encode_word)

    @classmethod
    def load(cls, folder: str | Path) -> "Tokenizer":
        lines = Path(folder, "merges.txt").read_text("utf-8").splitlines()[1:]
        return cls([tuple(l.split(" ")) for l in lines if l])

    def save(self, folder: str | Path) -> None:
        Path(folder, "vocab.json").write_text(json.dumps(self.vocab, ensure_ascii=False), "utf-8")
        lines = ["#version: 0.2"] + [" ".join(m) for m in self.merges]
        Path(folder, "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")

    def _encode_word(self, word: str) -> tuple[int, ...]:
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            known = [(self._rank[p], p) for p in zip(parts, parts[1:]) if p in self._rank]
            if not known:
                break
            parts = _merge(parts, min(known)[1])
        return tuple(self.vocab[p] for p in parts)

    def fragments(self, texts: list[str]) -> tuple[str, ...]:
        """Ends of words in the vocabulary that are no word of the texts: words without meaning."""
        words = {w for t in texts for w in _WORDS.findall(t.lower())}
        ends = (t[:-4] for t in self.vocab if t.endswith("</w>"))
        return tuple(e for e in ends if len(e) > 1 and e.isascii() and e.isalpha() and e not in words)

    def encode(self, text: str) -> list[int]:
        """Token ids with start and end of text."""
        return [self.start, *(t for w in _WORDS.findall(text.lower()) for t in self._word(w)), self.end]

    def batch(self, texts: list[str], limit: int = 77):
        """A LongTensor (n, longest), padded with the end of text."""
        import torch
        rows = [self.encode(t) for t in texts]
        rows = [r if len(r) <= limit else r[:limit - 1] + [self.end] for r in rows]
        longest = max(map(len, rows))
        return torch.tensor([r + [self.end] * (longest - len(r)) for r in rows])
