#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make expected.json: what core/statistics, core/logistic and core/alarms must say of made scores.

    /usr/bin/python3 tests/data/statistics/make_expected.py > tests/data/statistics/expected.json

Everything is computed the plain way, by numpy: pairs for the AUC, every threshold for the recall, Newton's
method with the whole Hessian for logistic regression.
"""
from __future__ import annotations

import json

import numpy as np

MASK = (1 << 64) - 1


class Splitmix:
    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n: int) -> int:
        return ((self.next() >> 32) * n) >> 32


def auc(safe: np.ndarray, unsafe: np.ndarray) -> float:
    return float(np.mean((unsafe[:, None] > safe[None, :]) + 0.5 * (unsafe[:, None] == safe[None, :])))


def recall_at(safe: np.ndarray, unsafe: np.ndarray, rate: float) -> float:
    best = 0.0
    for threshold in [*safe, *unsafe, -np.inf]:
        if np.sum(safe > threshold) <= rate * len(safe) + 1e-9:
            best = max(best, float(np.mean(unsafe > threshold)))
    return best


def interval(values: list[float]) -> list[float]:
    return [float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))]


def draw(random: Splitmix, scores: np.ndarray, clips: np.ndarray) -> np.ndarray:
    n = int(clips.max()) + 1
    parts = [scores[clips == random.below(n)] for _ in range(n)]
    return np.concatenate(parts)


def roc_case(rng: np.random.Generator, n_safe: int, n_unsafe: int, clips: int, rounds: int, seed: int) -> dict:
    safe = np.round(rng.normal(0.45, 0.03, n_safe), 3)          # rounded, so that there are ties
    unsafe = np.round(rng.normal(0.52, 0.04, n_unsafe), 3)
    safe_clips = rng.integers(0, clips, n_safe)
    unsafe_clips = rng.integers(0, clips, n_unsafe)
    safe_clips[:clips] = unsafe_clips[:clips] = np.arange(clips)
    random, drawn = Splitmix(seed), []
    for _ in range(rounds):
        a, b = draw(random, safe, safe_clips), draw(random, unsafe, unsafe_clips)
        drawn.append((auc(a, b), recall_at(a, b, 0.01), recall_at(a, b, 0.001)))
    whole = (auc(safe, unsafe), recall_at(safe, unsafe, 0.01), recall_at(safe, unsafe, 0.001))
    keys = ("auc", "at_1", "at_01")
    return {"safe": safe.tolist(), "unsafe": unsafe.tolist(), "safe_clips": safe_clips.tolist(),
            "unsafe_clips": unsafe_clips.tolist(), "rounds": rounds, "seed": seed,
            **{key: [whole[i], *interval([d[i] for d in drawn])] for i, key in enumerate(keys)}}


def ratio_case(rng: np.random.Generator, n: int, rounds: int, seed: int) -> dict:
    upper, lower = rng.poisson(1.5, n).astype(float), np.round(rng.uniform(0.05, 1.5, n), 4)
    random, values = Splitmix(seed), []
    for _ in range(rounds):
        picked = [random.below(n) for _ in range(n)]
        values.append(upper[picked].sum() / lower[picked].sum())
    return {"upper": upper.tolist(), "lower": lower.tolist(), "rounds": rounds, "seed": seed,
            "ratio": [upper.sum() / lower.sum(), *interval(values)]}


def newton(x: np.ndarray, t: np.ndarray, c: np.ndarray, l2: float) -> tuple[np.ndarray, float]:
    mean = np.average(x, axis=0, weights=c)
    deviation = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=c))
    z = np.hstack([(x - mean) / deviation, np.ones((len(x), 1))])
    penalty = np.diag([l2] * x.shape[1] + [0.0])
    w = np.zeros(x.shape[1] + 1)
    for _ in range(100):
        p = 1 / (1 + np.exp(-z @ w))
        gradient = z.T @ (c * (p - t)) / c.sum() + penalty @ w
        hessian = (z * (c * p * (1 - p))[:, None]).T @ z / c.sum() + penalty
        w = w - np.linalg.solve(hessian, gradient)
    assert np.abs(gradient).max() < 1e-12
    return w[:-1] / deviation, float(w[-1] - (w[:-1] * mean / deviation).sum())


def logistic_case(rng: np.random.Generator, n: int, dim: int, l2: float) -> dict:
    x = (rng.normal(0, 1, (n, dim)) * rng.uniform(0.1, 3, dim) + rng.normal(0, 2, dim)).astype(np.float32)
    t = (x.astype(float) @ rng.normal(0, 0.5, dim) + rng.normal(0, 1, n) > 0).astype(float)
    c = np.round(rng.uniform(0.5, 2, n), 3)
    w, b = newton(x.astype(float), t, c, l2)
    return {"x": x.astype(float).ravel().tolist(), "targets": t.tolist(), "weights": c.tolist(), "dim": dim,
            "l2": l2, "w": w.tolist(), "b": b}


def calibration_case(rng: np.random.Generator, n: int) -> dict:
    unsafe = (np.arange(n) % 3 == 0).astype(int)
    scores = np.round(rng.normal(0, 0.05, n) + 0.06 * unsafe, 4).astype(np.float32).astype(float)
    high, low = (unsafe.sum() + 1) / (unsafe.sum() + 2), 1 / ((1 - unsafe).sum() + 2)
    w, b = newton(scores[:, None], np.where(unsafe == 1, high, low), np.ones(n), 0.0)
    p = 1 / (1 + np.exp(-(w[0] * scores + b)))
    at = np.minimum((p * 10).astype(int), 9)
    bins = [[int(np.sum(at == i)), float(p[at == i].mean()) if np.any(at == i) else 0.0,
             float(unsafe[at == i].mean()) if np.any(at == i) else 0.0] for i in range(10)]
    ece = sum(count * abs(predicted - observed) for count, predicted, observed in bins) / n
    return {"scores": scores.tolist(), "unsafe": unsafe.tolist(), "slope": float(w[0]), "intercept": b,
            "brier": float(np.mean((p - unsafe) ** 2)), "ece": ece, "bins": bins}


def alarms(d: np.ndarray, t: np.ndarray, bound: float, k: int, n: int, enter: float, leave: float, least: int) -> int:
    """Rule 3 of docs/architecture.md, for a clip without cuts."""
    over, confirmed = d - bound > enter, np.zeros(len(d), bool)
    for first in range(len(d)):
        if over[first:first + n].sum() >= k:
            confirmed[first:first + n] |= over[first:first + n]
    count, i = 0, 0
    while i < len(d):
        if not confirmed[i]:
            i += 1
            continue
        count, start, i = count + 1, t[i], i + 1
        while i < len(d) and not (d[i] - bound <= leave and t[i] >= start + least):
            i += 1
    return count


def folds(n: int, count: int, seed: int) -> list[int]:
    random, of = Splitmix(seed), [i % count for i in range(n)]
    for i in range(n, 1, -1):
        j = random.below(i)
        of[i - 1], of[j] = of[j], of[i - 1]
    return of


def ratio(upper: list[float], lower: list[float], rounds: int, seed: int) -> list[float]:
    random, values, n = Splitmix(seed), [], len(upper)
    for _ in range(rounds):
        picked = [random.below(n) for _ in range(n)]
        values.append(sum(upper[i] for i in picked) / sum(lower[i] for i in picked))
    return [sum(upper) / sum(lower), *interval(values)]


def platt(margins: np.ndarray, unsafe: np.ndarray) -> tuple[float, float]:
    high, low = (unsafe.sum() + 1) / (unsafe.sum() + 2), 1 / ((1 - unsafe).sum() + 2)
    w, b = newton(margins.astype(np.float32).astype(float)[:, None], np.where(unsafe == 1, high, low),
                  np.ones(len(margins)), 0.0)
    return float(w[0]), b


def measures_case(rng: np.random.Generator) -> dict:
    second, rounds, seed, percentile = 1_000_000_000, 200, 99, 90.0
    policy = {"k": 2, "n": 3, "enter": 0.005, "leave": -0.005, "least": 3 * second}
    def clip(mean: float, length: int) -> np.ndarray:
        steps = rng.normal(0, 0.012, length)
        return np.round(mean + np.convolve(steps, [0.5, 1, 0.7], "full")[:length], 6)
    safe = [clip(0.45 + 0.01 * rng.normal(), int(rng.integers(30, 60))) for _ in range(7)]
    safe += [clip(0.45, 1) for _ in range(3)]                   # pictures: no time
    unsafe = [clip(0.49 + 0.01 * rng.normal(), int(rng.integers(10, 30))) for _ in range(4)]
    hours = [len(d) / 3600 if len(d) > 1 else 0.0 for d in safe]
    count = lambda d, bound: alarms(d, np.arange(len(d)) * second, bound, *policy.values()) if len(d) > 1 else 0
    bound = float(np.percentile(np.concatenate(safe), percentile))
    timed = [i for i in range(len(safe)) if hours[i] > 0]
    def both(bounds: list[float]) -> tuple[list[float], list[float]]:
        above = [int(np.sum(d > b)) for d, b in zip(safe, bounds)]
        share = ratio(above, [len(d) for d in safe], rounds, seed)
        return share, ratio([count(safe[i], bounds[i]) for i in timed], [hours[i] for i in timed], rounds, seed)
    share, per_hour = both([bound] * len(safe))
    of = folds(len(safe), 5, seed)
    held = [float(np.percentile(np.concatenate([d for j, d in enumerate(safe) if of[j] != of[i]]), percentile))
            for i in range(len(safe))]
    share_held, per_hour_held = both(held)
    margins = np.concatenate(safe + unsafe) - bound
    truth = np.array([0] * sum(map(len, safe)) + [1] * sum(map(len, unsafe)))
    slope, intercept = platt(margins, truth)
    safe_of, unsafe_of = folds(len(safe), 4, seed), folds(len(unsafe), 4, seed)
    fold = np.array([f for d, f in zip(safe, safe_of) for _ in d] + [f for d, f in zip(unsafe, unsafe_of) for _ in d])
    p = np.zeros(len(margins))
    for f in range(4):
        a, b = platt(margins[fold != f], truth[fold != f])
        p[fold == f] = 1 / (1 + np.exp(-(a * margins[fold == f] + b)))
    at = np.minimum((p * 10).astype(int), 9)
    ece = sum(abs((p[at == i] - truth[at == i]).sum()) for i in range(10)) / len(p)
    return {"safe": [d.tolist() for d in safe], "unsafe": [d.tolist() for d in unsafe], "hours": hours,
            "rounds": rounds, "seed": seed, "percentile": percentile, **policy, "bound": bound,
            "alarms": sum(count(d, bound) for d in safe), "share": share, "share_held": share_held,
            "per_hour": per_hour, "per_hour_held": per_hour_held,
            "recall": ratio([int(np.sum(d > bound)) for d in unsafe], [len(d) for d in unsafe], rounds, seed),
            "auc": auc(np.concatenate(safe), np.concatenate(unsafe)), "slope": slope, "intercept": intercept,
            "brier": float(np.mean((p - truth) ** 2)), "ece": ece}


PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)


def head_case(rng: np.random.Generator, clips: tuple[int, int], dim: int, seed: int) -> dict:
    """A linear head: the penalty by the held-out loss, then Platt's calibration of the held-out scores."""
    x, unsafe, clip = [], [], []
    direction = rng.normal(0, 1, dim)
    for kind in (0, 1):
        for c in range(clips[kind]):
            for _ in range(int(rng.integers(2, 7))):
                x.append(rng.normal(0, 1, dim) * np.linspace(0.2, 5, dim) + (kind - 0.5) * direction)
                unsafe.append(kind)
                clip.append(c)
    x, t, clip = np.array(x, np.float32).astype(float), np.array(unsafe, float), np.array(clip)
    weights = 0.5 * len(t) / np.where(t == 1, t.sum(), (1 - t).sum())
    count = min(5, *clips)
    of = [folds(n, count, seed) for n in clips]
    fold = np.array([of[int(k)][c] for k, c in zip(t, clip)])
    best, kept = np.inf, None
    for l2 in PENALTIES:
        scores = np.zeros(len(t))
        for f in range(count):
            w, b = newton(x[fold != f], t[fold != f], weights[fold != f], l2)
            scores[fold == f] = x[fold == f] @ w + b
        loss = float(np.average(np.log1p(np.exp(np.where(t == 1, -scores, scores))), weights=weights))
        if loss < best:
            best, kept = loss, (l2, scores)
    l2, scores = kept
    w, b = newton(x, t, weights, l2)
    slope, intercept = platt(scores, t)
    return {"x": x.ravel().tolist(), "unsafe": unsafe, "clips": clip.tolist(), "dim": dim, "seed": seed, "l2": l2,
            "loss": best, "w": (slope * w).tolist(), "b": slope * b + intercept,
            "held_out": (slope * scores + intercept).tolist()}


def main() -> None:
    rng = np.random.default_rng(20261126)
    random = Splitmix(1234567)
    print(json.dumps({
        "splitmix": {"seed": 1234567, "next": [f"{random.next():016x}" for _ in range(5)]},
        "ratios": [ratio_case(rng, 12, 300, 7), ratio_case(rng, 2, 200, 1)],
        "rocs": [roc_case(rng, 120, 60, 9, 100, 42), roc_case(rng, 30, 12, 2, 60, 3)],
        "logistic": [logistic_case(rng, 60, 3, 0.1), logistic_case(rng, 40, 7, 1e-3), logistic_case(rng, 20, 30, 1.0)],
        "calibration": calibration_case(rng, 150),
        "measures": measures_case(rng),
        "heads": [head_case(rng, (9, 6), 4, 5), head_case(rng, (3, 2), 3, 11)],
    }))


if __name__ == "__main__":
    main()
