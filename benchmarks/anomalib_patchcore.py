"""PatchCore as anomalib has it, on the forgeries of `authenticity.py`, beside the check "appearance" alone.

pip install anomalib
python benchmarks/anomalib_patchcore.py [N_PRODUCTS] [N_QUERIES]     (12 products, 2 queries each: some ten minutes)

anomalib is no dependency of Facings and in none of its extras: it brings two dozen packages. Its backbones come from a
hub; here it has the bundled embedder's ResNet, layers 2 and 3, packs cut out of the photos and squashed to 224 pixels,
a tenth of the cells as coreset, nine neighbors. Queries are those of `authenticity.py`, edits are drawn anew.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
import torch
from anomalib.models.image.patchcore.torch_model import PatchcoreModel  # type: ignore[import-not-found]

from authenticity import N_PRODUCTS, N_THREADS, SEED, Bench, cartons, resized
from authenticity_tables import GENUINE, Asked, auroc_of
from facings.apps.pack_checks import CHECKS
from facings.simulate.forgeries import KINDS
from facings.train.backbones import Trunk, load_trunk
from facings.train.resnet import ResNet
from facings.types import UInt8Array
from results_page import machine, markdown_table, write_section

N_QUERIES, SIDE_PX, CORESET_FRAC = 2, 224, 0.1
APPEARANCE = CHECKS.index("appearance")


class PatchCore:
    """anomalib's model of one product.

    Args:
        packs: uint8 (h, w, 3) RGB, genuine ones.
        trunk: The backbone.
    """

    def __init__(self, packs: list[UInt8Array], trunk: Trunk) -> None:
        self._trunk = trunk
        resnet = next(part for part in trunk.backbone.modules() if isinstance(part, ResNet))
        self._model = PatchcoreModel(["layer2", "layer3"], backbone=resnet, pre_trained=False)
        self._model.train()
        self._model.feature_extractor.eval()
        for pack in packs:
            self._model(self._input(pack))
        self._model.subsample_embedding(CORESET_FRAC)
        self._model.eval()

    def score(self, pack: UInt8Array) -> float:
        """How odd a pack is."""
        with torch.inference_mode():
            return float(self._model(self._input(pack)).pred_score)

    def _input(self, pack: UInt8Array) -> torch.Tensor:
        pixels = torch.from_numpy(resized(pack, SIDE_PX).copy()).permute(2, 0, 1)[None].float()
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self._trunk.mean, self._trunk.std))
        return (pixels - mean) / std


def main(n_products: int, n_queries: int) -> None:
    """Ask about everything and rewrite the section of docs/results.md."""
    torch.set_num_threads(N_THREADS)
    bench, trunk = Bench(), load_trunk()
    able, _ = cartons(n_products)
    products = [bench.product(sku, *photos, is_asked=False) for sku, photos in able.items()]
    asked: list[tuple[Asked, float]] = []
    for n, product in enumerate(products):
        model = PatchCore(list(product.references.values()), trunk)
        donor = products[(n + 1) % len(products)].references[0]
        for pixels in product.queries[:n_queries]:
            genuine = bench.ask(product, pixels)
            every = [genuine]
            if genuine.looked is not None:
                edits = [one for one in bench.forgeries(pixels, genuine, donor) if one.strength == "medium"]
                every += [bench.ask(product, one.pixels, one) for one in edits]
            asked += [(one, model.score(one.pack)) for one in every if one.scores is not None]
        print(product.sku, len(asked), flush=True)
    write_section("anomalib", _page(asked, f"{n_products} {n_queries}"))


def _page(asked: list[tuple[Asked, float]], sizes: str) -> str:
    genuine = [pair for pair in asked if pair[0].kind == GENUINE]
    rows = []
    for kind in (*KINDS, "all but wrong proportions"):
        forged = [(one, far) for one, far in asked if one.kind == kind]
        if kind not in KINDS:
            forged = [(one, far) for one, far in asked if one.kind not in (GENUINE, "wrong proportions")]
        sides = [
            np.array([(far, one.memory_bank, one.embedding, _appearance(one)) for one, far in side])
            for side in (forged, genuine)
        ]
        rows.append((kind, len(forged), *(f"{auroc_of(sides[0][:, k], sides[1][:, k]):.3f}" for k in range(4))))
    columns = ("forgery, medium strength", "photos", "anomalib PatchCore", "memory bank", "embedding", "appearance")
    return (
        "## Genuine or not: PatchCore of anomalib\n\n"
        f"`python benchmarks/anomalib_patchcore.py {sizes}` on {machine()}, anomalib {version('anomalib')}, torch "
        f"{torch.__version__}, {N_THREADS} threads; seed {SEED}. AUROC against {len(genuine)} genuine photos of the "
        "cartons of the section before, by raw scores, not yet ranked among genuine photos. The backbone is the "
        "bundled ResNet, layers 2 and 3; the last column is the bundled comparator.\n\n" + markdown_table(columns, rows)
    )


def _appearance(one: Asked) -> float:
    assert one.scores is not None
    return float(one.scores[APPEARANCE])


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:3]]
    main(*(given + [N_PRODUCTS, N_QUERIES][len(given) :]))
