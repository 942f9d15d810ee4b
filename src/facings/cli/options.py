"""Flags that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Store = Annotated[
    str | None, typer.Option("--store", help="Directory or database URL; else FACINGS_STORE, else facings-store.")
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Model directory, 'product-embedder' or 'starter'; else the one of the gallery."),
]
Detector = Annotated[
    str | None,
    typer.Option("--detector", help="'product-detector', 'whole-photo' (a photo is one product), or its directory."),
]
RefuseBad = Annotated[
    bool, typer.Option("--refuse-bad", help="Refuse photos that are blurred, dark, blown out, tilted or too far away.")
]
MaxFalseAccept = Annotated[
    float | None,
    typer.Option("--max-false-accept", help="Share of photos of unknown products that may be accepted: 0.05 is 5 %."),
]
EvidenceWish = Annotated[
    str | None, typer.Option("--evidence", help="Barcodes, text, sizes: 'ambiguous' boxes, 'always' or 'never'.")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, max=256, help="Threads of every library.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
