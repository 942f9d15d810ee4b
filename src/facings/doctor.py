"""Looks a Facings installation over: what is there, what is wrong, how to mend it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

import numpy as np
from threadpoolctl import threadpool_info

from facings.compose import Workspace
from facings.embed import Embedder, embed
from facings.errors import FacingsError, GalleryInvalid, ModelNotFound, StoreFailed
from facings.match import match
from facings.networks import BUNDLED_MODEL, load_model
from facings.types import Embeddings, Image

_LIBRARIES = ("numpy", "pillow", "onnxruntime", "sqlalchemy", "alembic")
_N_PROBES = 50


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        name: What.
        is_ok: Whether it is as it should be; also true of a check that was skipped.
        found: What was found, in words.
        remedy: What to do, "" when there is nothing to do.
    """

    name: str
    is_ok: bool
    found: str
    remedy: str = ""


def doctor(workspace: Workspace) -> Iterator[Check]:
    """Every check as it is done. One that fails stops no other; what has to rest on it is skipped and says so."""
    yield _versions()
    yield _threads(workspace)
    model = _guarded("model", workspace, _model)
    yield model
    yield _guarded("detector", workspace, _detector)
    store = _guarded("store", workspace, _store)
    yield store
    yield _guarded("gallery", workspace, _gallery, after=(store, model))
    yield _guarded("photos", workspace, _photos, after=(store,))


def _versions() -> Check:
    libraries = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    return Check("versions", True, f"facings {_version('facings')}, Python {platform.python_version()}, {libraries}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # on the path without having been installed
        return "of unknown version"


def _threads(workspace: Workspace) -> Check:
    n_wanted, n_cores = workspace.settings.threads, os.cpu_count() or 1
    pools = {str(pool["internal_api"]): int(pool["num_threads"]) for pool in threadpool_info()}
    found = f"{n_wanted} of {n_cores} cores ({', '.join(f'{k}: {n}' for k, n in pools.items()) or 'no BLAS pool'})"
    if n_wanted > n_cores:
        return Check(
            "threads", False, found, f"More threads than cores slow each other: set FACINGS_THREADS={n_cores}."
        )
    if max(pools.values(), default=0) > n_wanted:
        return Check("threads", False, found, f"Set OMP_NUM_THREADS={n_wanted} and OPENBLAS_NUM_THREADS={n_wanted}.")
    return Check("threads", True, found)


def _model(workspace: Workspace) -> str:
    name, embedder = _model_in_use(workspace)
    side = embedder.card.preparation.input_size_px
    crop = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    similarity = float(embed([crop], embedder).rows[0] @ embed([crop], embedder).rows[0])
    if abs(similarity - 1) > 1e-4:
        raise ModelNotFound(f"Model {name}: embedding one picture twice gave similarity {similarity:.4f}.")
    card = embedder.card
    return f"{card.name} ({name}), {card.embedding_dim}-d, space {embedder.space_id}, {card.license}"


def _model_in_use(workspace: Workspace) -> tuple[str, Embedder]:
    """The model of the settings or the gallery; without a store to ask, the bundled one."""
    try:
        name = workspace.model
    except Exception:  # only the store can fail here, and its own check says how
        return BUNDLED_MODEL, load_model(BUNDLED_MODEL, n_threads=workspace.settings.threads)
    return name, workspace.embedder


def _detector(workspace: Workspace) -> str:
    """It looks at a picture of nothing; what it answers does not matter, only that it does."""
    gray = Image(np.full((64, 64, 3), 128, np.uint8), photo_id="", source="test picture")
    workspace.detector.detect(gray)
    return f"{workspace.detector.name} ({workspace.settings.detector})"


def _store(workspace: Workspace) -> str:
    return f"{workspace.settings.store}: " + ", ".join(f"{n} {what}" for what, n in workspace.store.health().items())


def _gallery(workspace: Workspace) -> str:
    """Some references are searched for by their own rows: each must find itself, or a twin as similar."""
    space = workspace.embedder.space_id
    changes = workspace.store.changes_since(0, space, workspace.embedder.card.embedding_dim)
    picked = np.linspace(0, len(changes.ids) - 1, min(_N_PROBES, len(changes.ids))).astype(int)
    with workspace.gallery.current() as gallery:
        found = match(Embeddings(changes.rows[picked], space), gallery.index, gallery.sku_of, k=1)
        n_references, n_products = len(gallery.index), len(set(gallery.sku_of.values()))
    lost = [int(changes.ids[i]) for i, best in zip(picked, found, strict=True) if best[0].similarity < 0.999]
    if lost:
        raise GalleryInvalid(f"Reference {lost[0]} does not find itself.", "Run: facings gallery verify")
    return f"{n_references} references of {n_products} products, version {gallery.version}"


def _photos(workspace: Workspace) -> str:
    """Every reference's photo file is where it should be."""
    wanted = {reference.photo_id for reference in workspace.store.references()}
    missing = sorted(photo_id for photo_id in wanted if not workspace.store.has_photo(photo_id))
    if missing:
        raise StoreFailed(f"{len(missing)} reference photos are gone, first {missing[0][:12]}….", "Restore a backup.")
    return f"all {len(wanted)} reference photos are there"


def _guarded(
    name: str, workspace: Workspace, look: Callable[[Workspace], str], *, after: Sequence[Check] = ()
) -> Check:
    """A check that cannot stop the others, with no secret in its words; skipped if one that it rests on is wrong."""
    wrong = next((check for check in after if not check.is_ok), None)
    if wrong:
        return Check(name, True, f"skipped: no {wrong.name} to work with")
    location = workspace.settings.store
    try:
        return Check(name, True, _masked(look(workspace), location))
    except FacingsError as error:
        return Check(name, False, _masked(error.message, location), _masked(error.hint, location))
    except Exception as error:  # whatever a damaged installation raises is a finding, not an end
        return Check(name, False, _masked(f"{type(error).__name__}: {error}", location))


def _masked(text: str, location: str) -> str:
    """A text without the secrets of the store's URL, nor of any other."""
    return re.sub(r"\w[\w+.-]*://\S+", lambda found: _shown(found[0]), text.replace(location, _shown(location)))


def _shown(location: str) -> str:
    """A location with the password and every value of the query masked; a directory as it is."""
    scheme, is_url, rest = location.partition("://")
    if not is_url:
        return location
    try:
        parts = urlsplit("//" + rest)
    except ValueError:
        return f"{scheme}://…"
    if "@" in parts.path + parts.query + parts.fragment:  # a password with / ? or # in it
        return f"{scheme}://…"
    login, at, host = parts.netloc.rpartition("@")
    user, has_password, _ = login.partition(":")
    masked = f"{scheme}://{user}{':***' if has_password else ''}{at}{host}{parts.path}"
    if parts.query:
        masked += "?" + "&".join(f"{pair.partition('=')[0]}=***" for pair in parts.query.split("&"))
    return masked
