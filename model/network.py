"""What the trainer, the evaluation and the predictions ask of every network, and nothing about any one."""

from collections.abc import Callable, Mapping
from typing import Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from ..config import StrictModel

CHANNELS = {"color": 3, "depth": 1, "thermal": 1, "infrared": 1}
"""Channels per stream; Table I of MRAN shows only the color's 3."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""(predicted, target) -> a scalar; see training/losses.py."""


class NetworkOptions(StrictModel):
    """What every network is told; a family adds its own choices in a subclass.

    Attributes
    ----------
    modalities : streams (or, for networks of features, feature sets) that the network sees, color first
    n_frames : frames per clip, T
    size_px : side of the input frames
    n_outputs : one per dimension, or one per class
    output : "tanh" keeps scores in [-1, 1], "linear" does not; "classes" gives logits
    """

    modalities: tuple[str, ...] = Field(default=("color", "depth", "thermal"), min_length=1)
    n_frames: int = Field(default=16, ge=4, le=512)
    size_px: int = Field(default=96, ge=16, le=512)
    n_outputs: int = Field(default=2, ge=1)
    output: Literal["tanh", "linear", "classes"] = "tanh"

    @property
    def sees_landmarks(self) -> bool:
        """Whether these options want "landmarks" among the inputs."""
        return False

    @model_validator(mode="after")
    def _each_stream_once(self) -> Self:
        if len(set(self.modalities)) != len(self.modalities):
            raise ValueError(f"wanted each modality once, found {', '.join(self.modalities)}")
        return self


class Network(nn.Module):
    """A network over clips.

    Attributes
    ----------
    options : what it was built with
    per_frame : whether it gives one score per frame, (B, T, n_outputs), or one per clip, (B, n_outputs)
    trained_as : names of demographic attributes whose classes `training_loss` wants, in that order
    """

    per_frame: bool = False
    trained_as: tuple[str, ...] = ()

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.options = options

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002 - for its subclasses
        """Return scores (or logits, where `options.output` is "classes") in float32.

        Parameters
        ----------
        inputs : {stream: (B, T, C, S, S) float32} as `data.ClipSource.inputs` gives it; where
            `InputOptions.landmarks` also "landmarks" (B, T, 68, 2) in [0, 1] of the crop, NaN where unknown;
            or {feature set: (B, T, D) float32}
        """
        raise TypeError(f"{type(self).__name__} has no forward")

    def training_loss(
        self,
        inputs: Mapping[str, Tensor],
        targets: Tensor,
        loss: Loss,
        attributes: Tensor | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return what one training step minimises; networks of several scores add their terms here.

        Parameters
        ----------
        targets : (B, n_outputs), or (B, T, n_outputs) where `per_frame`; for classes (B,) int64
        attributes : (B, len(trained_as)) int64, the class of each attribute, -1 where unknown
        """
        return loss(self(inputs), targets)
