"""Folding changes the cost, not the function; unfolding gives the parameters their names back."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.fold import fold_norms, unfolded  # noqa: E402
from facings.train.resnet import ResNet, ResNetLayout  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUT = ResNetLayout(8, (8, 8, 16, 16), (1, 2, 1, 1), "1x1", "ceil")


@pytest.fixture
def network() -> Any:
    """Statistics that no layer shares, so that none can be mixed up."""
    torch.manual_seed(0)
    built = ResNet(LAYOUT)
    for module in built.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    return built.eval()


def test_folded_and_unfolded_networks_say_the_same(network: Any) -> None:
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = network(image)
        fold_norms(network)
        folded, back = network(image), unfolded(network)(image)
    torch.testing.assert_close(folded, wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(back, folded, atol=1e-5, rtol=1e-4)


def test_folded_network_has_no_normalization_left(network: Any) -> None:
    fold_norms(network)
    assert not [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]


def test_unfolded_network_has_the_names_of_a_fresh_one_and_can_be_folded_again(network: Any) -> None:
    image = torch.randn(1, 3, 64, 64)
    fold_norms(network)
    again = unfolded(network)
    assert set(again.state_dict()) == set(ResNet(LAYOUT).state_dict())
    fold_norms(again)
    with torch.inference_mode():
        torch.testing.assert_close(again(image), network(image), atol=1e-5, rtol=1e-4)
