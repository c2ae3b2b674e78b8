#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a header that defines NAME as the SHA-256 of some files' contents: digest.py OUT.h NAME FILES..."""
import hashlib
import pathlib
import sys


def main():
    out, name, *files = sys.argv[1:]
    total = hashlib.sha256()
    for path in files:
        total.update(hashlib.sha256(pathlib.Path(path).read_bytes()).digest())
    pathlib.Path(out).write_text(f'/* Made by opencl/digest.py. */\n#define {name} "{total.hexdigest()}"\n')


if __name__ == "__main__":
    main()
