"""One family of errors. Each leaf has a stable code; each message says what was found, wanted, and to do.

The CLI maps any `FacingsError` to exit code 1, the JSON output carries `code` and `message`.
"""

from __future__ import annotations

from dataclasses import dataclass


class FacingsError(Exception):
    """Base of every error Facings raises on purpose.

    Args:
        message: What was found, and what was wanted.
        hint: What to do about it, or "" when the message says all.
    """

    code = "facings_error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message if not hint else f"{message} {hint}")
        self.message = message
        self.hint = hint


class BadImage(FacingsError):
    """A photo cannot be decoded safely: not an image, truncated, too large, or of an unread format."""

    code = "bad_image"


class BadInput(FacingsError):
    """A value, file or row given by the user is not of the shape that was asked for."""

    code = "bad_input"


class ConfigInvalid(FacingsError):
    """A setting is unknown or out of range."""

    code = "config_invalid"


class DependencyMissing(FacingsError):
    """A package of an extra is needed and not installed."""

    code = "dependency_missing"


class DownloadFailed(FacingsError):
    """A public file could not be fetched, or its checksum is wrong."""

    code = "download_failed"


class ModelNotFound(FacingsError):
    """A model directory or one of its files is missing or damaged."""

    code = "model_not_found"


class ModelMismatch(FacingsError):
    """A model is of another kind or embedding space than is needed, or does not do what its card says."""

    code = "model_mismatch"


class GalleryInvalid(FacingsError):
    """The gallery is empty, or what it holds contradicts itself."""

    code = "gallery_invalid"


class PhotoRefused(FacingsError):
    """A photo is too poor to be analyzed, and the settings refuse such photos."""

    code = "photo_refused"


class StoreFailed(FacingsError):
    """The store is missing, of another version, locked, full, or damaged."""

    code = "store_failed"


@dataclass(frozen=True)
class Problem:
    """One bad item of a batch: where it stands and what is wrong; the rest of the batch went on."""

    where: str
    code: str
    message: str
