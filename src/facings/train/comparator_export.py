"""A trained comparator becomes a model directory: pictures and looks of one pack to logits of its places."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from facings.apps.pack_comparator import N_LOOKS
from facings.apps.pack_maps import PLACE_PX
from facings.model_card import ComparatorCard
from facings.train.comparator_network import ComparatorNetwork
from facings.train.model_directory import traced, write_model

TOLERANCE = 1e-3  # of logits
INPUTS = ("part", "laid", "looks", "is_seen")

_CHECKED = ((1, 9, 7), (6, 20, 31))  # photos, rows and columns of places that are compared


class PackJudge(nn.Module):
    """The exported graph: one pack, as `pack_comparator.Beside` has it → float32 (h, w) logits.

    Args:
        network: In `eval()`.
    """

    def __init__(self, network: ComparatorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, part: Tensor, laid: Tensor, looks: Tensor, is_seen: Tensor) -> Tensor:
        """Logits of uint8 (H, W, 3), uint8 (K, H, W, 3), float32 (K, C, h, w), bool (K, h, w)."""
        mine = part.permute(2, 0, 1)[None].to(torch.float32) / 128 - 1
        theirs = laid.permute(0, 3, 1, 2)[None].to(torch.float32) / 128 - 1
        logits: Tensor = self.network(mine, theirs, looks[None], is_seen[None])[0]
        return logits


def export_comparator(network: ComparatorNetwork, card: ComparatorCard, directory: Path) -> float:
    """Write a model directory and check it: ONNX Runtime must say what torch says.

    Args:
        network: In `eval()`; left as it is, a copy is exported.
        card: What the model is.
        directory: Where to write; must not exist yet.

    Returns:
        The largest difference of a logit between torch and ONNX Runtime.

    Raises:
        BadInput: The directory exists.
        ModelMismatch: The difference is too large.
    """
    judge = PackJudge(copy.deepcopy(network).cpu().float().eval()).eval()
    down, right, n = torch.export.Dim("h", min=2), torch.export.Dim("w", min=2), torch.export.Dim("k", min=2)
    shapes = (
        {0: PLACE_PX * down, 1: PLACE_PX * right}, {0: n, 1: PLACE_PX * down, 2: PLACE_PX * right},
        {0: n, 2: down, 3: right}, {0: n, 1: down, 2: right},
    )  # fmt: skip

    def trace() -> onnx.ModelProto:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "# The axis name")  # inputs share theirs, which is meant
            return traced(judge, _random_pack(3, 12, 10), INPUTS, ("logits",), shapes)

    return write_model(
        directory,
        card.to_json(),
        judge,
        "network",
        trace=trace,
        difference=lambda graph: _largest_difference(judge, graph),
        tolerance=TOLERANCE,
        is_half=False,
    )


def _random_pack(n_photos: int, height: int, width: int) -> tuple[Tensor, ...]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n_photos + 1, PLACE_PX * height, PLACE_PX * width, 3), np.uint8)
    looks = rng.random((n_photos, N_LOOKS, height, width), np.float32)
    is_seen = rng.random((n_photos, height, width)) < 0.8
    return tuple(torch.from_numpy(one) for one in (pixels[0], pixels[1:].copy(), looks, is_seen))


def _largest_difference(judge: PackJudge, graph: Path) -> float:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    found = []
    for sizes in _CHECKED:
        pack = _random_pack(*sizes)
        with torch.inference_mode():
            wanted = judge(*pack).numpy()
        got = session.run(["logits"], {name: one.numpy() for name, one in zip(INPUTS, pack, strict=True)})[0]
        found.append(float(np.abs(got - wanted).max()))
    return max(found)
