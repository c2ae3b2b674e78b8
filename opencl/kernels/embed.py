#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a C file that holds OpenCL sources as byte arrays: embed.py OUT.c A.cl B.cl ...

A kernel's name is its file name without .cl. Byte arrays, not string literals: compilers limit the
length of a literal, and nothing needs escaping. Each ends with a zero that its length does not count.
"""
import pathlib
import re
import sys


def read(path):
    """The file's bytes, each line #include "NAME" replaced by the file NAME beside it (one level)."""
    return re.sub(rb'^#include "([\w.]+)"$', lambda m: (path.parent / m[1].decode()).read_bytes().rstrip(),
                  path.read_bytes(), flags=re.MULTILINE)


def main():
    out, *sources = sys.argv[1:]
    lines = ["/* Made by opencl/kernels/embed.py. */", '#include "opencl/cl.h"', ""]
    table = []
    for number, path in enumerate(map(pathlib.Path, sources)):
        data = read(path)
        if b"\0" in data:
            sys.exit(f"{path}: holds a zero byte")
        lines.append(f"static const char source_{number}[] = {{ /* {path.name} */")
        numbers = [str(b if b < 128 else b - 256) for b in data] + ["0"]
        lines += ["  " + ",".join(numbers[i:i + 24]) + "," for i in range(0, len(numbers), 24)]
        lines += ["};", ""]
        table.append(f'  {{ "{path.stem}", source_{number}, {len(data)} }},')
    lines += ["const HysacKernelSource hysac_kernel_sources[] = {", *table, "  { NULL, NULL, 0 },", "};", ""]
    pathlib.Path(out).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
