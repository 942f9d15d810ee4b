"""What a training starts from: a trunk out of a model directory, a local file, the hub, or dice.

`start` is one of

- a model directory: the bundled `product-embedder` (the default) or `starter`, by these names, or one that a training
  made, whatever its architecture;
- `torchvision:NAME` or `timm:NAME`: the network with its published weights, from the hub;
- `torchvision:NAME@FILE` or `timm:NAME@FILE`: the same network with the weights of a local `.safetensors` file, under
  the library's own parameter names. A classifier in it (`fc.`, `classifier.`, `head.`) is left out.

With `is_scratch` the named architecture (a directory's own) gets random weights. Nothing is unpickled, on any way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from facings.errors import BadInput, ModelMismatch, ModelNotFound
from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, ModelCard
from facings.train.architectures import TIMM, TORCHVISION, Architecture, architecture_of, embedding_dim_of
from facings.train.hub import fetch_weights
from facings.train.neck import NECK_MARK, without_neck

_WEIGHTS = Path(__file__).parents[1] / "weights"
STARTER, BUNDLED = _WEIGHTS / "starter", _WEIGHTS / "product-embedder"

_CLASSIFIERS = ("fc.", "classifier.", "head.")
_FILES = frozenset({".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar"})
_N_NAMED = 3  # names that an error shows of many


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
        is_scratch: The weights are random. Such a trunk knows no normalization statistics: it must learn in `train()`,
            with those of each batch, with no stage frozen and nothing folded.
    """

    backbone: nn.Module
    architecture: str
    embedding_dim: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    license: str
    source: str
    training_data: str
    is_scratch: bool = False


def load_trunk(start: Path | str = BUNDLED, *, is_scratch: bool = False, seed: int = 0) -> Trunk:
    """A trunk to start from.

    Args:
        start: As the module says.
        is_scratch: Random weights for the named architecture instead of its own.
        seed: Of the random weights.

    Raises:
        BadInput: The start names no known network, a file of another format, or a file to start from scratch with.
        ModelNotFound: The directory or file is missing or damaged.
        ModelMismatch: The weights are of another architecture than named, or of one that is not known here.
        DownloadFailed: The hub cannot be reached or lacks these weights.
        DependencyMissing: timm is needed and not installed.
    """
    start = next((directory for directory in (BUNDLED, STARTER) if start == directory.name), start)
    if not str(start).startswith((TIMM, TORCHVISION)):
        text, weights = read_directory(Path(start))
        card = ModelCard.from_json(text)
        architecture = _of_card(card, Path(start))
        return _from_dice(architecture, seed) if is_scratch else _from_directory(architecture, card, weights)
    name, at, file = str(start).partition("@")
    architecture = architecture_of(name)
    if not is_scratch:
        return _from_file(architecture, Path(file)) if at else _from_hub(architecture)
    if at:
        raise BadInput(f"{start}: from scratch means random weights, and this names a file.", f"Start from {name}.")
    return _from_dice(architecture, seed)


def read_directory(path: Path) -> tuple[str, Path]:
    """The card, as JSON, and the weights file of a model directory.

    Raises:
        BadInput: It is a file.
        ModelNotFound: It is no model directory.
    """
    if path.is_file() or path.suffix in _FILES:
        refuse_pickle(path)
        raise BadInput(
            f"{path}: a file does not say which network it belongs to.", f"Name it: '{TORCHVISION}resnet50@{path}'."
        )
    weights = path / WEIGHTS_FILE
    if not (path / MODEL_FILE).is_file() or not weights.is_file():
        raise ModelNotFound(
            f"{path}: there is no {MODEL_FILE} with {WEIGHTS_FILE} in it.",
            f"Give a model directory, {TORCHVISION}NAME or {TIMM}NAME.",
        )
    graph = onnx.load(path / MODEL_FILE, load_external_data=False)
    cards = [entry.value for entry in graph.metadata_props if entry.key == CARD_KEY]
    if not cards:
        raise ModelNotFound(f"{path / MODEL_FILE}: the graph carries no card.", "Export it with Facings.")
    return cards[0], weights


