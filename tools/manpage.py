#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes hysac(1) of what `hysac help` says, so that the page has every command and option there is.

    manpage.py HYSAC VERSION OUT
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

DESCRIPTION = """\
.B hysac
judges pictures, texts and videos by HySAC (Hyperbolic Safety\\-Aware CLIP): what lies farther from the root of its
space than a bound is unsafe.
It runs on any OpenCL device.
.PP
The model is a folder, or
.BR demo :
the small model that comes with the program, which knows drawn scenes only and moderates no real footage.
A bound is a percentile of benign material; fit it on your own
.RB ( "hysac fit" ).
.PP
The first start on a device builds its programs, which takes a minute; later ones take them from the cache.
"""

END = """\
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
Something failed, wholly or in part: the model or the device cannot be used, a file cannot be read or written.
What, and what can be done about it, is said on standard error, with
.B \\-\\-json
too; of one file among several it may stand in the line of that file.
.TP
.B 2
Wrong usage; a policy file that cannot be used;
.B verify
too where a file cannot be read.
.TP
.B 3
Something is unsafe, nothing failed, and
.B \\-\\-fail\\-on\\-unsafe
was given.
.TP
.B 4
The same, and something failed too.
.TP
.B 130
Stopped by Ctrl\\-C.
.SH ENVIRONMENT
.TP
.B G_MESSAGES_DEBUG=hysac
Tell what
.B \\-\\-verbose
does, and more.
.TP
.B HYSAC_DEMO_MODEL
The folder that
.B demo
means.
.TP
.B HYSAC_CACHE
0: keep no programs and no packed weights on the disk, so that each start is as the first; programs: no weights.
.TP
.B XDG_CACHE_HOME
Where they are kept, in the folder gst\\-hysac.
.SH SEE ALSO
.BR gst\\-inspect\\-1.0 (1),
for the elements hysacmoderate, hysactext and hysacfollow.
"""


def escape(text: str) -> str:
    """Text as roff has it; no line of it is a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def help_of(hysac: str, *words: str) -> str:
    # Leaks are for the tests to find, not for the build.
    environment = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="C", ASAN_OPTIONS="detect_leaks=0")
    return subprocess.run([hysac, "help", *words], env=environment, check=True, capture_output=True,
                          text=True).stdout


def commands(text: str) -> list[tuple[str, str]]:
    block = re.search(r"^Commands:\n((?:  .*\n)+)", text, re.M).group(1)
    return [m.groups() for m in re.finditer(r"^  (\S+) +(.*)$", block, re.M) if m.group(1) != "help"]


def verbatim(text: str) -> str:
    """Paragraphs are filled; lists and examples, which are indented, stand as they are."""
    out = []
    for part in text.strip("\n").split("\n\n"):
        kept = re.search(r"^  ", part, re.M)
        out.append(".PP\n" + (f".nf\n{escape(part)}\n.fi\n" if kept else escape(part) + "\n"))
    return "".join(out)


def section(hysac: str, name: str, summary: str) -> str:
    """Usage, what it does, its options, examples: in the order in which --help has them."""
    text = help_of(hysac, name)
    out = [f".SS hysac {escape(name)}\n{escape(summary[:1].upper() + summary[1:])}.\n"]
    parts = re.split(r"^(Usage:|(?:Application )?Options:)\n", text, flags=re.M)
    usage, _, rest = parts[2].partition("\n\n")
    out.append(".PP\n.B " + escape(" ".join(usage.split())) + "\n")
    if rest.strip():
        out.append(verbatim(rest))
    if len(parts) > 4:
        options, _, behind = parts[4].partition("\n\n")
        for line in options.splitlines():
            found = re.match(r"  (-.*?)(?:  +(.*))?$", line)
            if found:
                out.append(f".TP\n.B {escape(found.group(1))}\n{escape(found.group(2) or '')}\n")
            else:
                out.append(escape(line.strip()) + "\n")
        if behind.strip():
            out.append(verbatim(behind))
    return "".join(out)


def main() -> None:
    hysac, version, target = sys.argv[1:]
    text = help_of(hysac)
    page = [f".TH HYSAC 1 \"\" \"hysac {version}\" \"User Commands\"\n.SH NAME\nhysac \\- judge pictures, texts and videos by "
            "HySAC\n.SH SYNOPSIS\n.B hysac\n.I COMMAND\n.RI [ OPTION ...]\n.br\n.B hysac help\n.RI [ COMMAND ]\n.br\n"
            ".B hysac \\-\\-version\n.SH DESCRIPTION\n", DESCRIPTION, ".SH COMMANDS\n"]
    page += [section(hysac, name, summary) for name, summary in commands(text)]
    page.append(".SH EXAMPLES\n")
    page.append(verbatim(re.search(r"^Examples:\n((?:  .*\n)+)", text, re.M).group(1)))
    page.append(END)
    Path(target).write_text("".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
