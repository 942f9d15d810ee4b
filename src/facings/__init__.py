"""Visual product recognition for retail: every product in a photo, which one it is, and a record of it.

The names below are imported when first used, so that `import facings` and the command line start at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facings.catalog import Product as Product
    from facings.compose import Workspace as Workspace
    from facings.compose import init_workspace as init_workspace
    from facings.compose import open_workspace as open_workspace
    from facings.errors import FacingsError as FacingsError
    from facings.evaluate.run import evaluate_recognition as evaluate_recognition
    from facings.manifest import LabelledPhoto as LabelledPhoto
    from facings.manifest import read_manifest as read_manifest
    from facings.networks import load_model as load_model
    from facings.settings import Settings as Settings
    from facings.simulate import write_store as write_store
    from facings.types import PhotoResult as PhotoResult

__version__ = "0.1.0"

_HOMES = {
    "FacingsError": "errors",
    "LabelledPhoto": "manifest",
    "PhotoResult": "types",
    "Product": "catalog",
    "Settings": "settings",
    "Workspace": "compose",
    "evaluate_recognition": "evaluate.run",
    "init_workspace": "compose",
    "load_model": "networks",
    "open_workspace": "compose",
    "read_manifest": "manifest",
    "write_store": "simulate",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'facings' has no attribute {name!r}")
    return getattr(import_module(f"facings.{_HOMES[name]}"), name)
