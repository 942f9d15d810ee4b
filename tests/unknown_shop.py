"""A shop whose gallery knows milk and tea, a path that looks at photos for it, and its inbox."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from conftest import FakeEmbedder, make_pixels, save_photo
from facings.adapters.sql_store import SqlStore
from facings.crop import cut
from facings.embed import embed
from facings.enroll import enroll
from facings.gallery import Box, Gallery
from facings.images import decode
from facings.inbox.contents import Inbox
from facings.inbox.desk import DeskRules, InboxDesk
from facings.manifest import LabelledPhoto
from facings.match import match
from facings.record import record
from facings.types import Candidate, Decision, Embeddings, PhotoResult, Recognition, Verdict

MILK, TEA = 1, 2
SOAP, RICE, TAG, FLOUR = 11, 12, 13, 14  # nothing knows these
WIDTH, HEIGHT = 64, 48


@dataclass
class Shop:
    """A store, and a camera that takes pictures of what one tells it."""

    store: SqlStore
    folder: Path
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    rules: DeskRules = field(default_factory=DeskRules)

    def __post_init__(self) -> None:
        self._numbers = itertools.count()

    @property
    def desk(self) -> InboxDesk:
        """The inbox, as a process that just started sees it."""
        return InboxDesk(
            self.store,
            embedder=self.embedder,
            model=self.embedder.space_id,
            recognize=self.decide,
            rules=self.rules,
        )

    def look(self) -> Inbox:
        """What is in the inbox."""
        return self.desk.look()

    def shelf(self, *seeds: int, like: int | None = None) -> Path:
        """A photo of products side by side; like an earlier one it is its near-duplicate, else another view."""
        number = next(self._numbers)
        view = np.random.default_rng(number if like is None else like)
        blocks = view.integers(-30, 31, (6, 8 * len(seeds), 3)).repeat(HEIGHT // 6, axis=0).repeat(WIDTH // 8, axis=1)
        noise = np.random.default_rng(number).integers(-3, 4, blocks.shape)
        pixels = np.concatenate([make_pixels(seed, width=WIDTH, height=HEIGHT) for seed in seeds], axis=1)
        path = self.folder / f"shelf-{number}.png"
        PillowImage.fromarray(np.clip(pixels.astype(np.int64) + blocks + noise, 0, 255).astype(np.uint8)).save(path)
        return path

    def recognize(self, path: Path, n: int, *, place: str = "bay", shift: float = 0.0) -> PhotoResult:
        """Look at the first n products of a shelf, with boxes that may be some pixels off, and put it on record."""
        data = path.read_bytes()
        image = decode(data, source=str(path), max_megapixels=1.0)
        boxes = [(max(0.0, WIDTH * i + shift), 0.0, WIDTH * (i + 1) + shift, float(HEIGHT)) for i in range(n)]
        rows = embed([cut(image.pixels, np.array(box, np.float32)) for box in boxes], self.embedder)
        found = [Recognition(box, 0.9, said) for box, said in zip(boxes, self.decide(rows), strict=True)]
        result = PhotoResult(str(path), image.width, image.height, tuple(found), photo_id=image.photo_id)
        self.store.put_photo(image.photo_id, data)
        version = self.store.gallery_version()
        record(self.store, result, place=place, detector="d", space_id=rows.space_id, gallery_version=version)
        return result

    def see(self, *seeds: int, place: str = "bay") -> PhotoResult:
        """A new photo of these products, recognized."""
        return self.recognize(self.shelf(*seeds), len(seeds), place=place)

    def enroll(self, **seeds: int) -> None:
        """Reference photos, one a product."""
        folder, width = self.folder / "references", WIDTH + 32 * len(self.store.references())  # no two files alike
        photos = [
            LabelledPhoto(save_photo(folder / f"{sku}.png", seed, width=width), sku) for sku, seed in seeds.items()
        ]
        enroll(self.store, photos, embedder=self.embedder, model=self.embedder.space_id)

    def decide(self, queries: Embeddings) -> Sequence[Decision]:
        """Accepted from a cosine of 0.95 up, ambiguous where two products have that, else unknown."""
        if not self.store.references():
            return [Decision("unknown", None, ()) for _ in queries.rows]
        with Gallery(self.store, self.embedder).current() as now:
            return [_decide(few) for few in match(queries, now.index, now.sku_of, k=2)]


def _decide(candidates: tuple[Candidate, ...]) -> Decision:
    n_near = sum(candidate.similarity >= 0.95 for candidate in candidates)
    verdicts: tuple[Verdict, ...] = ("unknown", "accepted", "ambiguous")
    return Decision(verdicts[n_near], candidates[0].sku if n_near == 1 else None, candidates)


def box_of(place: int) -> Box:
    """Where the nth product of a shelf stands."""
    return float(WIDTH * place), 0.0, float(WIDTH * (place + 1)), float(HEIGHT)


def groups(found: Inbox) -> list[list[int]]:
    """Crop numbers of each cluster, in its order."""
    return [[crop.crop_id for crop in cluster.crops] for cluster in found.clusters]


def skus(store: SqlStore) -> list[str]:
    """What the references show, in order of arrival."""
    return [reference.sku for reference in store.references()]
