#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The vision tower against ONNX Runtime and OpenVINO: the same weights, input and threads, in alternation.

    tests/bench/encoder.py [--arch vit-l-14,vit-b-32] [--batch 1,8] [--precision fp32,bf16,int8] [--rounds 9]
    tests/bench/encoder.py --cpu-time              on a machine that is busy with other things
    tests/bench/encoder.py --rounds 0              accuracy only
    tests/bench/encoder.py --write-docs            all of it, into docs/performance.md's part on this kind of processor

Makes build/bench-venv (tests/bench/requirements*.txt) and build/bench-models on first use; quantising a
model of ViT-L/14's size takes minutes once. Each peer is a process of its own, idle while others run, at the
best settings that are known here: the faster of two graphs (plain operators, ONNX Runtime's fused attention),
ONNX Runtime's dynamic int8 a tensor or a channel, NNCF's int8 for transformers.

Times are medians over the rounds; in a round everyone runs once, every other round in reverse. Ratios are
medians of the rounds' ratios, below 1: ours is faster. --cpu-time: processor time divided by the threads
instead; ONNX Runtime's threads then sleep where they would spin. The share of the roofline is the time that
tests/bench/bench_peaks computes from the device's own peaks, measured before and after the rounds (the better one),
divided by ours. The matrix products alone, with
OpenBLAS and CLBlast where they are installed (tests/install.sh bench, then build), are tests/bench/bench_gemm's.

Accuracy is against ONNX Runtime in fp32, the worst of all pictures: the cosine of the features and the
relative error of the distance to the root; for a model with a fitted bound also how many verdicts flip.
"-outliers" after an architecture's name: a few channels of each LayerNorm 25 times as loud.
--smoke: a tiny model, without OpenVINO.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
PRECISIONS = ("fp32", "bf16", "int8")
PEERS = {"fp32": ("onnxruntime-fp32", "openvino-fp32"), "bf16": ("openvino-bf16",),
         "int8": ("onnxruntime-int8", "openvino-int8")}
REFERENCE = "onnxruntime-fp32"
WRONG = {"fp32": 1e-4, "bf16": 0.05, "int8": 0.3}  # relative difference of features that no rounding explains
DEMO_PAIRS, DEMO_SEED, CALIBRATION_SEED = 250, 9, 10


def enter_environment(build, full):
    """Runs this file again inside an environment that has the peers."""
    folder = build / "bench-venv"
    python = folder / "bin" / "python"
    if pathlib.Path(sys.prefix) == folder:
        return
    for name in ("requirements.txt", "requirements-full.txt") if full else ("requirements.txt",):
        wanted = hashlib.sha256((HERE / name).read_bytes()).hexdigest()
        stamp = folder / f"{name}.stamp"
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        if not python.exists():
            subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        print(f"installing tests/bench/{name} into {folder}", flush=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=:all:",
                        "-r", HERE / name], check=True)
        stamp.write_text(wanted)
    os.execv(python, [python, *sys.argv])


