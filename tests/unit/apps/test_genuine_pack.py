"""Genuine photos prepared, and a photo held against them: verdicts, what cannot be told, and what it rests on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from facings.adapters.opencv_registration import OpenCvRegistrar
from facings.apps.authenticity import (
    Claim,
    GenuineReference,
    Judged,
    Query,
    Readers,
    authenticate,
    replayed,
    working_size,
)
from facings.apps.authenticity_page import authenticity_page
from facings.apps.genuine_calibration import GenuineCalibration
from facings.apps.genuine_pack import GenuinePack, prepare
from facings.apps.pack_checks import CHECKS
from facings.apps.pack_comparator import PackComparator
from facings.apps.pack_inspection import LOOKS
from facings.apps.registration import PixelBox
from facings.errors import BadInput
from facings.evidence import Barcode, Pixels
from facings.near_duplicates import perceptual_hash
from facings.networks import load_comparator
from facings.types import Image, UInt8Array
from pack_photos import forged, front, photo

N_PHOTOS = 4
LIMIT = 0.2  # as four photos can promise
Ask = Callable[..., Judged]


@pytest.fixture(scope="module")
def registrar() -> OpenCvRegistrar:
    return OpenCvRegistrar(n_threads=1)


@pytest.fixture(scope="module")
def comparator() -> PackComparator:
    return load_comparator(n_threads=1)


@pytest.fixture(scope="module")
def photos() -> dict[int, UInt8Array]:
    return {10 + k: photo(front(), k) for k in range(N_PHOTOS)}


@pytest.fixture(scope="module")
def pack(photos: dict[int, UInt8Array], registrar: OpenCvRegistrar, comparator: PackComparator) -> GenuinePack:
    return prepare("milk", photos, registrar, comparator)


@pytest.fixture
def ask_at(
    photos: dict[int, UInt8Array], pack: GenuinePack, registrar: OpenCvRegistrar, comparator: PackComparator
) -> Callable[[UInt8Array, PixelBox | None], Judged]:
    """Ask about the pack in a box of a photo."""
    claim = Claim(pack, (), GenuineCalibration([pack]), "", photos.__getitem__)
    return lambda pixels, box: authenticate(
        asked(pixels, "q", box), claim, registrar, comparator, max_false_alarm=LIMIT
    )


@pytest.fixture
def ask(
    photos: dict[int, UInt8Array], pack: GenuinePack, registrar: OpenCvRegistrar, comparator: PackComparator
) -> Ask:
    """Ask about pixels."""
    references = [GenuineReference(k, f"file {k}", perceptual_hash(pixels)) for k, pixels in photos.items()]
    claim = Claim(pack, references, GenuineCalibration([pack]), "4006381333931", photos.__getitem__)

    def answered(pixels: UInt8Array, *, limit: float = LIMIT, barcode: str = "", file: str = "its own") -> Judged:
        reader = Reads(barcode) if barcode else None
        return authenticate(
            asked(pixels, file), claim, registrar, comparator, max_false_alarm=limit, readers=Readers(reader),
            versions={"b": "2", "a": "1"},
        )  # fmt: skip

    return answered


def asked(pixels: UInt8Array, file: str, box: PixelBox | None = None) -> Query:
    """A photo that is the pack, unless a box says where in it."""
    height, width = pixels.shape[:2]
    return Query(Image(pixels, file, "q.png"), box or (0, 0, width, height), "Hold still.")


class Reads:
    """Reads one barcode everywhere."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self, crop: Pixels) -> tuple[Barcode, ...]:  # noqa: ARG002 (the port's signature)
        return (Barcode(self._text, "EAN-13", (0, 0, 9, 9)),)


def test_genuine_photos_vouch_for_the_pack_and_not_for_what_lies_behind(pack: GenuinePack) -> None:
    assert [one.number for one in pack.photos] == [10, 11, 12, 13]
    assert pack.scores.shape == (N_PHOTOS, len(CHECKS))
    for one in pack.photos:
        is_vouched, (x1, y1, _, _) = one.vouching.maps.is_vouched, one.vouching.box
        rows, columns = np.nonzero(is_vouched)
        x, y = x1 + 4 * columns, y1 + 4 * rows
        assert ((x > 50) & (x < 215) & (y > 20) & (y < 255)).mean() > 0.98
        assert is_vouched.sum() * 16 > 0.5 * 130 * 200


