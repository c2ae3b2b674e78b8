#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The vision tower against ONNX Runtime: fp32, the same weights, input and threads, interleaved in one run.

    tests/bench/encoder.py [--arch vit-l-14] [--batch 1] [--rounds 9] [--cpu-time] [--smoke]

Makes build/bench-venv and build/bench-models on first use. Prints the median of each, the median of
the rounds' ratios, and how far the two results are apart. ONNX Runtime runs all graph optimisations
and the faster of two graphs (plain operators, and its own fused attention). --cpu-time: compare the
processor time of both instead, divided by the threads, for a machine that is busy with other things;
ONNX Runtime's threads then sleep where they would spin. --smoke: a tiny model.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def enter_environment(build):
    """Runs this file again inside an environment that has ONNX Runtime."""
    folder = build / "bench-venv"
    if pathlib.Path(sys.prefix) == folder:
        return
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "onnxruntime>=1.18", "onnx>=1.16", "numpy"], check=True)
        (folder / "complete").touch()
    os.execv(python, [python, *sys.argv])


class Ours:
    def __init__(self, build, model, batch):
        self.process = subprocess.Popen(
            [build / "tests/bench/bench_vision", "--model", model, "--batch", str(batch)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            sys.exit("bench_vision did not start")
        self.name = line[6:].strip()

    def cpu(self):
        """Processor seconds of the process so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def run(self):
        return float(self.ask("run"))

    def features(self):
        return [float(x) for x in self.ask("features").split()]


class Theirs:
    def __init__(self, model, fused, threads, pixels, spin):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spin else "0")
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                                    providers=["CPUExecutionProvider"])
        self.name = f"ONNX Runtime {onnxruntime.__version__}, {'fused attention' if fused else 'plain graph'}"
        self.pixels = pixels

    def cpu(self):
        return time.process_time()

    def run(self):
        start = time.perf_counter()
        self.out = self.session.run(None, {"pixels": self.pixels})[0]
        return (time.perf_counter() - start) * 1e3


def make_pixels(vision, batch):
    """bench_vision's bytes, [image][patch][channel][y][x], as normalised pixels."""
    import numpy as np
    size, patch = vision["image_size"], vision["patch_size"]
    side = size // patch
    count = batch * side * side * 3 * patch * patch
    values = ((np.arange(count, dtype=np.uint64) * 2654435761) & 0xffffffff) >> 24
    values = values.reshape(batch, side, side, 3, patch, patch).transpose(0, 3, 1, 4, 2, 5)
    values = values.reshape(batch, 3, side * patch, side * patch).astype(np.float64) / 255
    mean, std = np.array(MEAN).reshape(1, 3, 1, 1), np.array(STD).reshape(1, 3, 1, 1)
    return ((values - mean) / std).astype(np.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--arch", default="vit-l-14")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    build = args.build.resolve()
    enter_environment(build)
    if args.smoke:
        args.arch, args.rounds = "tiny", 3

    import numpy as np
    import onnx_vision
    model = build / "bench-models" / args.arch
    if not (model / "hysac.json").exists():
        subprocess.run([build / "tests/bench/random_model", "--arch", args.arch, "--out", model], check=True)
    threads = len(os.sched_getaffinity(0))
    candidates = []
    for fused in (False, True):
        graph, vision = onnx_vision.build(model, fused)
        pixels = make_pixels(vision, args.batch)
        peer = Theirs(graph, fused, threads, pixels, not args.cpu_time)
        del graph
        peer.run()
        candidates.append((min(peer.run() for _ in range(2)), peer))
    candidates.sort(key=lambda c: c[0])
    theirs = candidates[0][1]
    print(f"peer: {theirs.name} ({candidates[0][0]:.0f} ms; the other graph {candidates[1][0]:.0f} ms)")
    del candidates
    ours = Ours(build, model, args.batch)
    print(f"ours: {ours.name}", flush=True)
    ours.run()

    def measure(peer):
        if not args.cpu_time:
            return peer.run()
        before = peer.cpu()
        peer.run()
        return (peer.cpu() - before) * 1e3 / threads

    times = []
    for _ in range(args.rounds):
        times.append((measure(ours), measure(theirs)))
        time.sleep(0.05)  # its threads spin for a moment
    mine, other = (statistics.median(t[i] for t in times) for i in (0, 1))
    ratio = statistics.median(a / b for a, b in times if b > 0) if any(b for _, b in times) else 0
    got = np.array(ours.features()).reshape(args.batch, -1)
    want = theirs.out.astype(np.float64)
    cosine = min((g @ w) / (np.linalg.norm(g) * np.linalg.norm(w)) for g, w in zip(got, want))
    error = max(np.linalg.norm(g - w) / np.linalg.norm(w) for g, w in zip(got, want))
    length = max(abs(np.linalg.norm(g) / np.linalg.norm(w) - 1) for g, w in zip(got, want))
    print(f"{args.arch}, batch {args.batch}, fp32, {threads} threads, {args.rounds} interleaved rounds, "
          + ("processor time / threads" if args.cpu_time else "wall clock"))
    print(f"ours {mine:.1f} ms (best {min(t[0] for t in times):.1f}), "
          f"ONNX Runtime {other:.1f} ms (best {min(t[1] for t in times):.1f}), median ratio {ratio:.3f}")
    print(f"cosine {cosine:.9f}, relative difference of the features {error:.2g}, of their lengths {length:.2g}")
    ours.process.stdin.close()
    if ours.process.wait() != 0 or not error < 1e-4:
        sys.exit("the two results differ")


if __name__ == "__main__":
    main()
