"""The network while it learns: a trunk that gives features, and a head that names the products.

The head is a cosine classifier (Wang et al., "NormFace", 2017): one unit row a product, compared with the unit feature
of the photo. It ranks products by the same cosine as the gallery does, so what it learns is what matching uses. A
category's probability is the sum of its products' probabilities: the hierarchy costs no parameter and cannot contradict
the products.

A trunk comes from a model directory (the bundled starter, or one trained before), from a local safetensors file with
torchvision's parameter names, or from the hub through timm. Nothing is unpickled.
"""

from __future__ import annotations

import importlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from facings.errors import DependencyMissing, DownloadFailed, ModelMismatch, ModelNotFound
from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, ModelCard
from facings.train.resnet import RESNET50, RESNET50_HALF, ResNet, ResNetLayout

STARTER = Path(__file__).parents[1] / "weights" / "starter"
HUB_PREFIX = "timm:"
OTHER_WAYS = (
    "The two other ways need no network: a local .safetensors file with torchvision's ResNet names, "
    "or a model directory such as the bundled starter (the default)."
)
START_SCALE = 16.0  # logits lie in ±16 at first; the scale is learned

_LAYOUTS = {"resnet50-half": RESNET50_HALF, "resnet50": RESNET50}
_IMAGENET_MEAN, _IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
_STAGE = re.compile(r"layer([1-4])\.")
_N_STAGES = 4


@dataclass(frozen=True, eq=False)
class Trunk:
    """A backbone to start from, and what its card says.

    Args:
        backbone: float32 (N, 3, S, S) normalized → float32 (N, D), in `eval()`.
        architecture: As a model card names it.
        embedding_dim: D.
        mean: RGB, 0 to 255, to subtract.
        std: RGB, in units of 0 to 255, to divide by.
        license: Of the weights.
        source: Where they come from.
        training_data: What they saw.
    """

    backbone: nn.Module
    architecture: str
    embedding_dim: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    license: str
    source: str
    training_data: str