def test_too_few_photos_are_refused(
    photos: dict[int, UInt8Array], registrar: OpenCvRegistrar, comparator: PackComparator
) -> None:
    with pytest.raises(BadInput, match="got 2 genuine photos, wanted 3 or more"):
        prepare("milk", dict(list(photos.items())[:2]), registrar, comparator)


def test_references_that_show_different_things_vouch_for_nothing(
    registrar: OpenCvRegistrar, comparator: PackComparator
) -> None:
    pack = prepare("milk", {k: photo(front(20 + k), k) for k in range(3)}, registrar, comparator)
    assert pack.photos == ()
    assert pack.scores.shape == (0, len(CHECKS))


def test_a_genuine_pack_is_consistent(ask: Ask) -> None:
    answer = ask(photo(front(), 50)).answer
    assert answer.verdict == "consistent with genuine"
    assert answer.p_value is not None and answer.p_value > LIMIT
    assert answer.judged_frac > 0.7
    assert {check.words for check in answer.checks if check.p_value and check.p_value > LIMIT} == {"As genuine packs."}
    assert (answer.n_references, answer.n_calibration, answer.sku) == (N_PHOTOS, N_PHOTOS, "milk")


def test_a_forged_pack_is_suspicious_and_the_place_is_marked(ask: Ask) -> None:
    answer = ask(photo(forged(front()), 50)).answer
    assert answer.verdict == "suspicious"
    assert answer.p_value == pytest.approx(1 / (N_PHOTOS + 1))
    assert answer.why.startswith(answer.checks[0].words)
    assert [check.name for check in answer.checks] == [*LOOKS, "proportions", "text"]
    assert "not installed" in answer.checks[-1].words
    (odd,) = [check for check in answer.checks if check.name == "print"]
    assert odd.box is not None
    x, y = (odd.box[0] + odd.box[2]) / 2, (odd.box[1] + odd.box[3]) / 2
    assert 95 < x < 165 and 115 < y < 185  # the block lies at x 110 to 150, y 130 to 170, give or take the view


def test_a_larger_photo_has_the_same_verdict_in_its_own_pixels(ask: Ask) -> None:
    small, large = photo(forged(front()), 50), photo(forged(front()), 50).repeat(2, 0).repeat(2, 1)
    one, two = ask(small).answer, ask(large).answer
    assert one.verdict == two.verdict == "suspicious"
    assert np.array(two.checks[0].box) / 2 == pytest.approx(np.array(one.checks[0].box), abs=24)


def test_a_pack_that_was_cut_out_of_a_photo_is_marked_in_the_photo(ask_at: Callable[..., Judged]) -> None:
    pixels = photo(forged(front()), 50)
    framed = np.zeros((400, 500, 3), np.uint8)
    framed[60 : 60 + pixels.shape[0], 150 : 150 + pixels.shape[1]] = pixels
    alone = ask_at(pixels, None).answer
    within = ask_at(framed, (150, 60, 150 + pixels.shape[1], 60 + pixels.shape[0])).answer
    assert within.p_value == alone.p_value
    assert alone.checks[0].box is not None
    assert within.checks[0].box == tuple(a + b for a, b in zip(alone.checks[0].box, (150, 60, 150, 60), strict=True))


@pytest.mark.parametrize(
    "pixels, why, advice",
    [
        (photo(front(3), 51), "could not be laid over any genuine photo", "Photograph the side"),
        (np.full((200, 200, 3), 128, np.uint8), "could not be laid over any genuine photo", "Hold still."),
    ],
    ids=["another product", "blank"],
)
def test_what_does_not_fit_cannot_be_told(ask: Ask, pixels: UInt8Array, why: str, advice: str) -> None:
    answer = ask(pixels).answer
    assert answer.verdict == "cannot tell"
    assert why in answer.why
    assert advice in answer.advice
    assert answer.p_value is None
    assert answer.closest is None


