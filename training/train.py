"""Train the demo model from scratch on a CPU.

    python3 -m training.train --data SHARDS --out RUN --steps 5600 [--resume]

Writes to RUN: hysac_model.pth (HySAC's format, without LoRA tensors; EMA weights),
hysac_bounds.json, clip/ (config.json, preprocessor_config.json, vocab.json, merges.txt) and
state.pt to resume from. What a step draws depends on the seed and the step only.
"""
from __future__ import annotations

import argparse
import copy
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch

from . import tokenizer as tok
from .augment import jitter
from .captions import vocabulary_texts
from .dataset import BY_CODE, SHARD_PAIRS, Shards, captions_of, severity_of
from .losses import exp_map0, quadruplet_loss, root_distance
from .metrics import summary
from .model import Hysac, make_config, write_clip_folder


GRID = 8      # patches along one side


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """uint8 (..., H, W, 3) to float (..., 3, H, W) in 0 to 1."""
    return torch.from_numpy(images).movedim(-1, -3).float().div_(255)


def learning_rate(step: int, steps: int, peak: float, warmup: int = 200) -> float:
    """One cycle: linear up, cosine down to 1 % of the peak."""
    if step < warmup:
        return peak * (step + 1) / warmup
    t = min(1.0, (step - warmup) / max(1, steps - warmup))
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * t)))


def ramp(step: int, first: int, last: int) -> float:
    """0 before `first`, 1 after `last`, straight between."""
    return min(1.0, max(0.0, (step - first) / max(1, last - first)))


def optimiser(model: Hysac, head: torch.nn.Module, args) -> torch.optim.AdamW:
    """AdamW; weight decay on matrices only, not on embeddings, biases, norms and scalars."""
    decayed, free = [], []
    for name, p in model.named_parameters():
        matrix = p.dim() >= 2 and "position" not in name and "token" not in name
        (decayed if matrix else free).append(p)
    free += head.parameters()
    return torch.optim.AdamW([{"params": decayed, "weight_decay": args.weight_decay},
                              {"params": free, "weight_decay": 0.0}], lr=args.lr, betas=(0.9, 0.98))


class Stream:
    """The batch of a step: images (n, 2, 3, S, S), token ids, records, and what covers each patch (empty
    once the naming heads are gone)."""

    def __init__(self, light: Shards, full: Shards, tokens: tok.Tokenizer, args):
        self.light, self.full, self.tokens, self.args = light, full, tokens, args
        self.groups = None
        self.strange = tokens.fragments(vocabulary_texts(list(BY_CODE.values())))

    def pool(self, shards: Shards, size: int, step: int, rng: random.Random):
        """The rows that a batch draws from: all, or those of a few concepts, so that only neutral
        objects and places tell many of its scenes apart."""
        if shards is not self.full or not self.args.concepts or step < self.args.concepts_from:
            return range(size * SHARD_PAIRS)
        if self.groups is None:
            self.groups = shards.by_concept(size)
        return [i for group in rng.sample(self.groups, self.args.concepts) for i in group]

    def batch(self, step: int):
        a = self.args
        seed = a.seed * 1_000_003 + step
        rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
        hard = round(a.batch * ramp(step, *a.hard_ramp))
        images, records, cells = [], [], []
        for shards, count, size in ((self.full, hard, a.shards), (self.light, a.batch - hard, a.light_shards)):
            if count:
                rows = sorted(rng.sample(self.pool(shards, size, step, rng), count))
                more, what = shards.take(rows)
                images.append(more)
                records += what
                if step < a.naming_ramp[1]:
                    cells.append(shards.layouts(rows, a.data_seed, lambda i: severity_of(shards.split, i), GRID))
        strength = 0.2 + 0.8 * ramp(step, 0, 1600) - 0.7 * ramp(step, *a.calm_ramp)
        images, mirrored = jitter(to_tensor(np.concatenate(images)), generator, strength)
        if cells:
            cells = torch.from_numpy(np.concatenate(cells))
            cells = torch.where(mirrored[:, None, None, None], cells.flip(-1), cells)
        strange = self.strange if step >= a.strange_from else ()
        texts = [captions_of(r, rng, strange, mirrored=m) for r, m in zip(records, mirrored.tolist())]
        ids = self.tokens.batch([t[0] for t in texts] + [t[1] for t in texts])
        return images, ids, records, cells


