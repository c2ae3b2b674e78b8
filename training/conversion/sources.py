"""Reading what a conversion starts from; nothing in the files is trusted."""

import hashlib
import json
import math
import zipfile

import torch


class ConvertError(Exception):
    """Bad input; the message is one line for the user."""


def sha256_of(path):
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_json(path):
    """A JSON object; NaN, Infinity and numbers beyond a double are refused."""
    def finite(token):
        if not math.isfinite(number := float(token)):
            raise ValueError(f"{token} is not a finite number")
        return number
    try:
        with open(path, encoding="utf-8") as stream:
            value = json.load(stream, parse_constant=finite, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise ConvertError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConvertError(f"{path}: a JSON object is expected")
    return value


def read_state_dict(path):
    """The tensors of a checkpoint, by name; no code in the file is ever run.

    weights_only bars pickled code. TorchScript archives are turned away before that,
    because torch.load hands them to torch.jit.load whatever weights_only says.
    """
    with open(path, "rb") as stream:
        magic = stream.read(4)
    if magic != b"PK\x03\x04":
        raise ConvertError(f"{path}: not a checkpoint in PyTorch's zip format "
                           "(torch.save of version 1.6 or later)")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            # What DOS calls a folder torch.load does not read: the tensor would be what memory held.
            folders = [entry.filename for entry in archive.infolist() if entry.external_attr & 0x10 or entry.is_dir()]
            damaged = archive.testzip()  # torch.load does not check the sums itself
    except Exception as error:  # damage raises many kinds, not BadZipFile alone
        raise ConvertError(f"{path}: truncated or damaged: {error}") from error
    if damaged:
        raise ConvertError(f"{path}: truncated or damaged: {damaged} fails its checksum")
    if folders:
        raise ConvertError(f"{path}: damaged: {folders[0]} is listed as a folder")
    if any(name.split("/")[-1] == "constants.pkl" for name in names):
        raise ConvertError(f"{path}: a TorchScript program, not a state_dict")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises many kinds, all of them bad input
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise ConvertError(f"{path}: refused by torch.load(weights_only=True): "
                           f"{first[0][:300]}") from error
    if not isinstance(state, dict):
        raise ConvertError(f"{path}: a state_dict is expected, not a {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ConvertError(f"{path}: entry {name!r} is not a tensor; "
                               "is this a training checkpoint rather than a state_dict?")
    return {name: tensor.detach() for name, tensor in state.items()}
