#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The element against onnxinference of gst-plugins-bad: the same tower, weights, frames and pipeline.

    tests/debian13.sh --run sh -c 'tests/install.sh onnx && tests/bench/onnxinference.py --build /build'
                [--arch vit-b-32 | --model DIR] [--rounds 9] [--frames 8] [--cpus N]

It needs GStreamer 1.26 with the onnx plugin, so it is run in Debian 13. First it tries exports of the
vision tower, from the plain one on, and prints which of them onnxinference takes and what it says of the
others. Then each element, in a process of its own, gets the same frames in turns. The fastest export
that it takes is the peer, at its highest optimisation level. Both results are compared: the distance in
the element's metadata with the length of the tensor.

ONNX Runtime's threads spin while they wait for each other, and onnxinference has no switch for it: on a
busy machine that is in its processor time. --cpus 1 leaves it one thread, which waits for nobody.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstAnalytics", "1.0")
from gi.repository import Gst, GstAnalytics, GstApp  # noqa: E402, F401

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from inputs import MEAN, STD  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120 * Gst.SECOND


# ---------------------------------------------------------------- a pipeline in a process of its own

def make_frame(width, height, planes):
    """Bytes of a picture with edges and slopes; no two frames of a stream are compared, so one will do."""
    import numpy as np
    y, x = np.mgrid[0:height, 0:width]
    a = (x * 255 // max(width - 1, 1)).astype(np.uint8)
    b = (y * 255 // max(height - 1, 1)).astype(np.uint8)
    c = (((x // 16 + y // 16) % 2) * 160 + 40).astype(np.uint8)
    if planes == "RGB":
        return np.stack([a, b, c], axis=2).tobytes()
    return np.concatenate([c.ravel(), a[::2, ::2].ravel(), b[::2, ::2].ravel()]).tobytes()  # I420


class Stage:
    """appsrc ! … ! appsink, which stays up between the runs."""

    def __init__(self, caps, chain):
        structure = Gst.Caps.from_string(caps).get_structure(0)
        width, height = structure.get_value("width"), structure.get_value("height")
        self.data = make_frame(width, height, structure.get_value("format"))
        self.pipeline = Gst.parse_launch(
            f"appsrc name=in format=time caps={caps} ! {chain} ! appsink name=out sync=false")
        self.source, self.sink = self.pipeline.get_by_name("in"), self.pipeline.get_by_name("out")
        self.count = 0
        self.pipeline.set_state(Gst.State.PLAYING)

    def run(self, frames):
        """Wall clock and processor time in ms."""
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(frames):
            buffer = Gst.Buffer.new_wrapped(self.data)
            buffer.pts, buffer.duration = self.count * Gst.SECOND // 25, Gst.SECOND // 25
            self.count += 1
            self.source.push_buffer(buffer)
        for _ in range(frames):
            self.sample = self.sink.try_pull_sample(PATIENCE)
            if not self.sample:
                message = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
                raise SystemExit(message.parse_error()[1] if message else "no frame comes out")
        return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3

    def result(self):
        """The length of the tensor, or the distance; None where the frame carries neither."""
        import numpy as np
        buffer = self.sample.get_buffer()
        verdict = buffer.get_custom_meta("GstHysacMeta")
        if verdict:
            return verdict.get_structure().get_double("distance")[1]
        tensors = GstAnalytics.buffer_get_tensor_meta(buffer)
        if not tensors:
            return None
        ok, info = tensors.get(0).data.map(Gst.MapFlags.READ)
        return float(np.linalg.norm(np.frombuffer(info.data, dtype=np.float32).astype(np.float64)))


def work(caps, chain):
    Gst.init(None)  # both count the cores that they may use when they start
    stage = Stage(caps, chain)
    for line in sys.stdin:
        wall, cpu = stage.run(int(line))
        print(json.dumps({"wall": wall, "cpu": cpu, "result": stage.result()}), flush=True)


class Worker:
    def __init__(self, caps, chain, log):
        self.log = open(log, "w+")
        environment = dict(os.environ, GST_DEBUG="*:0,onnxinference:1", GST_DEBUG_NO_COLOR="1")
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", caps, chain], text=True, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)

    def run(self, frames):
        """None where it ended."""
        try:
            self.process.stdin.write(f"{frames}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def complaint(self):
        self.log.flush()
        self.log.seek(0)
        # Debian's ONNX Runtime says of each operator that it is there twice.
        lines = [line for line in self.log.read().splitlines() if line and not line.startswith("Schema error")]
        said = [m[1] for line in lines if (m := re.search(r"ERROR +onnxinference .*?> *(.*)$", line))]
        said += [line.removeprefix("gi.repository.GLib.GError: ") for line in lines[-1:]]
        return "; ".join(dict.fromkeys(said))


# ---------------------------------------------------------------- exports

def export(folder, path, *, named=False, batch=None, layout="chw", byte=False, folded=False, fused=False):
    """A graph in the file @path. @named: the model's properties name the output. @folded: it takes 0 … 255
    and normalises, inside its first convolution."""
    import numpy as np
    import onnx_vision
    from onnx import TensorProto, helper, numpy_helper, save_model
    model, vision = onnx_vision.build(folder, fused)
    graph = model.graph
    if folded:
        mean, std = (np.array(v, dtype=np.float64).reshape(1, 3, 1, 1) for v in (MEAN, STD))
        first = next(n for n in graph.node if n.op_type == "Conv")
        stored = next(c for c in graph.initializer if c.name == first.input[1])
        weight = numpy_helper.to_array(stored).astype(np.float64)
        bias = -(weight * mean / std).sum(axis=(1, 2, 3))
        stored.CopyFrom(numpy_helper.from_array((weight / std / 255).astype(np.float32), stored.name))
        graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), "patch_bias"))
        first.input.append("patch_bias")
    size = vision["image_size"]
    name, nodes = "pixels", []
    source = graph.input[0]
    shape = [batch or "n", 3, size, size]
    if layout == "hwc" or byte:
        name = "frame"
        current = name
        if byte:
            current = "as_float" if layout == "hwc" else "pixels"
            nodes.append(helper.make_node("Cast", [name], [current], to=TensorProto.FLOAT))
        if layout == "hwc":
            nodes.append(helper.make_node("Transpose", [current], ["pixels"], perm=[0, 3, 1, 2]))
            shape = [batch or "n", size, size, 3]
        everything = nodes + list(graph.node)
        del graph.node[:]
        graph.node.extend(everything)
    source.CopyFrom(helper.make_tensor_value_info(name, TensorProto.UINT8 if byte else TensorProto.FLOAT, shape))
    if batch:
        graph.output[0].type.tensor_type.shape.dim[0].dim_value = batch
    if named:
        helper.set_model_props(model, {graph.output[0].name: "hysac-features"})
    save_model(model, str(path))
    return size


# What is said of the export, how it is made, and the element's properties.
NAMED = {"named": True, "folded": True}
EXPORTS = [
    ("float NCHW, batch free: the plain export", {}, ""),
    ("the same", {}, "input-image-format=chw"),
    ("the same, batch 1", {"batch": 1}, "input-image-format=chw"),
    ("named output, batch free", NAMED, "input-image-format=chw"),
    ("named output, batch 1", {**NAMED, "batch": 1}, "input-image-format=chw"),
    ("named output, batch 1", {**NAMED, "batch": 1}, ""),
    ("named output, uint8 NCHW, batch 1", {**NAMED, "batch": 1, "byte": True}, "input-image-format=chw"),
    ("named output, uint8 NHWC, batch 1", {**NAMED, "batch": 1, "byte": True, "layout": "hwc"}, ""),
    ("named output, float NHWC, batch 1", {**NAMED, "batch": 1, "layout": "hwc"}, ""),
]


def rgb(size):
    return f"video/x-raw,format=RGB,width={size},height={size},framerate=25/1,colorimetry=sRGB"


def onnx_chain(path, properties):
    # The documented default level is not the one in force: nothing sets it.
    return f"onnxinference model-file={path} optimization-level=enable-all {properties}"


def try_exports(folder, scale, expected, work_dir):
    """[(name, options, properties)] of those that give the right result."""
    taken = []
    print("| export | properties | onnxinference |\n|---|---|---|")
    for number, (name, options, properties) in enumerate(EXPORTS):
        path = work_dir / "try.onnx"
        size = export(folder, path, **options)
        worker = Worker(rgb(size), onnx_chain(path, properties), work_dir / f"try-{number}.log")
        answer = worker.run(1)
        worker.close()
        if not answer:
            verdict = "refused: " + worker.complaint()
        elif answer["result"] is None:
            verdict = "passes frames without a tensor: " + worker.complaint()
        elif abs(answer["result"] * scale / expected - 1) < 1e-4:
            verdict = "taken"
            taken.append((name, options, properties))
        else:
            verdict = f"taken, another result: {answer['result'] * scale:.6g} instead of {expected:.6g}"
        print(f"| {name} | {properties or 'defaults'} | {verdict} |", flush=True)
        path.unlink()
    return taken


# ---------------------------------------------------------------- the comparison

def compare(title, theirs, ours, rounds, frames):
    """Both run in turns; the table's row."""
    times = []
    for _ in range(rounds):
        pair = []
        for worker in (ours, theirs):
            pair.append(worker.run(frames))
            time.sleep(0.05)  # their threads spin for a moment
        if None in pair:
            raise SystemExit(f"{title}: {theirs.complaint()} {ours.complaint()}")
        times.append(pair)
    cells = []
    for key in ("wall", "cpu"):
        mine, other = (statistics.median(t[i][key] for t in times) / frames for i in (0, 1))
        ratio = statistics.median(t[0][key] / t[1][key] for t in times)
        cells += [f"{mine:.1f}", f"{other:.1f}", f"{ratio:.3f}"]
    print(f"| {title} | " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--arch", default="vit-b-32")
    parser.add_argument("--model", type=pathlib.Path, help="a model folder, instead of random weights")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--cpus", type=int, default=os.cpu_count(), help="as many cores and threads for each")
    parser.add_argument("--worker", nargs=2, metavar=("CAPS", "CHAIN"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(*args.worker)
    build = args.build.resolve()
    Gst.init(None)
    os.environ["GST_PLUGIN_PATH"] = f"{build}/gst"
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.cpus])
    os.environ["POCL_CPU_MAX_CU_COUNT"] = str(args.cpus)
    work_dir = build / "bench-onnx"
    work_dir.mkdir(parents=True, exist_ok=True)
    folder = args.model or build / "bench-models" / args.arch
    if not (folder / "hysac.json").exists():
        subprocess.run([build / "tests/bench/random_model", "--arch", args.arch, "--out", folder], check=True)
    vision = json.loads((folder / "config.json").read_text())["vision_config"]
    scale = json.loads((folder / "hysac.json").read_text())["visual_alpha"]
    size = vision["image_size"]
    moderate = f"hysacmoderate model={folder} bound=1 sample-interval=0 action=tag"

    print(f"{args.model.name if args.model else args.arch}: {size} pixels, patches of {vision['patch_size']}, "
          f"width {vision['hidden_size']}, {vision['num_hidden_layers']} layers; "
          f"GStreamer {Gst.version_string().split()[-1]}, {len(os.sched_getaffinity(0))} cores\n")
    ours = Worker(rgb(size), moderate, work_dir / "ours.log")
    first = ours.run(1)
    if not first:
        sys.exit(f"hysacmoderate: {ours.complaint()}")
    taken = try_exports(folder, scale, first["result"], work_dir)
    if not taken:
        sys.exit("onnxinference takes none of them")

    # The fastest of what it takes, with plain operators and with ONNX Runtime's fused attention.
    candidates = []
    for number, (name, options, properties) in enumerate(taken):
        for fused in (False, True):
            path = work_dir / f"peer-{number}-{fused:d}.onnx"
            export(folder, path, fused=fused, **options)
            worker = Worker(rgb(size), onnx_chain(path, properties), work_dir / f"peer-{number}-{fused:d}.log")
            if not worker.run(1):
                print(f"{name}, fused: {worker.complaint()}", file=sys.stderr)
                continue
            cost = min(worker.run(1)["cpu"] for _ in range(5))
            worker.close()
            title = f"{name}, {'fused attention' if fused else 'plain operators'}"
            candidates.append((cost, title, path, properties))
    candidates.sort(key=lambda c: c[0])
    _, name, path, properties = candidates[0]
    for candidate in candidates[1:]:
        candidate[2].unlink(missing_ok=True)
    print(f"\npeer: {name}, {properties or 'default properties'}, optimization-level=enable-all")

    theirs = Worker(rgb(size), onnx_chain(path, properties), work_dir / "theirs.log")
    answer = theirs.run(1)
    print(f"distance: ours {first['result']:.9g}, theirs {answer['result'] * scale:.9g}, "
          f"relative difference {abs(answer['result'] * scale / first['result'] - 1):.2g}")
    print(f"{args.rounds} rounds in alternation; ms a frame, medians; ratios are medians of the rounds', below 1: "
          "ours is faster\n")
    print("| frames | wall: ours | onnxinference | ratio | processor: ours | onnxinference | ratio |\n"
          "|---|---|---|---|---|---|---|")
    compare(f"RGB {size}x{size}, one at a time", theirs, ours, args.rounds, 1)
    compare(f"RGB {size}x{size}, {args.frames} in a row", theirs, ours, args.rounds, args.frames)
    ours.close()
    theirs.close()
    # From a camera's frames: onnxinference needs them converted, scaled and squared.
    camera = "video/x-raw,format=I420,width=1280,height=720,framerate=25/1,colorimetry=bt709"
    convert = f"videocrop left=280 right=280 ! videoconvertscale ! {rgb(size)} ! "
    theirs = Worker(camera, convert + onnx_chain(path, properties), work_dir / "theirs.log")
    ours = Worker(camera, moderate, work_dir / "ours.log")
    theirs.run(1), ours.run(1)
    compare(f"I420 1280x720, {args.frames} in a row", theirs, ours, args.rounds, args.frames)
    ours.close()
    theirs.close()
    path.unlink()


if __name__ == "__main__":
    main()