class Worker:
    """A process that answers lines; one of ours or a peer."""

    def __init__(self, key, precision, command, environment=None):
        self.key, self.precision = key, precision
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=environment)
        line = self.process.stdout.readline().strip()
        self.name = line.removeprefix("ready ") if line.startswith("ready ") else None
        self.reason = line.removeprefix("skip ") if line.startswith("skip ") else None
        if not self.name and not self.reason:
            self.process.wait()
            self.reason = (self.said() or [f"ended with {self.process.returncode}"])[-1]
        self.times = []

    def said(self):
        self.log.seek(0)
        return [line for line in self.log.read().splitlines() if line.strip()]

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.key} ended: " + " / ".join(self.said()[-3:]))
        return line

    def measure(self, cpu_time, threads):
        """Milliseconds of one run."""
        if not cpu_time:
            return float(self.ask("run"))
        clock = ~self.process.pid << 3 | 2  # as clock_getcpuclockid() makes it
        before = time.clock_gettime(clock)
        self.ask("run")
        return (time.clock_gettime(clock) - before) * 1e3 / threads

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Bench:
    def __init__(self, args):
        self.args, self.build = args, args.build
        self.threads = len(os.sched_getaffinity(0))
        self.models = self.build / "bench-models"
        self.scratch = tempfile.TemporaryDirectory()

    def model(self, name):
        if name == "demo":
            return ROOT / "models" / "demo"
        folder = self.models / name
        if not (folder / "hysac.json").exists():
            arch = name.removesuffix("-outliers")
            subprocess.run([self.build / "tests/bench/random_model", "--arch", arch, "--out", folder]
                           + ["--outliers"] * (arch != name), check=True)
        return folder

    def calibration(self, name):
        """Pictures for the quantisers, of another seed than those that are measured."""
        if name != "demo":
            return []
        import inputs
        images = inputs.drawn(self.models, 100, CALIBRATION_SEED)
        path = self.models / "demo-calibration.npy"
        import numpy as np
        np.save(path, images)
        return ["--calibration", path]

    def start(self, name, batch):
        """Everyone who can run, and [(key, why not)]."""
        folder, workers, skipped = self.model(name), [], []
        wanted = [(p, None) for p in self.args.precision]
        wanted += [(p, kind) for p in self.args.precision for kind in PEERS[p] if kind in self.args.peers]
        if ("fp32", REFERENCE) not in wanted:
            wanted.append(("fp32", REFERENCE))
        for precision, kind in wanted:
            if kind is None:
                worker = Worker(f"ours-{precision}", precision, [
                    self.build / "tests/bench/bench_vision", "--model", folder, "--batch", batch,
                    "--precision", precision])
            else:
                command = [sys.executable, HERE / "peers.py", kind, "--model", folder, "--batch", batch, "--threads",
                           self.threads, "--cache", self.models / name / "peers", *self.calibration(name)]
                command += ["--cpu-time"] * self.args.cpu_time
                log = self.scratch.name + "/prepare.log"
                with open(log, "w") as file:
                    if subprocess.run([str(c) for c in [*command, "--prepare"]], stdout=file, stderr=file).returncode:
                        skipped.append((kind, pathlib.Path(log).read_text().strip().splitlines()[-1]))
                        continue
                worker = Worker(kind, precision, command)
            if worker.name:
                workers.append(worker)
                print(f"  {worker.key}: {worker.name}" + "".join(
                    f" ({line})" for line in worker.said() if line.startswith("candidates")), flush=True)
            else:
                skipped.append((worker.key, worker.reason))
        for key, reason in skipped:
            print(f"  {key}: skipped: {reason}", flush=True)
        return workers, skipped

    def feed(self, worker, patches, batch):
        """The features of patches, a batch at a time; the last is filled up with the first pictures."""
        import numpy as np
        rows, path = [], pathlib.Path(self.scratch.name) / "patches"
        for at in range(0, len(patches), batch):
            chunk = patches[at:at + batch]
            whole = np.concatenate([chunk, patches[:batch - len(chunk)]]) if len(chunk) < batch else chunk
            if len(whole) < batch:
                whole = np.resize(whole, (batch, *whole.shape[1:]))
            path.write_bytes(whole.tobytes())
            worker.ask(f"load {path}")
            worker.ask("run")
            rows.append(np.array(worker.ask("features").split(), dtype=np.float64).reshape(batch, -1)[:len(chunk)])
        return np.concatenate(rows)

    def accuracy(self, name, workers, batch):
        import inputs
        import numpy as np
        folder = self.model(name)
        vision = inputs.vision_config(folder)
        size = vision["image_size"]
        images = (inputs.drawn(self.models, DEMO_PAIRS, DEMO_SEED) if name == "demo" else
                  np.concatenate([inputs.natural(6, size, 5), inputs.white(2, size, 5)]))
        patches = inputs.patches_of(images, vision["patch_size"])
        facts = json.loads((folder / "hysac.json").read_text())
        bound = facts.get("profile", {}).get("bound")
        features = {w.key: self.feed(w, patches, batch) for w in workers}
        want = features[REFERENCE]
        length = np.linalg.norm(want, axis=1)
        distance = facts["visual_alpha"] * length  # to the root: that of the tangent vector
        result = {"pictures": len(images), "bound": bound, "rows": {}}
        for key, got in features.items():
            norm = np.linalg.norm(got, axis=1)
            row = {"cosine": float(((got * want).sum(axis=1) / (norm * length)).min()),
                   "distance": float(np.abs(norm / length - 1).max()),
                   "features": float((np.linalg.norm(got - want, axis=1) / length).max())}
            if bound:
                row["flips"] = int(((facts["visual_alpha"] * norm > bound) != (distance > bound)).sum())
            result["rows"][key] = row
        return result

    def run(self, name, batch, rounds, accuracy):
        print(f"{name}, batch {batch}", flush=True)
        workers, skipped = self.start(name, batch)
        peaks = [self.peaks(name, batch)] if rounds else []
        for number in range(rounds + (rounds > 0)):  # the first warms up
            for worker in workers if number % 2 else reversed(workers):
                worker.times.append(worker.measure(self.args.cpu_time, self.threads))
                time.sleep(0.02)
        peaks += [self.peaks(name, batch)] if rounds else []
        for worker in workers:
            del worker.times[:1]
        result = {"model": name, "batch": batch, "names": {w.key: w.name for w in workers}, "skipped": skipped,
                  "times": {w.key: w.times for w in workers} if rounds else {}, "peaks": peaks,
                  "precision": {w.key: w.precision for w in workers}}
        if accuracy:
            result["accuracy"] = self.accuracy(name, workers, batch)
        for worker in workers:
            if worker.close() != 0:
                sys.exit(f"{worker.key} failed: " + " / ".join(worker.said()[-3:]))
        return result

    def peaks(self, name, batch):
        """What bench_peaks says: the device's peaks now, and the roofline's times of a model."""
        out = subprocess.run([self.build / "tests/bench/bench_peaks", "--json", self.model(name), "--batch", str(batch)],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        return json.loads(out)

    def products(self):
        """bench_gemm's table: our fp32 products and those of OpenBLAS and CLBlast."""
        arch = ",".join(dict.fromkeys(name.removesuffix("-outliers") for name in self.args.arch))
        batches = ",".join(map(str, self.args.batch))
        command = [self.build / "tests/bench/bench_gemm", "--arch", arch, "--batch", batches, "--rounds",
                   str(self.args.rounds)] + ["--cpu-time"] * self.args.cpu_time
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def numbers(text):
    return [int(x) for x in text.split(",")]


def names(text):
    return text.split(",")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--arch", type=names, default=["vit-l-14", "vit-b-32", "vit-b-16"])
    parser.add_argument("--batch", type=numbers, default=[1, 8])
    parser.add_argument("--precision", type=names, default=list(PRECISIONS))
    parser.add_argument("--peers", type=names, default=[k for kinds in PEERS.values() for k in kinds])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--also", type=names, help="models for accuracy alone (the first architecture with outliers, "
                        "and demo); none: empty")
    parser.add_argument("--json", type=pathlib.Path, help="keep what was measured in this file")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    args.build = args.build.resolve()
    for precision in args.precision:
        if precision not in PRECISIONS:
            parser.error(f"no precision is called {precision}")
    if args.smoke:
        args.arch, args.batch, args.rounds, args.also = ["tiny"], [2], 3, ["tiny-outliers"]
        args.peers = [kind for kind in args.peers if kind.startswith("onnxruntime")]
    enter_environment(args.build, not args.smoke)
    import report
    if args.also is None:
        args.also = [args.arch[0].removesuffix("-outliers") + "-outliers", "demo"]

    bench = Bench(args)
    results = []
    for name in args.arch:
        for batch in args.batch if args.rounds else args.batch[:1]:
            results.append(bench.run(name, batch, args.rounds, batch == args.batch[0]))
    for name in args.also:
        if name and name not in args.arch:
            results.append(bench.run(name, 8 if name == "demo" else 1, 0, True))
    products = bench.products() if args.rounds and "fp32" in args.precision and not args.smoke else None
    facts = {"cpu_time": args.cpu_time, "threads": bench.threads, "rounds": args.rounds, "results": results,
             "products": products,
             "device": next((name.split(";")[0] for r in results for key, name in r["names"].items()
                             if key.startswith("ours")), "none of ours ran")}
    if args.json:
        args.json.write_text(json.dumps(facts, indent=1) + "\n")
    text = report.text(facts)
    print("\n" + text)
    if args.write_docs:
        report.write(facts, text, [a for a in sys.argv[1:] if a != "--write-docs"])
    # Timings are not judged; a wrong result is.
    for result in results:
        for precision, limit in WRONG.items():
            row = result.get("accuracy", {}).get("rows", {}).get(f"ours-{precision}")
            if row and not row["features"] < limit:
                sys.exit(f"{result['model']}: ours in {precision} and {REFERENCE} differ by {row['features']:.2g}")


if __name__ == "__main__":
    main()
