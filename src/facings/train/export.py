"""A trained backbone becomes an embedder's model directory: uint8 pixels to unit rows."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from facings.errors import BadInput
from facings.model_card import ModelCard
from facings.train.cell_export import cells_file
from facings.train.model_directory import traced, write_model

TOLERANCE = 1e-5  # of a unit row's entries; two correct float32 kernels differ by about 1e-7


class Embedder(nn.Module):
    """The exported graph: uint8 (N, 3, S, S) RGB, 0 to 255 → float32 (N, D), each row of length 1.

    Args:
        backbone: Takes float32 (N, 3, S, S) normalized pixels, gives float32 (N, D).
        mean: RGB, 0 to 255, subtracted.
        std: RGB, in units of 0 to 255, divided by; ones are left out of the graph.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, backbone: nn.Module, mean: tuple[float, float, float], std: tuple[float, float, float]) -> None:
        super().__init__()
        self.backbone = backbone
        self.is_scaled = std != (1.0, 1.0, 1.0)
        self.register_buffer("pixel_mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Unit rows for uint8 images."""
        pixels = image.to(torch.float32) - self.pixel_mean
        if self.is_scaled:
            pixels = pixels / self.pixel_std
        return nn.functional.normalize(self.backbone(pixels), dim=1)


def export_embedder(backbone: nn.Module, card: ModelCard, directory: Path, *, is_half: bool = False) -> float:
    """Write a model directory and check it: ONNX Runtime must say what torch says.

    The directory appears complete or not at all. The backbone itself is left as it is; a copy is exported in
    float32, on the CPU, in `eval()`.

    Args:
        backbone: Takes float32 (N, 3, S, S) RGB with the card's mean and std applied, gives float32 (N, D).
        card: What the model is; its input size is S, its embedding size D.
        directory: Where to write; must not exist yet, its parent is made.
        is_half: Store kernels and weight matrices as float16. Gives half the size on disk at the same speed, since
            ONNX Runtime widens them once, when it loads. Costs all but about 3 decimal digits of each such weight, for
            good: unit rows of the starter move by up to 0.0014 of their length, and a later training starts from the
            rounded weights. Vectors, and tensors that float16 does not hold, stay float32.

    Returns:
        The largest absolute difference between torch and ONNX Runtime over the entries of the unit rows of five
        seeded random images. Both compute with the weights as stored, so this is not what half precision costs.

    Raises:
        BadInput: The directory exists, or the backbone's features are not float (N, D) with the card's D.
        ModelMismatch: ONNX Runtime differs from torch by more than 1e-5.
    """
    preparation = card.preparation
    embedder = Embedder(copy.deepcopy(backbone).cpu().float().eval(), preparation.mean, preparation.std).eval()
    _check_embedding_dim(embedder, card)
    size = preparation.input_size_px
    example = torch.zeros(2, 3, size, size, dtype=torch.uint8)
    return write_model(
        directory,
        card.to_json(),
        embedder,
        "backbone",
        trace=lambda: traced(embedder, (example,), ["image"], ["embedding"], ({0: torch.export.Dim("n")},)),
        difference=lambda graph: _largest_difference(embedder, graph, size),
        tolerance=TOLERANCE,
        is_half=is_half,
        beside=cells_file,
    )


def _check_embedding_dim(embedder: Embedder, card: ModelCard) -> None:
    size = card.preparation.input_size_px
    with torch.inference_mode():
        feature = embedder.backbone(torch.zeros(1, 3, size, size))
    if tuple(feature.shape) != (1, card.embedding_dim):
        raise BadInput(
            f"Export of {card.name}: the backbone gives {tuple(feature.shape)} for one image; "
            f"the card says (1, {card.embedding_dim})."
        )


def _largest_difference(embedder: Embedder, model: Path, size: int) -> float:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (5, 3, size, size), np.uint8)
    with torch.inference_mode():
        wanted = embedder(torch.from_numpy(images)).numpy()
    got = np.concatenate([session.run(["embedding"], {"image": batch})[0] for batch in (images[:1], images[1:])])
    return float(np.abs(got - wanted).max())
