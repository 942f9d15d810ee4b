"""A process that is there to be killed: it names one crop after the other and says on stdout how far it is.

python -m e2e.name_slowly STORE FOLDER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from e2e.work_slowly import say
from facings.adapters.sql_store import open_store
from unknown_shop import Shop


def main(location: str, folder: str) -> None:
    """Name every cluster of the inbox, if nobody interferes."""
    store = open_store(location)
    desk = Shop(store, Path(folder)).desk
    found = desk.look()
    desk.look = lambda **_: found  # type: ignore[method-assign]  # the naming itself is what takes the time
    say("ready")
    for cluster in found.clusters:
        desk.name(cluster.cluster_id, f"new-{cluster.cluster_id}", author="ann", product_name="New")
        say(str(cluster.cluster_id))
    time.sleep(60)  # whoever is late with the signal finds it alive
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
