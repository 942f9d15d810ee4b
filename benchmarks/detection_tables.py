"""The section of docs/results.md on detection, from what the arms of `detection.py` measured."""

from __future__ import annotations

import statistics
from typing import Any

from results_page import markdown_table


def report(found: dict[str, dict[str, Any]]) -> str:
    """The section of docs/results.md from the arms that were run."""
    ran = next(iter(found.values()))
    told = f"`python benchmarks/detection.py` on {ran['machine']}, {ran['n_threads']} threads, seed {ran['seed']}."
    parts = [f"## Detection\n\n{told}"]
    if "photos" in found:
        parts.append(_photos_table(found))
    if "shelves" in found:
        parts.append(_shelves_table(found["shelves"]))
    if "large" in found:
        parts.append(_large_table(found["large"]))
    if "named" in found:
        parts.append(_named_told(found["named"]))
    return "\n\n".join(parts)


def _photos_table(found: dict[str, dict[str, Any]]) -> str:
    arms = {f"Facings, {found['photos']['detector']}": found["photos"]} | {
        f"baseline, {arm['px'] or '800 to 1333'} px: {arm['n_epochs']:.1f} epochs in {arm['spent_s']:,.0f} s": arm
        for name, arm in sorted(found.items())
        if name.startswith("standard-")
    }
    rows = [
        (
            name,
            *(_estimate(arm["figures"][key]) for key in ("ap50", "ap75", "ap")),
            *(f"{100 * entry['recall']['value']:.1f} %" for entry in arm["recall_at_precision"]),
        )
        for name, arm in arms.items()
    ]  # fmt: skip
    columns = ("groceries-detection val", "AP50", "AP75", "AP", "recall at 90 % precision", "at 95 %")
    told = (
        f"{found['photos']['n_photos']} photos, every box a product (95 % interval over photos). The annotators left "
        "facings in the background unboxed, which costs precision where a detector finds them."
    )
    if len(arms) > 1:
        told += (
            " The baseline (`benchmarks/standard_detector.py`) is torchvision's FCOS on the same trunk, trained on the "
            "train photos as torchvision's references do, for so many seconds of two threads."
        )
    return f"{told}\n\n{markdown_table(columns, rows)}"


def _estimate(figure: dict[str, Any]) -> str:
    if figure["low"] is None:  # one photo has no interval
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _named_told(named: dict[str, Any]) -> str:
    ap50, ap75, ap = (_estimate(named["figures"][name]) for name in ("ap50", "ap75", "ap"))
    recalls = " and ".join(
        f"{100 * entry['recall']['value']:.1f} % at {100 * entry['precision']:.0f} % precision"
        for entry in named["recall_at_precision"]
    )
    return (
        f"Box and class right, {named['n_photos']} photos of groceries-detection val, {named['n_classes']} classes, "
        f"gallery of {named['n_gallery']:,} train boxes: AP50 {ap50}, AP75 {ap75}, AP {ap}; recall {recalls}. All "
        f"boxed products of a photo are found in {100 * named['all_found']:.1f} % of the photos, and found and named "
        f"right in {100 * named['all_right']:.1f} %."
    )


def _shelves_table(shelves: dict[str, Any]) -> str:
    rows = [
        (
            entry["n_facings"], entry["n_true"], f"{100 * entry['recall']:.1f} %", f"{100 * entry['precision']:.1f} %",
            f"{100 * entry['count_error']:.1f} %", entry["doubles"], entry["doubles_untiled"], f"{entry['ap50']:.3f}",
        )
        for entry in shelves["shelves"]
    ]  # fmt: skip
    columns = (
        "facings a shelf",
        "true boxes",
        "recall",
        "precision",
        "count error",
        "doubles",
        "without tiles",
        "AP50",
    )
    size = "{}×{} px".format(*shelves["size_px"])
    told = (
        f"Shelves of {size} composed from val products, {shelves['n_each']} each, at the detector's limit and IoU 0.5. "
        "A double is a box on a product that a more confident box has found already; *without tiles*: the same "
        "looks with all of the photo in one tile, which has no border for doubles to lie at."
    )
    return f"{told}\n\n{markdown_table(columns, rows)}"


def _large_table(large: dict[str, Any]) -> str:
    runs = large["runs"]
    steps = tuple(runs[0]["seconds"])
    totals = [sum(run["seconds"].values()) for run in runs]
    seconds = [statistics.median(run["seconds"][step] for run in runs) for step in steps]
    peaks = [max(run["peak_mb"][step] for run in runs) for step in steps]
    rows = [
        ("seconds", *(f"{value:.2f}" for value in seconds), f"{statistics.median(totals):.2f}"),
        ("peak memory, MB", *(f"{value:.0f}" for value in peaks), f"{max(peaks):.0f}"),
    ]
    n_products = statistics.median(run["n_products"] for run in runs)
    size = "{}×{} px".format(*large["size_px"])
    told = (
        f"{size} with {large['n_facings']} products ({n_products:.0f} found), gallery of "
        f"{large['n_references']:,} references, median of {len(runs)} photos (all: {min(totals):.2f} to "
        f"{max(totals):.2f} s); memory is the whole process's, models included:"
    )
    return f"{told}\n\n{markdown_table(('', *steps, 'all'), rows)}"
