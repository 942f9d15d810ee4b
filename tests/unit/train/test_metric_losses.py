"""Metric losses by name: the numbers of the papers, worked by hand, and never a number that is none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from facings.errors import BadInput

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("pytorch_metric_learning", reason="needs the train extra")

from facings.train.metric_losses import make_metric_loss, needs_pairs, proxy_groups  # noqa: E402

pytestmark = pytest.mark.torch

PROXY_LOSSES = ("arcface", "subcenter-arcface", "proxy-anchor")
PAIR_LOSSES = ("multi-similarity", "supcon")
ALL_LOSSES = (*PROXY_LOSSES, *PAIR_LOSSES)


def at(*degrees: float) -> Any:
    """float32 (n, 2) unit rows at these angles."""
    angles = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angles.cos(), angles.sin()], 1)


def made(name: str, n_products: int = 2, dim: int = 2, seed: int = 0) -> Any:
    loss = make_metric_loss(name, n_products, dim, seed)
    assert loss is not None
    return loss


def with_proxies(name: str, proxies: Any) -> Any:
    loss = made(name)
    (parameter,) = loss.parameters()
    with torch.no_grad():
        parameter.copy_(proxies)
    return loss


def value(loss: Any, features: Any, targets: list[int]) -> float:
    return float(loss(features, torch.tensor(targets)).detach())


# The right product lies at 60°, the other at 90°: the margin makes it 60 + 28.6, the scale 64 times as far: 0.19.
ARCFACE_BY_HAND = math.log(1 + math.exp(64 * (0 - math.cos(math.radians(88.6)))))


def test_arcface_by_hand() -> None:
    assert value(with_proxies("arcface", at(60, 90).T), at(0), [0]) == pytest.approx(ARCFACE_BY_HAND, rel=1e-4)


def test_the_nearest_of_three_proxies_counts() -> None:
    loss = with_proxies("subcenter-arcface", at(120, 60, 180, 90, 110, 170).T)
    assert value(loss, at(0), [0]) == pytest.approx(ARCFACE_BY_HAND, rel=1e-4)


def test_proxy_anchor_by_hand() -> None:
    # Right product at 90°: ln(1 + e^(32 × 0.1)) = 3.2399; the other at 90° too: the same, over 2 products.
    one_right = 1.5 * math.log(1 + math.exp(3.2))
    assert value(with_proxies("proxy-anchor", at(90, -90)), at(0), [0]) == pytest.approx(one_right, rel=1e-4)


def test_multi_similarity_by_hand() -> None:
    # Two photos of a product at 90° to each other, another product's between them, at 60° and 30°.
    apart = math.log(1 + math.exp(2 * 0.5)) / 2
    near, nearer = (50 * (math.cos(math.radians(angle)) - 0.5) for angle in (60, 30))
    others = (math.log(1 + sum(math.exp(s) for s in seen)) / 50 for seen in ((near,), (nearer,), (near, nearer)))
    wanted = (2 * apart + sum(others)) / 3
    assert value(made("multi-similarity"), at(0, 90, 60), [0, 0, 1]) == pytest.approx(wanted, rel=1e-4)


def test_supcon_by_hand() -> None:
    # Two photos of a product at 60°, another product's at 90° and 150° from them: similarities over 0.1.
    first, second = math.log(1 + math.exp(-5)), math.log(1 + math.exp(10 * math.cos(math.radians(150)) - 5))
    assert value(made("supcon"), at(0, 60, -90), [0, 0, 1]) == pytest.approx((first + second) / 2, rel=1e-3)


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_length_of_a_feature_does_not_count(name: str) -> None:
    features, targets = torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), [0, 0, 1, 1, 2, 2]
    loss = made(name, 3, 8)
    assert value(loss, features, targets) == pytest.approx(value(loss, 7 * features, targets), rel=1e-4)


@pytest.mark.parametrize("name", ALL_LOSSES)
@pytest.mark.parametrize(
    "targets",
    [[0, 1, 2, 3], [2, 2, 2, 2], [1], [0, 0, 1, 2]],
    ids=["no two of a product", "one product", "one photo", "some alone"],
)
@pytest.mark.parametrize("kind", ["spread", "all alike", "all zero", "on the proxy"])
def test_value_and_gradient_are_numbers_whatever_the_batch(name: str, targets: list[int], kind: str) -> None:
    loss = made(name, 4, 8)
    generator = torch.Generator().manual_seed(1)
    features = {
        "spread": torch.randn(len(targets), 8, generator=generator),
        "all alike": torch.ones(len(targets), 8),
        "all zero": torch.zeros(len(targets), 8),
        "on the proxy": torch.randn(1, 8, generator=generator).repeat(len(targets), 1),
    }[kind]
    if kind == "on the proxy":
        with torch.no_grad():
            for parameter in loss.parameters():
                parameter.copy_(features[:1].T if parameter.shape[0] == 8 else features[:1])
    features.requires_grad_()
    found = loss(features, torch.tensor(targets))
    found.backward()
    assert found.shape == ()
    assert found.isfinite()
    assert features.grad is not None
    assert all(tensor.grad.isfinite().all() for tensor in (features, *loss.parameters()))


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_only_pair_losses_do_without_proxies(name: str) -> None:
    groups = proxy_groups(made(name, 5, 16), 0.25)
    assert needs_pairs(name) == (name in PAIR_LOSSES) == (not groups)
    if groups:
        n_proxies = 15 if name == "subcenter-arcface" else 5
        assert sum(parameter.numel() for parameter in groups[0]["params"]) == 16 * n_proxies
        assert (groups[0]["lr"], groups[0]["weight_decay"]) == (0.25, 0.0)
        torch.optim.AdamW(groups)


@pytest.mark.parametrize("name", PROXY_LOSSES)
def test_proxies_follow_from_the_seed_and_have_the_length_of_centers(name: str) -> None:
    before = torch.get_rng_state()
    first, again, other = (next(made(name, 40, 64, seed).parameters()).detach() for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    lengths = first.norm(dim=1 if name == "proxy-anchor" else 0)
    assert lengths.mean() == pytest.approx(1, abs=0.05)


def test_no_name_is_no_loss() -> None:
    assert make_metric_loss("", 5, 16, 0) is None
    assert not needs_pairs("")
    assert proxy_groups(None, 0.1) == []


def test_unknown_name_lists_those_there_are() -> None:
    for attempt in (lambda: make_metric_loss("triplet", 5, 16, 0), lambda: needs_pairs("triplet")):
        with pytest.raises(BadInput, match=r'"triplet", wanted one of arcface, .*, supcon, or "" for none'):
            attempt()
