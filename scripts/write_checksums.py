"""Writes src/facings/checksums/grocery_store.json from a copy of the data set.

python scripts/write_checksums.py DIR
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from facings.public_data import SPLITS, fingerprint

root = Path(sys.argv[1])
names = {"classes.csv": [root / "classes.csv"]}
for split in SPLITS:
    listing = root / f"{split}.txt"
    names[listing.name] = [listing]
    for line in listing.read_text(encoding="utf-8").splitlines():
        photo = line.split(",")[0].strip()
        names.setdefault(photo.rsplit("/", 1)[0], []).append(root / photo)
target = Path(__file__).parents[1] / "src/facings/checksums/grocery_store.json"
target.write_text(json.dumps({name: fingerprint(paths) for name, paths in names.items()}, indent=0) + "\n")
