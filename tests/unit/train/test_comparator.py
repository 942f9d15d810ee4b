"""The comparator: pairs and their truth, a training that learns and repeats itself, a model that says the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facings.adapters.onnx_comparator import OnnxComparator
from facings.adapters.opencv_registration import OpenCvRegistrar
from facings.apps.pack_comparator import N_LOOKS, Beside
from facings.apps.pack_maps import PLACE_PX
from facings.errors import BadInput, ModelMismatch, ModelNotFound, StoreFailed
from facings.model_card import ComparatorCard, DetectorCard
from pack_photos import front, photo

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from facings.adapters.pair_file import load_pairs, save_pairs  # noqa: E402
from facings.train import comparator  # noqa: E402
from facings.train.comparator import train_comparator  # noqa: E402
from facings.train.comparator_export import TOLERANCE, export_comparator  # noqa: E402
from facings.train.comparator_network import ComparatorNetwork  # noqa: E402
from facings.train.comparator_pairs import (  # noqa: E402
    FORGED,
    GENUINE,
    NOT_ASKED,
    Pair,
    fingerprint,
    forged_pairs,
)

pytestmark = pytest.mark.torch

CARD = ComparatorCard("pack", "siamese", "none", "a test", "drawn packs", "")
SIDE = 12


def drawn_pair(rng: np.random.Generator, n_photos: int = 3, *, is_forged: bool) -> Pair:
    """One picture beside photos of the same print; a forged one has a block of another print."""
    n_px = SIDE * PLACE_PX
    print_px = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8).repeat(PLACE_PX, 0).repeat(PLACE_PX, 1)
    part, truth = print_px.copy(), np.zeros((SIDE, SIDE), np.int8)
    differences = np.zeros((n_photos, N_LOOKS, SIDE, SIDE), np.float32)
    differences[:, -2:] = 1
    if is_forged:
        top, left = rng.integers(0, SIDE - 4, 2).tolist()
        truth[top : top + 4, left : left + 4] = FORGED
        is_edited = (truth == FORGED).repeat(PLACE_PX, 0).repeat(PLACE_PX, 1)
        part[is_edited] = 255 - part[is_edited]
        differences[:, 0] = truth * 2
    seen = np.ones((n_photos, SIDE, SIDE), bool)
    laid = np.broadcast_to(print_px, (n_photos, n_px, n_px, 3)).copy()
    return Pair(Beside(part, laid, differences, seen), truth)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    rng = np.random.default_rng(0)
    return [drawn_pair(rng, is_forged=k % 2 == 0) for k in range(16)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparator, "CROP_PLACES", SIDE)
    monkeypatch.setattr(comparator, "BATCH_SIZE", 4)


def test_photos_give_genuine_forged_and_innocent_pairs() -> None:
    photos = [photo(front(), k) for k in range(4)]  # so many must agree without the one that is judged
    found = list(forged_pairs(photos, photo(front(3), 9), OpenCvRegistrar(n_threads=1), np.random.default_rng(0)))
    kinds = [set(np.unique(pair.truth).tolist()) for pair in found]
    assert kinds.count({GENUINE}) >= len(photos)  # as they are, and innocent edits
    forged = [pair for pair, kind in zip(found, kinds, strict=True) if FORGED in kind]
    assert len(forged) >= len(photos)
    for pair in forged:
        # The edit is an island in genuine print, and its edges are not asked about.
        assert 0 < (pair.truth == FORGED).mean() < 0.3
        assert (pair.truth == NOT_ASKED).any()
    shown = found[0].beside
    height, width = found[0].truth.shape
    assert shown.part.shape == (height * PLACE_PX, width * PLACE_PX, 3)
    assert shown.laid.shape[1:] == shown.part.shape
    assert shown.looks.shape == (len(shown.laid), N_LOOKS, height, width)


def test_a_training_learns_to_tell(pairs: list[Pair]) -> None:
    network = train_comparator(pairs, seed=0, n_threads=1, n_epochs=20)
    asked = drawn_pair(np.random.default_rng(77), is_forged=True)
    logits = told(network, asked.beside)
    assert np.median(logits[asked.truth == FORGED]) > np.quantile(logits[asked.truth == GENUINE], 0.98)


def test_a_training_repeats_itself(pairs: list[Pair]) -> None:
    one, two = (train_comparator(pairs, seed=0, n_threads=1, n_epochs=1).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def told(network: ComparatorNetwork, shown: Beside) -> np.ndarray:
    part = torch.from_numpy(shown.part.transpose(2, 0, 1)[None] / np.float32(128) - 1)
    laid = torch.from_numpy(shown.laid.transpose(0, 3, 1, 2)[None] / np.float32(128) - 1)
    with torch.inference_mode():
        found: np.ndarray = network(
            part, laid, torch.from_numpy(shown.looks)[None], torch.from_numpy(shown.is_seen)[None]
        )[0].numpy()
    return found


def test_the_order_of_the_photos_does_not_matter(pairs: list[Pair]) -> None:
    torch.manual_seed(1)
    network, shown = ComparatorNetwork().eval(), pairs[0].beside
    order = [2, 0, 1]
    other = Beside(shown.part, shown.laid[order], shown.looks[order] + 0, shown.is_seen[order])
    assert told(network, other) == pytest.approx(told(network, shown), abs=1e-5)


def test_pairs_are_kept(pairs: list[Pair], tmp_path: Path) -> None:
    file = tmp_path / "pairs.npz"
    assert load_pairs(file) is None
    save_pairs(file, pairs[:3])
    kept = load_pairs(file)
    assert kept is not None and fingerprint(kept) == fingerprint(pairs[:3]) != fingerprint(pairs[:2])
    assert all((a.truth == b.truth).all() for a, b in zip(kept, pairs, strict=False))
    assert kept[2].beside.looks == pytest.approx(pairs[2].beside.looks, rel=1e-3)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(StoreFailed, match="pairs to learn from"):
        load_pairs(file)


def test_the_exported_model_says_what_torch_says(pairs: list[Pair], tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = ComparatorNetwork().eval()
    assert export_comparator(network, CARD, tmp_path / "model") <= TOLERANCE
    model = OnnxComparator(tmp_path / "model", n_threads=1)
    assert model.card == CARD
    for shown in (pairs[0].beside, drawn_pair(np.random.default_rng(3), 1, is_forged=False).beside):
        assert model.compare(shown) == pytest.approx(told(network, shown), abs=1e-4)
    with pytest.raises(BadInput, match="exists already"):
        export_comparator(network, CARD, tmp_path / "model")


def test_a_card_of_another_kind_is_refused() -> None:
    assert ComparatorCard.from_json(CARD.to_json()) == CARD
    with pytest.raises(ModelMismatch, match="'comparator', wanted one of the kind 'detector'"):
        DetectorCard.from_json(CARD.to_json())
    with pytest.raises(ModelNotFound, match="cannot be read"):
        ComparatorCard.from_json('{"kind": "comparator", "name": "x"}')
