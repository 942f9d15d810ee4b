"""A trained trunk is moved back towards its start."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from facings.train.blend import blend  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(("share", "wanted"), [(0.0, [10.0, -2.0]), (0.25, [7.5, -1.0]), (1.0, [0.0, 2.0])])
def test_weights_lie_on_the_line_between_start_and_end(share: float, wanted: list[float]) -> None:
    trunk = torch.nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        trunk.weight.copy_(torch.tensor([[10.0], [-2.0]]))
    blend(trunk, {"weight": torch.tensor([[0.0], [2.0]])}, share)
    assert trunk.weight.flatten().tolist() == wanted
    assert trunk.weight.requires_grad
