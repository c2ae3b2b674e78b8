"""The tensors of a HySAC checkpoint: named, checked, LoRA merged, the patch bias folded.

Formulas:
  LoRA merge          W' = W + (alpha/r) B A           (Hu et al., arXiv 2106.09685, sec. 4.1)
  patch bias fold     conv(x) + b + pos[n] = conv(x) + (pos[n] + b) for patch positions n >= 1
  scalars             curvature = exp(curv), alpha = exp(visual_alpha), ... (hysac/models.py)
All of it is computed in float64; weights.py rounds once, to the stored type.
"""

import math
import re

import torch

from .sources import ConvertError

SCALARS = ("logit_scale", "curv", "visual_alpha", "textual_alpha")
IGNORED_TOP = ("pixel_mean", "pixel_std")
PATCH_BIAS = "vision_model.embeddings.patch_embedding.bias"
POSITIONS = "vision_model.embeddings.position_embedding.weight"
LORA = re.compile(r"(?P<module>.+)\.lora_(?P<side>[AB])(\.default)?\.weight")


def expected_tensors(config):
    """Name -> shape of every CLIP tensor, tower by tower, in transformers' naming."""
    def norm(name, width):
        return {f"{name}.weight": (width,), f"{name}.bias": (width,)}

    def linear(name, out_width, in_width):
        return {f"{name}.weight": (out_width, in_width), f"{name}.bias": (out_width,)}

    def encoder(model, values):
        width, inner = values["hidden_size"], values["intermediate_size"]
        shapes = {}
        for layer in range(values["num_hidden_layers"]):
            stem = f"{model}.encoder.layers.{layer}"
            for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
                shapes |= linear(f"{stem}.self_attn.{name}", width, width)
            shapes |= norm(f"{stem}.layer_norm1", width)
            shapes |= linear(f"{stem}.mlp.fc1", inner, width)
            shapes |= linear(f"{stem}.mlp.fc2", width, inner)
            shapes |= norm(f"{stem}.layer_norm2", width)
        return shapes

    vision, text = config["vision_config"], config["text_config"]
    width, patch = vision["hidden_size"], vision["patch_size"]
    patches = (vision["image_size"] // patch) ** 2
    visual = {
        "vision_model.embeddings.class_embedding": (width,),
        "vision_model.embeddings.patch_embedding.weight":
            (width, vision["num_channels"], patch, patch),
        POSITIONS: (patches + 1, width),
        **norm("vision_model.pre_layrnorm", width),
        **encoder("vision_model", vision),
        **norm("vision_model.post_layernorm", width),
        "visual_projection.weight": (config["projection_dim"], width),
    }
    width = text["hidden_size"]
    textual = {
        "text_model.embeddings.token_embedding.weight": (text["vocab_size"], width),
        "text_model.embeddings.position_embedding.weight":
            (text["max_position_embeddings"], width),
        **encoder("text_model", text),
        **norm("text_model.final_layer_norm", width),
        "text_projection.weight": (config["projection_dim"], width),
    }
    return {"visual": visual, "textual": textual}


class Checkpoint:
    """A state_dict sorted into plain tensors, LoRA pairs, scalars and the patch bias.

    Each is kept as (name in the file, tensor), so that errors name what the user has.
    """

    def __init__(self, state, expected):
        self.plain, self.lora, self.scalars, self.patch_bias = {}, {}, {}, None
        unexpected = []
        for key, tensor in state.items():
            if not self._place(key, tensor, expected):
                unexpected.append(key)
        if unexpected:
            raise ConvertError(listing("unexpected", unexpected))
        self._check_complete(expected)

    def _place(self, key, tensor, expected):
        """Sort one tensor; False where it belongs nowhere."""
        if key in SCALARS:
            self.scalars[key] = (key, tensor)
            return True
        if key in IGNORED_TOP:
            return True
        tower, _, name = key.partition(".")
        if tower not in expected:
            return False
        name = name.removeprefix("base_model.model.")
        if name.endswith("_model.embeddings.position_ids"):
            return True
        shapes = expected[tower]
        if match := LORA.fullmatch(name):
            weight = match["module"] + ".weight"
            if weight not in shapes:
                return False
            self._put(self.lora.setdefault(weight, {}), match["side"], key, tensor)
            return True
        name = re.sub(r"\.base_layer\.(weight|bias)$", r".\1", name)
        if name == PATCH_BIAS and tower == "visual":
            if self.patch_bias:
                raise ConvertError(f"{key} and {self.patch_bias[0]} are the same tensor twice")
            self.patch_bias = (key, tensor)
            return True
        if name not in shapes:
            return False
        self._put(self.plain, name, key, tensor)
        return True

    @staticmethod
    def _put(where, name, key, tensor):
        if name in where:
            raise ConvertError(f"{key} and {where[name][0]} are the same tensor twice")
        where[name] = (key, tensor)

    def _check_complete(self, expected):
        missing = [name for name in SCALARS if name not in self.scalars]
        for tower, shapes in expected.items():
            missing += [f"{tower}.{name}" for name in shapes if name not in self.plain]
        if missing:
            raise ConvertError(listing("missing", missing))
        shapes = {**expected["visual"], **expected["textual"]}
        for name, shape in shapes.items():
            check_tensor(*self.plain[name], shape)
        for key, tensor in self.scalars.values():
            if tensor.numel() != 1:
                raise ConvertError(f"{key} has shape {list(tensor.shape)}; "
                                   "a single number is expected")
            check_tensor(key, tensor, tuple(tensor.shape))
        if self.patch_bias:
            check_tensor(*self.patch_bias, shapes[POSITIONS][1:])
        for name, pair in self.lora.items():
            self._check_pair(name, pair, shapes[name])

    @staticmethod
    def _check_pair(name, pair, shape):
        """A LoRA pair fits its weight: linear, or a convolution with a 1x1 one behind."""
        for side, other in ("AB", "BA"):
            if side not in pair:
                raise ConvertError(f"{pair[other][0]} stands alone: "
                                   f"lora_{side} of {name} is missing")
        if len(shape) not in (2, 4):
            raise ConvertError(f"{pair['A'][0]}: {name} is no matrix and no convolution")
        rank = pair["A"][1].shape[0] if pair["A"][1].dim() else 0
        if rank < 1:
            raise ConvertError(f"{pair['A'][0]} has shape {list(pair['A'][1].shape)}; "
                               "no rank can be read off it")
        tail = (1, 1) if len(shape) == 4 else ()
        check_tensor(*pair["A"], (rank, *shape[1:]))
        check_tensor(*pair["B"], (shape[0], rank, *tail))

    def lora_ranks(self):
        """The ranks found, sorted, each once."""
        return sorted({pair["A"][1].shape[0] for pair in self.lora.values()})

    def merged(self, name, lora_alpha):
        """A tensor of the model in float64: LoRA merged, the patch bias folded."""
        weight = self.plain[name][1].to(torch.float64)
        if pair := self.lora.get(name):
            a, b = (pair[side][1].to(torch.float64) for side in "AB")
            rank = a.shape[0]
            update = b.reshape(-1, rank) @ a.reshape(rank, -1)
            weight = weight + (lora_alpha / rank) * update.reshape(weight.shape)
        if name == POSITIONS and self.patch_bias:
            weight = weight.clone()
            weight[1:] += self.patch_bias[1].to(torch.float64)
        return weight

    def scalar(self, name):
        """The plain value of a scalar that is stored as a logarithm."""
        key, tensor = self.scalars[name]
        log = float(tensor)
        if abs(log) > 50:
            raise ConvertError(f"{key} is {log}; the logarithm of a sensible value is expected")
        return math.exp(log)


def listing(what, names):
    """One line naming the first few tensors of a kind of mistake."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{what} tensor{'s' if len(names) > 1 else ''}: {', '.join(names[:3])}{more}"


def check_tensor(key, tensor, shape):
    """Shape, type and finiteness of one tensor of the file."""
    if tuple(tensor.shape) != tuple(shape):
        raise ConvertError(f"{key} has shape {list(tensor.shape)}; "
                           f"config.json and its neighbours ask for {list(shape)}")
    if not tensor.is_floating_point() or tensor.layout != torch.strided:
        raise ConvertError(f"{key} has type {tensor.dtype} ({tensor.layout}); "
                           "dense floating point is expected")
    if not torch.isfinite(tensor).all():
        raise ConvertError(f"{key} holds NaN or infinite values")