def test_a_pack_behind_a_hand_cannot_be_told(ask: Ask) -> None:
    covered = photo(front(), 50)
    covered[85:] = (220, 170, 140)
    answer = ask(covered).answer
    assert answer.verdict == "cannot tell"
    assert "could be judged" in answer.why or "could not be laid" in answer.why


def test_a_reference_again_is_called_out(ask: Ask, photos: dict[int, UInt8Array]) -> None:
    same_file = ask(photos[11], file="file 11").answer
    assert (same_file.verdict, same_file.why) == ("cannot tell", "The photo is the same file as reference photo 11.")
    screenshot = ask(np.clip(photos[12].astype(int) + 3, 0, 255).astype(np.uint8)).answer
    assert screenshot.verdict == "cannot tell"
    assert "hardly another picture than reference photo 12" in screenshot.why


def test_a_replay_is_told_from_a_photo_of_its_own(photos: dict[int, UInt8Array]) -> None:
    references = [GenuineReference(k, f"file {k}", perceptual_hash(pixels)) for k, pixels in photos.items()]
    assert replayed(asked(photos[10], "file 10"), references) == (10, True)
    assert replayed(asked(photos[10], "other"), references) == (10, False)
    assert replayed(asked(photo(front(3), 9), "other"), references) is None
    assert replayed(asked(photos[10], "other"), []) is None


def test_a_promise_that_so_few_photos_cannot_keep_is_not_made(ask: Ask) -> None:
    answer = ask(photo(forged(front()), 50), limit=0.01).answer
    assert answer.verdict == "cannot tell"
    assert answer.why == "4 genuine photos cannot promise 1.0% false alarms; wanted 99."
    assert answer.p_value is not None


def test_a_barcode_of_another_product_is_suspicious_by_itself(ask: Ask) -> None:
    wrong = ask(photo(front(), 50), barcode="7310865004703").answer
    assert wrong.verdict == "suspicious"
    assert wrong.why.startswith("The barcode says 7310865004703, the catalog 4006381333931: it begins with another")
    right = ask(photo(front(), 50), barcode="4006381333931").answer
    assert right.verdict == "consistent with genuine"


def test_the_same_question_has_the_same_answer_byte_for_byte(ask: Ask) -> None:
    one, two = (json.dumps(ask(photo(front(), 50)).answer.to_json()) for _ in range(2))
    assert one == two
    found = json.loads(one)
    assert found["schema"] == "facings.authenticity/1"
    assert found["evidence"]["photo_sha256"] == "its own"
    assert list(found["evidence"]["versions"]) == ["a", "b"]
    assert len(found["evidence"]["references_sha256"]) == len(found["evidence"]["calibration_sha256"]) == 64
    assert json.loads(json.dumps(ask(photo(front(), 51)).answer.to_json())) != found


def test_the_page_shows_verdict_and_places(ask: Ask, photos: dict[int, UInt8Array]) -> None:
    judged = ask(photo(forged(front()), 50))
    assert judged.answer.closest is not None
    genuine = photos[judged.answer.closest]
    made_at = datetime(2026, 5, 4, tzinfo=UTC)
    page = authenticity_page(judged, genuine, photo="<b>.jpg", source="milk/1.jpg", made_at=made_at)
    assert "milk: suspicious" in page
    assert "&lt;b&gt;.jpg" in page
    assert page.count("data:image/jpeg") == 2 + 2 * len(LOOKS)
    nothing = replace(judged, inspection=None, fits={})
    bare = authenticity_page(nothing, None, photo="a.jpg", source="", made_at=made_at)
    assert bare.count("data:image/jpeg") == 1


def test_the_working_size() -> None:
    assert working_size(np.zeros((100, 60, 3), np.uint8)).shape == (100, 60, 3)
    assert working_size(np.zeros((960, 480, 3), np.uint8)).shape == (480, 240, 3)
