#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A peer of the vision tower in a process of its own, driven as bench_vision is; for encoder.py.

    peers.py KIND --model DIR --batch N --threads T [--cpu-time] [--prepare]

KIND: see KINDS. First line out: "ready NAME" or "skip REASON". Then "load FILE" answers "ok", "run"
answers "MILLISECONDS", "features" the last run's. --prepare: only make and keep what is slow to make.
"""
import argparse
import io
import os
import pathlib
import sys
import time

import numpy as np

import inputs
import onnx_vision


def cpu_flags():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()


def has_bf16():
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


class Skip(Exception):
    pass


def fastest(args, candidates, pixels):
    """Of [(description, function that makes a runner)] the runner of least time, and what it is called.
    One that cannot be made is left out, with a line."""
    clock = time.process_time if args.cpu_time else time.perf_counter
    best, texts = None, []
    for description, make in candidates:
        try:
            runner = make()
            runner(pixels)
        except Exception as error:  # whatever a runtime raises for a graph that it does not take
            print(f"{description}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        times = []
        for _ in range(3):
            start = clock()
            runner(pixels)
            times.append((clock() - start) / (args.threads if args.cpu_time else 1))
        texts.append(f"{description} {min(times) * 1e3:.0f} ms")
        if best is None or min(times) < best[0]:
            best = (min(times), description, runner)
        del runner
    if best is None:
        raise Skip("no graph is taken")
    print("candidates: " + ", ".join(texts), file=sys.stderr)
    return best[1], best[2]


# ---------------------------------------------------------------- ONNX Runtime

def onnxruntime_session(args, source):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Spinning is faster, but burns the time that --cpu-time counts; it ends with a run, so that the
    # others are left alone.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if args.cpu_time else "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels})[0]


def onnxruntime_fp32(args, pixels):
    import onnxruntime
    candidates = [(text, lambda fused=fused: onnxruntime_session(
        args, onnx_vision.build(args.model, fused)[0].SerializeToString()))
        for text, fused in (("plain graph", False), ("fused attention", True))]
    name, runner = fastest(args, candidates, pixels)
    return f"ONNX Runtime {onnxruntime.__version__}, {name}", runner


def onnxruntime_dynamic(args):
    """{description: file} of the dynamically quantised graphs, made where they are missing."""
    import onnx
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    files = {}
    for fused in (False, True):
        for per_channel in (False, True):
            text = f"{'fused attention' if fused else 'plain graph'}, {'per channel' if per_channel else 'per tensor'}"
            path = args.cache / f"onnxruntime-{onnxruntime.__version__}-{text.replace(', ', '-').replace(' ', '-')}.onnx"
            files[text] = path
            if path.exists():
                continue
            graph = onnx_vision.build(args.model, fused)[0]
            part = path.with_suffix(".part")
            quantize_dynamic(graph, part, per_channel=per_channel, weight_type=QuantType.QInt8, extra_options={
                "MatMulConstBOnly": True, "DefaultTensorType": onnx.TensorProto.FLOAT})
            part.rename(path)
    return files


def onnxruntime_int8(args, pixels):
    import onnxruntime
    files = onnxruntime_dynamic(args)
    candidates = [(text, lambda path=path: onnxruntime_session(args, str(path))) for text, path in files.items()]
    name, runner = fastest(args, candidates, pixels)
    return f"ONNX Runtime {onnxruntime.__version__} int8 dynamic, {name}", runner


# ---------------------------------------------------------------- OpenVINO

def openvino_read(args, fused=False):
    import openvino
    graph, vision = onnx_vision.build(args.model, fused)
    model = openvino.Core().read_model(io.BytesIO(graph.SerializeToString()))
    return model, vision["image_size"]


def openvino_compile(args, model, size, precision):
    import openvino
    model.reshape([args.batch, 3, size, size])
    compiled = openvino.Core().compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": args.threads,
        "INFERENCE_PRECISION_HINT": precision})
    request = compiled.create_infer_request()

    def run(pixels):
        request.infer([pixels], share_inputs=True)
        return np.array(request.get_output_tensor(0).data)
    return run


def openvino_version():
    import openvino
    return openvino.__version__.split("-")[0]


def openvino_float(args, pixels, hint):
    candidates = [(text, lambda fused=fused: openvino_compile(args, *openvino_read(args, fused), hint))
                  for text, fused in (("plain graph", False), ("fused attention", True))]
    return fastest(args, candidates, pixels)


def openvino_fp32(args, pixels):
    name, runner = openvino_float(args, pixels, "f32")
    return f"OpenVINO {openvino_version()}, {name}", runner


def openvino_bf16(args, pixels):
    if not has_bf16():
        raise Skip("this CPU has neither AVX512_BF16 nor AMX")
    name, runner = openvino_float(args, pixels, "bf16")
    return f"OpenVINO {openvino_version()} bf16, {name}", runner


def openvino_quantised(args):
    """The file of the model as NNCF quantises it, made where it is missing. Ranges reach from the smallest to
    the largest value that was seen: NNCF's own choice, means of them, clips. For the demo model that is the
    difference between a lowest cosine of 0.77 and 0.996 of 500 pictures; random models gain next to nothing."""
    import nncf
    import openvino
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet
    path = args.cache / f"openvino-{openvino_version()}-nncf-{nncf.__version__}-minmax.xml"
    if path.exists():
        return path
    model, size = openvino_read(args)
    model.reshape([-1, 3, size, size])
    if args.calibration:
        images = np.load(args.calibration)
    else:
        images = np.concatenate([inputs.natural(args.samples - 2, size, 77), inputs.white(2, size, 77)])
    patch = inputs.vision_config(args.model)["patch_size"]
    items = [inputs.pixels_of(inputs.patches_of(image[None], patch), args.model) for image in images]
    model = nncf.quantize(
        model, nncf.Dataset(items), model_type=nncf.ModelType.TRANSFORMER, preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(items), advanced_parameters=nncf.AdvancedQuantizationParameters(
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX))
    part = path.with_suffix(".part.xml")
    openvino.save_model(model, part, compress_to_fp16=False)
    part.with_suffix(".bin").rename(path.with_suffix(".bin"))
    part.rename(path)
    return path


def openvino_int8(args, pixels):
    import nncf
    import openvino
    path = openvino_quantised(args)
    between = "bf16" if has_bf16() else "f32"
    size = inputs.vision_config(args.model)["image_size"]
    runner = openvino_compile(args, openvino.Core().read_model(path), size, between)
    return f"OpenVINO {openvino_version()} int8 (NNCF {nncf.__version__}), {between} between", runner


# What makes (name, runner) of a kind, and what is worth keeping.
KINDS = {
    "onnxruntime-fp32": (onnxruntime_fp32, None),
    "onnxruntime-int8": (onnxruntime_int8, onnxruntime_dynamic),
    "openvino-fp32": (openvino_fp32, None),
    "openvino-bf16": (openvino_bf16, None),
    "openvino-int8": (openvino_int8, openvino_quantised),
}


def serve(args, name, runner, pixels, out):
    vision = inputs.vision_config(args.model)
    print("ready " + name, file=out, flush=True)
    features = None
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "load":
            pixels = inputs.pixels_of(inputs.read_patches(argument, vision, args.batch), args.model)
            answer = "ok"
        elif command == "run":
            start = time.perf_counter()
            features = runner(pixels)
            answer = f"{(time.perf_counter() - start) * 1e3:.3f}"
        else:
            answer = " ".join(f"{x:.9g}" for x in features.ravel())
        print(answer, file=out, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="where quantised graphs are kept")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=10, help="pictures for calibration")
    parser.add_argument("--calibration", type=pathlib.Path, help="an .npy of pictures for it, instead of random ones")
    parser.add_argument("--cpu-time", action="store_true")
    parser.add_argument("--prepare", action="store_true")
    args = parser.parse_args()
    # Libraries print to stdout as well: it is theirs, and the protocol has its own.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    args.cache.mkdir(parents=True, exist_ok=True)
    make, prepare = KINDS[args.kind]
    if args.prepare:
        return prepare and prepare(args)
    vision = inputs.vision_config(args.model)
    noise = inputs.patches_of(inputs.white(args.batch, vision["image_size"], 1), vision["patch_size"])
    pixels = inputs.pixels_of(noise, args.model)
    try:
        name, runner = make(args, pixels)
    except Skip as reason:
        print(f"skip {reason}", file=out, flush=True)
        return
    serve(args, name, runner, pixels, out)


if __name__ == "__main__":
    main()
