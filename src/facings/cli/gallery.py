"""Reference photos: `facings gallery build | add | remove | list | verify | reembed | copy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facings.cli.options import AsJson, Model, Store, Threads
from facings.cli.session import end, open_store, print_json
from facings.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facings.compose import Workspace
    from facings.enroll import Enrollment
    from facings.errors import Problem
    from facings.gallery import NearDuplicate
    from facings.manifest import LabelledPhoto

N_SHOWN = 10
LEAVE_ONE_OUT, NO_GATE = "leave-one-out", "none"

app = typer.Typer(help="Reference photos of the products.", no_args_is_help=True)


@app.command("build")
def gallery_build(
    source: Annotated[Path, typer.Argument(help="Folder per product, CSV (photo,sku), or Grocery Store list.")],
    store: Store = None,
    model: Model = None,
    threads: Threads = None,
) -> None:
    """Enroll all reference photos of a source. Run again, it goes on where it stopped."""
    from facings.manifest import read_manifest

    manifest = read_manifest(source)
    workspace = open_store(store=store, model=model, threads=threads)
    problems = _enroll(workspace, manifest.photos, manifest.problems)
    _warn_of_few_products(workspace)
    end(problems)


@app.command("add")
def gallery_add(
    sku: Annotated[str, typer.Argument(help="The product; made if the catalog lacks it.")],
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos, of this product.")],
    box: Annotated[str | None, typer.Option("--box", help="Where in the photo: x1,y1,x2,y2 in pixels.")] = None,
    store: Store = None,
    model: Model = None,
) -> None:
    """Enroll one product by one photo or more; it is recognized from now on."""
    from facings.images import find_photos
    from facings.manifest import LabelledPhoto, parse_box

    corners = parse_box(box.split(",")) if box else None
    labelled = [LabelledPhoto(path, sku, box=corners) for path in find_photos(photos)]
    if not labelled:
        raise BadInput(f"{photos[0]}: no photo was found there.", "Give photos, or a folder that holds some.")
    end(_enroll(open_store(store=store, model=model), labelled, ()))


@app.command("remove")
def gallery_remove(
    sku: Annotated[str, typer.Argument(help="The product.")],
    photo: Annotated[str | None, typer.Option("--photo", help="Only this photo: path or start of its id.")] = None,
    store: Store = None,
) -> None:
    """Take a product's reference photos out; its line in the catalog stays."""
    from facings.terminal import say

    n_removed = open_store(store=store).remove(sku, photo)
    say(f"Removed {n_removed} reference photos of {sku}.")


@app.command("list")
def gallery_list(as_json: AsJson = False, store: Store = None) -> None:
    """Show the reference photos."""
    from facings.terminal import table

    rows = [(r.reference_id, r.sku, r.source, r.photo_id) for r in open_store(store=store).store.references()]
    columns = ("reference_id", "sku", "source", "photo_id")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        table(f"{len(rows)} reference photos", columns, [(*row[:3], row[3][:12]) for row in rows])


@app.command("verify")
def gallery_verify(store: Store = None, model: Model = None) -> None:
    """Embed every reference photo again and compare; report what is lost, changed, doubled or thin."""
    from facings.terminal import say, track

    found = open_store(store=store, model=model).verify(track=track)
    say(f"{found.n_references} references of {found.n_products} products checked, {len(found.problems)} faults.")
    _show_near_duplicates(found.near_duplicates)
    if found.single_photo_skus:
        few = ", ".join(found.single_photo_skus[:5])
        say(f"{len(found.single_photo_skus)} products have one photo only ({few}…); more photos make them surer.")
    end(found.problems)


