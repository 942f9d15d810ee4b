"""The first stages of an exported embedder as a graph of its own: `cells.onnx` (see `facings.cells`).

It is cut out of `model.onnx`, node by node, and points into the same weights. So cells are what the embedder itself
computes; its own file, and with it the identity of the embedding space, stays as it is; and a model directory that was
made before gets its cells the same way:

python -m facings.train.cell_export MODEL_DIRECTORY ...
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx.utils import Extractor

from facings.errors import ModelMismatch, ModelNotFound
from facings.model_card import CELLS_FILE, MODEL_FILE

STRIDE_PX = 16  # the third of a ResNet's four stages: it knows print and shapes, and still where they are


def cut_cells(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The part of an embedder's graph up to the map of stride 16 that goes on to stride 32.

    Args:
        model: From `image`, uint8 (N, 3, S, S); its weights need not be loaded.

    Returns:
        From `image` to `cells`, float32 (N, h, w, C), with the same metadata. None for a network without such maps, as
        transformers are, or with pictures too small for them.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    name = _last_map(inferred.graph)
    if name is None:
        return None
    part = Extractor(inferred).extract_model([model.graph.input[0].name], [name])
    graph = part.graph
    count, channels, height, width = graph.output[0].type.tensor_type.shape.dim
    graph.node.append(onnx.helper.make_node("Transpose", [name], ["cells"], perm=[0, 2, 3, 1]))
    shape = [count.dim_param, height.dim_value, width.dim_value, channels.dim_value]
    del graph.output[:], graph.value_info[:]
    graph.output.append(onnx.helper.make_tensor_value_info("cells", onnx.TensorProto.FLOAT, shape))
    graph.name, part.producer_name = model.graph.name, model.producer_name
    part.metadata_props.extend(model.metadata_props)
    return part


def cells_file(model: onnx.ModelProto) -> dict[str, bytes]:
    """What lies beside an embedder's graph: `cells.onnx`, or nothing for a network without such maps."""
    part = cut_cells(model)
    return {} if part is None else {CELLS_FILE: part.SerializeToString(deterministic=True)}


def _last_map(graph: onnx.GraphProto) -> str | None:
    """The first map of stride 16 that a map of stride 32 is made from: all of its stage has been computed."""
    size = graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    wanted, after = -(-size // STRIDE_PX), -(-size // (2 * STRIDE_PX))
    if wanted == after:
        return None
    sides = {value.name: _side(value) for value in graph.value_info}
    for node in graph.node:
        if any(sides.get(name) == after for name in node.output):
            found = [str(name) for name in node.input if sides.get(name) == wanted]
            if found:
                return found[0]
    return None


def _side(value: onnx.ValueInfoProto) -> int:
    """Height and width of a map, 0 for what is none."""
    dims = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    return dims[2] if len(dims) == 4 and dims[2] == dims[3] else 0


def add_cells(directory: Path) -> None:
    """Write the cells of a model directory that has none.

    Raises:
        ModelNotFound: There is no model in it.
        ModelMismatch: Its network has no maps of stride 16.
    """
    graph = directory / MODEL_FILE
    if not graph.is_file():
        raise ModelNotFound(f"{directory}: there is no {MODEL_FILE} in it.", "Give the directory of an embedder.")
    files = cells_file(onnx.load(graph, load_external_data=False))
    if not files:
        raise ModelMismatch(f"{graph}: this network has no maps of stride {STRIDE_PX}, as ResNets have.")
    fresh = directory / f".{CELLS_FILE}"
    fresh.write_bytes(files[CELLS_FILE])
    fresh.replace(directory / CELLS_FILE)


def main(argv: Sequence[str] | None = None) -> None:
    """Give model directories their cells."""
    parser = argparse.ArgumentParser(prog="python -m facings.train.cell_export", description=add_cells.__doc__)
    parser.add_argument("directories", type=Path, nargs="+", metavar="MODEL_DIRECTORY")
    for directory in parser.parse_args(argv).directories:
        add_cells(directory)


if __name__ == "__main__":
    main()
