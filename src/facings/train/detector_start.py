"""What a detector's training starts from: a trunk alone, or a whole detector that has learned before.

`start` is what `backbones.py` takes for a trunk, or

- the model directory of a detector that Facings made, the bundled `product-detector` by its name: it learns on;
- `torchvision:fcos_resnet50_fpn@FILE` or `torchvision:retinanet_resnet50_fpn_v2@FILE`: torchvision's detectors, as
  trained on COCO, from a local `.safetensors` file under torchvision's own parameter names.

Trunk, pyramid and head are taken over; what names classes is where the classes are the same, and else starts from the
dice. Nothing is unpickled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import fcos_resnet50_fpn, retinanet_resnet50_fpn_v2

from facings.errors import BadInput, DownloadFailed, ModelMismatch
from facings.model_card import MODEL_FILE, DetectorCard
from facings.train.architectures import TORCHVISION, architecture_of, embedding_dim_of
from facings.train.backbones import BUNDLED, Trunk, fill, load_trunk, read_directory, read_weights, refuse_pickle
from facings.train.detector_network import OWN_HEAD, DetectorNetwork, HeadLayout
from facings.train.detector_recipe import DEFAULT_KIND, DetectorRecipe
from facings.train.fold import fold_norms, is_folded
from facings.train.resnet import ResNet

BUNDLED_DETECTOR = BUNDLED.parent / "product-detector"

_CLASS_PARTS = ("classification_head.cls_logits", "box_predictor.cls_score")
_LOGITS = "head.classification_head.cls_logits.weight"
_TOLD = re.compile(r"(\w+), pyramid of (\d+) channels on (.+)", re.DOTALL)  # what `architecture_told` writes
_COCO_TRUNK, _COCO_CHANNELS = f"{TORCHVISION}resnet50", 256


@dataclass(frozen=True, eq=False)
class DetectorStart:
    """A trunk, and what more was learned.

    Args:
        trunk: Its weights are those to start from only if nothing more was learned.
        kind: Of the detector; "" for a trunk alone.
        n_channels: Of its pyramid and head; 0 for a trunk alone.
        head: The layout of its head.
        labels: Its classes; none where they are not to be taken over.
        learned: Parameter of `DetectorNetwork` → value, the trunk's with its normalizations folded if they can be.
    """

    trunk: Trunk
    kind: str = ""
    n_channels: int = 0
    head: HeadLayout = OWN_HEAD
    labels: tuple[str, ...] = ()
    learned: Mapping[str, Tensor] = field(default_factory=dict)


def load_start(start: Path | str = BUNDLED, *, seed: int = 0) -> DetectorStart:
    """What to start from.

    Args:
        start: As the module says.
        seed: Of random weights.

    Raises:
        BadInput: The start names nothing that is known, or a file of another format.
        ModelNotFound: The directory or file is missing or damaged.
        ModelMismatch: The weights are of another network than named, or of one that is not known here.
        DownloadFailed: The weights are published as a pickle alone, or the hub cannot be reached.
        DependencyMissing: timm is needed and not installed.
    """
    name, _, file = str(start).partition("@")
    plain = name.removeprefix(TORCHVISION)
    if plain != name and plain in _OF_TORCHVISION:
        return _of_torchvision(plain, file)
    directory = BUNDLED_DETECTOR if start == BUNDLED_DETECTOR.name else Path(start)
    if (directory / MODEL_FILE).is_file():
        text, weights = read_directory(directory)
        if _is_of_detector(text):
            return _of_directory(directory, DetectorCard.from_json(text), read_weights(weights))
    return DetectorStart(load_trunk(start, seed=seed))


def fitting_recipe(recipe: DetectorRecipe, start: DetectorStart) -> DetectorRecipe:
    """The recipe with kind and channels of what is started from.

    Raises:
        BadInput: The recipe wants another kind.
    """
    if not start.kind:
        return replace(recipe, kind=recipe.kind or DEFAULT_KIND)
    if recipe.kind not in {"", start.kind}:
        raise BadInput(
            f"Detector: the start is of kind {start.kind}, wanted {recipe.kind}.",
            "Leave the kind out, or start from a trunk.",
        )
    return replace(recipe, kind=start.kind, n_channels=start.n_channels)


def started_network(start: DetectorStart, recipe: DetectorRecipe, labels: tuple[str, ...]) -> DetectorNetwork:
    """The network to train; the start's trunk becomes part of it.

    Args:
        start: Where its weights come from; what is missing there comes from the dice.
        recipe: From `fitting_recipe`.
        labels: The classes to learn.

    Raises:
        BadInput: The trunk has no stages of the strides wanted.
        ModelMismatch: The start lacks weights.
    """
    trunk = start.trunk.backbone
    if isinstance(trunk, ResNet) and not is_folded(trunk):
        fold_norms(trunk)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = DetectorNetwork(recipe.kind, trunk, len(labels), recipe.n_channels, start.head)
    if start.kind:
        are_same = labels == start.labels
        _take_over(network, {name: start.learned[name] for name in start.learned if are_same or not _names_class(name)})
    return network


def architecture_told(recipe: DetectorRecipe, trunk: Trunk) -> str:
    """What a card calls the network: enough to build it again."""
    return f"{recipe.kind}, pyramid of {recipe.n_channels} channels on {trunk.architecture}"


def _is_of_detector(card: str) -> bool:
    try:
        return bool(json.loads(card).get("kind") == DetectorCard.kind)
    except (ValueError, AttributeError):
        return False  # it will be read as an embedder's, and refused


def _take_over(network: DetectorNetwork, learned: Mapping[str, Tensor]) -> None:
    wanted = network.state_dict()
    misshapen = [name for name in learned if name not in wanted or learned[name].shape != wanted[name].shape]
    # torchvision's RetinaNet makes the coarsest level from the trunk, not from the pyramid: that one is learned anew.
    missing = [name for name in wanted if name not in learned and not (_names_class(name) or ".extra_blocks." in name)]
    if misshapen or missing:
        raise ModelMismatch(
            f"Detector to start from: {len(missing)} of its weights are missing, {len(misshapen)} do not fit "
            f"({(missing + misshapen)[0]})."
        )
    network.load_state_dict({name: value.float() for name, value in learned.items()}, strict=False)


def _names_class(name: str) -> bool:
    return any(part in name for part in _CLASS_PARTS)


def _of_directory(path: Path, card: DetectorCard, learned: dict[str, Tensor]) -> DetectorStart:
    told = _TOLD.fullmatch(card.architecture)
    if told is None:
        raise ModelMismatch(f"{path}: cannot be built again from what its card says: {card.architecture!r}.")
    kind, n_channels, trunk_name = told.groups()
    backbone = architecture_of(trunk_name).build().eval()
    trunk = Trunk(
        backbone=backbone,
        architecture=trunk_name,
        embedding_dim=embedding_dim_of(backbone),
        mean=card.mean,
        std=card.std,
        license=card.license,
        source=f"{card.name}. {card.source}",
        training_data=card.training_data,
    )
    return DetectorStart(trunk, kind, int(n_channels), _layout_of(learned), card.labels, learned)


def _layout_of(learned: Mapping[str, Tensor]) -> HeadLayout:
    """The layout of a head, by the names of its weights."""
    tower = "detector.head.classification_head.conv."
    convs = [name for name, value in learned.items() if name.startswith(tower) and value.ndim == 4]
    return HeadLayout(n_convs=len(convs) or OWN_HEAD.n_convs, is_normalized=f"{tower}0.1.weight" in learned)


@dataclass(frozen=True)
class _OfTorchvision:
    """A detector of torchvision: what builds it, and what it is here."""

    build: Callable[..., nn.Module]
    kind: str
    n_anchors: int  # a place
    head: HeadLayout


_OF_TORCHVISION = {
    "fcos_resnet50_fpn": _OfTorchvision(fcos_resnet50_fpn, "fcos", 1, HeadLayout(n_convs=4)),
    "retinanet_resnet50_fpn_v2": _OfTorchvision(
        retinanet_resnet50_fpn_v2, "retinanet", 9, HeadLayout(is_normalized=True)
    ),
}


def _of_torchvision(name: str, file: str) -> DetectorStart:
    if not file:
        raise DownloadFailed(
            f"{TORCHVISION}{name}: torchvision publishes these weights as a pickle alone, which is not opened here.",
            'Convert them where you trust it: python -c "import safetensors.torch, torchvision; safetensors.torch.'
            f"save_file(torchvision.models.detection.{name}(weights='COCO_V1').state_dict(), '{name}.safetensors')\", "
            f"then start from '{TORCHVISION}{name}@{name}.safetensors'; or start from a trunk, such as the bundled "
            "one (the default), or from a detector's model directory.",
        )
    path, known = Path(file), _OF_TORCHVISION[name]
    refuse_pickle(path)
    state = read_weights(path)
    n_labels = len(state[_LOGITS]) // known.n_anchors if _LOGITS in state else 1
    network: Any = known.build(weights=None, weights_backbone=None, num_classes=n_labels)
    fill(network, state, f"{path}: {TORCHVISION}{name}")
    architecture = architecture_of(_COCO_TRUNK)
    backbone = architecture.build().eval()
    fill(backbone, network.backbone.body.state_dict(), f"{path}: {_COCO_TRUNK}")
    unsaid = "not stated: that of the given file"
    trunk = Trunk(
        backbone=backbone,
        architecture=architecture.name,
        embedding_dim=embedding_dim_of(backbone),
        mean=architecture.mean,
        std=architecture.std,
        license=unsaid,
        source=f"{TORCHVISION}{name}, the file {path.name}",
        training_data=unsaid,
    )
    return DetectorStart(trunk, known.kind, _COCO_CHANNELS, known.head, (), _by_our_names(network, backbone))


def _by_our_names(network: Any, backbone: nn.Module) -> dict[str, Tensor]:
    """What a detector of torchvision has learned, under the names of `DetectorNetwork`."""
    if isinstance(backbone, ResNet):
        fold_norms(backbone)
    parts = {
        "detector.backbone.trunk.": backbone.state_dict(),
        "detector.backbone.fpn.": network.backbone.fpn.state_dict(),
        "detector.head.": network.head.state_dict(),
    }
    named = {prefix + name: value for prefix, state in parts.items() for name, value in state.items()}
    coarser = "detector.backbone.fpn.extra_blocks."
    square = named[f"{coarser}p6.weight"]
    if square.shape[0] == square.shape[1]:  # from the pyramid's top, as here
        named |= {f"{coarser}conv.{part}": named[f"{coarser}p6.{part}"] for part in ("weight", "bias")}
    return {name: value for name, value in named.items() if not name.startswith((f"{coarser}p6", f"{coarser}p7"))}
