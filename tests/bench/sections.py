# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/performance.md's sections that benchmarks write: one for each script and kind of processor, between marks."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The first that the processor has.
KINDS = (("AMX", "amx_int8"), ("AVX-512 with BF16", "avx512_bf16"), ("AVX-512 with VNNI", "avx512_vnni"), ("AVX2", "avx2"))


def processor():
    """What instructions this processor has, of those that the kernels tell apart."""
    flags = []
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = line.split()
            break
    return next((kind for kind, flag in KINDS if flag in flags), "no AVX2")


def picture():
    """The ending of the name of this processor's picture."""
    return processor().lower().replace(" with ", "-")


def replace(script, text):
    """Puts @text between the marks of @script and this processor."""
    path = ROOT / "docs" / "performance.md"
    begin, end = (f"<!-- tests/bench/{script} on {processor()} writes {which} here -->" for which in ("from", "to"))
    before, _, rest = path.read_text().partition(begin)
    if end not in rest:
        raise SystemExit(f"{path} has no marks for this processor: add\n{begin}\n{end}")
    path.write_text(f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}")
