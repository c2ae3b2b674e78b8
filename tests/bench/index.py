#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exact search against faiss-cpu's flat index: the same points, queries and threads, in alternation.

    tests/bench/index.py [--points 1000000] [--dim 768] [--kind features,gauss,twins] [--queries 1,16,64] [--rounds 7]
    tests/bench/index.py --write-docs              all of it, into docs/performance.md
    tests/bench/index.py --smoke                   few points: that it runs and finds the same

Makes build/index-venv (tests/bench/requirements-index.txt) on first use. A million points of 768 take 4 GB of disk and
5 GB of memory; one kind of points is there at a time.

faiss ranks by inner products: (x, time(x)) and (q, -time(q)) give the Lorentz inner product, so it holds a dimension
more. Batches go through its own loops or through matrix products, by a threshold: of its default and of always, the
one of less wall clock is taken for each batch. Each side is a process of its own, idle while the other runs. Milliseconds a batch,
medians of the rounds; a ratio is the median of the rounds' ratios, below 1: ours is faster. Wall clock, and the
processor time of all threads, which says more on a machine that is busy with other things.

What is found must be what computing all in double finds (numpy): the same points in the same order.

Kinds: features: clusters around a common direction, norms that differ, queries of another direction, as two encoders
give them; gauss: every direction alike, the hardest for bytes; twins: two tight clusters so far apart that bytes tell
nothing inside them: the worst case, where all of one cluster is computed again.
"""
import argparse
import ctypes
import datetime
import hashlib
import json
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

import sections

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIREMENTS = pathlib.Path(__file__).resolve().parent / "requirements-index.txt"
KINDS = ("features", "gauss", "twins")
CURVATURE = 0.62
CHUNK = 16384
FIRST_POINT = 4096  # of an index file, in bytes


def enter_environment(build):
    """Runs this file again inside an environment that has faiss."""
    folder = build / "index-venv"
    python, stamp = folder / "bin" / "python", folder / "requirements.stamp"
    if pathlib.Path(sys.prefix) == folder:
        return
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {REQUIREMENTS.name} into {folder}", flush=True)
        subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary=:all:",
                        "-r", REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    os.execv(python, [python, *sys.argv])


# ---- the library ----

class Space(ctypes.Structure):
    _fields_ = [("weights", ctypes.c_uint8 * 32), ("precision", ctypes.c_int), ("dim", ctypes.c_uint),
                ("curvature", ctypes.c_double), ("alpha", ctypes.c_double)]


class Stats(ctypes.Structure):
    _fields_ = [("screened", ctypes.c_uint64), ("rescored", ctypes.c_uint64), ("exact", ctypes.c_uint64)]


def library(build):
    lib = ctypes.CDLL(str(build / "libhysac-1.0.so"))
    lib.hysac_index_writer_new.restype = lib.hysac_index_open.restype = ctypes.c_void_p
    lib.hysac_index_writer_add.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_void_p,
                                           ctypes.c_void_p]
    lib.hysac_index_writer_finish.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    lib.hysac_index_open.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    lib.hysac_index_search.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint,
                                       ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    return lib


# ---- points ----

def exp_map(np, tangent):
    """Points of tangent vectors at the root."""
    size = CURVATURE ** 0.5 * np.linalg.norm(tangent, axis=1, keepdims=True)
    return (tangent * (np.sinh(size) / np.maximum(size, 1e-8))).astype(np.float32)


class Maker:
    def __init__(self, np, kind, dim):
        self.np, self.kind, self.dim = np, kind, dim
        self.rng = np.random.default_rng(KINDS.index(kind) + 1)
        normal = self.rng.standard_normal
        self.common, self.other = normal(dim), normal(dim)
        self.centres = normal((1000, dim))

    def make(self, n, query=False):
        np, rng = self.np, self.rng
        noise = rng.standard_normal((n, self.dim), dtype=np.float32)
        if self.kind == "features":
            base = (0.5 * self.common + self.other if query else self.common) + \
                0.7 * self.centres[rng.integers(0, len(self.centres), n)]
            tangent = base + 0.5 * noise
        elif self.kind == "gauss":
            tangent = noise
        else:
            tangent = self.common * rng.choice((-1, 1), (n, 1)) + 1e-3 * noise
        length = 0.5 * np.exp(0.15 * rng.standard_normal((n, 1)))
        if self.kind == "twins":
            length = 0.5
        return exp_map(np, tangent * (length / np.linalg.norm(tangent, axis=1, keepdims=True)))


def write_index(np, lib, path, maker, n):
    space = Space((ctypes.c_uint8 * 32)(), 1, maker.dim, CURVATURE, 1.0)
    writer = lib.hysac_index_writer_new(os.fsencode(path), ctypes.byref(space), None)
    for at in range(0, n, CHUNK):
        points = np.ascontiguousarray(maker.make(min(CHUNK, n - at)))
        base = points.ctypes.data
        for i in range(len(points)):
            if not lib.hysac_index_writer_add(writer, b"p", -1, base + i * points.strides[0], None):
                sys.exit(f"{path}: point {at + i} is not taken")
    if not lib.hysac_index_writer_finish(writer, None):
        sys.exit(f"{path}: cannot be written")


def points_of(np, path, n, dim):
    return np.memmap(path, dtype=np.float32, mode="r", offset=FIRST_POINT, shape=(n, dim))


def times(np, points):
    return np.sqrt(1 / CURVATURE + (points.astype(np.float64) ** 2).sum(axis=1))


def brute_force(np, points, queries, k):
    """Numbers and inner products of the k nearest, all in double."""
    wide, query_times = queries.astype(np.float64), times(np, queries)
    best = np.full((len(queries), k), -np.inf)
    ids = np.zeros((len(queries), k), dtype=np.int64)
    for at in range(0, len(points), CHUNK):
        chunk = points[at:at + CHUNK]
        scores = wide @ chunk.astype(np.float64).T - np.outer(query_times, times(np, chunk))
        scores = np.concatenate([best, scores], axis=1)
        numbers = np.concatenate([ids, np.broadcast_to(np.arange(at, at + len(chunk)), (len(queries), len(chunk)))], axis=1)
        order = np.lexsort((numbers, -scores), axis=1)[:, :k]
        best, ids = np.take_along_axis(scores, order, 1), np.take_along_axis(numbers, order, 1)
    return ids, best


# ---- the two sides ----

class Ours:
    def __init__(self, np, args):
        self.np, self.k, self.lib = np, args.k, library(args.build)
        self.index = self.lib.hysac_index_open(os.fsencode(args.index), None)
        self.hit = np.dtype([("point", np.uint32), ("", np.uint32), ("score", np.float64)])
        self.stats = Stats()

    def prepare(self, queries):
        self.queries = queries
        self.hits = self.np.zeros((len(queries), self.k), dtype=self.hit)

    def run(self, threads):
        if not self.lib.hysac_index_search(self.index, self.queries.ctypes.data, len(self.queries), self.k, threads,
                                           self.hits.ctypes.data, ctypes.byref(self.stats), None):
            sys.exit("the search failed")

    def found(self):
        return self.hits["point"].astype(self.np.int64), self.hits["score"]

    def facts(self):
        return {name: getattr(self.stats, name) / len(self.queries) for name, _ in Stats._fields_}


class Faiss:
    def __init__(self, np, args):
        import faiss
        self.np, self.k, self.faiss = np, args.k, faiss
        self.index = faiss.IndexFlatIP(args.dim + 1)
        points = points_of(np, args.index, args.points, args.dim)
        for at in range(0, args.points, CHUNK):
            chunk = points[at:at + CHUNK]
            self.index.add(np.hstack([chunk, times(np, chunk)[:, None].astype(np.float32)]))
        self.default = faiss.cvar.distance_compute_blas_threshold
        self.best = {}

    def prepare(self, queries):
        self.queries = self.np.hstack([queries, -times(self.np, queries)[:, None].astype(self.np.float32)])

    def run(self, threads):
        self.faiss.omp_set_num_threads(threads)
        key = (len(self.queries), threads)
        if key not in self.best:  # the warm-up
            spent = {}
            for threshold in (self.default, 1):
                self.faiss.cvar.distance_compute_blas_threshold = threshold
                for _ in range(2):
                    start = time.perf_counter()
                    self.result = self.index.search(self.queries, self.k)
                    spent[threshold] = min(spent.get(threshold, float("inf")), time.perf_counter() - start)
            self.best[key] = min(spent, key=spent.get)
        self.faiss.cvar.distance_compute_blas_threshold = self.best[key]
        self.result = self.index.search(self.queries, self.k)

    def found(self):
        return self.result[1], self.result[0].astype(self.np.float64)

    def facts(self):
        threshold = self.faiss.cvar.distance_compute_blas_threshold
        return {"version": self.faiss.__version__, "products": len(self.queries) >= threshold}


def work(args):
    """A side: lines in, lines out."""
    import numpy as np
    side = {"ours": Ours, "faiss": Faiss}[args.worker](np, args)
    print("ready", flush=True)
    for line in sys.stdin:
        what, *rest = line.split()
        if what == "load":
            side.prepare(np.load(rest[0]))
            answer = {}
        elif what == "run":
            wall, spent = time.perf_counter(), time.process_time()
            side.run(int(rest[0]))
            answer = {"wall": (time.perf_counter() - wall) * 1e3, "cpu": (time.process_time() - spent) * 1e3}
        else:
            np.savez(rest[0], *side.found())
            answer = side.facts()
        print(json.dumps(answer), flush=True)


class Worker:
    def __init__(self, name, args, path):
        self.name = name
        self.process = subprocess.Popen([sys.executable, __file__, "--worker", name, "--index", path, "--build", args.build,
                                         "--points", str(args.points), "--dim", str(args.dim), "--k", str(args.k)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit(f"{name} does not start")

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def compare(np, want, got):
    """How many of the wanted places hold the wanted point."""
    return int((want == got).sum())


def measure(np, args, kind, scratch):
    lib, maker = library(args.build), Maker(np, kind, args.dim)
    path = scratch / f"{kind}.index"
    print(f"{kind}: {args.points} points of {args.dim}", flush=True)
    write_index(np, lib, path, maker, args.points)
    queries = np.ascontiguousarray(maker.make(max(args.queries), query=True))
    ids, scores = brute_force(np, points_of(np, path, args.points, args.dim), queries, args.k)
    workers = [Worker(name, args, path) for name in ("ours", "faiss")]
    results = []
    for count in args.queries[:1] if kind == "twins" else args.queries:
        for threads in args.threads:
            row = {"kind": kind, "queries": count, "threads": threads, "times": {}, "facts": {}}
            np.save(scratch / "queries.npy", queries[:count])
            for worker in workers:
                worker.ask(f"load {scratch / 'queries.npy'}")
                row["times"][worker.name] = []
            for number in range(args.rounds + 1):  # the first warms up
                for worker in workers if number % 2 else reversed(workers):
                    row["times"][worker.name].append(worker.ask(f"run {threads}"))
            for worker in workers:
                del row["times"][worker.name][0]
                row["facts"][worker.name] = worker.ask(f"found {scratch / 'found.npz'}")
                found = np.load(scratch / "found.npz")
                row["facts"][worker.name]["same"] = compare(np, ids[:count], found["arr_0"])
                if worker.name == "ours":
                    if not (found["arr_0"] == ids[:count]).all() or \
                            np.abs(found["arr_1"] - scores[:count]).max() > 1e-9 * np.abs(scores).max():
                        sys.exit(f"{kind}, {count} queries: not what computing all in double finds")
            results.append(row)
            print("  " + describe(row), flush=True)
    for worker in workers:
        if worker.close() != 0:
            sys.exit(f"{worker.name} failed")
    path.unlink()
    return results


def figures(row, clock):
    """Medians of both sides, and of the rounds' ratios."""
    ours, theirs = ([t[clock] for t in row["times"][name]] for name in ("ours", "faiss"))
    return statistics.median(ours), statistics.median(theirs), statistics.median(a / b for a, b in zip(ours, theirs))


