#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Check a moderated clip against the truth, and show what was done.

    examples/demo_report.py FOLDER [--seconds S]
    examples/demo_report.py --tap FOLDER…      the checks of finished reports as TAP

FOLDER holds clip.mp4, clip.json, moderated.mp4 and verdicts.jsonl; summary.json, summary.txt,
timeline.png and frames.png are written there. Exits with 1 where a check failed.

Leaks are looked for in the pixels of moderated.mp4, not only in the log: the fine detail that a
frame shares with the same frame of clip.mp4 is the slope of one's high-pass on the other's. It is
close to 1 where the frame passed and close to 0 where it was blurred. A frame with an unsafe
object that keeps more than a quarter of its detail has leaked; a safe frame that keeps less than
three quarters counts as redacted.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import demo_draw
import media

SIZE = (320, 180)
LEAK_DETAIL, SAFE_DETAIL = 0.25, 0.75
SAFE_SHARE = 0.05


def highpass(plane: np.ndarray) -> np.ndarray:
    """A plane less its 5x5 mean."""
    padded = np.pad(plane.astype(np.float64), ((3, 2), (3, 2)), mode="edge")
    total = padded.cumsum(0).cumsum(1)
    box = total[5:, 5:] - total[:-5, 5:] - total[5:, :-5] + total[:-5, :-5]
    return plane - box / 25


def detail_kept(before: np.ndarray, after: np.ndarray) -> float:
    """The share of the fine detail of one frame that the other still shows."""
    a, b = highpass(before), highpass(after)
    return float((a * b).sum() / max((a * a).sum(), 1e-9))


