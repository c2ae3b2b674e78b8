#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Moderate some ten thousand frames in one pipeline: memory stays level and no frame is lost.

    . ./env.sh; tests/soak.py MODEL [FRAMES]          prints TAP
"""
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GROWTH = 24 * 1024      # kB that the process may grow after its first third


def resident(pid: int) -> int:
    """kB; 0 where the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    frames = int(sys.argv[2]) if len(sys.argv) == 3 else 20000
    checks = []
    with tempfile.TemporaryDirectory(prefix="hysac-soak-") as folder:
        log = Path(folder) / "verdicts.jsonl"
        process = subprocess.Popen([
            "gst-launch-1.0", "-q", "videotestsrc", "pattern=ball", f"num-buffers={frames}", "!",
            "video/x-raw,format=I420,width=320,height=180,framerate=25/1", "!", "hysacmoderate", f"model={sys.argv[1]}",
            "sample-interval=0", f"verdict-log={log}", "!", "fakesink"])
        first, peak = 0, 0
        while process.poll() is None:
            time.sleep(1)
            done, now = lines_of(log), resident(process.pid)
            if done * 3 >= frames:
                first = first or now
                peak = max(peak, now)
        checks.append(("the pipeline ends well", process.returncode == 0, f"status {process.returncode}"))
        entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        numbers = [e["frame"] for e in entries if e["type"] == "frame"]
        checks.append(("every frame in order", numbers == list(range(frames)), f"{len(numbers)} of {frames}"))
        checks.append(("memory stays level", 0 < peak <= first + GROWTH, f"{first} kB, then at most {peak} kB"))
    print(f"1..{len(checks)}")
    for i, (name, passed, detail) in enumerate(checks, 1):
        print(f"{'ok' if passed else 'not ok'} {i} - {name}: {detail}")
    return 0 if all(passed for _, passed, _ in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
