"""Losses that shape the feature space itself, to stand beside the classification loss while a trunk learns.

All of them compare by cosine, which pytorch-metric-learning takes of the features as they come, of any length. A
margin loss has proxies, points that stand for the products and are learned with the trunk; a pair loss compares the
photos of a batch with one another, and learns little where no product has two of them.

The numbers are those of the papers:

- `arcface` (Deng et al., "ArcFace", 2019): margin 0.5 rad, which the library wants in degrees, scale 64.
- `subcenter-arcface` (Deng et al., "Sub-center ArcFace", 2020): the same, three proxies a product, the nearest counts.
- `proxy-anchor` (Kim et al., "Proxy Anchor Loss for Deep Metric Learning", 2020): margin 0.1, alpha 32.
- `multi-similarity` (Wang et al., "Multi-Similarity Loss with General Pair Weighting", 2019): alpha 2, beta 50; base
  0.5 as in the authors' code (the paper says 1). Every pair counts: the paper's choice of pairs before is left out.
- `supcon` (Khosla et al., "Supervised Contrastive Learning", 2020): temperature 0.1.

The margin losses start large, as random proxies do: ArcFace near 30, where cross-entropy starts below log(products).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from pytorch_metric_learning import losses
from torch import nn

from facings.errors import BadInput

_ARCFACE_MARGIN_DEG = 28.6
_ARCFACE_SCALE = 64.0


def _arcface(n_products: int, embedding_dim: int) -> nn.Module:
    made: nn.Module = losses.ArcFaceLoss(
        num_classes=n_products,
        embedding_size=embedding_dim,
        margin=_ARCFACE_MARGIN_DEG,
        scale=_ARCFACE_SCALE,
        weight_init_func=_unit_rows(embedding_dim),
    )
    return made


def _subcenter_arcface(n_products: int, embedding_dim: int) -> nn.Module:
    made: nn.Module = losses.SubCenterArcFaceLoss(
        num_classes=n_products,
        embedding_size=embedding_dim,
        margin=_ARCFACE_MARGIN_DEG,
        scale=_ARCFACE_SCALE,
        sub_centers=3,
        weight_init_func=_unit_rows(embedding_dim),
    )
    return made


def _proxy_anchor(n_products: int, embedding_dim: int) -> nn.Module:
    made: nn.Module = losses.ProxyAnchorLoss(
        num_classes=n_products,
        embedding_size=embedding_dim,
        margin=0.1,
        alpha=32,
        weight_init_func=_unit_rows(embedding_dim),
    )
    return made


def _multi_similarity(_n_products: int, _embedding_dim: int) -> nn.Module:
    made: nn.Module = losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
    return made


def _supcon(_n_products: int, _embedding_dim: int) -> nn.Module:
    made: nn.Module = losses.SupConLoss(temperature=0.1)
    return made


def _unit_rows(embedding_dim: int) -> Callable[..., Any]:
    """Random proxies of length about 1, as the head's centers have, so that a learning rate turns both alike."""
    # The library's own start is normal with deviation 1: sqrt(D) times as long, and as many times slower to turn.
    return partial(nn.init.normal_, std=embedding_dim**-0.5)


_CONSTRUCTORS: dict[str, Callable[[int, int], nn.Module]] = {
    "arcface": _arcface,
    "subcenter-arcface": _subcenter_arcface,
    "proxy-anchor": _proxy_anchor,
    "multi-similarity": _multi_similarity,
    "supcon": _supcon,
}
_PAIR_LOSSES = frozenset({"multi-similarity", "supcon"})


def make_metric_loss(name: str, n_products: int, embedding_dim: int, seed: int) -> nn.Module | None:
    """The loss of a name: float32 (n, D) features of any length, int64 (n,) targets → float32 (), finite.

    A batch without two photos of a product gives a finite loss with a gradient path too; `supcon` is 0 there, and in
    a batch of one product.

    Args:
        name: One of the five; "" for none.
        n_products: K, targets are 0 to K − 1.
        embedding_dim: D.
        seed: Of the proxies; torch's own random state stays as it is.

    Raises:
        BadInput: No loss has this name.
    """
    if not name:
        return None
    _check_name(name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every GPU as well
        return _CONSTRUCTORS[name](n_products, embedding_dim)


def needs_pairs(name: str) -> bool:
    """Whether a loss compares the photos of a batch, and so needs several of a product in each; False for "".

    Raises:
        BadInput: No loss has this name.
    """
    if name:
        _check_name(name)
    return name in _PAIR_LOSSES


def proxy_groups(loss: nn.Module | None, lr: float) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer: one of the proxies without weight decay; none where a loss has no proxies.

    Args:
        loss: As `make_metric_loss` gives it.
        lr: Of the proxies.
    """
    proxies = [] if loss is None else list(loss.parameters())
    return [{"params": proxies, "lr": lr, "weight_decay": 0.0}] if proxies else []


def _check_name(name: str) -> None:
    if name not in _CONSTRUCTORS:
        raise BadInput(f'Got metric loss "{name}", wanted one of {", ".join(_CONSTRUCTORS)}, or "" for none.')
