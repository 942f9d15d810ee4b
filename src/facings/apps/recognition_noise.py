"""How often recognition errs in a shop, told by its own photos.

Where three photos of a shelf within half a day count k, less, and k facings again, hardly anybody sold a front and
filled the gap in between: recognition missed some. Where they count k, more, and k again, it took others for this
product. What few photos tell is drawn to what is usual.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

_CLOSE = timedelta(hours=12)
_USUAL_MISSED, _USUAL_FALSE, _WEIGHT = 0.07, 0.05, 100.0  # facings, and photos, that what is usual counts for
_DIGITS = 2  # no finer than some days of photos can tell
_LEAST = 0.004  # nothing is recognized without fail


@dataclass(frozen=True, slots=True)
class RecognitionNoise:
    """How recognition errs.

    Args:
        missed: Share of the facings that a photo shows which are not found, or taken for another product, 0 to 1.
        false: Other products taken for this one, in one photo, above 0.
    """

    missed: float = _USUAL_MISSED
    false: float = _USUAL_FALSE


USUAL_NOISE = RecognitionNoise()


def recognition_noise(shelves: Iterable[Sequence[tuple[datetime, int]]]) -> RecognitionNoise:
    """How recognition errs.

    Args:
        shelves: For each product and place the facings counted by photos, with their times, in order.
    """
    n_facings = n_photos = _WEIGHT
    n_missed, n_false = _USUAL_MISSED * _WEIGHT, _USUAL_FALSE * _WEIGHT
    for shelf in shelves:
        for ((start, before), (_, between)), (_, (end, after)) in pairwise(pairwise(shelf)):
            if before == after and before and end - start <= _CLOSE:
                n_facings += before
                n_photos += 1
                n_missed += max(0, before - between)
                n_false += max(0, between - before)
    missed, false = (max(_LEAST, round(share, _DIGITS)) for share in (n_missed / n_facings, n_false / n_photos))
    return RecognitionNoise(missed, false)
