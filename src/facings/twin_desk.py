"""Twins at a desk: those of a gallery found, doubles of its catalog too, and what tells each pair apart learned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facings.catalog_doubles import CatalogDouble, find_doubles
from facings.cells import CellNetwork, cells_of
from facings.embed import Embedder
from facings.errors import FacingsError, ModelNotFound, Problem
from facings.gallery import Gallery, GalleryStore, NearDuplicate, Reference, find_near_duplicates, reference_pixels
from facings.images import MAX_MEGAPIXELS
from facings.progress import Track, untracked
from facings.twin_check import KnownPair
from facings.twin_verifier import MIN_PHOTOS, PairPhotos, average, fit_verifier
from facings.twins import Twin, find_twins
from facings.types import FloatArray, UInt8Array

MAX_PHOTOS = 24  # of a product that a verifier learns from; more cost time and say little
N_RECENT = 200  # gallery versions before an enrollment whose photos say how photos of one product vary


@dataclass(frozen=True)
class TwinReport:
    """What the desk found.

    Args:
        twins: Products that will be taken for another one, the most confused first.
        doubles: Lines of the catalog that may be one product.
        same_looks: Reference photos of two products that look like the same picture.
        pairs: What tells twins apart, for those with enough photos.
        problems: Reference photos that could not be read.
        note: Why nothing was learned, "" where something could be.
    """

    twins: tuple[Twin, ...]
    doubles: tuple[CatalogDouble, ...]
    same_looks: tuple[NearDuplicate, ...]
    pairs: tuple[KnownPair, ...]
    problems: tuple[Problem, ...]
    note: str = ""

    def pair_of(self, twin: Twin) -> KnownPair | None:
        """What tells these two apart."""
        return next((pair for pair in self.pairs if (pair.first, pair.second) == twin.skus), None)


class TwinDesk:
    """What one does about look-alikes in a gallery.

    Args:
        store: Catalog and gallery.
        embedder: The model that the gallery was made with.
        gallery: The same gallery, to search.
        open_network: Gives the embedder's first stages.
        save: Keeps what was learned.
        max_megapixels: As when the photos were enrolled.
    """

    def __init__(
        self,
        store: GalleryStore,
        embedder: Embedder,
        gallery: Gallery,
        *,
        open_network: Callable[[], CellNetwork],
        save: Callable[[Sequence[KnownPair]], object],
        max_megapixels: float = MAX_MEGAPIXELS,
    ) -> None:
        self._store, self._embedder, self._gallery = store, embedder, gallery
        self.open_network, self._save = open_network, save
        self._max_megapixels = max_megapixels

    def find(self, since: int = 0) -> list[Twin]:
        """The products that will be taken for another one, by the photos that ask; see `twins.find_twins`.

        Args:
            since: Only products with photos that came after this gallery version; the photos of some versions before
                it are asked too, since they show how photos of one product vary. 0 for all.

        Raises:
            GalleryInvalid: The gallery is empty.
            ModelMismatch: It was made by another model.
        """
        space_id, dim = self._embedder.space_id, self._embedder.card.embedding_dim
        with self._gallery.current() as now:
            asking = self._store.changes_since(max(0, since - N_RECENT), space_id, dim)
            twins = find_twins(asking, now.index, now.sku_of)
        if not since:
            return twins
        new = set(self._store.changes_since(since, space_id, dim, with_rows=False).skus)
        return [twin for twin in twins if new & set(twin.skus)]

    def look(self, *, track: Track = untracked) -> TwinReport:
        """Twins, doubles, and what tells each pair of twins apart, which recognition uses from now on.

        Args:
            track: Shows progress.

        Raises:
            GalleryInvalid: The gallery is empty.
            ModelMismatch: It was made by another model.
            StoreFailed: What was learned cannot be kept.
        """
        twins, references = self.find(), self._store.references()
        near = find_near_duplicates(references)
        problems: list[Problem] = []
        try:
            pairs, note = list(self._learn(twins, references, problems, track)), ""
        except ModelNotFound as error:  # a network without maps has no cells
            pairs, note = [], str(error)
        self._save(pairs)
        return TwinReport(
            twins=tuple(twins),
            doubles=tuple(find_doubles(self._store.products().values())),
            same_looks=tuple(one for one in near if one.is_conflict),
            pairs=tuple(pairs),
            problems=tuple(problems),
            note=note,
        )

    def pixels(self, reference: Reference) -> UInt8Array:
        """The product in a reference photo; see `gallery.reference_pixels`."""
        return reference_pixels(self._store, reference, self._max_megapixels)

    def _learn(
        self, twins: Iterable[Twin], references: Iterable[Reference], problems: list[Problem], track: Track
    ) -> Iterator[KnownPair]:
        several: defaultdict[str, list[Reference]] = defaultdict(list)
        for reference in references:
            several[reference.sku].append(reference)
        wanted = sorted({twin.skus for twin in twins if all(len(several[sku]) >= MIN_PHOTOS for sku in twin.skus)})
        chosen = {sku: _spread(several[sku], MAX_PHOTOS) for sku in sorted({sku for pair in wanted for sku in pair})}
        means = self._means([r for photos in chosen.values() for r in photos], problems, track)
        rows = self._rows()
        known = means.keys() & rows.keys()
        for first, second in wanted:
            photos = [[r for r in chosen[sku] if r.reference_id in known] for sku in (first, second)]
            if min(map(len, photos)) < MIN_PHOTOS:
                continue
            ids = [r.reference_id for r in (*photos[0], *photos[1])]
            pair = PairPhotos(np.stack([means[i] for i in ids]), np.stack([rows[i] for i in ids]), len(photos[0]))
            yield KnownPair(first, second, np.array(ids, np.int64), fit_verifier(pair))

    def _means(self, references: Sequence[Reference], problems: list[Problem], track: Track) -> dict[int, FloatArray]:
        """What a verifier sees of each photo, by reference id; photos that cannot be read are problems."""
        if not references:
            return {}
        network, means = self.open_network(), {}
        for reference in track(references, "Looking closely", len(references)):
            try:
                means[reference.reference_id] = average(cells_of([self.pixels(reference)], network))[0]
            except FacingsError as error:
                where = f"reference {reference.reference_id} ({reference.sku}, {reference.source})"
                problems.append(Problem(where, error.code, str(error)))
        return means

    def _rows(self) -> Mapping[int, FloatArray]:
        changes = self._store.changes_since(0, self._embedder.space_id, self._embedder.card.embedding_dim)
        return dict(zip(changes.ids.tolist(), changes.rows, strict=True))


def _spread(references: Sequence[Reference], n: int) -> list[Reference]:
    """At most n of them, evenly: photos taken one after the other are much alike."""
    if len(references) <= n:
        return list(references)
    return [references[i] for i in np.linspace(0, len(references) - 1, n).round().astype(int)]
