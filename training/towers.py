"""CLIP's two towers in plain torch, with the state_dict names of transformers' CLIP.

The same arithmetic as CLIPVisionModelWithProjection and CLIPTextModelWithProjection (a test
checks it), written so that a training step on a CPU is quick: one product for q, k and v, and
quick_gelu as silu(1.702 x) / 1.702 with the factors folded into the weights.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

GELU = 1.702


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x, mask):
        n, length, width = x.shape
        scale = (width // self.heads) ** -0.5
        weight = torch.cat([self.q_proj.weight * scale, self.k_proj.weight, self.v_proj.weight])
        bias = torch.cat([self.q_proj.bias * scale, self.k_proj.bias, self.v_proj.bias])
        q, k, v = F.linear(x, weight, bias).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores + mask
        mixed = scores.softmax(-1).to(v.dtype) @ v
        return self.out_proj(mixed.transpose(1, 2).reshape(n, length, width))


class Mlp(nn.Module):
    def __init__(self, width: int, inner: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        x = F.silu(F.linear(x, self.fc1.weight * GELU, self.fc1.bias * GELU))
        return F.linear(x, self.fc2.weight / GELU, self.fc2.bias)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int):
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = Mlp(width, inner)
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x, mask=None):
        x = x + self.self_attn(self.layer_norm1(x), mask)
        return x + self.mlp(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(c["hidden_size"], c["num_attention_heads"], c["intermediate_size"])
            for _ in range(c["num_hidden_layers"]))

    def forward(self, x, mask=None):
        for layer in self.layers:
            x = layer(x, mask)
        return x


class VisionEmbeddings(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        width, patch = c["hidden_size"], c["patch_size"]
        self.patch = patch
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, patch, bias=False)
        self.position_embedding = nn.Embedding((c["image_size"] // patch) ** 2 + 1, width)

    def forward(self, pixels):
        n, p = len(pixels), self.patch
        rows, columns = pixels.shape[2] // p, pixels.shape[3] // p
        patches = pixels.view(n, 3, rows, p, columns, p).permute(0, 2, 4, 1, 3, 5)
        x = F.linear(patches.reshape(n, rows * columns, 3 * p * p), self.patch_embedding.weight.flatten(1))
        x = torch.cat([self.class_embedding.to(x.dtype).expand(n, 1, -1), x], 1)
        return x + self.position_embedding.weight


class VisionModel(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.embeddings = VisionEmbeddings(c)
        self.pre_layrnorm = nn.LayerNorm(c["hidden_size"])      # transformers' spelling
        self.encoder = Encoder(c)
        self.post_layernorm = nn.LayerNorm(c["hidden_size"])

    def tokens(self, pixels):
        """What the encoder makes of the class token and of every patch."""
        return self.encoder(self.pre_layrnorm(self.embeddings(pixels)))

    def forward(self, pixels):
        return self.post_layernorm(self.tokens(pixels)[:, 0])


class TextEmbeddings(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.token_embedding = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.position_embedding = nn.Embedding(c["max_position_embeddings"], c["hidden_size"])

    def forward(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[:ids.shape[1]]


class TextModel(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.embeddings = TextEmbeddings(c)
        self.encoder = Encoder(c)
        self.final_layer_norm = nn.LayerNorm(c["hidden_size"])

    def forward(self, ids):
        length = ids.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = self.final_layer_norm(self.encoder(self.embeddings(ids), mask))
        return x[torch.arange(len(ids)), ids.argmax(-1)]         # end of text is the largest id


class VisionTower(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.vision_model = VisionModel(c)
        self.visual_projection = nn.Linear(c["hidden_size"], c["projection_dim"], bias=False)

    def forward(self, pixels):
        return self.visual_projection(self.vision_model(pixels))


class TextTower(nn.Module):
    def __init__(self, c: dict):
        super().__init__()
        self.text_model = TextModel(c)
        self.text_projection = nn.Linear(c["hidden_size"], c["projection_dim"], bias=False)

    def forward(self, ids):
        return self.text_projection(self.text_model(ids))


def initialise(tower: nn.Module, layers: int) -> None:
    """CLIP's initial scales (arXiv 2103.00020, section 2.5 and its released code)."""
    for name, p in tower.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(p)
        elif "norm" in name:
            nn.init.ones_(p)
        elif "embedding" in name:
            nn.init.normal_(p, std=0.02 if p.dim() > 1 else p.numel() ** -0.5)
        else:
            std = p.shape[1] ** -0.5
            if "out_proj" in name or "fc2" in name:
                std = p.shape[0] ** -0.5 * (2 * layers) ** -0.5
            elif "fc1" in name:
                std = (2 * p.shape[1]) ** -0.5
            nn.init.normal_(p, std=std)
