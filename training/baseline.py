"""The colour-histogram baseline: what colour alone tells about safe and unsafe."""
from __future__ import annotations

import numpy as np

BINS = 6


def histograms(images: np.ndarray) -> np.ndarray:
    """Square roots of joint RGB histograms of uint8 images (n, H, W, 3); (n, BINS ** 3)."""
    q = (images.reshape(len(images), -1, 3).astype(np.int32) * BINS) // 256
    codes = (q[..., 0] * BINS + q[..., 1]) * BINS + q[..., 2]
    rows = [np.bincount(c, minlength=BINS ** 3) / c.size for c in codes]
    return np.sqrt(np.stack(rows)).astype(np.float32)


def scores(train: np.ndarray, test: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Unsafe scores of test pairs (n, 2, H, W, 3) by a linear model and by a small network.

    Both are trained on the train pairs; returned flat, safe and unsafe in turn.
    """
    import torch
    torch.manual_seed(seed)
    x = torch.from_numpy(histograms(train.reshape(-1, *train.shape[2:])))
    z = torch.from_numpy(histograms(test.reshape(-1, *test.shape[2:])))
    y = torch.tensor([0.0, 1.0]).repeat(len(train))
    mean = x.mean(0)
    x, z, out = (x - mean) * 5, (z - mean) * 5, {}
    nets = {"linear": (torch.nn.Linear(BINS ** 3, 1), 20, 0.01),
            "network": (torch.nn.Sequential(torch.nn.Linear(BINS ** 3, 64), torch.nn.ReLU(),
                                            torch.nn.Linear(64, 1)), 10, 0.3)}
    for name, (net, epochs, decay) in nets.items():
        optim = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=decay)
        for _ in range(epochs):
            for rows in torch.randperm(len(x)).split(500):
                loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x[rows])[:, 0], y[rows])
                optim.zero_grad()
                loss.backward()
                optim.step()
        with torch.no_grad():
            out[name] = net(z)[:, 0].numpy()
    return out
