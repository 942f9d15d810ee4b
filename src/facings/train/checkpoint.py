"""A training on disk, in one safetensors file: tensors, and what they belong to as JSON in its header.

The file is replaced in one step, so that a crash or a full disk leaves the last good one.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from facings.errors import ModelMismatch, ModelNotFound, StoreFailed

CHECKPOINT_FILE = "checkpoint.safetensors"
_KEY = "facings.training"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a training stands.

    Args:
        identity: What makes two trainings the same: recipe, architecture, products, photos.
        progress: Step, metrics, seconds: whatever the loop needs besides tensors; JSON.
        tensors: Name → value.
    """

    identity: dict[str, Any]
    progress: dict[str, Any]
    tensors: dict[str, Tensor]


class CtrlC:
    """Notes Ctrl-C instead of stopping in the middle of a step, so that what is saved is whole; the second one stops.

    Signals reach the main thread alone; elsewhere nothing is changed.
    """

    def __init__(self) -> None:
        self.is_pressed = False
        self._is_main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> CtrlC:
        if self._is_main:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._is_main:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: object) -> None:
        if self.is_pressed:
            raise KeyboardInterrupt
        self.is_pressed = True


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> None:
    """Write `checkpoint.safetensors`, replacing the last one.

    Raises:
        StoreFailed: The disk is full or cannot be written; the last checkpoint is left as it was.
    """
    told = json.dumps({"identity": checkpoint.identity, "progress": checkpoint.progress})
    tensors = {name: value.detach().contiguous().clone() for name, value in checkpoint.tensors.items()}
    replace_file(folder / CHECKPOINT_FILE, safetensors.torch.save(tensors, metadata={_KEY: told}))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file of a run in one step; its folder is made.

    Raises:
        StoreFailed: The disk is full or cannot be written; what was there before is left as it was.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if partial.is_file():
            partial.unlink()
        raise StoreFailed(
            f"{path}: cannot be written ({error.strerror or error}).",
            "What was there before is intact: make room, then resume.",
        ) from error


def load_checkpoint(folder: Path, identity: dict[str, Any]) -> Checkpoint:
    """The checkpoint of a folder.

    Args:
        folder: Holds `checkpoint.safetensors`.
        identity: Of the training that wants to go on.

    Raises:
        ModelNotFound: There is none, or it is damaged.
        ModelMismatch: It belongs to another training.
    """
    path = folder / CHECKPOINT_FILE
    try:
        with safetensors.safe_open(path, "pt") as file:
            told = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise ModelNotFound(f"{path}: there is no checkpoint that can be read ({error}).") from error
    found = told["identity"]
    wanted: dict[str, Any] = json.loads(json.dumps(identity))
    differing = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    if differing:
        first = differing[0]
        raise ModelMismatch(
            f"{path}: belongs to another training: {', '.join(differing)} differ "
            f"({first}: got {found.get(first)!r}, wanted {wanted.get(first)!r}).",
            "Resume with the same photos and settings, or train into another folder.",
        )
    return Checkpoint(found, told["progress"], tensors)
