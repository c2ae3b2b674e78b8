"""Lorentz geometry and HySAC's losses in torch.

Formulas (nothing is copied):
  exp_map0, pairwise_dist, half_aperture, oxy_angle   MERU, arXiv 2304.09172, sections 3.1 to 3.3,
      equations 2, 4, 6, 7; facebookresearch/meru meru/lorentz.py, with the eps of
      aimagelab/HySAC hysac/lorentz.py (1e-5 in the two angles).
  contrastive         HySAC, arXiv 2503.12127, section 3.2; hysac/losses.py, LorentzianCLIPContrastive
  entailment          HySAC, section 3.2; hysac/losses.py, entailmentLoss_A, _B and _D, eta = 1
  which terms         hysac/training.py (4 contrastive, 3 entailment); `quadruplet_loss` adds
      the entailment terms that the demo model needs, see its docstring.
Points are the space components of the hyperboloid of curvature -curv; all of it in float32.
"""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F

MIN_RADIUS = 0.1
MAX_SINH = math.asinh(2.0 ** 15)


def exp_map0(v, curv):
    """Tangent vectors at the root to points: sinh(r)/r * v with r = sqrt(curv) |v|."""
    r = curv ** 0.5 * v.norm(dim=-1, keepdim=True)
    return torch.sinh(r.clamp(1e-8, MAX_SINH)) / r.clamp_min(1e-8) * v


def _time(x, curv):
    return torch.sqrt(1 / curv + (x * x).sum(-1))


def pairwise_inner(x, y, curv):
    """Lorentzian inner products, (n, d) and (m, d) to (n, m)."""
    return x @ y.T - _time(x, curv)[:, None] * _time(y, curv)[None, :]


def pairwise_dist(x, y, curv):
    """Geodesic distances, (n, d) and (m, d) to (n, m)."""
    return torch.acosh((-curv * pairwise_inner(x, y, curv)).clamp_min(1 + 1e-8)) / curv ** 0.5


def root_distance(features, alpha, curv):
    """Distance of exp_map0(alpha * features) to the root: the norm, capped where sinh is."""
    return (features.norm(dim=-1) * alpha).clamp_max(MAX_SINH / float(curv) ** 0.5)


def half_aperture(x, curv, eps=1e-5):
    """Half aperture of the entailment cone with apex x."""
    ratio = 2 * MIN_RADIUS / (x.norm(dim=-1) * curv ** 0.5 + eps)
    return torch.asin(ratio.clamp(-1 + eps, 1 - eps))


def oxy_angle(x, y, curv, eps=1e-5):
    """Exterior angle at x in the triangle root, x, y, row by row."""
    x_time, y_time = _time(x, curv), _time(y, curv)
    c_xy = curv * ((x * y).sum(-1) - x_time * y_time)
    below = torch.sqrt((c_xy ** 2 - 1).clamp_min(eps))
    cosine = (y_time + c_xy * x_time) / (x.norm(dim=-1) * below + eps)
    return torch.acos(cosine.clamp(-1 + eps, 1 - eps))


def entailment(outer, inner, curv, aperture_scale=1.0):
    """How far `inner` lies outside the cone of `outer`, in radians, mean over rows."""
    return (oxy_angle(outer, inner, curv) - aperture_scale * half_aperture(outer, curv)).clamp_min(0).mean()


def contrastive(images, texts, curv, scale, same=None):
    """Symmetric cross entropy over negative distances; row i of one belongs to row i of the other.

    `same`, (n, n) bool, marks other rows that show the very same things: they are no negatives.
    """
    logits = -scale * pairwise_dist(images, texts, curv)
    if same is not None:
        others = same & ~torch.eye(len(same), dtype=torch.bool)
        logits = logits.masked_fill(others, -1e4)
    target = torch.arange(len(logits))
    return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))


def radial_order(levels, margin=0.14, softness=0.05):
    """How far neighbouring levels are from being apart in distance to the root, all against all.

    levels: batches of points, meant to lie ever further out (safe text, safe image, unsafe text,
    unsafe image). For each two neighbours, the mean over all pairs of the softplus of
    (log of the inner norm - log of the outer norm + margin) / softness. This is not HySAC's: its
    cones order each quadruplet, while one bound for all scenes needs an order across them.
    """
    radii = [x.norm(dim=-1).clamp_min(1e-6).log() for x in levels]
    return sum(F.softplus((inner[:, None] - outer[None, :] + margin) / softness).mean()
               for inner, outer in zip(radii, radii[1:])) / (len(levels) - 1)


def quadruplet_loss(safe_text, safe_image, unsafe_text, unsafe_image, curv, scale, *,
                    entail_weight=0.2, order_weight=0.0, same_safe=None, same_unsafe=None):
    """(loss, parts) of a batch of quadruplets of points.

    Contrastive: the four text-image pairings of HySAC. Entailment: HySAC's S > V, S* > V* and
    V > S*, and two more for training from scratch, S > S* and V > V* (x > y: x's cone holds y).
    """
    parts = {
        "con_s": contrastive(safe_image, safe_text, curv, scale, same_safe),
        "con_u": contrastive(unsafe_image, unsafe_text, curv, scale, same_unsafe),
        "con_su": contrastive(unsafe_image, safe_text, curv, scale, same_safe),
        "con_us": contrastive(safe_image, unsafe_text, curv, scale, same_safe),
        "ent_sv": entailment(safe_text, safe_image, curv),
        "ent_uv": entailment(unsafe_text, unsafe_image, curv),
        "ent_vt": entailment(safe_image, unsafe_text, curv),
        "ent_tt": entailment(safe_text, unsafe_text, curv),
        "ent_vv": entailment(safe_image, unsafe_image, curv),
        "order": radial_order((safe_text, safe_image, unsafe_text, unsafe_image)),
    }
    con = sum(v for k, v in parts.items() if k.startswith("con")) / 4
    ent = sum(v for k, v in parts.items() if k.startswith("ent"))
    loss = con + entail_weight * ent + order_weight * parts["order"]
    return loss, {k: float(v.detach()) for k, v in parts.items()}
