"""What a person asks of a pre-training, in the words of the command line."""

from typing import Any, Literal

from pydantic import Field

from ...config import StrictModel
from .config import SizeName, TrainConfig


class PretrainConfig(StrictModel):
    """How the transformer is pre-trained; what is None comes from its preset.

    Attributes
    ----------
    size, set, modalities, n_frames : the network; as of the training that is to start from it
    split, fold : which of the dataset's splits says who is trained on
    steps, batch, lr : steps, clips per step, peak learning rate
    mask_share : of the places of a clip, over all its streams, that are hidden
    memory_mb : of pixels in memory; sessions beyond it take turns
    """

    size: SizeName = "full"
    set: dict[str, Any] = Field(default_factory=dict)
    modalities: tuple[str, ...] | None = None
    n_frames: int | None = Field(default=None, ge=4, le=512)
    split: str = "default"
    fold: int | None = Field(default=None, ge=0)
    steps: int | None = Field(default=None, ge=1)
    batch: int = Field(default=8, ge=1)
    lr: float = Field(default=1e-3, gt=0)
    mask_share: float = Field(default=0.75, gt=0, lt=1)
    memory_mb: float = Field(default=4096, gt=0)
    seed: int = Field(default=0, ge=0, lt=2**32)
    max_minutes: float | None = Field(default=None, gt=0)
    threads: int | None = Field(default=None, ge=1, le=1024)
    device: Literal["auto", "cpu"] = "auto"

    @property
    def as_training(self) -> TrainConfig:
        """What a training that starts from these weights would be asked for."""
        return TrainConfig(
            model="transformer",
            size=self.size,
            set=self.set,
            modalities=self.modalities,
            n_frames=self.n_frames,
            split=self.split,
            fold=self.fold,
            steps=self.steps,
            batch=self.batch,
            lr=self.lr,
            seed=self.seed,
            max_minutes=self.max_minutes,
            threads=self.threads,
            device=self.device,
        )
