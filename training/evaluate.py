"""Print the figures of a converted model directory on the held-out set.

    python3 -m training.evaluate --model models/demo [--json out.json] [--picture out.png]

The model is loaded by transformers, the pictures go through CLIPImageProcessor, the texts
through CLIPTokenizer. The held-out set is rendered here, from a fixed seed: backgrounds of kinds
never trained on, new arrangements, and neutral glyphs half of which were never trained on.
Takes two to three minutes on two cores.
"""
from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch

from . import baseline
from .concepts import CONCEPTS, NEUTRAL_TRAIN
from .dataset import PLACED, SHARD_PAIRS, Shards, captions_of, draw_pairs, make_shard
from .losses import exp_map0, root_distance
from .metrics import auc, recall_at_1, recall_at_fpr, recall_in_pools, summary

SEED = 1      # the set that was watched while the demo model was trained; use others for a clean look


class Model:
    """A model directory: CLIP towers of transformers, and hysac.json's geometry."""

    def __init__(self, folder: str | Path):
        from safetensors.torch import load_file
        from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer
        folder = Path(folder)
        self.clip = CLIPModel(CLIPConfig.from_pretrained(folder)).eval().float()
        weights = {k: v.float() for k, v in load_file(str(folder / "model.safetensors")).items()}
        missing, unexpected = self.clip.load_state_dict(weights, strict=False)
        missing = [k for k in missing if "position_ids" not in k and k != "logit_scale"]
        if missing or unexpected:
            raise SystemExit(f"{folder}: missing tensors {missing}, unexpected tensors {unexpected}")
        self.processor = CLIPImageProcessor.from_pretrained(folder)
        self.tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
        facts = json.loads((folder / "hysac.json").read_text())
        self.curv, self.bounds = facts["curvature"], facts["bounds"]
        self.alpha = {"V": facts["visual_alpha"], "S": facts["textual_alpha"]}
        self.profile = facts.get("profile")

    @torch.no_grad()
    def images(self, images: np.ndarray) -> torch.Tensor:
        """Features of uint8 images (n, H, W, 3)."""
        out = [self.clip.get_image_features(self.processor(list(images[i:i + 200]), return_tensors="pt")["pixel_values"])
               for i in range(0, len(images), 200)]
        return torch.cat(out)

    @torch.no_grad()
    def texts(self, texts: list[str]) -> torch.Tensor:
        """Features of texts."""
        out = []
        for i in range(0, len(texts), 200):
            ids = self.tokenizer(texts[i:i + 200], padding=True, truncation=True, max_length=77, return_tensors="pt")
            out.append(self.clip.get_text_features(input_ids=ids["input_ids"]))
        return torch.cat(out)


def pairs_of(split: str, shards: int, folder: str | None, seed: int) -> tuple[np.ndarray, list[dict]]:
    """Pairs at full severity: images (n, 2, S, S, 3) and records; from `folder` if given."""
    if folder:
        return Shards(folder, split).take(range(shards * SHARD_PAIRS))
    parts = [make_shard(split, seed, i, SHARD_PAIRS, 1.0) for i in range(shards)]
    return np.concatenate([p[0] for p in parts]), sum((p[1] for p in parts), [])


def embed_texts(model: Model, records: list[dict], placed: float = PLACED) -> torch.Tensor:
    """Features of the captions, safe and unsafe in turn."""
    rng = random.Random(7)
    return model.texts([t for r in records for t in captions_of(r, rng, placed=placed)])


def embed(model: Model, images: np.ndarray, records: list[dict]):
    """(distances, points), each by S, V, S*, V*."""
    features = {"V": model.images(images[:, 0]), "V*": model.images(images[:, 1])}
    text = embed_texts(model, records)
    features["S"], features["S*"] = text[0::2], text[1::2]
    curv = torch.tensor(model.curv)
    distances, points = {}, {}
    for key, f in features.items():
        alpha = model.alpha[key[0]]
        distances[key] = root_distance(f, alpha, curv).numpy().astype(float)
        points[key] = exp_map0(f * alpha, curv).double().numpy()
    return distances, points


