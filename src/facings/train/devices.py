"""Where a training computes: one process on one device, or several, one on each (distributed data parallel).

Each process takes its share of every batch. The trunk sees the share alone, head and loss see the features of the whole
batch, which the processes give one another: so that a loss which compares photos, or weighs products, is that of one
process. Everything that is decided (the next epoch is the last, this epoch is the best) is decided alike everywhere,
from the same numbers; files are written by the main process alone.

`accelerate launch` or `torchrun` start the processes; without them there is one, and nothing here does anything. They
also end all processes when one fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from facings.train.batches import Schedule
from facings.types import IntArray

# The others wait while the main process decodes all photos, and while it makes the finished model.
_LONGEST_WAIT = timedelta(hours=6)


class Devices:
    """This process, its device, and the others. bfloat16 is used where the device computes in it."""

    def __init__(self) -> None:
        is_faster = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        self._accelerator = Accelerator(
            mixed_precision="bf16" if is_faster else "no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=_LONGEST_WAIT)],
        )
        self.device: torch.device = self._accelerator.device
        self.n_processes: int = self._accelerator.num_processes
        self.rank: int = self._accelerator.process_index
        self.is_main = self.rank == 0

    def main_first(self) -> AbstractContextManager[None]:
        """What is inside is done by the main process, then by the others: they find what it has left on disk."""
        first: AbstractContextManager[None] = self._accelerator.main_process_first()
        return first

    def wait(self) -> None:
        """Return when all processes have come here."""
        self._accelerator.wait_for_everyone()

    def autocast(self) -> AbstractContextManager[None]:
        """What is inside computes in bfloat16 where that is faster."""
        context: AbstractContextManager[None] = self._accelerator.autocast()
        return context

    def is_any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        return any(self.from_each(float(flag)))

    def from_main(self, values: Sequence[float]) -> list[float]:
        """The main process's values, in every process; each has as many."""
        if self.n_processes == 1:
            return list(values)
        told: Tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.broadcast(told, 0)
        return told.tolist()

    def from_each(self, value: float) -> list[float]:
        """The values of all processes, by their rank."""
        if self.n_processes == 1:
            return [value]
        told: list[float] = self._accelerator.gather(
            torch.tensor([value], dtype=torch.float64, device=self.device)
        ).tolist()
        return told

    def share(self, rows: IntArray) -> IntArray:
        """What this process looks at so that all have looked at all rows, as many in each: the first come again."""
        n_each = -(-len(rows) // self.n_processes)
        return np.resize(rows, n_each * self.n_processes)[self.rank :: self.n_processes]

    def whole(self, share: Tensor, n_rows: int) -> Tensor:
        """What all processes have, put together as in one: row r of process p is row r · processes + p.

        Gradients flow back into this process's rows alone, times the number of processes, because
        `DistributedDataParallel` divides the sum by it.

        Args:
            share: (n, …), n is `n_rows` over the number of processes, rounded up or down.
            n_rows: Of all processes together.
        """
        if self.n_processes == 1:
            return share
        n_each = -(-n_rows // self.n_processes)
        padded = torch.cat([share, share[:1]])[:n_each]
        if padded.requires_grad:
            padded.register_hook(lambda gradient: gradient * self.n_processes)  # type: ignore[no-untyped-call]
        parts = list(self._accelerator.gather(padded.detach().contiguous()).split(n_each))
        parts[self.rank] = padded
        return torch.stack(parts, 1).flatten(0, 1)[:n_rows]

    def parallel(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the processes; the same one where there is one process.

        Args:
            module: On the device. Wrap it anew when parameters have been frozen or freed.
        """
        if self.n_processes == 1:
            return module
        return DistributedDataParallel(module, broadcast_buffers=False)

    def average_buffers(self, module: nn.Module) -> None:
        """Set the floating-point buffers to their mean over the processes: each has seen its own photos."""
        buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
        if self.n_processes > 1 and buffers:
            mean = self._accelerator.reduce(parameters_to_vector(buffers), "mean")
            vector_to_parameters(mean, buffers)


@dataclass(frozen=True)
class _Share(Schedule):
    """What one of several processes takes of each step; `seed` is that of the augmentation."""

    whole: Schedule = field(kw_only=True)
    rank: int = field(kw_only=True)
    n_processes: int = field(kw_only=True)

    def step(self, number: int) -> tuple[IntArray, int]:
        rows, size_px = self.whole.step(number)
        return rows[self.rank :: self.n_processes], size_px


def share_of(schedule: Schedule, devices: Devices) -> Schedule:
    """What this process takes of each step: every n-th photo, augmented by a seed of its own.

    Args:
        schedule: Of all processes together; its batches have at least one photo for each.
        devices: Which process this is.
    """
    if devices.n_processes == 1:
        return schedule
    seed = int(np.random.SeedSequence((schedule.seed, devices.rank)).generate_state(1)[0])
    return _Share(
        schedule.rows,
        schedule.batch_size,
        schedule.sizes_px,
        seed,
        whole=schedule,
        rank=devices.rank,
        n_processes=devices.n_processes,
    )
