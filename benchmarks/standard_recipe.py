"""The recipe that tutorials teach, as the baseline: replace the last layer, train everything, hope.

Random resized crop and color jitter by torchvision, a DataLoader with worker processes, every layer trained with AdamW
under one cycle of the learning rate, plain cross-entropy. It starts from the same weights as Facings does. Its batch
normalization uses the stored statistics, because those of a batch are wrong for these weights (see
`facings.train.resnet`): a favor to the baseline.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image as PillowImage
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from facings.manifest import LabelledPhoto
from facings.train.backbones import STARTER, load_trunk

SIZE_PX, RESIZE_PX, BATCH = 192, 219, 32
LR, HEAD_LR, WEIGHT_DECAY = 2e-4, 2e-3, 0.01
N_WORKERS = 2


@dataclass(frozen=True)
class Spent:
    """What a training has cost so far.

    Args:
        wall_s: Wall time.
        cpu_s: Processor time of all threads and ended worker processes.
    """

    wall_s: float
    cpu_s: float


class Clock:
    """Counts while it runs; checks on the test photos stop it."""

    def __init__(self) -> None:
        self._wall, self._cpu = 0.0, 0.0
        self.start()

    def start(self) -> None:
        """Go on counting."""
        self._wall_from, self._cpu_from = time.perf_counter(), _cpu_s()

    def stop(self) -> Spent:
        """Stop counting; what was counted so far."""
        self._wall += time.perf_counter() - self._wall_from
        self._cpu += _cpu_s() - self._cpu_from
        return Spent(self._wall, self._cpu)


class Photos(Dataset[tuple[Tensor, int]]):
    """Decoded from disk each time, as usual."""

    def __init__(self, photos: Sequence[LabelledPhoto], class_of: dict[str, int], transform: nn.Module) -> None:
        self._photos, self._class_of, self._transform = photos, class_of, transform

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        photo = self._photos[position]
        with PillowImage.open(photo.path) as picture:
            return self._transform(picture.convert("RGB")), self._class_of[photo.label]


def train_standard(
    train: Sequence[LabelledPhoto],
    test: Sequence[LabelledPhoto],
    *,
    n_epochs: int,
    seed: int,
    after_epoch: Callable[[int, float, Spent], None],
) -> None:
    """Train, and tell the accuracy on the test photos after each epoch.

    Args:
        train: To learn from.
        test: All of products in `train`.
        n_epochs: Of one cycle.
        seed: Of the order, the augmentation and the head.
        after_epoch: Gets epoch (1 for the first), share of the test photos named rightly, cost without the checks.
    """
    torch.manual_seed(seed)
    trunk = load_trunk(STARTER)
    class_of = {label: position for position, label in enumerate(sorted({photo.label for photo in train}))}
    model = nn.Sequential(trunk.backbone, nn.Linear(trunk.embedding_dim, len(class_of))).eval()
    color = [v2.ToImage(), v2.ToDtype(torch.float32), v2.Normalize(trunk.mean, trunk.std)]
    varied = v2.Compose([v2.RandomResizedCrop(SIZE_PX, antialias=True), v2.ColorJitter(0.4, 0.4, 0.4), *color])
    plain = v2.Compose([v2.Resize(RESIZE_PX, antialias=True), v2.CenterCrop(SIZE_PX), *color])
    groups = [{"params": model[0].parameters(), "lr": LR}, {"params": model[1].parameters(), "lr": HEAD_LR}]
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
    n_steps = len(train) // BATCH * n_epochs
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, [LR, HEAD_LR], total_steps=n_steps)
    clock = Clock()
    for epoch in range(1, n_epochs + 1):
        for pixels, targets in DataLoader(
            Photos(train, class_of, varied), BATCH, shuffle=True, drop_last=True, num_workers=N_WORKERS
        ):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(pixels), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            cycle.step()
        spent = clock.stop()
        after_epoch(epoch, _accuracy(model, DataLoader(Photos(test, class_of, plain), BATCH)), spent)
        clock.start()


def _accuracy(model: nn.Module, batches: DataLoader[tuple[Tensor, int]]) -> float:
    with torch.inference_mode():
        right = [(model(pixels).argmax(1) == targets) for pixels, targets in batches]
    return float(torch.cat(right).double().mean())


def _cpu_s() -> float:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)