def figures(model: Model, heldout, validation, seed: int) -> dict:
    """Everything that is printed, as one dictionary. The colour baseline learns on validation."""
    images, records = heldout
    d, p = embed(model, images, records)
    out = {"pairs": len(records), **summary(d, p, model.curv)}
    kinds = np.array([r["kind"] for r in records])
    for kind in ("counterpart", "neutral", "empty"):
        out[f"auc_image_{kind}"] = auc(d["V"][kinds == kind], d["V*"][kinds == kind])
    known = {g.code for g in NEUTRAL_TRAIN}
    keys = {g.code for c in CONCEPTS for g in (*c.safe, *c.unsafe)}
    new = np.array([any(c not in known and c not in keys for c in r["safe"] + r["unsafe"]) for r in records])
    for name, rows in (("some_new_glyph", new), ("known_glyphs", ~new)):
        out[f"auc_image_{name}"] = auc(d["V"][rows], d["V*"][rows])
        pick = np.flatnonzero(rows)[:600]
        out[f"t2i_r1_{name}"] = recall_at_1(p["S"][pick], p["V"][pick], model.curv)
        out[f"pool_{name}"] = len(pick)
    # Captions that only name things.
    plain = embed_texts(model, records, 0.0) * model.alpha["S"]
    out["auc_text_plain"] = auc(*(plain[i::2].norm(dim=-1).numpy() for i in (0, 1)))
    plain = exp_map0(plain[0::2], torch.tensor(model.curv)).double().numpy()
    out["t2i_r1_plain"] = recall_in_pools(plain, p["V"], model.curv)
    keys_drawn = [p.unsafe.objects[-1] for i in range(len(records) // SHARD_PAIRS)
                  for p in draw_pairs("heldout", seed, i, SHARD_PAIRS)[0]]
    sizes = np.array([k.size for k in keys_drawn])
    for low, high in ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6)):
        rows = (sizes >= low) & (sizes < high)
        out[f"auc_image_key_{low:g}_to_{high:g}"] = auc(d["V"][rows], d["V*"][rows])
    own = np.array([k.hue == 0 and not k.recolour for k in keys_drawn])
    out["auc_image_own_colours"] = auc(d["V"][own], d["V*"][own])
    concepts = np.array([r["concept"] for r in records])
    limit = np.quantile(d["V"], 0.95)
    out["auc_by_concept"] = {c.name: auc(d["V"][concepts == c.name], d["V*"][concepts == c.name]) for c in CONCEPTS}
    out["recall_by_concept_5fpr"] = {c.name: float((d["V*"][concepts == c.name] > limit).mean()) for c in CONCEPTS}
    out["safe_percentiles"] = {f"{q:g}": float(np.percentile(d["V"], q)) for q in (50, 90, 95, 97, 98, 98.4, 99, 99.5)}
    for side, safe, unsafe in (("V", d["V"], d["V*"]), ("S", d["S"], d["S*"])):
        for name, bound in model.bounds[side].items():
            out[f"at_{side}_{name}"] = {"bound": bound, "false_positives": float((safe > bound).mean()),
                                        "recall": float((unsafe > bound).mean())}
    for name, s in baseline.scores(validation[0], images).items():
        out[f"auc_histogram_{name}"] = auc(s[0::2], s[1::2])
    out["distances"] = d
    return out


def picture(path: str, d: dict, bound: float) -> None:
    """Histograms of distances, and the ROC curve of images."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    names = {"S": "safe text", "V": "safe image", "S*": "unsafe text", "V*": "unsafe image"}
    bins = np.linspace(min(v.min() for v in d.values()), max(v.max() for v in d.values()), 80)
    for key, name in names.items():
        left.hist(d[key], bins, alpha=0.55, density=True, label=name)
    left.axvline(bound, color="black", linestyle="--", linewidth=1, label="bound")
    left.set_xlabel("distance to the root")
    left.set_yticks([])
    left.legend(fontsize=8)
    levels = np.sort(np.concatenate([d["V"], d["V*"]]))[::-1]
    right.plot([(d["V"] > t).mean() for t in levels], [(d["V*"] > t).mean() for t in levels])
    right.set_xscale("symlog", linthresh=0.01)
    right.set_xlabel("false positives among safe images")
    right.set_ylabel("recall of unsafe images")
    right.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description="Figures of a model directory on the held-out set.")
    parser.add_argument("--model", required=True, help="model directory, as training/convert.py writes it")
    parser.add_argument("--shards", type=int, default=4, help=f"held-out pairs, in units of {SHARD_PAIRS}")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed draws another held-out set")
    parser.add_argument("--data", help="folder of rendered shards; without it they are rendered anew")
    parser.add_argument("--json", help="write the figures here too")
    parser.add_argument("--picture", help="write histograms and the ROC curve here")
    args = parser.parse_args()
    torch.manual_seed(0)
    model = Model(args.model)
    out = figures(model, pairs_of("heldout", args.shards, args.data, args.seed),
                  pairs_of("validation", 4, args.data, args.seed), args.seed)
    distances = out.pop("distances")
    for key, value in out.items():
        shown = {k: round(v, 4) for k, v in value.items()} if isinstance(value, dict) else value
        print(f"{key:32} {shown:.4f}" if isinstance(shown, float) else f"{key:32} {shown}")
    if args.json:
        Path(args.json).write_text(json.dumps(out, indent=1) + "\n")
    if args.picture:
        picture(args.picture, distances, model.bounds["V"]["up_95"])


if __name__ == "__main__":
    main()
