"""What photos of a shelf tell of demand, without any till: how fast it empties between scans.

In: the looks at one product at one place, in order of time: facings counted, or units that a person counted; beside
each what the ledger knows came and went since the look before. Out: the rate at which units leave while there are any,
and for each gap between looks how many left and how long the shelf stood empty.

A look is not the truth: a facing is missed, another product is taken for this one, and the units behind the first are
not seen at all. So the difference between two counts is no sale. `shelf_course` weighs every way that it can have been.
An empty shelf sells nothing, so it says nothing of demand (censoring); a rise between two looks hides what left beside
it, and the sum over all ways is exactly what can be said. How the shelf is filled nobody knows either (`shelf_habits`),
so that every doubt is in the interval of the rate. But the same people fill all shelves of a shop: how they do it is
learned from those whose looks change most, and a shelf whose own looks tell little is taken to be kept like these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facings.apps.demand_rate import COVERAGE, Rate, weighed_rate
from facings.apps.recognition_noise import USUAL_NOISE, RecognitionNoise
from facings.apps.shelf_course import Gap, ShelfCourse, ShelfLook
from facings.apps.shelf_habits import USUAL, DrawnWays, Habits, learn_habits
from facings.apps.shop_hours import ShopHours

_N_TEACHERS, _MIN_TEACHERS = 16, 4  # shelves that tell the habits of a shop, and with fewer none are told


@dataclass(frozen=True)
class Depletion:
    """What the looks at one shelf tell together.

    Args:
        rate: Units wanted an open day; None when the looks cannot tell: too few, or no open time.
        gaps: Between the looks, by time.
    """

    rate: Rate | None
    gaps: tuple[Gap, ...]


def deplete(
    looks: Sequence[ShelfLook],
    depth: int,
    hours: ShopHours,
    *,
    coverage: float = COVERAGE,
    noise: RecognitionNoise = USUAL_NOISE,
) -> Depletion:
    """The rate of demand that looks at one shelf tell alone, and what happened between them; see `deplete_shop`."""
    return deplete_shop([(looks, depth)], hours, coverage=coverage, noise=noise)[0]


def deplete_shop(
    shelves: Sequence[tuple[Sequence[ShelfLook], int]],
    hours: ShopHours,
    *,
    coverage: float = COVERAGE,
    noise: RecognitionNoise = USUAL_NOISE,
) -> list[Depletion]:
    """The rates of demand that looks at the shelves of a shop tell together, and what happened between them.

    Args:
        shelves: Of each the looks in order of time (two of one time count as one moment), and how many units stand
            behind one another at a facing of the full shelf, 1 or more.
        hours: When the shop is open.
        coverage: Of the rates' intervals.
        noise: How recognition errs.
    """
    courses = [_course(looks, depth, hours, noise) for looks, depth in shelves]
    habits = _habits([course for course in courses if course])
    return [_depletion(course, habits, coverage) for course in courses]


def gaps_between(
    looks: Sequence[ShelfLook], depth: int, hours: ShopHours, noise: RecognitionNoise = USUAL_NOISE
) -> tuple[Gap, ...]:
    """What happened between looks at a shelf of which the till tells the rate; arguments as of `deplete_shop`."""
    course = _course(looks, depth, hours, noise)
    return course.gaps(USUAL) if course else ()


def _habits(courses: list[ShelfCourse]) -> Habits | None:
    """How the shelves of a shop are kept, from those whose looks change most; None with too few."""
    teachers = sorted(courses, key=lambda course: -course.n_changes)[:_N_TEACHERS]
    if len(teachers) < _MIN_TEACHERS:
        return None
    return learn_habits([DrawnWays(course.log_likelihood, guess=course.naive_rate) for course in teachers])


def _depletion(course: ShelfCourse | None, habits: Habits | None, coverage: float) -> Depletion:
    if course is None:
        return Depletion(None, ())
    drawn = DrawnWays(course.log_likelihood, guess=course.naive_rate, habits=habits)
    rate = weighed_rate(course.mean_rates(drawn.ways), drawn.weights(), coverage=coverage)
    return Depletion(rate, course.gaps(drawn.likeliest))


def _course(looks: Sequence[ShelfLook], depth: int, hours: ShopHours, noise: RecognitionNoise) -> ShelfCourse | None:
    """The course of a shelf; None where its looks tell nothing of demand."""
    if len(looks) < 2:
        return None
    course = ShelfCourse(looks, depth, hours, noise)
    return course if sum(course.open_days) > 0 else None
