#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How many times faster than it plays a whole video is scanned.

    tests/bench/scan.py [--seconds 60] [--size 1920x1080] [--model demo,vit-b-32,vit-l-14] [--interval 1s] [--rounds 3]
    tests/bench/scan.py --write-docs               into docs/performance.md
    tests/bench/scan.py --smoke                    a tiny clip: that it runs and scores each sample

Makes a clip of moving patterns (H.264, 30 frames a second) once, and models of random weights (build/bench-models).
Each round scans the clip with each model, in a process of its own: start, decoding, scoring and report are all in the
wall clock. Medians of the rounds; before them a scan that is not counted packs the weights and compiles the kernels.
"""
import argparse
import datetime
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- tests/bench/scan.py writes from here -->", "<!-- tests/bench/scan.py writes to here -->"
RATE = 30


def make_clip(args):
    path = args.build / "bench-models" / f"scan-{args.size}-{args.seconds}s.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new.mp4")
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
                        f"testsrc2=size={args.size}:rate={RATE}:duration={args.seconds}", "-c:v", "libx264", "-preset",
                        "veryfast", "-pix_fmt", "yuv420p", new], check=True)
        new.rename(path)
    return path


def find_model(args, name):
    if name == "demo":
        return ROOT / "models" / "demo"
    folder = args.build / "bench-models" / name
    if not (folder / "hysac.json").exists():
        subprocess.run([args.build / "tests/bench/random_model", "--arch", name, "--out", folder], check=True)
    return folder


def scan(args, model, clip, out):
    """Seconds, and the lines of scan.jsonl."""
    command = [args.build / "tools/hysac", "scan", "--model", model, "--sample-interval", args.interval, "--out", out, clip]
    environment = dict(os.environ, GST_PLUGIN_PATH=str(args.build / "gst"),
                       GST_REGISTRY=str(args.build / "bench-registry.bin"), HYSAC_SRCDIR=str(ROOT))
    start = time.monotonic()
    done = subprocess.run([str(c) for c in command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False)
    took = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(f"hysac scan ended with {done.returncode}: {done.stderr.strip()}")
    return took, [json.loads(line) for line in (out / "scan.jsonl").read_text().splitlines()]


def check(args, lines):
    """Every sample that the interval asks for was scored; returns how many, and the precision."""
    files = [line for line in lines if line["type"] == "file"]
    head = next(line for line in lines if line["type"] == "scan")
    samples = files[0]["samples"]
    wanted = args.seconds / (float(args.interval.removesuffix("s")) or 1 / RATE)
    failed = files[0]["failed_samples"]
    if len(files) != 1 or abs(samples - wanted) > 1 or failed != 0:  # the last frame is one, too
        sys.exit(f"of {wanted:.0f} samples {samples} were taken and {failed} failed")
    return samples, head["precision"]


def measure(args, clip, scratch):
    times, facts = {name: [] for name in args.model}, {}
    for number in range(args.rounds + 1):
        for name in args.model:
            took, lines = scan(args, find_model(args, name), clip, scratch / f"{name}-{number}")
            facts[name] = check(args, lines)
            if number > 0:
                times[name].append(took)
    return [{"model": name, "samples": facts[name][0], "precision": facts[name][1],
             "seconds": statistics.median(times[name]), "faster": args.seconds / statistics.median(times[name])}
            for name in args.model]


def table(rows):
    return ["| model | precision | samples | seconds | times faster than it plays |", "|---|---|---|---|---|",
            *(f"| {r['model']} | {r['precision']} | {r['samples']} | {r['seconds']:.2f} | {r['faster']:.1f} |" for r in rows)]


def write_docs(args, rows):
    path = ROOT / "docs" / "performance.md"
    before, _, rest = path.read_text().partition(BEGIN)
    if END not in rest:
        sys.exit(f"{path}: the marks are gone")
    text = "\n".join([
        "```sh", shlex.join(["tests/bench/scan.py", *sys.argv[1:]]), "```", "",
        f"{datetime.date.today().isoformat()}, {len(os.sched_getaffinity(0))} processors, load at the end "
        f"{os.getloadavg()[0]:.1f}. A clip of {args.seconds} s, {args.size}, {RATE} frames a second, H.264; a sample each "
        f"{args.interval}; medians of {args.rounds} scans of one file, from the start of `hysac scan` to its end.", "",
        *table(rows), ""])
    path.write_text(f"{before}{BEGIN}\n{text}{END}{rest.partition(END)[2]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--model", type=lambda text: text.split(","), default=["demo", "vit-b-32", "vit-l-14"])
    parser.add_argument("--interval", default="1s", help="in seconds, as 0.5s; 0s: every frame")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    args.build = args.build.resolve()
    if args.smoke:
        args.seconds, args.size, args.model, args.rounds = 4, "320x240", ["demo"], 1
    clip = make_clip(args)
    with tempfile.TemporaryDirectory(dir=args.build, prefix="bench-scan-") as scratch:
        rows = measure(args, clip, pathlib.Path(scratch))
    print("\n".join(table(rows)))
    if args.write_docs:
        write_docs(args, rows)


if __name__ == "__main__":
    main()