class Recognizer(nn.Module):
    """Trunk and head: float32 (N, 3, S, S) normalized pixels → float32 (N, K) logits.

    Args:
        backbone: Gives float32 (N, D).
        n_products: K.
        embedding_dim: D.
    """

    def __init__(self, backbone: nn.Module, n_products: int, embedding_dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.centers = nn.Parameter(torch.zeros(n_products, embedding_dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(START_SCALE)))

    def forward(self, image: Tensor) -> Tensor:
        """Scaled cosines of the photos' features with the products' centers."""
        return self.logits(self.backbone(image))

    def logits(self, features: Tensor) -> Tensor:
        """The head alone: float32 (N, D) features → float32 (N, K)."""
        cosines = functional.normalize(features, dim=1) @ functional.normalize(self.centers, dim=1).T
        return self.log_scale.exp() * cosines

    def place_centers(self, features: Tensor, targets: Tensor) -> None:
        """Put each product's center on the mean of its unit features: a head that is right before any step.

        Args:
            features: float32 (N, D), at least one of each product.
            targets: int64 (N,) classes.
        """
        with torch.no_grad():
            sums = torch.zeros_like(self.centers).index_add_(0, targets, functional.normalize(features, dim=1))
            self.centers.copy_(functional.normalize(sums, dim=1))


def load_trunk(start: Path | str = STARTER) -> Trunk:
    """A trunk from a model directory, a `.safetensors` file, or the hub (`timm:NAME`).

    Raises:
        ModelNotFound: The directory or file is missing or damaged.
        ModelMismatch: The weights are of an architecture that is not known here.
        DownloadFailed: The hub cannot be reached or does not have that name.
        DependencyMissing: timm is not installed.
    """
    if isinstance(start, str) and start.startswith(HUB_PREFIX):
        return _from_hub(start.removeprefix(HUB_PREFIX))
    path = Path(start)
    return _from_file(path) if path.suffix == ".safetensors" else _from_directory(path)


def stage_of(name: str, *, has_stages: bool) -> int:
    """The stage of a trunk's parameter: 0 for the stem, 1 to 4; 4 for all of a trunk whose names show no stages."""
    found = _STAGE.match(name)
    return int(found[1]) if found else (0 if has_stages else _N_STAGES)


def parameter_groups(
    model: Recognizer, *, lr: float, head_lr: float, layer_decay: float, weight_decay: float, n_frozen_stages: int
) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer; what is frozen stops taking gradients.

    Args:
        model: Trunk and head.
        lr: Of stage 4; each stage below has `layer_decay` times the one above.
        head_lr: Of the head, which has no weight decay.
        layer_decay: In (0, 1].
        weight_decay: Of the trunk's weights; vectors (biases, normalization) have none.
        n_frozen_stages: 0 trains everything; 1 freezes the stem and stage 1; 4 leaves only the head.
    """
    named = list(model.backbone.named_parameters())
    has_stages = any(_STAGE.match(name) for name, _ in named)
    gathered: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        stage = stage_of(name, has_stages=has_stages)
        is_trained = n_frozen_stages == 0 or stage > n_frozen_stages
        parameter.requires_grad_(is_trained)
        if is_trained:
            gathered.setdefault((stage, parameter.ndim > 1), []).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": parameters, "lr": lr * layer_decay ** (_N_STAGES - stage), "weight_decay": weight_decay * is_weight}
        for (stage, is_weight), parameters in sorted(gathered.items(), key=lambda item: item[0])
    ]
    return [*groups, {"params": [model.centers, model.log_scale], "lr": head_lr, "weight_decay": 0.0}]


def _from_directory(path: Path) -> Trunk:
    weights = path / WEIGHTS_FILE
    if not (path / MODEL_FILE).is_file() or not weights.is_file():
        raise ModelNotFound(f"{path}: there is no {MODEL_FILE} with {WEIGHTS_FILE} in it.", "Give a model directory.")
    graph = onnx.load(path / MODEL_FILE, load_external_data=False)
    cards = [entry.value for entry in graph.metadata_props if entry.key == CARD_KEY]
    if not cards:
        raise ModelNotFound(f"{path / MODEL_FILE}: the graph carries no card.", "Export it with Facings.")
    card = ModelCard.from_json(cards[0])
    layout = _LAYOUTS.get(card.architecture.partition(":")[0])
    if layout is None:
        raise ModelMismatch(
            f"{path}: got architecture {card.architecture!r}, wanted one of {', '.join(_LAYOUTS)} to train on."
        )
    backbone = _filled(layout, _read_weights(weights), weights)
    preparation = card.preparation
    return Trunk(
        backbone=backbone,
        architecture=card.architecture,
        embedding_dim=card.embedding_dim,
        mean=preparation.mean,
        std=preparation.std,
        license=card.license,
        source=card.source,
        training_data=card.training_data,
    )


def _from_file(path: Path) -> Trunk:
    state = {name: value for name, value in _read_weights(path).items() if not name.startswith("fc.")}
    return Trunk(
        backbone=_filled(RESNET50, state, path),
        architecture="resnet50: bottleneck ResNet, blocks 3-4-6-3, widths 256-512-1024-2048, stride in the 3x3",
        embedding_dim=RESNET50.stage_widths[-1],
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        license="not stated: that of the given file",
        source=f"the file {path.name}",
        training_data="not stated: that of the given file",
    )


def _from_hub(name: str) -> Trunk:
    try:
        timm = importlib.import_module("timm")
    except ImportError as error:
        raise DependencyMissing(
            f"{HUB_PREFIX}{name} needs timm, which is not installed.", "pip install timm"
        ) from error
    try:
        backbone = timm.create_model(name, pretrained=True, num_classes=0).eval()
    except Exception as error:  # timm and the hub raise many classes of their own for one cause
        raise DownloadFailed(f"{HUB_PREFIX}{name}: the hub gave no weights ({error}).", OTHER_WAYS) from error
    config = backbone.pretrained_cfg
    mean, std = (tuple(255.0 * float(value) for value in config[key]) for key in ("mean", "std"))
    return Trunk(
        backbone=backbone,
        architecture=f"{HUB_PREFIX}{name}",
        embedding_dim=int(backbone.num_features),
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        license=str(config.get("license") or "not stated by the hub"),
        source=f"timm {timm.__version__}, {config.get('hf_hub_id') or name}",
        training_data="as the hub's card says",
    )


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelNotFound(f"{path}: cannot be read as safetensors ({error}).") from error


def _filled(layout: ResNetLayout, state: dict[str, Tensor], path: Path) -> ResNet:
    backbone = ResNet(layout)
    try:
        backbone.load_state_dict(state)
    except RuntimeError as error:
        raise ModelMismatch(f"{path}: the weights are of another architecture than {layout}.") from error
    return backbone.eval()