def describe(row):
    wall, cpu = figures(row, "wall"), figures(row, "cpu")
    return (f"{row['queries']} queries, {row['threads']} threads: wall {wall[0]:.1f} ms, faiss {wall[1]:.1f}, ratio "
            f"{wall[2]:.3f}; processor {cpu[0]:.1f} ms, faiss {cpu[1]:.1f}, ratio {cpu[2]:.3f}; in fp32 "
            f"{row['facts']['ours']['rescored']:.0f}, in double {row['facts']['ours']['exact']:.0f} a query")


def table(args, results):
    lines = ["| points | queries | threads | wall ms, ours | faiss | ratio | processor ms, ours | faiss | ratio | in fp32 | in double | faiss by |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in results:
        wall, cpu, facts = figures(row, "wall"), figures(row, "cpu"), row["facts"]["ours"]
        lines.append(f"| {row['kind']} | {row['queries']} | {row['threads']} | {wall[0]:.1f} | {wall[1]:.1f} | {wall[2]:.3f} "
                     f"| {cpu[0]:.1f} | {cpu[1]:.1f} | {cpu[2]:.3f} | {facts['rescored']:.0f} | {facts['exact']:.0f} "
                     f"| {'products' if row['facts']['faiss']['products'] else 'loops'} |")
    return lines


def write_docs(args, results):
    version = results[0]["facts"]["faiss"]["version"]
    said = sys.argv[1:]
    for option in ("--build", "--json"):
        if option in said:
            del said[said.index(option):said.index(option) + 2]
    places = args.k * sum(row["queries"] for row in results)
    text = "\n".join([
        "```sh", shlex.join(["tests/bench/index.py", *said]), "```", "",
        f"{datetime.date.today().isoformat()}. {args.points} points of {args.dim} numbers, the {args.k} nearest, {sections.processor()}, "
        f"{os.cpu_count()} processors; faiss-cpu {version}, `IndexFlatIP`. Milliseconds a batch, medians of "
        f"{args.rounds} rounds in alternation; ratios below 1: ours is faster. All {places} places hold the point that computing everything "
        f"in double puts there; {sum(row['facts']['faiss']['same'] for row in results)} of faiss's do, which computes in fp32. \"In fp32\" "
        "and \"in double\" are points a query that were computed again. By its own loops faiss gives a query one thread.", "",
        *table(args, results), ""])
    sections.replace("index.py", text)


def numbers(text):
    return [int(x) for x in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--points", type=int, default=1000000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--kind", type=lambda text: text.split(","), default=list(KINDS))
    parser.add_argument("--queries", type=numbers, default=[1, 16, 64])
    parser.add_argument("--threads", type=numbers, default=[1, len(os.sched_getaffinity(0))])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path, help="keep what was measured in this file")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--worker", choices=("ours", "faiss"), help=argparse.SUPPRESS)
    parser.add_argument("--index", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.build = args.build.resolve()
    if not set(args.kind) <= set(KINDS):
        parser.error(f"kinds are {', '.join(KINDS)}")
    if args.smoke:
        args.points, args.dim, args.rounds, args.queries = 3000, 96, 1, [1, 20]
    if args.worker:
        work(args)
        return
    enter_environment(args.build)
    import numpy as np
    results = []
    with tempfile.TemporaryDirectory(dir=args.build, prefix="bench-index-") as scratch:
        for kind in args.kind:
            results += measure(np, args, kind, pathlib.Path(scratch))
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")
    if args.write_docs:
        write_docs(args, results)


if __name__ == "__main__":
    main()
