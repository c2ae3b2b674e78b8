#!/usr/bin/env python3
"""Convert a HySAC checkpoint into a model directory of this project.

The checkpoint is a PyTorch state_dict of two CLIP towers wrapped by peft, plus four
scalars stored as logarithms (aimagelab/HySAC, hysac/models.py). What comes out follows
Hugging Face's conventions: CLIP tensor names, LoRA merged, one safetensors file. The steps
are in training/conversion/; this is the command and the directory it makes.
"""

import argparse
import datetime
import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # when run as a program
MISSING = None
try:
    import torch

    from training.conversion.checkpoint import SCALARS, Checkpoint, expected_tensors
    from training.conversion.config import (clip_config, preprocessor_config, read_bounds,
                                            tokenizer_files)
    from training.conversion.sources import ConvertError, read_state_dict, sha256_of
    from training.conversion.weights import DTYPES, write_safetensors
except ModuleNotFoundError as problem:  # --help is there all the same
    if problem.name != "torch":
        raise
    MISSING = problem.name
    DTYPES = ("bf16", "f16", "f32")

FORMAT_VERSION = 1

# Every name a model directory may hold: --force replaces nothing else.
MODEL_FILES = ("config.json", "model.safetensors", "preprocessor_config.json", "vocab.json",
               "merges.txt", "tokenizer.json", "hysac.json")


def write_json(path, value):
    """Readable JSON with a newline at the end."""
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=2, ensure_ascii=False, allow_nan=False)
        stream.write("\n")


def now():
    """The time in UTC; SOURCE_DATE_EPOCH makes it reproducible."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = (datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc) if epoch
              else datetime.datetime.now(datetime.timezone.utc))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def source_record(path):
    """What provenance says of a source file."""
    return {"file": path.name, "size": path.stat().st_size, "sha256": sha256_of(path)}


def write_model(directory, options):
    """Fill an empty directory with the converted model."""
    clip = options.clip
    config = clip_config(clip / "config.json", options.dtype)
    vision, text = config["vision_config"], config["text_config"]
    preprocessor = preprocessor_config(clip / "preprocessor_config.json", vision["image_size"])
    tokenizer = tokenizer_files(clip, text["vocab_size"])
    bounds = read_bounds(options.bounds)
    expected = expected_tensors(config)
    checkpoint = Checkpoint(read_state_dict(options.checkpoint), expected)
    scalars = {name: checkpoint.scalar(name) for name in SCALARS}

    log_scale = checkpoint.scalars["logit_scale"][1].to(torch.float64).reshape(())
    # The scalar comes last: before the others it would spoil their alignment.
    shapes = {**expected["visual"], **expected["textual"], "logit_scale": ()}

    def tensor_of(name):
        return log_scale if name == "logit_scale" else checkpoint.merged(name, options.lora_alpha)

    sha256, size = write_safetensors(directory / "model.safetensors", shapes, tensor_of,
                                     options.dtype)
    write_json(directory / "config.json", config)
    write_json(directory / "preprocessor_config.json", preprocessor)
    for path in tokenizer:
        shutil.copyfile(path, directory / path.name)
    sources = [clip / "config.json", clip / "preprocessor_config.json", *tokenizer]
    ranks = checkpoint.lora_ranks()
    write_json(directory / "hysac.json", {
        "format_version": FORMAT_VERSION,
        "curvature": scalars["curv"],
        "visual_alpha": scalars["visual_alpha"],
        "textual_alpha": scalars["textual_alpha"],
        "logit_scale": scalars["logit_scale"],
        "bounds": bounds,
        "profile": None,
        "concepts": [],
        "licence": options.licence,
        "weights_sha256": sha256,
        "weights_size": size,
        "provenance": {
            "tool": "gst-hysac training/convert.py",
            "date": now(),
            "origin": options.origin,
            "checkpoint": source_record(options.checkpoint),
            "bounds": source_record(options.bounds),
            "clip": [source_record(path) for path in sources],
            "lora": {"ranks": ranks, "alpha": options.lora_alpha,
                     "modules": len(checkpoint.lora)} if ranks else None,
            "patch_bias_folded": checkpoint.patch_bias is not None,
            "dtype": options.dtype,
        },
    })


def check_target(out, force):
    """The output must be absent or empty, or a model directory that --force replaces."""
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise ConvertError(f"{out} exists and is not a directory")
    present = sorted(os.listdir(out))
    if present and not force:
        raise ConvertError(f"{out} exists and is not empty; --force replaces it")
    if foreign := [name for name in present if name not in MODEL_FILES]:
        raise ConvertError(f"{out} holds {foreign[0]!r}, which is no part of a model; "
                           "not replaced")


def convert(options):
    """Convert into a temporary sibling and rename, so that nothing half-written is left."""
    out = Path(os.path.realpath(options.out))
    check_target(out, options.force)
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        new, old = work / "new", work / "old"
        new.mkdir()
        write_model(new, options)
        check_target(out, options.force)
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def parse_arguments(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="convert.py", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Convert a HySAC checkpoint and its CLIP directory into a model directory.",
        epilog="example:\n"
               "  training/convert.py --checkpoint hysac_model.pth --bounds hysac_bounds.json \\\n"
               "      --clip clip-vit-large-patch14 --out models/hysac --dtype f16\n\n"
               "training/fetch.sh fetches the published files and runs this on them.\n"
               "It needs torch: $(tests/python-env.sh) training/convert.py ... has it.")
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="PTH",
                        help="state_dict of HySAC (hysac_model.pth), with or without LoRA")
    parser.add_argument("--bounds", type=Path, required=True, metavar="JSON",
                        help="percentiles of safe distances (hysac_bounds.json)")
    parser.add_argument("--clip", type=Path, required=True, metavar="DIR",
                        help="CLIP directory: config.json, preprocessor_config.json and "
                             "vocab.json with merges.txt (or tokenizer.json); no weights")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="the model directory to make")
    parser.add_argument("--dtype", choices=sorted(DTYPES), default="f32",
                        help="type of the stored weights (default: %(default)s)")
    parser.add_argument("--lora-alpha", type=float, default=1.0, metavar="A",
                        help="LoRA's alpha, which a checkpoint does not record "
                             "(default: %(default)s, the reference's)")
    parser.add_argument("--licence", default=None, metavar="NAME",
                        help="licence of the weights, recorded in hysac.json")
    parser.add_argument("--origin", default=None, metavar="TEXT",
                        help="where the files are from, recorded in hysac.json")
    parser.add_argument("--force", action="store_true",
                        help="replace an existing model directory")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Run the command; 0 on success, 1 with one line on stderr for bad input."""
    options = parse_arguments(arguments)
    if MISSING:
        print(f"convert.py: error: there is no {MISSING} in this Python: run it as "
              "$(tests/python-env.sh) training/convert.py ...", file=sys.stderr)
        return 1
    try:
        if not math.isfinite(options.lora_alpha) or options.lora_alpha <= 0:
            raise ConvertError("--lora-alpha must be a number above 0")
        convert(options)
    except ConvertError as error:
        message = str(error)
    except OSError as error:
        message = (f"{error.filename}: {error.strerror}" if error.filename and error.strerror
                   else str(error))
    else:
        print(f"{options.out}: converted")
        return 0
    print("convert.py: error: " + message.replace("\n", " "), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
