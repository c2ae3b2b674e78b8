# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo's pictures: a timeline, and stills before and after.

Bands are told apart by hatching and words as well as by colour.
"""
from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from PIL import Image, ImageDraw, ImageFont  # noqa: E402

import media  # noqa: E402

REDACTIONS = ("blur", "pixelate", "blank", "drop")
BANDS = {"unsafe": ("#c44e52", "///"), "ambiguous": ("#dddddd", "..."), "redacted": ("#4c72b0", "xxx")}


def is_redacted(verdict: dict) -> bool:
    return verdict.get("action") in REDACTIONS


def _stretches(flags):
    begin = None
    for i, flag in enumerate([*flags, False]):
        if flag and begin is None:
            begin = i
        elif not flag and begin is not None:
            yield begin, i
            begin = None


def timeline(path: Path, truth: dict, verdicts: list[dict | None], redacted: list[bool],
             bound: float | None) -> None:
    """Distance over time against the bound, over bands of truth and of action."""
    fps, labels = truth["fps"], truth["labels"]
    figure, (top, bands) = plt.subplots(
        2, 1, figsize=(13, 6), sharex=True, height_ratios=(3.4, 1), layout="constrained")
    scored = [(i / fps, v["distance"]) for i, v in enumerate(verdicts) if v and v.get("distance") is not None]
    if scored:
        top.plot(*zip(*scored), color="black", linewidth=0.9, marker=".", markersize=3, label="distance of the frame")
    if bound is not None:
        top.axhline(bound, color="black", linestyle="--", linewidth=1.2, label=f"bound {bound:.4f}: unsafe above")
    for name in ("unsafe", "ambiguous"):
        colour, hatch = BANDS[name]
        for k, (a, b) in enumerate(_stretches(l == name for l in labels)):
            top.axvspan(a / fps, b / fps, facecolor=colour, alpha=0.22, hatch=hatch, edgecolor=colour, linewidth=0)
            bands.broken_barh([(a / fps, (b - a) / fps)], (1.1, 0.8), facecolor=colour, alpha=0.6, hatch=hatch,
                              edgecolor="black", linewidth=0.8, label=f"truth: {name}" if k == 0 else None)
    colour, hatch = BANDS["redacted"]
    for k, (a, b) in enumerate(_stretches(redacted)):
        bands.broken_barh([(a / fps, (b - a) / fps)], (0.1, 0.8), facecolor=colour, alpha=0.6, hatch=hatch,
                          edgecolor="black", linewidth=0.8, label="done: redacted" if k == 0 else None)
    for shot in truth["shots"]:
        at = shot["first_frame"] / fps
        for axes in (top, bands):
            axes.axvline(at, color="grey", linestyle=":", linewidth=0.9)
        text = "\n".join(reversed(shot["shows"]))
        top.annotate(text, (at, 1), xycoords=("data", "axes fraction"), xytext=(3, -4), textcoords="offset points",
                     va="top", fontsize=7)
    low, high = top.get_ylim()
    top.set_ylim(low, high + 0.22 * (high - low))      # room for the shots' names
    top.set_ylabel("distance to the root")
    top.set_title(f"Seed {truth['seed']}: every frame's distance, what was unsafe, and what was done (dotted: cuts)")
    top.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    bands.set_ylim(0, 2)
    bands.set_yticks([0.5, 1.5], ["done", "truth"])
    bands.set_xlim(0, len(labels) / fps)
    bands.set_xlabel("seconds")
    bands.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def contact_sheet(path: Path, folder: Path, truth: dict, redacted: list[bool]) -> None:
    """A frame of every shot, before and after."""
    labels, picks = truth["labels"], []
    for shot in truth["shots"]:
        frames = range(shot["first_frame"], shot["first_frame"] + shot["frames"])
        marked = [i for i in frames if labels[i] == "unsafe"] or list(frames)
        picks.append((marked[len(marked) // 2], shot))
    wanted = {i for i, _ in picks}
    width, height, text = 320, 180, 20
    stills = []
    for name in ("clip.mp4", "moderated.mp4"):
        video = media.decode_video(folder / name, (width, height), rgb=True)
        stills.append({i: Image.fromarray(f) for i, f in enumerate(video) if i in wanted})
    columns = 4
    rows = (len(picks) + columns - 1) // columns
    sheet = Image.new("RGB", (columns * (width + 8), rows * (2 * height + text + 14)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for k, (i, shot) in enumerate(picks):
        x, y = k % columns * (width + 8) + 4, k // columns * (2 * height + text + 14) + 4
        for before_after, row in zip(stills, (0, height + 2)):
            if i in before_after:
                sheet.paste(before_after[i], (x, y + row))
        what = next((n for n in shot["shows"] if n.startswith("unsafe: ")), None) if labels[i] == "unsafe" else None
        done = "redacted" if redacted[i] else "passed"
        pen.text((x, y + 2 * height + 6), f"{i / truth['fps']:.2f} s  {what or labels[i]} -> {done}", "black", font)
    sheet.save(path)