@app.command("reembed")
def gallery_reembed(
    model: Annotated[str, typer.Option("--model", help="The new model: directory, 'product-embedder' or 'starter'.")],
    gate: Annotated[
        str, typer.Option("--gate", help="'leave-one-out', labelled photos as for 'build', or 'none' (to go back).")
    ] = LEAVE_ONE_OUT,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, max=1, help="By how much recall@1 may be lower; 0.01 is a point.")
    ] = 0.01,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Then delete the rows of other models.")] = False,
    store: Store = None,
    threads: Threads = None,
) -> None:
    """Move the gallery to another model by its kept photos; searches go on. Run again, it goes on where it stopped."""
    from facings.manifest import read_manifest
    from facings.terminal import say, track

    manifest = None if gate in {LEAVE_ONE_OUT, NO_GATE} else read_manifest(Path(gate))
    problems = manifest.problems if manifest else ()
    workspace = open_store(store=store, threads=threads)
    done = workspace.reembed(
        model,
        queries=manifest.photos if manifest else (),
        is_gated=gate != NO_GATE,
        tolerance=tolerance,
        track=track,
    )
    say(f"{done.n_embedded} references embedded by {model}, {done.n_already} were before.")
    if done.verdict:
        say(str(done.verdict))
    if not done.is_live:
        say("The gallery is searched by the old model still.")
        end([*problems, *done.problems])
        raise typer.Exit(1)
    say(f"The gallery is searched by {model}.")
    if drop_old:
        say(f"{workspace.drop_other_models()} rows of other models deleted.")
    end(problems)


@app.command("copy")
def gallery_copy(
    source: Annotated[str, typer.Argument(help="Directory or database URL of the store to copy from.")],
    target: Annotated[str, typer.Argument(help="The same of the store to copy into; made if it is not there.")],
    from_photos: Annotated[Path | None, typer.Option("--from-photos", help="Photo folder of a source URL.")] = None,
    to_photos: Annotated[Path | None, typer.Option("--to-photos", help="Photo folder of a target URL.")] = None,
) -> None:
    """Copy catalog, reference photos and their rows into another store, and check them there. Record and stock stay."""
    from facings.compose import copy_between
    from facings.terminal import say, track

    done = copy_between(source, target, source_photos=from_photos, target_photos=to_photos, track=track)
    say(
        f"{done.n_products} products and {done.n_references} references copied; "
        f"{done.n_checked} references and {done.n_photos_checked} photos checked in the target."
    )
    if done.differing:
        say(
            f"{len(done.differing)} products are described otherwise there and were left so, first {done.differing[0]}."
        )
    end(done.problems)


def _enroll(workspace: Workspace, photos: Sequence[LabelledPhoto], problems: Sequence[Problem]) -> Sequence[Problem]:
    """Enroll and tell; the problems given and those of the photos."""
    from facings.cli.twins import warn_of_twins
    from facings.terminal import say, track

    before = workspace.store.gallery_version()
    done = workspace.enroll(photos, track=track)
    say(
        f"{done.n_added} photos enrolled, {done.n_already} were there already, {len(done.doubles)} doubles left out, "
        f"{len(done.problems) + len(problems)} refused; {len(done.new_products)} new products; "
        f"gallery version {done.version}."
    )
    _show_doubles(done)
    _show_near_duplicates(done.near_duplicates)
    if done.n_added:
        warn_of_twins(workspace, before)
    return [*problems, *done.problems]


def _warn_of_few_products(workspace: Workspace) -> None:
    """Say so while the gallery is too small for the promise; else nobody knows why nothing is accepted."""
    from facings.decide import Promise
    from facings.terminal import say

    promise = Promise(workspace.settings.max_false_accept)
    n_products = len({reference.sku for reference in workspace.store.references()})
    if 0 < n_products < promise.n_products:
        say(
            f"The gallery holds {n_products} products, and {promise.max_false_accept:.1%} false accepts can be "
            f"promised from {promise.n_products} on: until then no product is accepted by its looks. Enroll more "
            "products, or allow more (--max-false-accept)."
        )


def _show_doubles(done: Enrollment) -> None:
    from facings.terminal import say

    for path in done.doubles[:N_SHOWN]:
        say(f"Double: {path} has the same bytes as another file of this product.")


def _show_near_duplicates(pairs: Sequence[NearDuplicate]) -> None:
    """Near-duplicates between two products first: they are a mistake more often."""
    from facings.terminal import say

    for pair in sorted(pairs, key=lambda pair: not pair.is_conflict)[:N_SHOWN]:
        kind = "two products" if pair.is_conflict else "the same product"
        say(
            f"Near-duplicate ({kind}): {pair.first.source} ({pair.first.sku}) "
            f"and {pair.second.source} ({pair.second.sku})"
        )
    if len(pairs) > N_SHOWN:
        say(f"… and {len(pairs) - N_SHOWN} more near-duplicate pairs.")
