"""A process that is there to be killed: it imports a file of sales, slowly, and says on stdout when it begins.

import_slowly.py STORE FILE [end]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from e2e.work_slowly import say
from facings.adapters import sql_ledger
from facings.adapters.sql_store import open_store
from facings.apps.ledger_file import import_ledger
from facings.apps.places import Site


def main(location: str, path: str, *rest: str) -> None:
    """Import the file, in chunks of ten with a pause after each; with "end", at once, and say what was done."""
    store = open_store(location)
    say("ready")
    if not rest:
        sql_ledger.CHUNK_SIZE = 10
        chunks = sql_ledger._chunks

        def slow_chunks(items: Iterable[object], size: int) -> Iterable[list[object]]:
            for chunk in chunks(items, size):
                yield chunk
                time.sleep(0.01)

        sql_ledger._chunks = slow_chunks  # type: ignore[assignment]
    done = import_ledger(store.ledger, Path(path), store.products(), default_site=Site("any"))
    store.close()
    if rest:
        say(f"{done.n_new} {done.n_known}")
    else:
        time.sleep(60)  # whoever is late with the signal finds it alive


if __name__ == "__main__":
    main(*sys.argv[1:])
