"""Errors: one family, each leaf with a code of its own that outputs carry for good."""

from __future__ import annotations

import pytest

from facings import errors
from facings.errors import FacingsError

CODES = {
    "BadImage": "bad_image",
    "BadInput": "bad_input",
    "ConfigInvalid": "config_invalid",
    "DependencyMissing": "dependency_missing",
    "DownloadFailed": "download_failed",
    "GalleryInvalid": "gallery_invalid",
    "ModelMismatch": "model_mismatch",
    "ModelNotFound": "model_not_found",
    "PhotoRefused": "photo_refused",
    "StoreFailed": "store_failed",
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_codes_are_a_promise(name: str, code: str) -> None:
    leaf = getattr(errors, name)

    assert issubclass(leaf, FacingsError)
    assert leaf.code == code


def test_no_two_leaves_share_a_code() -> None:
    leaves = FacingsError.__subclasses__()

    assert len({leaf.code for leaf in leaves} | {FacingsError.code}) == len(leaves) + 1


def test_the_text_is_message_and_hint() -> None:
    with_hint, without = FacingsError("Got 1, wanted 2.", "Try 2."), FacingsError("Got 1, wanted 2.")

    assert (str(with_hint), with_hint.message, with_hint.hint) == (
        "Got 1, wanted 2. Try 2.",
        "Got 1, wanted 2.",
        "Try 2.",
    )
    assert (str(without), without.message, without.hint) == ("Got 1, wanted 2.", "Got 1, wanted 2.", "")
