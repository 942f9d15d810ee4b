"""What another model would change: `facings replay --model NEW`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facings.cli.options import AsJson, Detector, Store, Threads
from facings.cli.session import end, open_store, print_json

if TYPE_CHECKING:
    from facings.replay import Change
    from facings.types import Decision

N_SHOWN = 50
_WORDS = {
    "another_product": "another product",
    "accepted_now": "accepted now",
    "accepted_no_more": "accepted no more",
    "other_doubt": "ambiguous ↔ unknown",
    "box_new": "new box",
    "box_gone": "box gone",
}


def replay(
    model: Annotated[str, typer.Option("--model", help="Model directory, 'product-embedder' or 'starter'.")],
    detector: Detector = None,
    place: Annotated[str, typer.Option("--place", help="Only photos of this place and inside it.")] = "",
    as_json: AsJson = False,
    store: Store = None,
    threads: Threads = None,
) -> None:
    """Recognize the photos on record again and show what would change; boxes as on record, unless --detector is given.

    Nothing is written. JSON is one object a change, the last one the counts.
    """
    from facings.terminal import say, table, track

    done = open_store(store=store, threads=threads).replay(model, detector=detector, place=place, track=track)
    if as_json:
        for change in done.changes:
            print_json(_json(change))
        print_json({"n_photos": done.n_photos, "n_boxes": done.n_boxes, "n_changes": done.n_changes()})
    else:
        rows = [
            (c.reading.photo, c.reading.place, ",".join(f"{side:.0f}" for side in c.box), _WORDS[c.kind],
             _said(c.before), _said(c.after))
            for c in done.changes[:N_SHOWN]
        ]  # fmt: skip
        table("What would change", ("photo", "place", "box", "how", "on record", "would be"), rows)
        if len(done.changes) > N_SHOWN:
            say(f"The first {N_SHOWN} of {len(done.changes)} changes; all of them: --json")
        counts = ", ".join(f"{n} {_WORDS[kind]}" for kind, n in done.n_changes().items()) or "nothing would change"
        say(f"{done.n_photos} photos, {done.n_boxes} boxes: {counts}. Nothing was written.")
    end(done.problems)


def _said(decision: Decision | None) -> str:
    return "" if decision is None else decision.sku or decision.verdict


def _json(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "reading_id": change.reading.reading_id,
        "photo": change.reading.photo,
        "photo_id": change.reading.photo_id,
        "place": change.reading.place,
        "box": list(change.box),
        "before": _decision(change.before),
        "after": _decision(change.after),
    }


def _decision(decision: Decision | None) -> dict[str, Any] | None:
    return None if decision is None else {"verdict": decision.verdict, "sku": decision.sku}
