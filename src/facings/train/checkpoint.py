"""A training on disk, in one safetensors file: tensors, and what they belong to as JSON in its header.

The file is replaced in one step, so that a crash or a full disk leaves the last good one.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from reprlib import Repr
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from facings.errors import BadInput, ModelMismatch, ModelNotFound, StoreFailed
from facings.whole_file import replaced_file

CHECKPOINT_FILE = "checkpoint.safetensors"
_KEY = "facings.training"
_short = Repr()  # of a thousand products, the first few
_short.maxstring = 80


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
    try:
        with replaced_file(path) as file:
            file.write(content)
    except OSError as error:
        raise StoreFailed(
            f"{path}: cannot be written ({error.strerror or error}).",
            "What was there before is intact: make room, then resume.",
        ) from error


def check_folder(folder: Path, model: Path, *, is_resumed: bool) -> None:
    """Refuse a folder with a run that would be written over.

    Args:
        folder: Where a training is to run.
        model: What a finished one leaves.
        is_resumed: Whether the run that is there is to go on.

    Raises:
        BadInput: There is a finished run, or one to go on with that shall not.
    """
    if model.exists():
        raise BadInput(f"{folder}: holds a run already, and it is finished.", "Train into another folder.")
    if (folder / CHECKPOINT_FILE).exists() and not is_resumed:
        raise BadInput(f"{folder}: holds a run already.", "Resume it, or train into another folder.")


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
        raise ModelNotFound(
            f"{path}: there is no checkpoint that can be read ({error}).", "Train from the start, without resuming."
        ) from error
    found = told["identity"]
    wanted: dict[str, Any] = json.loads(json.dumps(identity))
    differing = list(_differences(found, wanted))
    if differing:
        raise ModelMismatch(
            f"{path}: belongs to another training: {'; '.join(differing)}.",
            "Resume with the same photos and settings, or train into another folder.",
        )
    return Checkpoint(found, told["progress"], tensors)


def _differences(found: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Each value that differs, by name, the nested ones one by one."""
    for name in sorted({*found, *wanted}):
        one, other = found.get(name), wanted.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other, f"{prefix}{name}.")
        elif one != other:
            yield f"{prefix}{name} is {_short.repr(one)}, wanted {_short.repr(other)}"
