"""Which clips a step sees, and which of them this process has, when several share a step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...errors import DatasetError
from ..data.augmentation import augment, drop_modalities
from ..data.source import ClipIndex, ClipSource
from ..network import Network
from .step import Batch


@dataclass(frozen=True, slots=True)
class Sharing:
    """How a step's clips are divided: into `accumulate` batches, each over `n_processes`; this one is `rank`.

    Attributes
    ----------
    batch : clips of one process in one batch
    """

    batch: int
    accumulate: int = 1
    n_processes: int = 1
    rank: int = 0

    @property
    def n_clips(self) -> int:
        """Clips of a step."""
        return self.batch * self.accumulate * self.n_processes

    def fitting(self, n_clips: int) -> "Sharing":
        """Return the same with less to a step, where there are but `n_clips`.

        Raises
        ------
        DatasetError
            There is not a clip for each process.
        """
        if n_clips < self.n_processes:
            raise DatasetError(
                f"wanted a training clip for each of {self.n_processes} processes, found {n_clips}; "
                f"start fewer"
            )
        accumulate = min(self.accumulate, max(1, n_clips // (self.batch * self.n_processes)))
        batch = min(self.batch, n_clips // self.n_processes)
        return Sharing(batch, accumulate, self.n_processes, self.rank)


def steps_of_epoch(
    clips: Sequence[ClipIndex], n_per_step: int, order: np.random.Generator
) -> Iterator[list[ClipIndex]]:
    """Yield the clips of every step, shuffled; those that do not fill the last one come in another epoch."""
    shuffled = order.permutation(len(clips))
    for first in range(0, len(clips) - n_per_step + 1, n_per_step):
        yield [clips[i] for i in shuffled[first : first + n_per_step]]


def parts_of_step(
    source: ClipSource,
    clips: Sequence[ClipIndex],
    sharing: Sharing,
    *,
    network: Network,
    chance: torch.Generator,
    device: torch.device,
    modality_dropout: float = 0.0,
) -> list[Callable[[], Batch]]:
    """Return what makes the batches of a step that this process has; each draws its chances as it is made.

    A batch that is made again draws the same chances again.
    """
    in_all = sharing.batch * sharing.n_processes
    own = slice(sharing.rank * sharing.batch, (sharing.rank + 1) * sharing.batch)

    def maker(number: int) -> Callable[[], Batch]:
        drawn: list[torch.Tensor] = []

        def make() -> Batch:
            if drawn:
                chance.set_state(drawn[0])
            else:
                drawn.append(chance.get_state())
            mine = clips[number * in_all : (number + 1) * in_all][own]
            inputs = augment(source.inputs(mine, device), chance, part=own, of=in_all)
            if modality_dropout:
                inputs = drop_modalities(
                    inputs, share=modality_dropout, generator=chance, part=own, of=in_all
                )
            return Batch(
                inputs,
                source.targets(mine, device, per_frame=network.per_frame),
                source.attributes_of(mine, network.trained_as, device),
            )

        return make

    return [maker(number) for number in range(sharing.accumulate)]
