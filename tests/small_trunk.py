"""A trunk that is trained within a test: the project's own network, as small as it gets, with random weights."""

from __future__ import annotations

from pathlib import Path

import onnx
import safetensors.torch
import torch

from facings.model_card import CARD_KEY, MODEL_FILE, WEIGHTS_FILE, ModelCard, Preparation
from facings.train.architectures import LAYOUTS, architecture_of
from facings.train.resnet import ResNet, ResNetLayout

ARCHITECTURE = "small"  # to be put into LAYOUTS, by a patch, for a start directory to be read
# Not narrower: of fewer than 16 channels, oneDNN's strided 1×1 convolutions in channels-last order write past their
# workspace when they learn (oneDNN issue 6035).
LAYOUT = ResNetLayout(16, (16, 16, 32, 32), (1, 1, 1, 1), "1x1", "ceil")
MEAN, STD = (128.0, 128.0, 128.0), (64.0, 64.0, 64.0)


def small_trunk(seed: int = 0) -> ResNet:
    """In `eval()`."""
    before = dict(LAYOUTS)
    LAYOUTS[ARCHITECTURE] = LAYOUT
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = architecture_of(ARCHITECTURE).build()
    finally:
        LAYOUTS.clear()
        LAYOUTS.update(before)
    assert isinstance(network, ResNet)
    return network.eval()


def write_start(directory: Path) -> Path:
    """The trunk as a model directory to start from: card and weights; the graph, which nothing runs, is empty."""
    directory.mkdir(parents=True)
    preparation = Preparation(64, 64, "squash", "bilinear", MEAN, STD)
    card = ModelCard(
        "start", f"{ARCHITECTURE}: random", LAYOUT.stage_widths[-1], preparation, "CC0-1.0", "dice", "no photo", ""
    )
    graph = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    onnx.helper.set_model_props(graph, {CARD_KEY: card.to_json()})
    (directory / MODEL_FILE).write_bytes(graph.SerializeToString())
    safetensors.torch.save_file(small_trunk().state_dict(), directory / WEIGHTS_FILE)
    return directory
