"""Writing model.safetensors."""

import hashlib
import json
import math

import torch

from .sources import ConvertError

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
SAFETENSORS_NAMES = {"f32": "F32", "f16": "F16", "bf16": "BF16"}


def cast(name, tensor, dtype):
    """Round a float64 tensor to the stored type; what it cannot hold is an error."""
    stored = tensor.to(DTYPES[dtype])
    if not torch.isfinite(stored).all():
        raise ConvertError(f"{dtype} cannot hold {name}: it reaches {tensor.abs().max():.4g}; "
                           "use --dtype bf16 or f32")
    return stored


def tensor_bytes(tensor):
    """The little-endian bytes of a tensor (numpy has no bfloat16, so it goes as int16)."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.contiguous().view(torch.int16)
    array = tensor.contiguous().numpy()
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def write_safetensors(path, shapes, tensor_of, dtype):
    """Write tensors one at a time, so that only one is in memory twice.

    Format: 8 bytes of header length, a JSON header padded with spaces, the data.
    Returns the file's SHA-256 and size.
    """
    width = 4 if dtype == "f32" else 2
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        end = offset + width * math.prod(shape)
        header[name] = {"dtype": SAFETENSORS_NAMES[dtype], "shape": list(shape),
                        "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)  # the data starts at a multiple of 64
    digest = hashlib.sha256()
    with open(path, "wb") as stream:
        def put(block):
            digest.update(block)
            stream.write(block)
        put(len(text).to_bytes(8, "little") + text)
        for name in shapes:
            put(tensor_bytes(cast(name, tensor_of(name), dtype)))
        size = stream.tell()
    return digest.hexdigest(), size