def likeness(before: np.ndarray, after: np.ndarray) -> float:
    """Correlation of 16x9 block means, which blurring nearly keeps: are two frames one moment?"""
    a, b = (p.reshape(9, SIZE[1] // 9, 16, SIZE[0] // 16).mean((1, 3)).ravel() for p in (before, after))
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / max(np.sqrt((a @ a) * (b @ b)), 1e-9))


def compare(clip: Path, moderated: Path) -> tuple[list[float], list[float]]:
    """For each frame its kept detail and its likeness."""
    kept, like = [], []
    for before, after in zip(media.decode_video(clip, SIZE), media.decode_video(moderated, SIZE)):
        kept.append(detail_kept(before, after))
        like.append(likeness(before, after))
    return kept, like


def read_log(path: Path, fps: float, frames: int) -> tuple[list[dict | None], list[dict]]:
    """The log's verdict for each frame of the clip, and its other lines (start, changes, end)."""
    verdicts: list[dict | None] = [None] * frames
    others = []
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry.get("type") != "frame":
            others.append(entry)
            continue
        index = round(entry["stream_time"] * fps / 1e9)
        if 0 <= index < frames:
            verdicts[index] = entry
    return verdicts, others


def runs(flags: list[bool]) -> list[tuple[int, int]]:
    """First and last index of each stretch of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags, dtype=np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2])]


def intervals_found(labels: list[str], redacted: list[bool], fps: float) -> list[dict]:
    """Each unsafe interval of the truth and what became of it."""
    found = []
    for first, last in runs([l == "unsafe" for l in labels]):
        hits = [i for i in range(first, last + 1) if redacted[i]]
        found.append({"first_frame": first, "last_frame": last, "start": first / fps, "end": (last + 1) / fps,
                      "frames": last - first + 1, "redacted": len(hits), "found": bool(hits)})
    return found


def beep_offsets(sound: np.ndarray, cuts: list[int], fps: float, rate: int) -> list[float]:
    """Milliseconds from each cut to its beep's onset."""
    offsets = []
    for cut in cuts:
        at = round(cut * rate / fps)
        begin = max(0, at - rate // 10)
        loud = np.flatnonzero(np.abs(sound[begin:at + rate // 10]) > 0.3)
        offsets.append((begin + int(loud[0]) - at) * 1000 / rate if loud.size else float("nan"))
    return offsets


def check_sync(folder: Path, truth: dict) -> tuple[list[dict], dict]:
    """Times of both tracks and the beeps, in the clip and in the moderated file."""
    fps, rate = truth["fps"], 44100
    clip, moderated = folder / "clip.mp4", folder / "moderated.mp4"
    times = {(f, p): media.timestamps(f, p) for f in (clip, moderated) for p in ("video_0", "audio_0")}
    video = [[t for t, _ in times[f, "video_0"]] for f in (clip, moderated)]
    shift = max((abs(a - b) for a, b in zip(*video)), default=0) / 1e6
    audio_same = (len(times[clip, "audio_0"]) == len(times[moderated, "audio_0"]) > 0 and all(
        a[1] == b[1] and abs(a[0] - b[0]) < 10 ** 6
        for a, b in zip(times[clip, "audio_0"], times[moderated, "audio_0"])))
    beeps = [beep_offsets(media.decode_audio(f, rate), truth["cuts"], fps, rate) for f in (clip, moderated)]
    drift = max(abs(a - b) for a, b in zip(*beeps))
    worst = max(abs(b) for b in beeps[1])
    frame = 1000 / fps
    checks = [
        check("no frame is lost or added", len(video[0]) == len(video[1]) == truth["frames"],
              f"{truth['frames']} in, {len(video[1])} out"),
        check("pictures keep their times", shift < 1, f"largest shift {shift:.3f} ms"),
        check("sound passes untouched", audio_same, f"{len(times[moderated, 'audio_0'])} packets"),
        # Not `>`: a beep that is not there gives NaN.
        check("every beep stands on its cut", bool(worst <= frame and drift <= 1),
              f"{len(truth['cuts'])} beeps, at most {worst:.1f} ms off, {drift:.2f} ms moved"),
    ]
    return checks, {"video_shift_ms": shift, "beep_offset_ms": worst, "beep_moved_ms": drift}


def check(name: str, passed: bool, detail: str) -> dict:
    return {"name": name, "passed": bool(passed), "detail": detail}


def report(folder: Path, seconds: float | None) -> dict:
    """Measure, write summary.json and the pictures; what summary.json holds."""
    truth = json.loads((folder / "clip.json").read_text())
    labels, fps, total = truth["labels"], truth["fps"], truth["frames"]
    kept, like = compare(folder / "clip.mp4", folder / "moderated.mp4")
    verdicts, others = read_log(folder / "verdicts.jsonl", fps, total)
    logged = [v is not None and demo_draw.is_redacted(v) for v in verdicts]
    kept += [1.0] * (total - len(kept))          # a lost frame is reported below; here it hides nothing
    unsafe = [i for i in range(total) if labels[i] == "unsafe"]
    safe = [i for i in range(total) if labels[i] == "safe"]
    ambiguous = [i for i in range(total) if labels[i] == "ambiguous"]
    leaked_pixels = [i for i in unsafe if kept[i] > LEAK_DETAIL]
    leaked_log = [i for i in unsafe if not logged[i]]
    safe_redacted = [i for i in safe if kept[i] < SAFE_DETAIL or logged[i]]
    disagree = [i for i in range(total) if (kept[i] < 0.5) != logged[i]]
    redacted = [k < 0.5 for k in kept]
    intervals = intervals_found(labels, redacted, fps)
    share = len(safe_redacted) / max(len(safe), 1)
    failed = [v for v in verdicts if v and v["verdict"] == "failed"]
    sync_checks, sync = check_sync(folder, truth)
    found = sum(i["found"] for i in intervals)
    checks = [
        check("no unsafe frame leaked, by the output's pixels", not leaked_pixels,
              f"{len(leaked_pixels)} of {len(unsafe)} unsafe frames" + frames_text(leaked_pixels)),
        check("no unsafe frame leaked, by the log", not leaked_log,
              f"{len(leaked_log)} of {len(unsafe)} unsafe frames" + frames_text(leaked_log)),
        check("every unsafe interval found", found == len(intervals) > 0, f"{found} of {len(intervals)}"),
        check("safe frames redacted at most 5 %", share <= SAFE_SHARE,
              f"{len(safe_redacted)} of {len(safe)} ({100 * share:.1f} %)" + frames_text(safe_redacted)),
        check("log and pixels agree", not disagree, f"{len(disagree)} frames differ" + frames_text(disagree)),
        check("every frame has a verdict", all(verdicts), f"{sum(v is not None for v in verdicts)} of {total}"),
        check("no check failed for want of a result", not failed, f"{len(failed)} frames"),
        check("pictures are in step", len(like) == total and min(like) > 0.8,
              f"block means of a frame correlate by at least {min(like, default=0):.3f}"),
        *sync_checks,
    ]
    start = next((e for e in others if e["type"] == "start"), {})
    told = ("device", "model", "precision", "bound", "calibrated", "escape_bound", "pre_roll", "post_roll")
    summary = {
        "seed": truth["seed"], "frames": total, "fps_of_clip": fps, "seconds": seconds,
        "frames_per_second": total / seconds if seconds else None, **{k: start.get(k) for k in told},
        "unsafe_frames": len(unsafe), "safe_frames": len(safe), "ambiguous_frames": len(ambiguous),
        "leaked_frames": len(set(leaked_pixels) | set(leaked_log)), "safe_frames_redacted": len(safe_redacted),
        "safe_share_redacted": share, "ambiguous_redacted": sum(redacted[i] for i in ambiguous),
        "detail_kept": {"unsafe_max": max((kept[i] for i in unsafe), default=None),
                        "passed_min": min((k for k, l in zip(kept, logged) if not l), default=None)},
        "intervals": intervals, "redacted_stretches": runs(redacted), "sync": sync, "checks": checks,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    (folder / "summary.txt").write_text(text_of(summary, truth))
    demo_draw.timeline(folder / "timeline.png", truth, verdicts, redacted, summary["bound"])
    demo_draw.contact_sheet(folder / "frames.png", folder, truth, logged)
    return summary


def frames_text(frames: list[int]) -> str:
    if not frames:
        return ""
    flags = [i in set(frames) for i in range(max(frames) + 1)]
    parts = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs(flags)]
    return ": frames " + ", ".join(parts[:8]) + (" …" if len(parts) > 8 else "")


def text_of(summary: dict, truth: dict) -> str:
    """summary.txt."""
    bound = f"{summary['bound']:.4f} ({'fitted' if summary['calibrated'] else 'not fitted'})" if summary["bound"] else "?"
    lines = [f"Seed {summary['seed']}: {summary['frames']} frames, {summary['frames'] / summary['fps_of_clip']:.1f} s, "
             f"{len(truth['shots'])} shots",
             f"Device: {summary['device']}, {summary['precision']}", f"Model: {summary['model']}, bound {bound}"]
    if summary["frames_per_second"]:
        lines.append(f"Speed: {summary['frames_per_second']:.1f} frames a second, start-up, decoding and encoding included "
                     f"(every frame scored)")
    lines += ["", "Unsafe intervals (seconds):"]
    for i in summary["intervals"]:
        shot = max((s for s in truth["shots"] if s["first_frame"] <= i["first_frame"]), key=lambda s: s["first_frame"])
        what = next((n.removeprefix("unsafe: ") for n in shot["shows"] if n.startswith("unsafe: ")), "")
        lines.append(f"  {i['start']:6.2f} to {i['end']:6.2f}  {what}: {i['redacted']} of {i['frames']} frames redacted")
    lines.append(f"Frames where an object comes or goes, counted on neither side: {summary['ambiguous_frames']}, "
                 f"of them {summary['ambiguous_redacted']} redacted")
    lines += ["", "Checks:"]
    lines += [f"  {'passed' if c['passed'] else 'FAILED'}  {c['name']}: {c['detail']}" for c in summary["checks"]]
    return "\n".join(lines) + "\n"


def tap(folders: list[Path]) -> int:
    """The checks of summary.json files as TAP."""
    checks = []
    for folder in folders:
        summary = json.loads((folder / "summary.json").read_text())
        checks += [(summary["seed"], c) for c in summary["checks"]]
    print(f"1..{len(checks)}")
    for i, (seed, c) in enumerate(checks, 1):
        print(f"{'ok' if c['passed'] else 'not ok'} {i} - seed {seed}: {c['name']} ({c['detail']})")
    return 0 if checks and all(c["passed"] for _, c in checks) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, help="how long moderating took, for the summary")
    parser.add_argument("--tap", action="store_true", help="print the checks of finished reports")
    args = parser.parse_args()
    try:
        if args.tap:
            return tap(args.folders)
        status = 0
        for folder in args.folders:
            summary = report(folder, args.seconds)
            print((folder / "summary.txt").read_text(), end="")
            status |= not all(c["passed"] for c in summary["checks"])
        return status
    except (media.MediaError, OSError, ValueError, KeyError, KeyboardInterrupt) as error:
        return media.fail("demo_report", error)


if __name__ == "__main__":
    sys.exit(main())
