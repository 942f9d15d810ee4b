"""A detector network while it is still torch's, behind the port of the runtime: what it would say where it is used."""

from __future__ import annotations

import torch

from facings.model_card import DetectorCard
from facings.train.detector_export import Finder
from facings.train.detector_network import DetectorNetwork
from facings.types import FloatArray, UInt8Array


class TorchBoxNetwork:
    """See `facings.detect.BoxNetwork`.

    Args:
        network: In `eval()`, on the CPU.
        card: What it is.
    """

    network_id = "torch"

    def __init__(self, network: DetectorNetwork, card: DetectorCard) -> None:
        self.card = card
        self._finder = Finder(network, card.mean, card.std).eval()

    def run(self, batch: UInt8Array) -> tuple[FloatArray, FloatArray]:
        """uint8 (N, 3, H, W) RGB → float32 (N, L, 4) xyxy in its pixels, float32 (N, L, C)."""
        with torch.inference_mode():
            boxes, scores = self._finder(torch.from_numpy(batch))
        return boxes.numpy(), scores.numpy()
