"""The two gates that a new model must pass: the gallery's own photos, or labelled photos that the user has.

Either is asked in the old space and in the new one, against all references; see `evaluate.gate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from facings.catalog import Names
from facings.embed import Embedder
from facings.errors import BadInput, ModelMismatch
from facings.evaluate.gate import DEFAULT_TOLERANCE, LabelledRows, Verdict, is_askable, recall_at_1
from facings.evaluate.side import SideReader
from facings.gallery import Reference, Space
from facings.images import MAX_MEGAPIXELS
from facings.manifest import LabelledPhoto
from facings.model_card import ModelCard
from facings.progress import Track, untracked
from facings.reembed import ReembedStore

MAX_ASKED = 2000
_PIECE = 4096  # gallery rows compared at a time


def leave_one_photo_out(
    store: ReembedStore, live: Space, embedder: Embedder, *, tolerance: float = DEFAULT_TOLERANCE
) -> Verdict:
    """Each photo of the gallery looked for among the others: needs neither further photos nor the old model.

    Up to `MAX_ASKED` photos, chosen at random (always the same), of products with two photos or more.

    Args:
        store: Catalog and gallery.
        live: The live space.
        embedder: The new model.
        tolerance: By how much its recall@1 may be lower, 0 to 1.

    Raises:
        BadInput: No product has two photos.
    """
    old, new = _aligned(store, live.space_id, embedder.space_id)
    askable = np.flatnonzero(is_askable([r.sku for r in old], [r.photo_id for r in old], _names(old)))
    if not len(askable):
        raise BadInput(
            "Gate: no product of the gallery has two photos, so none can be left out.",
            "Give labelled photos with --gate PATH, or switch without asking with --gate none.",
        )
    asked = np.sort(np.random.default_rng(0).permutation(askable)[:MAX_ASKED]).tolist()
    dim = ModelCard.from_json(live.card).embedding_dim
    shares = []
    for references, n_numbers in ((old, dim), (new, embedder.card.embedding_dim)):
        (queries,) = _pieces(store, [references[i] for i in asked], n_numbers, len(asked))
        shares.append(recall_at_1(queries, _pieces(store, references, n_numbers)))
    old_share, new_share = shares
    return Verdict(old_share, new_share, tolerance, f"Leave-one-photo-out, {len(asked)} photos")


def labelled_queries(
    store: ReembedStore,
    live: Space,
    embedder: Embedder,
    *,
    photos: Sequence[LabelledPhoto],
    load_old: Callable[[str], Embedder],
    tolerance: float = DEFAULT_TOLERANCE,
    n_threads: int = 1,
    max_megapixels: float = MAX_MEGAPIXELS,
    track: Track = untracked,
) -> Verdict:
    """Labelled photos of the user looked for in the gallery. Those that cannot be read are in neither figure.

    Args:
        store: Catalog and gallery.
        live: The live space.
        embedder: The new model.
        photos: What shows what; a photo that is in the gallery is asked of the others.
        load_old: Gives the old model by its name.
        tolerance: By how much the new model's recall@1 may be lower, 0 to 1.
        n_threads: Threads that decode.
        max_megapixels: Refuse larger photos.
        track: Shows progress.

    Raises:
        BadInput: No photo could be used, or none shows a product of the gallery.
        ModelMismatch: The old model's directory holds another model now.
    """
    old_embedder = load_old(live.model)
    if old_embedder.space_id != live.space_id:
        raise ModelMismatch(
            f"Model {live.model!r} is of space {old_embedder.space_id}, the gallery was made in {live.space_id}.",
            "Use the gate that needs no model: leave-one-photo-out.",
        )
    names, (old, new) = Names(store.products()), _aligned(store, live.space_id, embedder.space_id)
    shares = []
    for references, network in ((old, old_embedder), (new, embedder)):
        with ThreadPoolExecutor(n_threads) as pool:
            side = SideReader(network, pool, max_megapixels, track).read(photos, "queries of the gate")
        labels = [names.sku(label) for label in side.rows.labels]
        photo_ids = [known.photo_id for known in side.fingerprints]
        asked = np.flatnonzero(is_askable(labels, photo_ids, _names(references)))
        queries = LabelledRows(
            side.rows.embeddings.rows[asked], [labels[i] for i in asked], [photo_ids[i] for i in asked]
        )
        shares.append(recall_at_1(queries, _pieces(store, references, network.card.embedding_dim)))
    old_share, new_share = shares
    return Verdict(old_share, new_share, tolerance, f"{old_share.n} labelled photos")


def _aligned(store: ReembedStore, old_id: str, new_id: str) -> tuple[list[Reference], list[Reference]]:
    """References that both spaces have, in one order."""
    new_of = {(r.photo_id, r.box): r for r in store.references(new_id)}
    old = [r for r in store.references(old_id) if (r.photo_id, r.box) in new_of]
    return old, [new_of[r.photo_id, r.box] for r in old]


def _names(references: Sequence[Reference]) -> list[tuple[str, str]]:
    return [(r.sku, r.photo_id) for r in references]


def _pieces(
    store: ReembedStore, references: Sequence[Reference], dim: int, size: int = _PIECE
) -> Iterator[LabelledRows]:
    """So many references at a time with their rows; less those that are removed meanwhile."""
    for start in range(0, len(references), size):
        of_id = {r.reference_id: r for r in references[start : start + size]}
        ids, rows = store.spaces.rows(list(of_id), dim)
        there = [of_id[reference_id] for reference_id in ids.tolist()]
        yield LabelledRows(rows, [r.sku for r in there], [r.photo_id for r in there])
