"""Looks a Facings installation over: what is there, what is wrong, how to mend it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from threadpoolctl import threadpool_info

from facings.compose import Workspace
from facings.embed import embed
from facings.errors import FacingsError, GalleryInvalid, ModelNotFound, StoreFailed
from facings.match import match
from facings.types import Embeddings

_LIBRARIES = ("numpy", "pillow", "onnxruntime", "sqlalchemy", "alembic")
_N_PROBES = 50


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        name: What.
        is_ok: Whether it is as it should be.
        found: What was found, in words.
        remedy: What to do, "" when there is nothing to do.
    """

    name: str
    is_ok: bool
    found: str
    remedy: str = ""


def doctor(workspace: Workspace) -> Iterator[Check]:
    """Every check as it is done; one that fails does not stop the others."""
    yield _versions()
    yield _threads(workspace)
    for name, look in (("model", _model), ("store", _store), ("gallery", _gallery), ("photos", _photos)):
        yield _guarded(name, workspace, look)


def _versions() -> Check:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return Check("versions", True, f"facings {version('facings')}, Python {platform.python_version()}, {libraries}")


def _threads(workspace: Workspace) -> Check:
    n_wanted, n_cores = workspace.settings.threads, os.cpu_count() or 1
    pools = {str(pool["internal_api"]): int(pool["num_threads"]) for pool in threadpool_info()}
    found = f"{n_wanted} of {n_cores} cores ({', '.join(f'{k}: {n}' for k, n in pools.items()) or 'no BLAS pool'})"
    if n_wanted > n_cores:
        return Check(
            "threads", False, found, f"More threads than cores slow each other: set FACINGS_THREADS={n_cores}."
        )
    return Check("threads", max(pools.values(), default=0) <= n_wanted, found)


def _model(workspace: Workspace) -> str:
    embedder = workspace.embedder
    side = embedder.card.preparation.input_size_px
    crop = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    similarity = float(embed([crop], embedder).rows[0] @ embed([crop], embedder).rows[0])
    if abs(similarity - 1) > 1e-4:
        raise ModelNotFound(f"Model {workspace.model}: embedding one picture twice gave similarity {similarity:.4f}.")
    card = embedder.card
    return f"{card.name} ({workspace.model}), {card.embedding_dim}-d, space {embedder.space_id}, {card.license}"


def _store(workspace: Workspace) -> str:
    return f"{workspace.settings.store}: " + ", ".join(f"{n} {what}" for what, n in workspace.store.health().items())


def _gallery(workspace: Workspace) -> str:
    """Some references are searched for by their own rows: each must find itself, or a twin as similar."""
    gallery = workspace.gallery
    gallery.refresh()
    space = workspace.embedder.space_id
    changes = workspace.store.changes_since(0, space, workspace.embedder.card.embedding_dim)
    picked = np.linspace(0, len(changes.ids) - 1, min(_N_PROBES, len(changes.ids))).astype(int)
    found = match(Embeddings(changes.rows[picked], space), gallery.index, gallery.sku_of, k=1)
    lost = [int(changes.ids[i]) for i, best in zip(picked, found, strict=True) if best[0].similarity < 0.999]
    if lost:
        raise GalleryInvalid(f"Reference {lost[0]} does not find itself.", "Run: facings gallery verify")
    return f"{len(gallery.index)} references of {len(set(gallery.sku_of.values()))} products, version {gallery.version}"


def _photos(workspace: Workspace) -> str:
    """Every reference's photo file is where it should be."""
    wanted = {reference.photo_id for reference in workspace.store.references()}
    missing = sorted(photo_id for photo_id in wanted if not workspace.store.has_photo(photo_id))
    if missing:
        raise StoreFailed(f"{len(missing)} reference photos are gone, first {missing[0][:12]}….", "Restore a backup.")
    return f"all {len(wanted)} reference photos are there"


def _guarded(name: str, workspace: Workspace, look: Callable[[Workspace], str]) -> Check:
    try:
        return Check(name, True, look(workspace))
    except FacingsError as error:
        return Check(name, False, error.message, error.hint)
