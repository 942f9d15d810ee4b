"""From a batch to its loss: trunk, head and objective as one module, which several devices can compute together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from facings.train.batches import Batch
from facings.train.devices import Devices
from facings.train.model import Recognizer
from facings.train.objective import Objective


class Learning(nn.Module):
    """What a step computes; its parameters are all that a training changes.

    Args:
        model: Trunk and head, on the device.
        objective: What is made smaller, on the device.
        targets: int64 (N,), the class of each row of the cache.
        devices: Where this computes, and with whom.
    """

    def __init__(self, model: Recognizer, objective: Objective, targets: Tensor, devices: Devices) -> None:
        super().__init__()
        self.model, self.objective = model, objective
        self._targets, self._devices = targets, devices

    def forward(self, batch: Batch, n_photos: int) -> tuple[Tensor, Tensor]:
        """Loss of the step and how many photos are named rightly, the same in every process.

        Args:
            batch: This process's share.
            n_photos: Of the step, in all processes.

        Returns:
            float32 () with a gradient path, the mean over all processes' photos; int64 ().
        """
        devices = self._devices
        with devices.autocast():
            own = self.model.backbone(batch.pixels.to(devices.device))
        features = devices.whole(own.float(), n_photos)
        logits = self.model.logits(features)
        labels = devices.whole(self._labels(batch), n_photos)
        fracs = devices.from_each(batch.kept_frac)
        losses, n_right = [], []
        for frac in sorted(set(fracs)):  # processes mix their photos each in its own way
            alike: Any = slice(None)
            if len(set(fracs)) > 1:
                alike = [place for place in range(n_photos) if fracs[place % len(fracs)] == frac]
            targets, others = labels[alike].unbind(1)
            loss = self._loss(features[alike], logits[alike], targets, others, frac)
            losses.append(len(targets) / n_photos * loss)
            n_right.append((logits[alike].detach().argmax(1) == (targets if frac >= 0.5 else others)).sum())
        return torch.stack(losses).sum(), torch.stack(n_right).sum()

    def _labels(self, batch: Batch) -> Tensor:
        """int64 (n, 2): the class of each photo, and of the one that shows in a part of it."""
        rows = (batch.rows, batch.rows if batch.partners is None else batch.partners)
        return torch.stack([self._targets[torch.from_numpy(part)] for part in rows], 1).to(self._devices.device)

    def _loss(self, features: Tensor, logits: Tensor, targets: Tensor, others: Tensor, kept_frac: float) -> Tensor:
        if kept_frac == 1:
            whole: Tensor = self.objective(features, logits, targets)
            return whole
        return self.objective.mixed(features, logits, targets, others, kept_frac)
