"""Unknown products: `facings inbox list | show | name | dismiss | confirm | export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from facings.cli.options import AsJson, Model, Store
from facings.cli.session import end, open_store, print_json, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facings.inbox.contents import Cluster, Inbox, ProposedProduct
    from facings.inbox.desk import InboxDesk
    from facings.inbox.naming import Named

app = typer.Typer(help="Unknown products: grouped, to be named or dismissed.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="Number of the group, as `facings inbox list` shows it.")]
Author = Annotated[str, typer.Option("--author", help="Who says so.")]
Note = Annotated[str, typer.Option("--note", help="Why.")]
Crops = Annotated[list[int] | None, typer.Option("--crop", help="Only this crop of it; may be given several times.")]
NewName = Annotated[str, typer.Option("--name", help="Name of a product that the catalog lacks; it is made.")]
Dismissed = Annotated[bool, typer.Option("--dismissed", help="What was dismissed, and what looks like it, instead.")]


@app.command("list")
def inbox_list(
    as_json: AsJson = False,
    dismissed: Dismissed = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Groups shown in the table.")] = 30,
    store: Store = None,
    model: Model = None,
) -> None:
    """Show what nobody knows, the most seen first, and what barcodes propose."""
    from facings.inbox.listing import to_json
    from facings.terminal import track

    desk = _desk(store, model)
    found, proposals = desk.look(of_dismissed=dismissed, track=track), desk.proposals()
    if as_json:
        print_json(to_json(found, proposals))
    else:
        _show_clusters(found, limit)
        _show_proposals(proposals)
        _show_rest(found)
    end(found.problems)


@app.command("show")
def inbox_show(
    number: Number, as_json: AsJson = False, dismissed: Dismissed = False, store: Store = None, model: Model = None
) -> None:
    """Show the crops of one group: in which photos, where, when."""
    from facings.inbox.listing import cluster_json
    from facings.terminal import track

    cluster = _desk(store, model).look(of_dismissed=dismissed, track=track).cluster(number)
    if as_json:
        print_json(cluster_json(cluster))
    else:
        _show_crops(cluster)


@app.command("name")
def inbox_name(
    number: Number,
    sku: Annotated[str, typer.Argument(help="The product: SKU, GTIN or name; or the SKU of a new one, with --name.")],
    author: Author,
    name: NewName = "",
    crop: Crops = None,
    note: Note = "",
    store: Store = None,
    model: Model = None,
) -> None:
    """Say which product a group shows; it is recognized from now on. Undo: facings gallery remove SKU."""
    done = _desk(store, model).name(number, sku, author=author, product_name=name, only=crop or (), note=note)
    _show_named(done)


@app.command("dismiss")
def inbox_dismiss(
    number: Number,
    author: Author,
    crop: Crops = None,
    note: Note = "",
    undo: Annotated[bool, typer.Option("--undo", help="It was a mistake: bring it back.")] = False,
    store: Store = None,
    model: Model = None,
) -> None:
    """Say that a group shows no product to know: neither it nor what looks like it comes back."""
    from facings.terminal import say

    desk = _desk(store, model)
    if undo:
        say(f"{_crops(desk.restore(number, author=author, note=note))} back in the inbox.")
    else:
        say(f"{_crops(desk.dismiss(number, author=author, only=crop or (), note=note))} dismissed.")


@app.command("confirm")
def inbox_confirm(
    sku: Annotated[str, typer.Argument(help="The product that barcodes say: SKU, GTIN or name.")],
    author: Author,
    name: NewName = "",
    crop: Crops = None,
    note: Note = "",
    store: Store = None,
    model: Model = None,
) -> None:
    """Enroll the crops whose barcode says this product."""
    _show_named(_desk(store, model).confirm(sku, author=author, product_name=name, only=crop or (), note=note))


@app.command("export")
def inbox_export(
    form: Annotated[Literal["html", "csv", "json"], typer.Option("--format", help="html has pictures.")] = "html",
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of stdout.")] = None,
    dismissed: Dismissed = False,
    store: Store = None,
    model: Model = None,
) -> None:
    """Write the inbox as a page with pictures, or for other programs."""
    from facings.inbox.listing import to_csv, to_json
    from facings.terminal import say, track

    if form == "html" and out is None:
        raise typer.BadParameter("The page goes into a file: --out inbox.html")
    desk = _desk(store, model)
    found = desk.look(of_dismissed=dismissed, track=track)
    if form == "html":
        text = desk.page(found, track=track)
    else:
        text = to_csv(found) if form == "csv" else json.dumps(to_json(found, desk.proposals()), indent=2)
    if out is None:
        print(text, end="" if form == "csv" else "\n")
    else:
        write_text(out, text)
        say(f"Inbox: {out}")
    end(found.problems)


def _desk(store: str | None, model: str | None) -> InboxDesk:
    return open_store(store=store, model=model).inbox


def _show_clusters(found: Inbox, limit: int) -> None:
    from facings.terminal import say, table

    columns = ("group", "photos", "crops", "places", "last seen (UTC)", "closest product", "barcode")
    rows = [
        (c.cluster_id, c.n_photos, len(c.crops), ", ".join(c.places[:2]) + ("…" if len(c.places) > 2 else ""),
         f"{c.last_seen:%Y-%m-%d %H:%M}", f"{c.closest.sku} {c.closest.similarity:.3f}" if c.closest else "",
         ", ".join(c.proposals))
        for c in found.clusters[:limit]
    ]  # fmt: skip
    table("Nobody knows", columns, rows, right=("group", "photos", "crops"))
    if len(found.clusters) > limit:
        say(f"… and {len(found.clusters) - limit} more groups: --limit")


def _show_proposals(proposals: Sequence[ProposedProduct]) -> None:
    from facings.terminal import table

    if proposals:
        rows = [
            (p.sku, "" if p.is_in_catalog else "no", ", ".join(str(crop.crop_id) for crop, _ in p.crops[:8]),
             p.crops[0][1].evidence)
            for p in proposals
        ]  # fmt: skip
        table("Barcodes say", ("sku", "in the catalog", "crops", "evidence"), rows)


def _show_rest(found: Inbox) -> None:
    from facings.terminal import say

    say(
        f"Groups: {len(found.clusters)}, of {_crops(found.n_crops)}. Known by now: {found.n_known}. "
        f"Dismissed: {found.n_dismissed}. Pictures: facings inbox export --out inbox.html"
    )
    if found.n_left_out:
        say(f"{found.n_left_out} older crops are left out: name or dismiss some of these, and they follow.")


def _show_crops(cluster: Cluster) -> None:
    from facings.terminal import table

    looks = {crop.crop_id for crop in cluster.looks}
    rows = [
        (crop.crop_id, crop.kept.source, ", ".join(f"{corner:.0f}" for corner in crop.kept.box),
         ", ".join(sorted({box.place for box in crop.boxes} - {""})), f"{crop.boxes[-1].seen_at:%Y-%m-%d %H:%M}",
         f"{crop.closest.sku} {crop.closest.similarity:.3f}" if crop.closest else "", crop.proposal,
         "" if crop.crop_id in looks else "repeat")
        for crop in cluster.crops
    ]  # fmt: skip
    columns = ("crop", "photo", "box", "place", "seen (UTC)", "closest product", "barcode", "")
    table(f"Group {cluster.cluster_id}", columns, rows, right=("crop",))


def _show_named(done: Named) -> None:
    from facings.terminal import say

    new, photo = (" (new in the catalog)", "") if done.is_new else ("", " --photo PHOTO, for each")
    say(
        f"{done.product.sku}{new}: {_crops(done.n_crops)} named, {done.n_references} of them reference photos now; "
        f"gallery version {done.version}. Undo: facings gallery remove {done.product.sku}{photo}"
    )


def _crops(n: int) -> str:
    return f"{n} crop" if n == 1 else f"{n} crops"
