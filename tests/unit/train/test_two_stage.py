"""Faster R-CNN: it says and learns what torchvision's own does, with answers of fixed length."""

from __future__ import annotations

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("torchvision", reason="needs the train extra")

from torch import nn  # noqa: E402
from torchvision.models.detection.image_list import ImageList  # noqa: E402

from facings.train import two_stage  # noqa: E402
from facings.train.detector_network import DetectorNetwork  # noqa: E402
from small_trunk import small_trunk  # noqa: E402

pytestmark = pytest.mark.torch

N_LABELS = 2
N_PLACES = (8 * 16 + 4 * 8 + 2 * 4 + 1 * 2) * 6  # of a picture of 64×128 px, six anchors each


class AsItIs(nn.Module):
    """In place of torchvision's transform: pictures of one size that are normalized already."""

    def forward(self, images: list[Any], targets: Any) -> Any:
        return ImageList(torch.stack(images), [tuple(image.shape[-2:]) for image in images]), targets

    def postprocess(self, found: Any, *_sizes: Any) -> Any:
        return found


@pytest.fixture
def network() -> Any:
    """With stages that say something else in each place."""
    torch.manual_seed(2)
    made = DetectorNetwork("faster_rcnn", small_trunk(), N_LABELS, 64)
    made.detector.transform = AsItIs()
    for part in (made.detector.rpn.head, made.detector.roi_heads.box_predictor):
        for parameter in part.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.1)
    return made.eval()


def boxes_and_labels(n: int) -> dict[str, Any]:
    corners = torch.rand(n, 2) * 80
    return {
        "boxes": torch.cat([corners, corners + 8 + 40 * torch.rand(n, 2)], 1),
        "labels": torch.randint(0, N_LABELS, (n,)),
    }


def everything_of(detector: Any, pixels: Any) -> Any:
    """What torchvision answers when it leaves nothing out."""
    heads = detector.roi_heads
    heads.score_thresh, heads.nms_thresh, heads.detections_per_img = -1.0, 2.0, 1_000_000
    return detector(list(pixels))


def test_boxes_and_scores_are_those_of_torchvision(network: Any) -> None:
    network = network.double()  # no two scores are equal, so that their order is one
    pixels = torch.randn(2, 3, 64, 128).double()
    with torch.inference_mode():
        boxes, scores = network(pixels)
        answers = everything_of(network.detector, pixels)
    assert boxes.shape == (2, 1000, 4)
    assert scores.shape == (2, 1000, N_LABELS)
    for own_boxes, own_scores, answer in zip(boxes, scores, answers, strict=True):
        is_proposed = own_scores.sum(1) > 0
        assert 100 < int(is_proposed.sum()) < N_PLACES  # some are suppressed
        told = own_scores[is_proposed].flatten()
        order = told.argsort(descending=True)
        clipped = own_boxes[is_proposed].clamp(min=0).min(torch.tensor([128.0, 64.0, 128.0, 64.0]).double())
        is_large = (clipped[order // N_LABELS][:, 2:] - clipped[order // N_LABELS][:, :2]).amin(1) >= 1e-2
        order = order[is_large]  # torchvision leaves those without area out
        torch.testing.assert_close(told[order], answer["scores"])
        assert torch.equal(order % N_LABELS + 1, answer["labels"])
        falls = -told[order].diff(prepend=torch.ones(1), append=torch.zeros(1)) > 1e-9
        is_alone = falls[:-1] & falls[1:]  # proposals without area can look alike: no order among those
        assert is_alone.double().mean() > 0.9
        torch.testing.assert_close(clipped[order // N_LABELS][is_alone], answer["boxes"][is_alone])
        assert answer["scores"].std() > 0.01
        assert (answer["boxes"][:, 2:] - answer["boxes"][:, :2]).std() > 1


def test_the_most_promising_are_taken_where_there_are_too_many(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.randn(1, 3, 64, 128)
    with torch.inference_mode():
        whole, _ = network(pixels)
        monkeypatch.setattr(two_stage, "_PROPOSALS", 7)
        few, scores = network(pixels)
    torch.testing.assert_close(few, whole[:, :7], rtol=1e-4, atol=1e-2)
    assert (scores > 0).all()


def test_what_fills_up_has_no_area_and_no_score(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_stage, "_CANDIDATES", 2000)
    with torch.inference_mode():
        _, scores = network(torch.randn(1, 3, 64, 64))
    n_proposed = int((scores.sum(2) > 0).sum())
    assert 0 < n_proposed < (64 + 16 + 4 + 1) * 6
    assert float(scores[0, n_proposed:].abs().max()) == 0


def test_what_is_said_of_a_picture_does_not_depend_on_the_others(network: Any) -> None:
    pixels = torch.randn(3, 3, 64, 64).double()
    with torch.inference_mode():
        together, alone = network.double()(pixels), network(pixels[1:2])
    for whole, one in zip(together, alone, strict=True):
        torch.testing.assert_close(whole[1:2], one)


@pytest.mark.parametrize("counts", [(4, 0, 7), (0, 0, 0)], ids=str)
def test_losses_are_those_of_torchvision_and_learn_from_the_same_places_again(
    network: Any, counts: tuple[int, ...]
) -> None:
    network.train()
    pixels, targets = torch.randn(3, 3, 128, 128), [boxes_and_labels(n) for n in counts]
    before = torch.get_rng_state()
    got = network.losses(pixels, targets)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(network.losses(pixels, targets), got)
    torch.manual_seed(int(sum(float(target["boxes"].double().sum()) for target in targets) * 1000))
    named = [{**target, "labels": target["labels"] + 1} for target in targets]
    torch.testing.assert_close(got, sum(network.detector(list(pixels), named).values()))
    assert 0 < float(got.detach()) < math.inf
    got.backward()
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert any(gradient.abs().sum() > 0 for gradient in gradients)


def test_losses_are_float32_in_autocast(network: Any) -> None:
    pixels, targets = torch.randn(1, 3, 64, 64), [boxes_and_labels(2)]
    network.train()
    with torch.autocast("cpu", torch.bfloat16):
        assert network.losses(pixels, targets).dtype == torch.float32
