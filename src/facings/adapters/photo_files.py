"""Photos kept as files under the hash of their bytes: `ab/abcdef….jpg`. Written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from facings.errors import StoreFailed

_SUFFIXES = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"RIFF": ".webp",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
}


class PhotoFiles:
    """A folder of photos.

    Args:
        directory: Made when the first photo comes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, photo_id: str, data: bytes) -> None:
        """Keep a photo; one that is there already is left alone.

        Raises:
            StoreFailed: The disk is full or the folder cannot be written.
        """
        target = self._directory / photo_id[:2] / (photo_id + _suffix(data))
        if target.exists():
            return
        try:
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                _sync_names(self._directory)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as file:
                try:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                    Path(file.name).chmod(0o644)  # temporary files are the owner's alone, kept photos are not
                    Path(file.name).replace(target)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            _sync_names(target.parent)
        except OSError as error:
            raise StoreFailed(f"{target}: the photo cannot be kept ({error.strerror or error}).") from error

    def has(self, photo_id: str) -> bool:
        """Whether a photo is kept."""
        return self._find(photo_id) is not None

    def path(self, photo_id: str) -> Path:
        """Where a kept photo lies.

        Raises:
            StoreFailed: It is not there.
        """
        found = self._find(photo_id)
        if found is None:
            raise StoreFailed(f"{self._directory}: photo {photo_id[:12]}… is gone.", "Restore it from a backup.")
        return found

    def get(self, photo_id: str) -> bytes:
        """The bytes of a kept photo.

        Raises:
            StoreFailed: It is not there or cannot be read.
        """
        path = self.path(photo_id)
        try:
            return path.read_bytes()
        except OSError as error:
            raise StoreFailed(f"{path}: cannot be read ({error.strerror or error}).") from error

    def _find(self, photo_id: str) -> Path | None:
        return next((self._directory / photo_id[:2]).glob(photo_id + ".*"), None)


def _sync_names(directory: Path) -> None:
    """Make the names in a directory survive a power cut, as `fsync` of a file does for its bytes."""
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _suffix(data: bytes) -> str:
    return next((suffix for magic, suffix in _SUFFIXES.items() if data.startswith(magic)), ".bin")