def _of_card(card: ModelCard, path: Path) -> Architecture:
    try:
        return architecture_of(card.architecture.partition(NECK_MARK)[0])
    except (BadInput, ModelMismatch) as error:
        raise ModelMismatch(f"{path}: cannot be built again. {error.message}", error.hint) from error


def _from_directory(architecture: Architecture, card: ModelCard, weights: Path) -> Trunk:
    network = architecture.build()
    state = read_weights(weights)
    fill(network, without_neck(state) if NECK_MARK in card.architecture else state, f"{weights}: {architecture.name}")
    return Trunk(
        backbone=network.eval(),
        architecture=card.architecture.partition(NECK_MARK)[0],
        embedding_dim=embedding_dim_of(network),
        mean=card.preparation.mean,
        std=card.preparation.std,
        license=card.license,
        source=card.source,
        training_data=card.training_data,
    )


def _from_file(architecture: Architecture, path: Path) -> Trunk:
    refuse_pickle(path)
    network = architecture.build()
    fill(network, read_weights(path), f"{path}: {architecture.name}")
    unsaid = "not stated: that of the given file"
    return _trunk(architecture, network, (unsaid, f"the file {path.name}", unsaid))


def _from_hub(architecture: Architecture) -> Trunk:
    path = fetch_weights(architecture.hub_repo, architecture.hub_file)
    network = architecture.build()
    fill(network, read_weights(path), f"{architecture.hub_repo}: {architecture.name}")
    source = f"Hugging Face hub, {architecture.hub_repo}"
    return _trunk(architecture, network, (architecture.license, source, "as the hub's card says"))


def _from_dice(architecture: Architecture, seed: int) -> Trunk:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = architecture.build()
    told = ("that of the training photos: no earlier weights", f"random weights, seed {seed}", "no photo")
    return _trunk(architecture, network, told, is_scratch=True)


def _trunk(
    architecture: Architecture, network: nn.Module, told: tuple[str, str, str], *, is_scratch: bool = False
) -> Trunk:
    license_of_weights, source, training_data = told
    return Trunk(
        backbone=network.eval(),
        architecture=architecture.name,
        embedding_dim=embedding_dim_of(network),
        mean=architecture.mean,
        std=architecture.std,
        license=license_of_weights,
        source=source,
        training_data=training_data,
        is_scratch=is_scratch,
    )


def refuse_pickle(path: Path) -> None:
    """Refuse files of weights that are not safetensors.

    Raises:
        BadInput: Its name says so.
    """
    if path.suffix == ".safetensors":
        return
    raise BadInput(
        f"{path}: only .safetensors files are read; other formats can run code when they are opened.",
        'Convert it where you trust it: python -c "import safetensors.torch, torch; safetensors.torch.save_file('
        f"torch.load('{path.name}', weights_only=True), '{path.stem}.safetensors')\"",
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ModelNotFound: It is missing or damaged.
    """
    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelNotFound(f"{path}: cannot be read as safetensors ({error}).") from error


def fill(network: nn.Module, state: dict[str, Tensor], what: str) -> None:
    """Put weights into a network; each name of one must be in the other, apart from a classifier's.

    Raises:
        ModelMismatch: Names or shapes differ.
    """
    wanted = network.state_dict()
    kept = {name: value for name, value in state.items() if name in wanted or not name.startswith(_CLASSIFIERS)}
    # Old files lack the count of batches, which nothing reads.
    missing = [name for name in wanted if name not in kept and not name.endswith(".num_batches_tracked")]
    surplus = [name for name in kept if name not in wanted]
    misshapen = [name for name in kept if name in wanted and kept[name].shape != wanted[name].shape]
    lists = (("missing", missing), ("surplus", surplus), ("of another shape", misshapen))
    differing = "; ".join(f"{kind}: {_few(names)}" for kind, names in lists if names)
    if differing:
        raise ModelMismatch(f"{what} has other weights than these ({differing}).", "Name the network they belong to.")
    network.load_state_dict(kept)


def _few(names: list[str]) -> str:
    more = len(names) - _N_NAMED
    return ", ".join(names[:_N_NAMED]) + (f" and {more} more" if more > 0 else "")