class Steps(torch.utils.data.Dataset):
    """Batches by step, for a worker process that draws them ahead."""

    def __init__(self, stream: Stream):
        self.stream = stream

    def __getitem__(self, step: int):
        return self.stream.batch(step)


class Naming(torch.nn.Module):
    """Auxiliary heads that name glyphs: in the whole picture, and in each patch (0 is nothing).

    They stand in for CLIP's pre-training at the start and are no part of the model.
    """

    def __init__(self, width: int):
        super().__init__()
        codes = torch.tensor([0] + sorted(BY_CODE))
        self.register_buffer("codes", codes)
        self.whole = torch.nn.Linear(width, len(codes))
        self.patch = torch.nn.Linear(width, len(codes))

    def forward(self, pooled, patches, records, cells):
        """(loss of the picture, loss of the patches)."""
        wanted = torch.zeros(len(pooled), len(self.codes))
        for i, record in enumerate(records):
            for row, side in ((2 * i, "safe"), (2 * i + 1, "unsafe")):
                shown = torch.searchsorted(self.codes, torch.tensor(record[side] or [0]))
                wanted[row, shown] = 1 / len(shown)
        whole = -(wanted * self.whole(pooled).float().log_softmax(-1)).sum(-1).mean()
        target = torch.searchsorted(self.codes, cells.flatten().long())
        weight = torch.ones(len(self.codes))
        weight[0] = 0.2
        patch = torch.nn.functional.cross_entropy(self.patch(patches).float().flatten(0, 1), target, weight)
        return whole, patch


def _same(records, side):
    """(n, n) bool: which rows show the same glyphs on that side."""
    keys = [tuple(sorted(r[side])) for r in records]
    codes = torch.tensor([hash(k) for k in keys])        # hashes of int tuples are stable
    return codes[:, None] == codes[None, :]


def embed(model: Hysac, images: torch.Tensor, texts: list[str], tokens: tok.Tokenizer, batch=192):
    """Features of images (n, 3, S, S) and of texts, as float32 tensors."""
    with torch.no_grad():
        image = torch.cat([model.image_features(b) for b in images.split(batch)])
        text = torch.cat([model.text_features(tokens.batch(texts[i:i + batch]))
                          for i in range(0, len(texts), batch)])
    return image, text


def measure(model: Hysac, shards: Shards, count: int, tokens, seed=7) -> tuple[dict, dict]:
    """(figures, distances) over the first `count` pairs of a split."""
    images, records = shards.take(range(count))
    rng = random.Random(seed)
    texts = [captions_of(r, rng) for r in records]
    pixels = to_tensor(images)
    image, text = embed(model, pixels.flatten(0, 1), [t for pair in texts for t in pair], tokens)
    curv, distances, points = model.curv.exp().detach(), {}, {}
    for key, features, alpha in (("S", text[0::2], model.textual_alpha), ("V", image[0::2], model.visual_alpha),
                                 ("S*", text[1::2], model.textual_alpha), ("V*", image[1::2], model.visual_alpha)):
        scale = alpha.exp().detach()
        distances[key] = root_distance(features, scale, curv).numpy().astype(float)
        points[key] = exp_map0(features * scale, curv).numpy()
    return summary(distances, points, float(curv)), distances


