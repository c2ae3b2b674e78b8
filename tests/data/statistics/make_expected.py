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


def main() -> None:
    rng = np.random.default_rng(20261126)
    random = Splitmix(1234567)
    print(json.dumps({
        "splitmix": {"seed": 1234567, "next": [f"{random.next():016x}" for _ in range(5)]},
        "ratios": [ratio_case(rng, 12, 300, 7), ratio_case(rng, 2, 200, 1)],
        "rocs": [roc_case(rng, 120, 60, 9, 100, 42), roc_case(rng, 30, 12, 2, 60, 3)],
        "logistic": [logistic_case(rng, 60, 3, 0.1), logistic_case(rng, 40, 7, 1e-3), logistic_case(rng, 20, 30, 1.0)],
        "calibration": calibration_case(rng, 150),
    }))


if __name__ == "__main__":
    main()
