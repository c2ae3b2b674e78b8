# SPDX-License-Identifier: LGPL-2.1-or-later
"""CLIP's published vocabulary as vocab.json and merges.txt, made as OpenAI's simple_tokenizer.py makes its own
tables from bpe_simple_vocab_16e6.txt.gz. The file comes with open_clip_torch, which tests/python-env.sh installs.
"""
from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
from pathlib import Path

FILE = "bpe_simple_vocab_16e6.txt.gz"
SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
MERGES = 49152 - 256 - 2
SPECIALS = ("<|startoftext|>", "<|endoftext|>")


def bytes_to_unicode() -> list[str]:
    """Printable stand-ins for bytes, in the vocabulary's order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = len([b for b in range(256) if b not in printable])
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(others)]


def read_merges() -> list[str]:
    """The 48894 merges that CLIP uses."""
    package = importlib.util.find_spec("open_clip")   # found, not imported
    if package is None or package.origin is None:
        raise FileNotFoundError("open_clip_torch is not there: run tests/python-env.sh")
    data = (Path(package.origin).parent / FILE).read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise ValueError(f"{FILE}: SHA-256 is {found}, not {SHA256}")
    return gzip.decompress(data).decode("utf-8").split("\n")[1:MERGES + 1]


def write_vocabulary(folder: Path) -> None:
    """vocab.json and merges.txt into @folder."""
    merges = read_merges()
    alphabet = bytes_to_unicode()
    tokens = [*alphabet, *(c + "</w>" for c in alphabet), *("".join(m.split()) for m in merges), *SPECIALS]
    vocabulary = json.dumps({token: i for i, token in enumerate(tokens)})
    (folder / "vocab.json").write_text(vocabulary, encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(m + "\n" for m in merges), encoding="utf-8")