def start_from(folder: str | Path, model: Hysac, tokens: tok.Tokenizer) -> None:
    """Take over the weights of a converted model directory of the same sizes.

    Embeddings of tokens that both vocabularies know are taken over, those of others stay new.
    """
    from safetensors.torch import load_file
    folder = Path(folder)
    facts = json.loads((folder / "hysac.json").read_text())
    weights = {k: v.float() for k, v in load_file(str(folder / "model.safetensors")).items()}
    name = "text_model.embeddings.token_embedding.weight"
    old, rows = weights.pop(name), model.textual.state_dict()[name].clone()
    for token, i in json.loads((folder / "vocab.json").read_text()).items():
        if token in tokens.vocab:
            rows[tokens.vocab[token]] = old[i]
    weights[name] = rows
    for tower, prefix in ((model.visual, "vi"), (model.textual, "text_")):
        tower.load_state_dict({k: weights[k] for k in tower.state_dict() if k.startswith(prefix)})
    with torch.no_grad():
        model.curv.fill_(math.log(facts["curvature"]))
        model.visual_alpha.fill_(math.log(facts["visual_alpha"]))
        model.textual_alpha.fill_(math.log(facts["textual_alpha"]))
        model.logit_scale.fill_(math.log(100))


def write_outputs(out: Path, model: Hysac, validation: Shards, tokens, count: int) -> None:
    """Checkpoint and bounds: percentiles of the distances of safe validation samples."""
    torch.save(model.checkpoint(), out / "hysac_model.pth")
    _, d = measure(model, validation, count, tokens)
    bounds = {side: {f"up_{q:g}": float(np.percentile(d[side], q))
                     for q in (50, 75, 90, 95, 97, 98, 98.4, 99, 99.5, 99.9)} for side in ("V", "S")}
    (out / "hysac_bounds.json").write_text(json.dumps(bounds, indent=1) + "\n")


