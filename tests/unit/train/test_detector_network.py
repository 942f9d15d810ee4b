"""Detector networks: they say and learn what torchvision's own detectors do, and say it without torchvision."""

from __future__ import annotations

import math
from typing import Any

import pytest

from facings.errors import BadInput

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("torchvision", reason="needs the train extra")

from torch import nn  # noqa: E402
from torchvision.models.detection.image_list import ImageList  # noqa: E402

from facings.train.detector_network import DetectorNetwork, HeadLayout  # noqa: E402
from small_trunk import small_trunk  # noqa: E402

pytestmark = pytest.mark.torch

KINDS = ("fcos", "retinanet")
N_LABELS = 3


class AsItIs(nn.Module):
    """In place of torchvision's transform: pictures of one size that are normalized already."""

    def forward(self, images: list[Any], targets: Any) -> Any:
        return ImageList(torch.stack(images), [tuple(image.shape[-2:]) for image in images]), targets

    def postprocess(self, found: Any, *_sizes: Any) -> Any:
        return found


def network_of(kind: str) -> Any:
    """With a head that says something else in each place."""
    torch.manual_seed(2)
    network = DetectorNetwork(kind, small_trunk(), N_LABELS, 64)
    network.detector.transform = AsItIs()
    for parameter in network.detector.head.parameters():
        if parameter.ndim == 4:
            torch.nn.init.kaiming_normal_(parameter)
    return network.eval()


def boxes_and_labels(n: int) -> dict[str, Any]:
    corners = torch.rand(n, 2) * 80
    return {
        "boxes": torch.cat([corners, corners + 8 + 40 * torch.rand(n, 2)], 1),
        "labels": torch.randint(0, N_LABELS, (n,)),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_and_scores_are_those_of_torchvision(kind: str) -> None:
    network = network_of(kind).double()  # no two scores are equal, so that their order is one
    detector = network.detector
    detector.score_thresh, detector.nms_thresh = -1.0, 2.0  # every box is kept
    detector.topk_candidates = detector.detections_per_img = 1_000_000
    pixels = torch.randn(2, 3, 64, 128).double()
    with torch.inference_mode():
        boxes, scores = network(pixels)
        answers = detector(list(pixels))
    n_places = boxes.shape[1]
    assert boxes.shape == (2, n_places, 4)
    assert scores.shape == (2, n_places, N_LABELS)
    assert n_places == (8 * 16 + 4 * 8 + 2 * 4 + 1 * 2) * (1 if kind == "fcos" else 9)
    for own_boxes, own_scores, answer in zip(boxes, scores, answers, strict=True):
        order = own_scores.flatten().argsort(descending=True)
        torch.testing.assert_close(own_scores.flatten()[order], answer["scores"])
        assert torch.equal(order % N_LABELS, answer["labels"])
        clipped = own_boxes[order // N_LABELS].clamp(min=0).min(torch.tensor([128.0, 64.0, 128.0, 64.0]).double())
        torch.testing.assert_close(clipped, answer["boxes"])
        assert answer["scores"].std() > 0.01
        assert (answer["boxes"][:, 2:] - answer["boxes"][:, :2]).std() > 1


def test_no_box_of_retinanet_is_larger_than_torchvision_lets_it_be() -> None:
    network = network_of("retinanet")
    torch.nn.init.constant_(network.detector.head.regression_head.bbox_reg.bias, 50.0)
    boxes, _ = network(torch.randn(1, 3, 64, 64))
    sides = boxes[0, :, 2:] - boxes[0, :, :2]
    anchors = torch.cat([base[:, 2:] - base[:, :2] for base in network.detector.anchor_generator.cell_anchors])
    assert torch.isfinite(boxes).all()
    torch.testing.assert_close(sides.max(), anchors.max() * 1000 / 16)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_those_of_torchvision(kind: str) -> None:
    network = network_of(kind).train()
    pixels, targets = torch.randn(3, 3, 128, 128), [boxes_and_labels(n) for n in (4, 0, 7)]
    wanted = sum(network.detector(list(pixels), targets).values())
    torch.testing.assert_close(network.losses(pixels, targets), wanted)
    assert 0 < float(wanted.detach()) < math.inf


@pytest.mark.parametrize("kind", KINDS)
def test_squares_without_any_box_have_a_finite_loss_that_teaches(kind: str) -> None:
    network = network_of(kind).train()
    loss = network.losses(torch.randn(2, 3, 64, 64), [boxes_and_labels(0), boxes_and_labels(0)])
    loss.backward()
    assert 0 < float(loss.detach()) < math.inf
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert any(gradient.abs().sum() > 0 for gradient in gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_computed_in_float32_where_the_network_is_not(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bfloat16, corners beyond the 256th pixel would be wrong by up to one."""
    network = network_of(kind).train()
    pixels, targets = torch.randn(1, 3, 64, 512), [boxes_and_labels(6)]
    targets[0]["boxes"] *= 0.4
    targets[0]["boxes"][:, ::2] += 450
    head = network.detector.head
    with torch.inference_mode():
        said = {
            name: values.bfloat16() for name, values in head(list(network.detector.backbone(pixels).values())).items()
        }
    monkeypatch.setattr(head, "forward", lambda _maps: said)
    low = network.losses(pixels, targets)
    monkeypatch.setattr(head, "forward", lambda _maps: {name: values.float() for name, values in said.items()})
    assert low.dtype == torch.float32
    assert torch.equal(low, network.losses(pixels, targets))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(low, network.losses(pixels, targets))


def test_what_is_said_of_a_picture_does_not_depend_on_the_others() -> None:
    network, pixels = network_of("fcos"), torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        together, alone = network(pixels), network(pixels[1:2])
    for whole, one in zip(together, alone, strict=True):
        torch.testing.assert_close(whole[1:2], one, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_every_side_of_a_box_can_be_learned_from_the_start(seed: int) -> None:
    """torchvision's FCOS ends in a ReLU: a side that is 0 in all places has no gradient, and stays so."""
    torch.manual_seed(seed)
    network = DetectorNetwork("fcos", small_trunk(seed), 1, 64)
    with torch.inference_mode():
        told = network.detector.head(list(network.detector.backbone(torch.randn(2, 3, 64, 64)).values()))
    assert float(told["bbox_regression"].min()) > 0.5


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="got 'yolo', wanted one of fcos, retinanet, faster_rcnn"):
        DetectorNetwork("yolo", small_trunk(), 1, 64)


def test_heads_can_be_laid_out_as_those_of_torchvision() -> None:
    four = DetectorNetwork("fcos", small_trunk(), 1, 64, HeadLayout(n_convs=4))
    assert sum(isinstance(part, torch.nn.Conv2d) for part in four.detector.head.classification_head.conv) == 4
    plain, normalized = (
        DetectorNetwork("retinanet", small_trunk(), 1, 64, HeadLayout(is_normalized=is_normalized))
        for is_normalized in (False, True)
    )
    kinds = [{type(part).__name__ for part in one.detector.head.modules()} for one in (plain, normalized)]
    assert kinds[1] - kinds[0] == {"GroupNorm"}
