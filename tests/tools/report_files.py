# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clips with names that nobody should have, and the report of a scan of them."""
from __future__ import annotations

import html.parser
import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests" / "data" / "reference" / "small" / "model"

HOSTILE = [
    '"><script>document.title="taken"</script>.mp4',
    "<img src=x onerror=document.title='taken'>.mp4",
    "'onmouseover='x.mp4",
    "&lt;b&gt;&amp;.mp4",
    "new\nline\ttab\x1b[31mred.mp4",
    "gpj\u202e4pm.mp4",
    "javascript:alert(1).mp4",
    "</title></style></svg><script>.mp4",
    "%s%n{{7*7}}${x}.mp4",
]
# Not UTF-8: Linux takes any bytes but / and NUL.
HOSTILE_BYTES = b"latin1-\xe9\xff.mp4"


def tool() -> str:
    return os.environ.get("HYSAC_TOOL", str(ROOT / "build" / "tools" / "hysac"))


def make_clip(path: Path) -> None:
    """Shots of different pictures, six times half a second."""
    shots = [f"videotestsrc pattern={p} num-buffers=12 ! "
             "video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! c."
             for p in ("ball", "snow", "red", "checkers-4", "black", "smpte")]
    subprocess.run(["gst-launch-1.0", "-q", *" ".join(
        ["concat name=c ! x264enc speed-preset=ultrafast key-int-max=10 ! h264parse ! "
         f"mp4mux faststart=true ! filesink location={path}", *shots]).split()], check=True)


def make_files(folder: Path) -> list[bytes]:
    """The clip under all those names, and a few that are broken; their paths."""
    clip = folder / "clip"
    make_clip(clip)
    data = clip.read_bytes()
    paths = [bytes(folder) + b"/" + name.encode().replace(b"/", b"\xe2\x88\x95") for name in HOSTILE]
    paths.append(bytes(folder) + b"/" + HOSTILE_BYTES)
    for i, path in enumerate(paths):
        # Not one file under many names, which would be scanned once.
        with open(path, "wb") as out:
            out.write(data + b"\0" * 8 + b"free" if i % 2 else data)
    for name, content in (("cut.mp4", data[:len(data) * 2 // 3]), ("empty.mp4", b""), ("text.mp4", b"no video " * 50)):
        (folder / name).write_bytes(content)
        paths.append(bytes(folder / name))
    clip.unlink()
    return paths


def scan(out: Path, paths: list[bytes], *options: str) -> subprocess.CompletedProcess:
    return subprocess.run([tool(), "scan", "--model", str(MODEL), "--precision", "fp32", "--sample-interval", "200ms",
                           "--out", str(out), *options, *paths], capture_output=True, timeout=240)


def middle_bound(path: bytes) -> str:
    """A bound that some samples of the clip lie above and some below."""
    lines = subprocess.run([tool(), "scan", "--model", str(MODEL), "--precision", "fp32", "--json", path],
                           capture_output=True, timeout=240, check=True).stdout.splitlines()
    distances = sorted(json.loads(line)["distance"] for line in lines if b'"type":"sample"' in line)
    middle = len(distances) // 2
    return repr((distances[middle - 1] + distances[middle]) / 2)


VOID = {"meta", "img", "rect", "line", "circle", "path", "br"}


class Page(html.parser.HTMLParser):
    """Tags with their attributes and the text inside, checked to be balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if len(dict(attributes)) != len(attributes):
            self.wrong.append(f"an attribute twice in {tag}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")

    def handle_data(self, data):
        self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]
