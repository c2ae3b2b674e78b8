"""HySAC's model: two CLIP towers, two scales, a curvature; its checkpoint and the CLIP folder."""
from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from torch import nn

from .losses import exp_map0
from .towers import TextTower, VisionTower, initialise

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def make_config(vocab_size: int, image_size=96, patch=12, width=128, layers=4, heads=4,
                text_width=96, text_layers=2, text_heads=4, projection=128) -> dict:
    """A CLIP config.json. The token ids of start and end of text are the last two."""
    common = {"layer_norm_eps": 1e-05, "hidden_act": "quick_gelu", "initializer_range": 0.02,
              "initializer_factor": 1.0, "attention_dropout": 0.0, "projection_dim": projection}
    return {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": projection,
        "logit_scale_init_value": 2.6592,
        "vision_config": {
            **common, "model_type": "clip_vision_model", "hidden_size": width,
            "intermediate_size": 4 * width, "num_hidden_layers": layers,
            "num_attention_heads": heads, "num_channels": 3, "patch_size": patch,
            "image_size": image_size},
        "text_config": {
            **common, "model_type": "clip_text_model", "vocab_size": vocab_size,
            "hidden_size": text_width, "intermediate_size": 4 * text_width,
            "num_hidden_layers": text_layers, "num_attention_heads": text_heads,
            "max_position_embeddings": 77, "bos_token_id": vocab_size - 2,
            "eos_token_id": vocab_size - 1, "pad_token_id": vocab_size - 1},
    }


def preprocessor_config(image_size: int) -> dict:
    return {
        "image_processor_type": "CLIPImageProcessor", "feature_extractor_type": "CLIPFeatureExtractor",
        "do_resize": True, "size": {"shortest_edge": image_size}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": image_size, "width": image_size},
        "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": list(MEAN), "image_std": list(STD), "do_convert_rgb": True,
    }


class Hysac(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.config = config
        self.visual = VisionTower(config["vision_config"])
        self.textual = TextTower(config["text_config"])
        initialise(self.visual, config["vision_config"]["num_hidden_layers"])
        initialise(self.textual, config["text_config"]["num_hidden_layers"])
        log_scale = math.log(config["projection_dim"] ** -0.5)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        self.curv = nn.Parameter(torch.tensor(0.0))                 # log of the curvature 1
        self.visual_alpha = nn.Parameter(torch.tensor(log_scale))
        self.textual_alpha = nn.Parameter(torch.tensor(log_scale))
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    @torch.no_grad()
    def fit_first_layer(self, patches) -> None:
        """Start from whitened principal components of normalised patches (n, 3 * p * p) and from
        2-D sines as positions, instead of noise: a small tower on few pictures learns sooner."""
        embeddings = self.visual.vision_model.embeddings
        mean = patches.mean(0)
        values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
        width = len(embeddings.class_embedding)
        values, vectors = values.flip(0)[:width], vectors.flip(1)[:, :width]
        weight = (vectors / torch.sqrt(values + 0.003 * values[0])).T
        embeddings.patch_embedding.weight.copy_(weight.view_as(embeddings.patch_embedding.weight))
        side = round((len(embeddings.position_embedding.weight) - 1) ** 0.5)
        place = torch.arange(side, dtype=torch.float32)
        wave = place[:, None] * (1.6 * 16 ** -torch.arange(0, 1, 4 / width))[None, :]
        line = torch.cat([wave.sin(), wave.cos()], 1)                        # (side, width / 2)
        grid = torch.cat([line[:, None].expand(-1, side, -1), line[None].expand(side, -1, -1)], 2)
        embeddings.position_embedding.weight[1:] = 0.5 * grid.reshape(side * side, width) - weight @ mean

    def clamp_scalars(self) -> None:
        """The limits of hysac/training.py: temperature, scales at most 1, curvature 0.1 to 10."""
        with torch.no_grad():
            self.logit_scale.clamp_(math.log(1 / 0.07), math.log(100))
            self.curv.clamp_(math.log(0.1), math.log(10))
            self.visual_alpha.clamp_(max=0.0)
            self.textual_alpha.clamp_(max=0.0)

    def image_features(self, images):
        """images: float (n, 3, H, W) in 0 to 1."""
        return self.visual((images - self.mean) / self.std).float()

    def text_features(self, ids):
        return self.textual(ids).float()

    def image_points(self, images):
        return exp_map0(self.image_features(images) * self.visual_alpha.exp(), self.curv.exp())

    def text_points(self, ids):
        return exp_map0(self.text_features(ids) * self.textual_alpha.exp(), self.curv.exp())

    def checkpoint(self) -> dict[str, torch.Tensor]:
        """A state_dict in the format of hysac_model.pth (no LoRA tensors: trained from scratch)."""
        out = {}
        for name, tensor in self.state_dict().items():
            tower, _, rest = name.partition(".")
            key = f"{tower}.base_model.model.{rest}" if tower in ("visual", "textual") else name
            out[key] = tensor.detach().clone().float().contiguous()
        out["pixel_mean"] = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
        out["pixel_std"] = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
        return out


def write_clip_folder(folder: str | Path, config: dict, tokenizer) -> None:
    """config.json, preprocessor_config.json, vocab.json, merges.txt."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    size = config["vision_config"]["image_size"]
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor_config(size), indent=2) + "\n")
    tokenizer.save(folder)