def run(args) -> None:
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    glyphs = [BY_CODE[c] for c in sorted(BY_CODE)]
    tokens = tok.Tokenizer(tok.train(vocabulary_texts(glyphs)))
    config = make_config(len(tokens.vocab))
    write_clip_folder(out / "clip", config, tokens)
    model = Hysac(config)
    light = Shards(args.data, "light")
    first, patch = to_tensor(light.take(range(SHARD_PAIRS))[0][:, 0]), config["vision_config"]["patch_size"]
    first = torch.nn.functional.unfold((first - model.mean) / model.std, patch, stride=patch)
    if args.start:
        start_from(args.start, model, tokens)
    else:
        model.fit_first_layer(first.transpose(1, 2).flatten(0, 1))
    head = Naming(config["vision_config"]["hidden_size"])
    optim = optimiser(model, head, args)
    average, step = copy.deepcopy(model).requires_grad_(False), 0
    state_file = out / "state.pt"
    if args.resume and state_file.exists():
        state = torch.load(state_file, map_location="cpu")
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        head.load_state_dict(state["head"])
        optim.load_state_dict(state["optim"])
        step = state["step"]
    stream = Stream(light, Shards(args.data, "train"), tokens, args)
    validation, heldout = Shards(args.data, "validation"), Shards(args.data, "heldout")
    began, logged = time.time(), time.time()
    ahead = torch.utils.data.DataLoader(Steps(stream), batch_size=None, sampler=range(step, args.steps), num_workers=1)
    for images, ids, records, cells in ahead:
        lr = learning_rate(step, args.steps, args.lr)
        for group in optim.param_groups:
            group["lr"] = lr
        n = len(images)
        model.clamp_scalars()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
            seen = model.visual.vision_model.tokens((images.flatten(0, 1) - model.mean) / model.std)
            pooled = model.visual.vision_model.post_layernorm(seen[:, 0])
            image, text = model.visual.visual_projection(pooled), model.textual(ids)
            naming = args.naming * (1 - ramp(step, *args.naming_ramp))
            named = head(pooled, seen[:, 1:], records, cells) if naming > 0 else None
        curv = model.curv.exp()
        image = exp_map0(image.float() * model.visual_alpha.exp(), curv).view(n, 2, -1)
        text = exp_map0(text.float() * model.textual_alpha.exp(), curv)
        loss, parts = quadruplet_loss(text[:n], image[:, 0], text[n:], image[:, 1], curv,
                                      model.logit_scale.exp(),
                                      entail_weight=args.entail * ramp(step, *args.entail_ramp),
                                      order_weight=args.order * ramp(step, *args.order_ramp),
                                      same_safe=_same(records, "safe"), same_unsafe=_same(records, "unsafe"))
        if named:
            loss = loss + naming * (named[0] + named[1])
            parts["name"], parts["patch"] = float(named[0].detach()), float(named[1].detach())
        optim.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optim.step()
        step += 1
        decay = min(args.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for a, p in zip(average.parameters(), model.parameters()):
                a.lerp_(p, 1 - decay)
        if step % 25 == 0:
            rate, logged = (time.time() - logged) / 25, time.time()
            print(f"{step} loss {float(loss.detach()):.3f} lr {lr:.1e} {rate:.2f} s/step "
                  + " ".join(f"{k} {v:.3f}" for k, v in parts.items())
                  + f" scale {float(model.logit_scale.detach().exp()):.1f} curv {float(curv.detach()):.2f}"
                  + f" alpha {float(model.visual_alpha.detach().exp()):.3f} {float(model.textual_alpha.detach().exp()):.3f}", flush=True)
        if step % args.every == 0 or step == args.steps:
            average.clamp_scalars()
            figures, _ = measure(average, heldout, 600, tokens)
            print(f"eval {step} {(time.time() - began) / 60:.1f} min "
                  + " ".join(f"{k}={v:.3f}" for k, v in figures.items()), flush=True)
            torch.save({"model": model.state_dict(), "average": average.state_dict(),
                        "optim": optim.state_dict(), "head": head.state_dict(), "step": step}, out / "state.part")
            (out / "state.part").rename(state_file)
            write_outputs(out, average, validation, tokens, 500 if step < args.steps else 2000)
            logged = time.time()


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo model from scratch on a CPU.")
    parser.add_argument("--data", required=True, help="folder that training.dataset wrote")
    parser.add_argument("--out", required=True, help="folder of the run")
    parser.add_argument("--start", metavar="MODEL", help="start from a converted model, not from noise")
    parser.add_argument("--steps", type=int, default=5600)
    parser.add_argument("--batch", type=int, default=96, help="quadruplets a step")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--entail", type=float, default=0.2, help="weight of the entailment terms")
    parser.add_argument("--entail-ramp", type=int, nargs=2, default=(800, 1800), metavar="STEP")
    parser.add_argument("--order", type=float, default=0.8, help="weight of the radial order term")
    parser.add_argument("--order-ramp", type=int, nargs=2, default=(2250, 2750), metavar="STEP")
    parser.add_argument("--strange-from", type=int, default=2250, metavar="STEP",
                        help="from here on some neutral objects are called by words without meaning")
    parser.add_argument("--concepts", type=int, default=8, help="concepts that a batch draws from; 0 is all")
    parser.add_argument("--concepts-from", type=int, default=3500, metavar="STEP")
    parser.add_argument("--naming", type=float, default=1.0,
                        help="weight of the auxiliary naming losses that stand in for pre-training")
    parser.add_argument("--naming-ramp", type=int, nargs=2, default=(2500, 4200), metavar="STEP",
                        help="steps between which it fades out")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--every", type=int, default=250, help="steps between evaluations")
    parser.add_argument("--shards", type=int, default=60, help="shards of the train split")
    parser.add_argument("--light-shards", type=int, default=40, help="shards of the light split")
    parser.add_argument("--hard-ramp", type=int, nargs=2, default=(300, 1500), metavar="STEP",
                        help="steps between which the light split gives way to the train split")
    parser.add_argument("--calm-ramp", type=int, nargs=2, default=(4250, 4750), metavar="STEP",
                        help="steps between which the quick augmentation goes back to little")
    parser.add_argument("--data-seed", type=int, default=1, help="the seed training.dataset was given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true", help="autocast; needs torch 2 and a CPU with bf16")
    parser.add_argument("--resume", action="store_true")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
