"""Figures of merit, in numpy."""
from __future__ import annotations

import numpy as np


def auc(negative, positive) -> float:
    """Probability that a positive scores above a negative (ties count half)."""
    negative, positive = np.sort(np.asarray(negative, float)), np.asarray(positive, float)
    below = np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")
    return float(below.mean() / (2 * len(negative)))


def recall_at_fpr(negative, positive, rate: float = 0.05) -> float:
    """Share of positives above the threshold that `rate` of the negatives exceed."""
    return float((np.asarray(positive) > np.quantile(negative, 1 - rate)).mean())


def lorentz_inner(x, y, curv: float):
    """Pairwise Lorentzian inner products of points given by their space components."""
    tx, ty = np.sqrt(1 / curv + (x * x).sum(-1)), np.sqrt(1 / curv + (y * y).sum(-1))
    return x @ y.T - tx[:, None] * ty[None, :]


def recall_at_1(queries, items, curv: float) -> float:
    """Share of queries whose nearest item is the one of the same row."""
    nearest = lorentz_inner(queries, items, curv).argmax(1)
    return float((nearest == np.arange(len(queries))).mean())


def recall_in_pools(queries, items, curv: float, pool: int = 600) -> float:
    """Mean recall_at_1 over pools of that many rows; of all rows where there are fewer."""
    starts = range(0, len(queries) - pool + 1, pool) if len(queries) >= pool else (0,)
    return float(np.mean([recall_at_1(queries[i:i + pool], items[i:i + pool], curv) for i in starts]))


def summary(d: dict[str, np.ndarray], p: dict[str, np.ndarray], curv: float, pool: int = 600) -> dict:
    """All figures from distances d and points p, each with keys S, V, S*, V* (* is unsafe)."""
    def pools(a, b):
        return recall_in_pools(a, b, curv, pool)

    out = {
        "auc_image": auc(d["V"], d["V*"]), "auc_text": auc(d["S"], d["S*"]),
        "recall_image_5fpr": recall_at_fpr(d["V"], d["V*"]),
        "recall_text_5fpr": recall_at_fpr(d["S"], d["S*"]),
        "recall_image_1fpr": recall_at_fpr(d["V"], d["V*"], 0.01),
        "t2i_r1": pools(p["S"], p["V"]), "i2t_r1": pools(p["V"], p["S"]),
        "t2i_r1_unsafe": pools(p["S*"], p["V*"]), "i2t_r1_unsafe": pools(p["V*"], p["S*"]),
    }
    out.update({f"mean_{k}": float(v.mean()) for k, v in d.items()})
    out["ordered"] = bool(d["S"].mean() < d["V"].mean() < d["S*"].mean() < d["V*"].mean())
    return out
